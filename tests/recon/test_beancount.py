"""The journal as beancount reads it: accepted to the unit, and refused when half a cent is off."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account, Kind, Purpose
from chalicelib.recon.beancount import (
    AccountPosition,
    Booked,
    account_name,
    journal_account,
    journal_entry,
    journal_foot,
    journal_head,
)
from tests.recon.beancheck import problems
from tests.support.calls import MONDAY

BANK = Account("acc_bank", "bank", Kind.ASSET, "CNY", Purpose.BANK, balance=10_005)
PARTY = Account("acc_mill", "Mill", Kind.LIABILITY, "CNY", Purpose.PARTY, balance=-10_005)
DEPOSIT = Booked(
    entry_id="ent_1",
    kind="movement.booked",
    occurred_at=MONDAY,
    recorded_at=MONDAY,
    legs=(("acc_bank", Money(10_005, "CNY")), ("acc_mill", Money(-10_005, "CNY"))),
    subject="trd_1",
    reference="MB-RCV-1",
)


FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)


def journal(
    *entries: Booked, accounts: tuple[Account, ...] = (BANK, PARTY), opening: dict[str, int] | None = None
) -> str:
    """A journal of March whose accounts close at their balances."""
    carried = opening or {}
    known = {account.account_id: account for account in accounts}
    positions = [AccountPosition(each, carried.get(each.account_id, 0), each.balance) for each in accounts]
    return "".join(
        [
            journal_head("Journal of ten_test", FIRST),
            *(journal_entry(entry, known) for entry in entries),
            *(journal_account(position, first=FIRST, last=LAST) for position in positions),
            journal_foot({account.currency for account in accounts}, last=LAST),
        ]
    )


def test_a_journal_is_accepted_with_a_tolerance_of_nothing(tmp_path: Path) -> None:
    text = journal(DEPOSIT)

    assert 'option "tolerance_multiplier" "0"' in text
    assert problems(text, tmp_path) == []


def test_an_entry_is_dated_when_it_took_effect_and_linked_by_its_id() -> None:
    text = journal(replace(DEPOSIT, recorded_at=datetime(2026, 3, 9, tzinfo=UTC)))

    assert '2026-03-02 * "movement.booked" ^ent_1\n' in text
    assert '  recorded_at: "2026-03-09T00:00:00.000000Z"\n' in text
    assert '  subject: "trd_1"\n  reference: "MB-RCV-1"\n' in text
    assert "  Assets:Bank:Bank-bank  100.05 CNY\n  Liabilities:Party:Mill-mill  -100.05 CNY\n" in text


@pytest.mark.parametrize(
    ("currency", "took_effect", "day"),
    [
        ("CNY", "2026-03-31T16:00+00:00", "2026-04-01"),
        ("CNY", "2026-03-31T15:59+00:00", "2026-03-31"),
        ("USD", "2026-03-09T03:59+00:00", "2026-03-08"),
        ("USD", "2026-03-09T04:00+00:00", "2026-03-09"),
        ("USD", "2026-11-02T04:59+00:00", "2026-11-01"),
        ("USD", "2026-11-02T05:00+00:00", "2026-11-02"),
        ("XAF", "2026-03-31T23:59+00:00", "2026-03-31"),
    ],
)
def test_an_entry_is_of_the_day_where_its_currency_is_settled(currency: str, took_effect: str, day: str) -> None:
    legs = (("bank", Money(1, currency)), ("mill", Money(-1, currency)))

    assert str(replace(DEPOSIT, occurred_at=datetime.fromisoformat(took_effect), legs=legs).day) == day


HALF_CENTS = [
    ("-bank  100.05 CNY\n  Liab", "-bank  100.055 CNY\n  Liab", "Transaction does not balance"),
    (
        "2026-04-01 balance Assets:Bank:Bank-bank  100.05",
        "2026-04-01 balance Assets:Bank:Bank-bank  100.055",
        "Balance failed",
    ),
]


@pytest.mark.parametrize(("sound", "off", "problem"), HALF_CENTS)
def test_half_a_cent_is_refused(tmp_path: Path, sound: str, off: str, problem: str) -> None:
    text = journal(DEPOSIT)
    assert text.count(sound) == 1

    said = problems(text.replace(sound, off), tmp_path)

    assert any(problem in each for each in said)


def test_a_dropped_entry_is_refused(tmp_path: Path) -> None:
    assert "Balance failed" in problems(journal(), tmp_path)[0]


def test_amounts_have_their_currencys_decimals(tmp_path: Path) -> None:
    legs = {"JPY": ("1500 JPY", 1500), "BHD": ("1.500 BHD", 1500), "CNY": ("15.00 CNY", 1500)}
    accounts = [
        Account(f"acc_{code}{side}", code, Kind.ASSET, code, balance=sign * 1500)
        for code in legs
        for side, sign in (("a", 1), ("b", -1))
    ]
    entries = [
        replace(
            DEPOSIT,
            entry_id=f"ent_{code}",
            legs=((f"acc_{code}a", Money(minor, code)), (f"acc_{code}b", Money(-minor, code))),
        )
        for code, (_, minor) in legs.items()
    ]

    text = journal(*entries, accounts=tuple(accounts))

    assert problems(text, tmp_path) == []
    for shown, _ in legs.values():
        assert f"a  {shown}\n" in text


@pytest.mark.parametrize(
    "name",
    ["", "钢厂", '"; quit', "Mill\n2026-03-02 open Assets:Fake CNY", "a:b \\ c", "-", "ünïcode & co.", "x" * 140],
)
def test_no_name_breaks_out_of_its_place(tmp_path: Path, name: str) -> None:
    bank = replace(BANK, name=name)
    hostile = replace(DEPOSIT, kind=name or "k", subject=name, reference=name)

    text = journal(hostile, accounts=(bank, PARTY))

    assert problems(text, tmp_path) == []
    assert not any(line.startswith("2026-03-02 open Assets:Fake") for line in text.splitlines())


def test_balances_from_before_the_period_are_carried_forward_and_sum_to_nothing(tmp_path: Path) -> None:
    opening = {"acc_bank": 4_000, "acc_mill": -4_000}
    accounts = (replace(BANK, balance=14_005), replace(PARTY, balance=-14_005))

    text = journal(DEPOSIT, accounts=accounts, opening=opening)

    assert text.count('2026-03-01 * "carried forward"') == 2
    assert "2026-04-01 balance Equity:Carried-Forward  0 CNY\n" in text
    assert problems(text, tmp_path) == []
    one_sided = journal(DEPOSIT, accounts=accounts, opening={"acc_bank": 4_000})
    assert any("Balance failed" in each for each in problems(one_sided, tmp_path))


def test_what_took_effect_before_the_checkers_calendar_is_dated_at_its_beginning(tmp_path: Path) -> None:
    old = replace(DEPOSIT, occurred_at=datetime(1400, 1, 1, tzinfo=UTC))
    first, known = date(1400, 1, 1), {"acc_bank": BANK, "acc_mill": PARTY}
    positions = [AccountPosition(each, 0, each.balance) for each in (BANK, PARTY)]

    text = "".join(
        [
            journal_head("Journal of ten_test", first),
            journal_entry(old, known),
            *(journal_account(position, first=first, last=LAST) for position in positions),
        ]
    )

    assert "1700-01-01 *" in text and '  occurred_at: "1400-01-01T00:00:00.000000Z"' in text
    assert problems(text, tmp_path) == []


def test_books_without_entries_are_a_journal_too(tmp_path: Path) -> None:
    text = journal(accounts=(replace(BANK, balance=0), replace(PARTY, balance=0)))

    assert problems(text, tmp_path) == []


@given(st.text(max_size=30), st.sampled_from(Kind), st.sampled_from(Purpose))
def test_an_accounts_name_is_one_the_checker_knows_and_its_own(name: str, kind: Kind, purpose: Purpose) -> None:
    made = [account_name(Account(f"acc_{own}", name, kind, "CNY", purpose)) for own in ("0a", "0b")]

    assert re.fullmatch(r"(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*){2}", made[0])
    assert made[0] != made[1]
