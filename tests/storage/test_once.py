"""A command happens once: replays, refusals, changed state, crashes, lost answers and races."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Busy, Conflict, Defect, KeyReused, Refusal
from chalicelib.storage.commit import Stale, Write, update
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import DECISIONS, Plan, also_journal, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Item
from tests.storage.tills import in_till, opened_till, opening, taking, till_key
from tests.support.calls import call
from tests.support.faults import cancelled, crash_points, fault, lost_points, watching

READ_AND_WRITE = ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def failing(command: Call, refuse: Callable[[Item | None], Exception], tag: str = "never") -> Write:
    """A write whose condition never holds."""
    return update(
        tag,
        till_key(command.tenant)._replace(sort=tag),
        change="SET version = :one",
        condition="version > :one",
        values={":one": {"N": "1"}},
        refuse=refuse,
    )


def test_a_command_without_reads_is_one_call(tenant: str) -> None:
    with watching() as calls:
        outcome = opening(call(tenant=tenant), 100)

    assert calls.operations == ["dynamodb.TransactWriteItems"]
    assert not outcome.replayed


def test_its_replay_comes_from_the_failed_condition_without_a_read(tenant: str) -> None:
    command = call(tenant=tenant)
    first = opening(command, 100)

    with watching() as calls:
        again = opening(command, 100)

    assert calls.operations == ["dynamodb.TransactWriteItems"]
    assert (again.item, again.replayed) == (first.item, True)


def test_a_command_with_reads_is_one_read_and_one_write(tenant: str) -> None:
    opened_till(tenant, 100)

    with watching() as calls:
        taking(call(tenant=tenant), 30)

    assert calls.operations == READ_AND_WRITE
    assert in_till(tenant) == 70


def test_its_replay_is_one_read_however_the_state_has_changed(tenant: str) -> None:
    opened_till(tenant, 100)
    command = call(tenant=tenant)
    first = taking(command, 100)

    with watching() as calls:
        again = taking(command, 100)

    assert calls.operations == ["dynamodb.BatchGetItem"]
    assert (again.item, again.replayed, in_till(tenant)) == (first.item, True, 0)


def test_a_refusal_decided_from_state_is_believed_only_after_the_key_was_read_again(tenant: str) -> None:
    """The batch saw no key and a full till; then the same command, sent twice, emptied it."""
    opened_till(tenant, 100)
    command = call(tenant=tenant)

    def decide(_: Found) -> Plan:
        taking(command, 100)
        raise Conflict("till_short", "judged against the emptied till")

    with watching() as calls:
        outcome = once(command, decide, (till_key(tenant),))

    assert calls.operations == ["dynamodb.BatchGetItem", *READ_AND_WRITE, "dynamodb.GetItem"]
    assert (outcome.replayed, in_till(tenant)) == (True, 0)


def test_a_refusal_stands_when_the_key_is_still_free(tenant: str) -> None:
    opened_till(tenant, 100)

    with watching() as calls, pytest.raises(Conflict) as refused:
        taking(call(tenant=tenant), 101)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.GetItem"]
    assert refused.value.facts == {"requested": 101, "remaining": 100}


def test_a_refused_command_leaves_its_key_free(tenant: str) -> None:
    opened_till(tenant, 100)
    with pytest.raises(Conflict):
        taking(call("k", tenant=tenant), 101)

    assert not taking(call("k", tenant=tenant), 100).replayed


@pytest.mark.parametrize("command", [opening, taking])
def test_a_key_used_for_another_request_is_refused_before_anything_else(
    tenant: str, command: Callable[[Call, int], object]
) -> None:
    opening(call("k", tenant=tenant, body=1), 100)

    with pytest.raises(KeyReused) as refused:
        command(call("k", tenant=tenant, body=2), 10**9)

    assert refused.value.code == "idempotency_key_reused"
    assert in_till(tenant) == 100


def test_the_same_key_of_another_tenant_is_another_key(tenant: str) -> None:
    opening(call("k", tenant=tenant), 100)

    assert not opening(call("k", tenant=f"{tenant}_other"), 100).replayed


@pytest.mark.parametrize("changes", range(DECISIONS))
def test_changed_state_is_decided_again(tenant: str, changes: int) -> None:
    opened_till(tenant, 100)
    others = [lambda: taking(call(tenant=tenant), 1)] * changes

    taking(call(tenant=tenant), 10, meanwhile=lambda: others and others.pop()())

    assert in_till(tenant) == 90 - changes


def test_state_that_keeps_changing_is_busy_after_four_decisions(tenant: str) -> None:
    opened_till(tenant, 100)
    decided: list[object] = []

    with pytest.raises(Busy):
        taking(call(tenant=tenant), 10, meanwhile=lambda: decided.append(taking(call(tenant=tenant), 1)))

    assert len(decided) == DECISIONS == 4
    assert in_till(tenant) == 96


def test_a_decision_that_finds_what_it_read_at_odds_is_asked_again(tenant: str) -> None:
    opened_till(tenant, 100)
    at_odds = [Stale(), Stale()]

    def meanwhile() -> None:
        if at_odds:
            raise at_odds.pop()

    assert not taking(call(tenant=tenant), 10, meanwhile=meanwhile).replayed


def test_a_refusal_of_the_write_is_not_believed_where_the_state_was_stale_too(tenant: str) -> None:
    command = call(tenant=tenant)
    plans = [
        Plan(
            journal_item(command, "till.taken"),
            (failing(command, lambda _: Conflict("gone", "gone"), "a"), failing(command, lambda _: Stale(), "b")),
        ),
        Plan(journal_item(command, "till.taken")),
    ]

    outcome = once(command, lambda _: plans.pop(0))

    assert (outcome.replayed, plans) == (False, [])


def test_the_first_condition_that_failed_is_the_refusal_that_is_told(tenant: str) -> None:
    command = call(tenant=tenant)
    writes = tuple(failing(command, lambda _, t=tag: Conflict(t, t), tag) for tag in ("second", "first"))

    with pytest.raises(Refusal) as refused:
        once(command, lambda _: Plan(journal_item(command, "till.taken"), writes))

    assert refused.value.code == "second"


def test_a_replay_comes_before_any_refusal_of_the_write(tenant: str) -> None:
    command = call(tenant=tenant)
    once(command, lambda _: Plan(journal_item(command, "till.taken")))

    refusing = Plan(journal_item(command, "till.taken"), (failing(command, lambda _: Conflict("no", "no")),))

    assert once(command, lambda _: refusing).replayed


def test_a_command_may_book_under_a_second_key_that_is_then_taken(tenant: str) -> None:
    command, movement = call(tenant=tenant), call("movement", tenant=tenant)
    second = also_journal(journal_item(movement, "till.moved"), lambda old: Conflict("told_before", "told"))
    once(command, lambda _: Plan(journal_item(command, "till.taken"), (second,)))

    assert once(movement, lambda _: Plan(journal_item(movement, "till.moved"))).replayed
    with pytest.raises(Conflict):
        once(call(tenant=tenant), lambda _: Plan(journal_item(call(tenant=tenant), "till.taken"), (second,)))


def test_a_failed_put_without_the_old_item_is_our_defect(tenant: str) -> None:
    with fault(cancelled("ConditionalCheckFailed", "None")), pytest.raises(Defect):
        opening(call(tenant=tenant), 1)


def test_a_process_killed_at_any_call_leaves_one_effect_after_a_retry(tenant: str) -> None:
    for number, point in enumerate(crash_points()):
        till = f"{tenant}_{number}"
        opened_till(till, 100)
        command = call(tenant=till)
        with point:
            taking(command, 100)

        taking(command, 100)

        assert in_till(till) == 0, point


def test_an_answer_lost_at_any_call_is_absorbed(tenant: str) -> None:
    for number, point in enumerate(lost_points()):
        till = f"{tenant}_{number}"
        opened_till(till, 100)

        with point:
            taking(call(tenant=till), 100)

        assert in_till(till) == 0, point


def test_sixteen_callers_with_one_key_have_one_effect(tenant: str) -> None:
    opened_till(tenant, 100)

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: taking(call("same", tenant=tenant), 100), range(16)))

    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert in_till(tenant) == 0


def test_callers_with_keys_of_their_own_never_take_more_than_there_is(tenant: str) -> None:
    opened_till(tenant, 30)

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: attempt(tenant), range(8)))

    assert in_till(tenant) == 30 - 7 * codes.count("taken")
    assert set(codes) <= {"taken", "till_short", "try_again"}


def attempt(tenant: str) -> str:
    try:
        taking(call(tenant=tenant), 7)
    except Refusal as refusal:
        return refusal.code
    return "taken"
