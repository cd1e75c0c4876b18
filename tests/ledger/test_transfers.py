"""Transfers of what is there, up to an amount: which account gives, how much, and that it is still so when written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Busy, Conflict, InvalidInput, NotFound, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Account, Kind, Purpose, purpose_account
from chalicelib.ledger.service.transfers import transfer_up_to
from chalicelib.ledger.store import accounts
from chalicelib.ledger.transfers import source_of, up_to
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from tests.ledger.books import Books, at_least, entry, new_books, refused
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Books:
    return new_books(session_tables, monkeypatch)


def account(kind: Kind, own: int = 0, **terms: object) -> Account:
    return Account("acc_a", "any", kind, "CNY", balance=own if kind.debit_normal else -own, **terms)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("debited", "credited", "gives"),
    [
        (Kind.LIABILITY, Kind.LIABILITY, "debited"),
        (Kind.LIABILITY, Kind.ASSET, "debited"),
        (Kind.INCOME, Kind.EXPENSE, "debited"),
        (Kind.ASSET, Kind.ASSET, "credited"),
        (Kind.EXPENSE, Kind.ASSET, "credited"),
        (Kind.ASSET, Kind.LIABILITY, None),
        (Kind.EXPENSE, Kind.EQUITY, None),
    ],
)
def test_the_account_that_gives_is_one_that_the_transfer_lowers(
    debited: Kind, credited: Kind, gives: str | None
) -> None:
    pair = account(debited), replace(account(credited), account_id="acc_b")
    if gives is None:
        refusal = refused(lambda: source_of(*pair))
        assert (refusal.code, refusal.facts) == (
            "no_source",
            {"debit_account_id": "acc_a", "credit_account_id": "acc_b"},
        )
    else:
        assert source_of(*pair) is pair[gives == "credited"]


@given(
    st.sampled_from(Kind),
    st.integers(-50, 50),
    st.integers(0, 20),
    st.one_of(st.none(), st.integers(-30, 0)),
    st.integers(1, 60),
)
def test_it_gives_what_is_wanted_or_all_it_has(kind: Kind, own: int, held: int, floor: int | None, wanted: int) -> None:
    giving = account(kind, own, held=held, floor=floor)
    there = own - held - (floor or 0)

    if there > 0:
        assert up_to(Money(wanted, "CNY"), giving) == Money(min(wanted, there), "CNY")
    else:
        refusal = refused(lambda: up_to(Money(wanted, "CNY"), giving))
        assert (refusal.code, refusal.facts) == ("nothing_to_move", {"account_id": "acc_a", "available": there})


def moved(books: Books, debited: str, credited: str, minor: int, key: str | None = None, **terms: object) -> Outcome:
    return transfer_up_to(books.call(key), transfer(debited, credited, minor, **terms))


def transfer(debited: str, credited: str, minor: int, **terms: object) -> PostEntry:
    return replace(entry(debited, credited, minor, **terms), kind="transfer.posted")


def test_less_is_moved_where_less_is_there_and_the_journal_says_both(books: Books) -> None:
    party, other = books.opened(funds=40, floor=0), books.opened()

    less = moved(books, party, other, 50).item
    books.post(books.opened(Kind.ASSET), party, 60)
    as_wanted = moved(books, party, other, 50).item

    assert [(item.kind, item.legs[0].amount, item.data) for item in (less, as_wanted)] == [
        ("transfer.posted", 40, {"wanted_minor": 50}),
        ("transfer.posted", 50, {"wanted_minor": 50}),
    ]
    assert books.balances(party, other) == [10, 90]


def test_a_repeated_transfer_moves_once_whatever_is_there_by_then(books: Books) -> None:
    party, other = books.opened(funds=40, floor=0), books.opened()
    first = moved(books, party, other, 50, key="k")

    again = moved(books, party, other, 50, key="k")

    assert (again.item, again.replayed, books.balances(other)) == (first.item, True, [40])


def test_refusals_come_in_their_order_and_write_nothing(books: Books) -> None:
    escrow = purpose_account(books.tenant, Purpose.ESCROW, "CNY", name="escrow", owner="trd_1")
    here = books.call()
    opening = accounts.open_account(books.tenant, escrow, opened_by=here)
    once(here, lambda _: Plan(journal_item(here, "account.opened"), (opening,)))
    bank, party, other = books.opened(Kind.ASSET), books.opened(floor=0), books.opened()
    euro, frozen, closed, full = books.opened(currency="EUR"), books.opened(), books.opened(), books.opened(ceiling=5)
    hot = books.opened(deferred=True)
    books.altered(frozen, status="frozen")
    books.altered(closed, closed_until=instant_text(MONDAY))
    rich = books.opened(funds=100)

    told: list[tuple[type[Refusal], str]] = []
    for command in (
        transfer(party, other, 0),
        transfer("acc_none", "acc_gone", 5),
        transfer(party, "acc_none", 5),
        transfer(party, escrow.account_id, 5),
        transfer(euro, party, 5),
        transfer(party, frozen, 5),
        transfer(party, closed, 5),
        transfer(bank, party, 5),
        transfer(hot, party, 5),
        transfer(party, other, 5),
        transfer(rich, other, 5, conditions=(at_least(rich, 101),)),
        transfer(rich, full, 200),
    ):
        key = books.call()
        refusal = refused(lambda key=key, command=command: transfer_up_to(key, command))  # type: ignore[misc]
        told.append((type(refusal), refusal.code))
        assert not books.wrote(key)

    assert told == [
        (InvalidInput, "amount_not_positive"),
        (NotFound, "account_not_found"),
        (NotFound, "account_not_found"),
        (Conflict, "account_controlled"),
        (InvalidInput, "currency_mismatch"),
        (Conflict, "account_frozen"),
        (Conflict, "period_closed"),
        (Conflict, "no_source"),
        (InvalidInput, "account_deferred"),
        (Conflict, "nothing_to_move"),
        (Conflict, "condition_not_met"),
        (Conflict, "ceiling_reached"),
    ]


def test_where_both_are_lowered_the_debited_one_gives_and_the_others_floor_stands(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET, funds=30, floor=0), books.opened(funds=50, floor=0)

    refusal = refused(lambda: moved(books, party, bank, 100))
    moved(books, party, bank, 20)

    assert (refusal.code, refusal.facts["requested"], refusal.facts["available"]) == ("insufficient_funds", 50, 30)
    assert books.balances(bank, party) == [10, 30]


def test_what_is_there_may_go_to_a_deferred_account(books: Books) -> None:
    party, fees = books.opened(funds=7, floor=0), books.opened(Kind.INCOME, deferred=True)

    outcome = moved(books, party, fees, 9)

    assert ([leg.amount for leg in outcome.item.legs], books.balances(party)) == ([7, -7], [0])


def test_it_is_one_read_and_one_write(books: Books) -> None:
    party, other = books.opened(funds=40), books.opened()

    with watching() as calls:
        moved(books, party, other, 50)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_thirty_two_threads_move_all_there_is_and_no_more(books: Books) -> None:
    party, other = books.opened(funds=100, floor=0), books.opened()

    def act(_: int) -> int:
        command = books.call()
        for _ in range(50):
            try:
                return transfer_up_to(command, transfer(party, other, 7)).item.legs[0].amount
            except Busy:
                continue
            except Conflict as refusal:
                assert refusal.code == "nothing_to_move"
                return 0
        raise AssertionError("busy for ever")

    with ThreadPoolExecutor(32) as pool:
        amounts = list(pool.map(act, range(32)))

    assert sorted(amounts, reverse=True) == [7] * 14 + [2] + [0] * 17
    assert books.balances(party, other) == [0, 100]


def test_a_process_killed_at_any_call_leaves_one_effect_after_a_retry(books: Books) -> None:
    for point in crash_points():
        party, other = books.opened(funds=40, floor=0), books.opened()
        command = books.call()
        with point:
            transfer_up_to(command, transfer(party, other, 50))

        transfer_up_to(command, transfer(party, other, 50))

        assert books.balances(party, other) == [0, 40], point


def test_a_lost_answer_is_absorbed_and_counted_once(books: Books) -> None:
    for point in lost_points():
        party, other = books.opened(funds=40, floor=0), books.opened()

        with point:
            moved(books, party, other, 30)

        assert books.balances(party, other) == [10, 30], point
