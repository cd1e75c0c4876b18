"""Statements proved by their own figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.money import Money
from chalicelib.messages.proof import prove
from tests.messages.build import balance, entry, message, read_one, read_report, statement


def test_opening_plus_booked_entries_is_closing() -> None:
    proof = prove(read_one(balance("OPBD", "100.00"), balance("CLBD", "95.00"), entry("5.00", "DBIT")))

    assert (proof.status, proof.reason, proof.difference_minor) == ("proved", "", 0)
    assert (proof.opening_minor, proof.booked_minor, proof.closing_minor) == (10_000, -500, 9_500)


def test_a_statement_that_does_not_foot_is_broken_by_its_difference() -> None:
    proof = prove(read_one(balance("OPBD", "1000.00"), balance("CLBD", "900.00"), entry("50.00", "DBIT")))

    assert (proof.status, proof.reason, proof.difference_minor) == ("broken", "does_not_foot", 5_000)


def test_what_deviates_but_foots_is_proved_with_its_warnings() -> None:
    proof = prove(read_one(balance("OPBD", "1.00", sign=""), balance("CLBD", "1.00")))

    assert (proof.status, proof.warnings) == ("proved_with_warnings", ("balance_without_sign",))


@pytest.mark.parametrize("balances", [[], [balance("OPBD")], [balance("CLBD")], [balance("CLAV"), balance("OPAV")]])
def test_a_statement_without_both_ends_is_unproved(balances: list[str]) -> None:
    proof = prove(read_one(*balances, entry()))

    assert (proof.status, proof.reason, proof.difference_minor) == ("unproved", "balances_missing", None)
    assert proof.booked_minor == 1000


@pytest.mark.parametrize("status", ["PDNG", "INFO", "FUTR"])
def test_pending_and_informational_entries_are_outside_the_proof(status: str) -> None:
    ends = (balance("OPBD", "100.00"), balance("CLBD", "100.00"))

    assert prove(read_one(*ends, entry(status=f"<Sts>{status}</Sts>"))).status == "proved"


def test_the_previous_closing_balance_stands_for_the_opening_one() -> None:
    proof = prove(read_one(balance("PRCD", "8.50"), balance("CLBD", "18.50"), entry()))

    assert (proof.status, proof.opening_minor) == ("proved", 850)


def test_the_opening_balance_goes_before_the_previous_closing_one() -> None:
    proof = prove(read_one(balance("PRCD", "1.00"), balance("OPBD", "2.00"), balance("CLBD", "12.00"), entry()))

    assert (proof.status, proof.opening_minor) == ("proved", 200)


def test_two_interim_balances_are_the_ends_of_an_intraday_report() -> None:
    assert prove(read_one(balance("ITBD", "1.00"), balance("ITBD", "11.00"), entry())).status == "proved"


def test_an_interim_report_that_does_not_foot_proves_nothing() -> None:
    proof = prove(read_one(balance("OPBD", "1.00"), balance("ITBD", "99.00"), entry()))

    assert (proof.status, proof.reason) == ("unproved", "interim_balance")


def test_a_wrong_currency_label_on_a_figure_that_foots_is_a_warning() -> None:
    proof = prove(read_one(balance("OPBD", "1.00"), balance("CLBD", "11.00"), entry(currency="USD")))

    assert (proof.status, proof.warnings) == ("proved_with_warnings", ("entry_in_another_currency",))


def test_mixed_currencies_that_do_not_foot_are_broken_as_such() -> None:
    proof = prove(read_one(balance("OPBD", "1.00"), balance("CLBD", "12.00"), entry(currency="USD")))

    assert (proof.status, proof.reason) == ("broken", "mixed_currencies")


movements = st.lists(st.tuples(st.integers(0, 10**15), st.booleans(), st.booleans()), max_size=12)


@given(st.integers(-(10**15), 10**15), movements, st.sampled_from(["CNY", "JPY", "BHD"]), st.integers(-3, 3))
def test_every_statement_foots_exactly_when_its_figures_do(
    opening: int, moves: list[tuple[int, bool, bool]], currency: str, off_by: int
) -> None:
    closing = opening + sum(m if credit else -m for m, credit, booked in moves if booked) + off_by
    parts = [signed_balance("OPBD", opening, currency), signed_balance("CLBD", closing, currency)]
    for minor, credit, booked in moves:
        status = f"<Sts>{'BOOK' if booked else 'PDNG'}</Sts>"
        sign = "CRDT" if credit else "DBIT"
        parts.append(entry(Money(minor, currency).text(), sign, currency=currency, status=status))

    proof = prove(read_report(message(statement(*parts))).statements[0])

    assert proof.difference_minor == -off_by
    assert proof.status == ("broken" if off_by else "proved")


def signed_balance(code: str, minor: int, currency: str) -> str:
    return balance(code, Money(abs(minor), currency).text(), "CRDT" if minor >= 0 else "DBIT", currency)
