"""Closing a deferred account: frozen for 15 minutes first, and nothing on its way that could still move it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.core.errors import Refusal
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service import account_life
from tests.ledger.feeding import Books
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    return Books()


def frozen(books: Books, account_id: str) -> None:
    books.told.append(account_life.freeze(call(tenant=books.tenant), account_id).item)


def closed(books: Books, account_id: str, *, seconds: int = 900) -> str:
    """The code of a closing some seconds after the freeze."""
    later = call(tenant=books.tenant, now=MONDAY + timedelta(seconds=seconds))
    return code_of(lambda: account_life.close(later, account_id))


def code_of(act: Callable[[], object]) -> str:
    try:
        act()
    except Refusal as refusal:
        return refusal.code
    return "done"


def test_a_deferred_account_is_closed_long_after_its_freeze_when_nothing_is_on_its_way(books: Books) -> None:
    fees, bank = books.open(Kind.INCOME, deferred=True), books.open()
    told = [closed(books, "hot_none"), closed(books, fees)]
    books.pay(bank, fees, 7)
    books.pay(fees, bank, 7)
    frozen(books, fees)
    told += [closed(books, fees, seconds=899)]
    books.number()
    told += [closed(books, fees)]
    books.fold()
    books.pay(bank, books.open(), 1)
    books.number()
    told += [closed(books, fees), closed(books, fees)]

    assert told == [
        "account_not_found",
        "account_not_frozen",
        "entries_pending",
        "entries_pending",
        "done",
        "already_closed",
    ]
    assert books.account(fees).status == "closed"


def test_a_deferred_account_with_money_on_it_stays(books: Books) -> None:
    fees, bank = books.open(Kind.INCOME, deferred=True), books.open()
    books.pay(bank, fees, 7)
    frozen(books, fees)
    books.number()
    books.fold()

    assert closed(books, fees) == "balance_not_zero"


def test_more_unfolded_entries_than_one_look_shows_are_waited_for(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.ledger.store.folding.MOST_ENTRIES", 2)
    fees = books.open(Kind.INCOME, deferred=True)
    frozen(books, fees)
    books.open()
    books.number()

    first = closed(books, fees)
    books.fold()
    books.fold()

    assert (first, closed(books, fees)) == ("entries_pending", "done")


def test_an_account_that_was_frozen_again_waits_as_long_again(books: Books) -> None:
    fees = books.open(Kind.INCOME, deferred=True)
    frozen(books, fees)
    account_life.unfreeze(call(tenant=books.tenant), fees)
    account_life.freeze(call(tenant=books.tenant, now=MONDAY + timedelta(seconds=30)), fees)

    assert closed(books, fees) == "entries_pending"
    assert closed(books, fees, seconds=930) == "done"


def test_a_closing_killed_at_any_call_is_done_once_after_a_retry(books: Books) -> None:
    for point in crash_points():
        fees = books.open(Kind.INCOME, deferred=True)
        frozen(books, fees)
        command = call(tenant=books.tenant, now=MONDAY + timedelta(minutes=15))
        with point:
            account_life.close(command, fees)

        account_life.close(command, fees)

        assert books.account(fees).status == "closed", point
