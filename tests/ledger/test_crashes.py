"""The ledger's commands under a killed process and lost answers: one effect, at every point."""

from __future__ import annotations

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Busy
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.service.accounts import OpenAccount, get_account, list_accounts, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.storage.once import Outcome
from tests.support.calls import TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import (
    Point,
    conflicted,
    crash_points,
    fault,
    fault_points,
    lost_points,
    never_sent,
    throttled,
    watching,
)


def opened(kind: Kind) -> str:
    return str(open_account(call(), OpenAccount("any", kind, "CNY")).item.data["account_id"])


def posted(command: Call, debited: str, credited: str) -> Outcome:
    amount = Money(5, "CNY")
    return post_entry(command, PostEntry("entry.posted", (debit(debited, amount), credit(credited, amount))))


def balances(*account_ids: str) -> list[int]:
    return [get_account(TENANT, account_id).own_balance for account_id in account_ids]


def test_a_process_killed_at_any_call_of_an_entry_leaves_one_effect_after_a_retry(tables: Tables) -> None:
    for point in crash_points():
        bank, wallet = opened(Kind.ASSET), opened(Kind.LIABILITY)
        command = call()
        with point:
            posted(command, bank, wallet)

        posted(command, bank, wallet)

        assert balances(bank, wallet) == [5, 5], point


def test_a_lost_answer_of_an_entry_is_absorbed_and_counted_once(tables: Tables) -> None:
    for point in lost_points():
        bank, wallet = opened(Kind.ASSET), opened(Kind.LIABILITY)

        with point:
            outcome = posted(call(), bank, wallet)

        assert balances(bank, wallet) == [5, 5], point
        assert not outcome.replayed, point


def test_a_process_killed_at_any_call_of_an_opening_leaves_one_account(tables: Tables) -> None:
    for number, point in enumerate(crash_points()):
        tenant = f"ten_{number}"
        command = call(tenant=tenant)
        with point:
            open_account(command, OpenAccount("any", Kind.ASSET, "CNY"))

        outcome = open_account(command, OpenAccount("any", Kind.ASSET, "CNY"))

        accounts, _ = list_accounts(tenant, after=None, limit=10)
        assert [account.account_id for account in accounts] == [outcome.item.data["account_id"]], point


def test_conflicts_and_throttling_are_outlasted(tables: Tables) -> None:
    bank, wallet = opened(Kind.ASSET), opened(Kind.LIABILITY)
    for effect in (conflicted, throttled):
        with fault(effect, times=4) as calls:
            posted(call(), bank, wallet)

        assert calls.operations == ["dynamodb.TransactWriteItems"] * 5

    assert balances(bank, wallet) == [10, 10]


@pytest.mark.parametrize("effect", [conflicted, throttled, never_sent])
def test_trouble_that_does_not_end_is_busy_after_five_tries_and_changes_nothing(tables: Tables, effect: object) -> None:
    bank, wallet = opened(Kind.ASSET), opened(Kind.LIABILITY)

    with fault(effect, times=99) as calls, pytest.raises(Busy):  # type: ignore[arg-type]
        posted(call(), bank, wallet)

    assert len(calls.operations) == 5
    assert balances(bank, wallet) == [0, 0]


def test_a_transfer_is_one_call_and_no_read(tables: Tables) -> None:
    bank, wallet = opened(Kind.ASSET), opened(Kind.LIABILITY)
    command = call()

    with watching() as first:
        posted(command, bank, wallet)
    with watching() as again:
        posted(command, bank, wallet)

    assert first.operations == again.operations == ["dynamodb.TransactWriteItems"]


def test_the_harness_strikes_every_call_once_and_ends(tables: Tables) -> None:
    seen: list[Point] = []
    for point in fault_points(throttled):
        with point:
            list_accounts(TENANT, after=None, limit=1)
            list_accounts(TENANT, after=None, limit=1)
        seen.append(point)

    assert [point.struck for point in seen] == [True, True, False]
