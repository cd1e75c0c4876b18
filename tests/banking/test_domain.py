"""Parties, banks, accounts at banks and expected payments: what is refused, in its order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.banking.domain import (
    BankAccount,
    BankDetails,
    ExpectedPayment,
    accounts_behind,
    bank_details,
    new_bank,
    new_link,
    new_party,
    receive,
)
from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, Purpose
from tests.banking.build import ACCOUNT, IBAN, MILL_IBAN, cny, details
from tests.support.calls import MONDAY


def refusal(act: object, *arguments: object, **named: object) -> tuple[str, object]:
    with pytest.raises(InvalidInput) as refused:
        act(*arguments, **named)  # type: ignore[operator]
    return refused.value.code, refused.value.facts.get("field")


@pytest.mark.parametrize(
    ("given_details", "code", "field"),
    [
        ({"holder": ""}, "invalid_holder", "bank_details.holder"),
        ({"holder": " Mill", "iban": "x"}, "invalid_holder", "bank_details.holder"),
        ({"holder": "Mill\nLtd", "iban": "x"}, "invalid_holder", "bank_details.holder"),
        ({"holder": "Mill\u202eLtd", "iban": "x"}, "invalid_holder", "bank_details.holder"),
        ({"holder": "M" * 141, "iban": "x"}, "invalid_holder", "bank_details.holder"),
        ({"holder": "Mill"}, "invalid_bank_details", "bank_details"),
        ({"holder": "Mill", "iban": MILL_IBAN, "account": "1"}, "invalid_bank_details", "bank_details"),
        ({"holder": "Mill", "iban": "NL35MOCK0000000013", "bic": "x"}, "invalid_iban", "bank_details.iban"),
        ({"holder": "Mill", "account": "1" * 35, "bic": "x"}, "invalid_account", "bank_details.account"),
        ({"holder": "Mill", "account": "6222", "bic": "ABC"}, "invalid_bic", "bank_details.bic"),
    ],
)
def test_bank_details_are_refused_in_this_order(given_details: dict[str, str], code: str, field: str) -> None:
    assert refusal(bank_details, **given_details) == (code, field)


def test_bank_details_are_kept_compact() -> None:
    given_details = bank_details(holder="Mill Ltd", iban="nl35 mock 0000 0000 12", bic="mockcnbj")

    assert given_details == BankDetails("Mill Ltd", iban=MILL_IBAN, bic="MOCKCNBJ")


@pytest.mark.parametrize(
    ("number", "shown"), [(MILL_IBAN, "****0012"), ("622202123456789", "****6789"), ("12345678", "****")]
)
def test_only_the_end_of_a_number_is_ever_shown(number: str, shown: str) -> None:
    hidden = BankDetails("Mill Ltd", account=number)

    assert hidden.masked == shown
    assert repr(hidden) == f"BankDetails('{shown}')"


@pytest.mark.parametrize(
    ("name", "roles", "code", "field"),
    [
        ("", ("Bad Role",), "invalid_name", "name"),
        ("Mill", tuple("abcdefghi"), "too_many_roles", "roles"),
        ("Mill", ("seller", "Bad Role"), "invalid_role", "roles[1]"),
    ],
)
def test_a_party_is_refused_in_this_order(name: str, roles: tuple[str, ...], code: str, field: str) -> None:
    named = {"name": name, "roles": roles, "details": details(), "created_at": MONDAY}

    assert refusal(new_party, "pty_1", **named) == (code, field)


@pytest.mark.parametrize("bank_id", ["", "Bank", "bank#1", "b" * 65, "-bank"])
def test_a_bank_id_is_plain(bank_id: str) -> None:
    assert refusal(new_bank, bank_id, name="Bank", public_key_pem="") == ("invalid_bank_id", "bank_id")


@pytest.mark.parametrize(
    ("iban", "currency", "code"),
    [
        (IBAN[:-1] + "2", "XXX", "unknown_currency"),
        (IBAN[:-1] + "2", "CNY", "invalid_iban"),
        ("", "CNY", "invalid_account"),
        ("1" * 35, "CNY", "invalid_account"),
    ],
)
def test_an_account_at_a_bank_is_refused_in_this_order(iban: str, currency: str, code: str) -> None:
    assert refusal(new_link, BankAccount("bank", iban, "ten_a", currency))[0] == code


def test_an_account_at_a_bank_may_have_a_number_that_is_no_iban() -> None:
    assert new_link(BankAccount("bank", "6222 0212", "ten_a", "CNY")).iban == "62220212"


def test_behind_an_account_at_a_bank_stand_eight_accounts_in_the_books() -> None:
    accounts = accounts_behind(ACCOUNT)

    assert accounts[0].account_id == ACCOUNT.account_id
    assert [(a.purpose, a.kind, a.owner, a.floor) for a in accounts] == [
        (Purpose.BANK, Kind.ASSET, IBAN, None),
        (Purpose.SUSPENSE, Kind.LIABILITY, None, None),
        (Purpose.PAYOUTS_IN_TRANSIT, Kind.LIABILITY, None, 0),
        (Purpose.FEE_INCOME, Kind.INCOME, None, None),
        (Purpose.INTEREST_INCOME, Kind.INCOME, None, None),
        (Purpose.BANK_CHARGES, Kind.EXPENSE, None, None),
        (Purpose.CLAIMS, Kind.ASSET, None, 0),
        (Purpose.CLAIM_LOSSES, Kind.EXPENSE, None, None),
    ]


@pytest.mark.parametrize(
    ("expected_minor", "received_minor", "status"),
    [
        (1000, 0, "expected"),
        (1000, 999, "short"),
        (1000, 1000, "met"),
        (1000, 1001, "over"),
        (None, 0, "expected"),
        (None, 1, "met"),
        (0, 1, "over"),
    ],
)
def test_what_was_received_says_where_an_expected_payment_stands(
    expected_minor: int | None, received_minor: int, status: str
) -> None:
    assert ExpectedPayment("RF18", "trade", "trd_1", "CNY", expected_minor, received_minor).status == status


@given(st.lists(st.integers(1, 10**12), max_size=8))
def test_receipts_add_up(amounts: list[int]) -> None:
    expected = ExpectedPayment("RF18", "trade", "trd_1", "CNY", 1000)
    for minor in amounts:
        expected = receive(expected, cny(minor))

    assert expected.received_minor == sum(amounts)


@pytest.mark.parametrize("amount", [cny(0), cny(-1), Money(1, "EUR")])
def test_only_money_of_its_currency_is_received(amount: Money) -> None:
    with pytest.raises(Defect):
        receive(ExpectedPayment("RF18", "trade", "trd_1", "CNY", 1000), amount)


def test_nothing_expected_is_negative() -> None:
    with pytest.raises(Defect):
        ExpectedPayment("RF18", "trade", "trd_1", "CNY", -1)
