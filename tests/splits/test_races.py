"""Commands at one instant, up to 32 at a time: nothing is divided, given back or returned twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from chalicelib.core.errors import Busy, Refusal
from chalicelib.splits.domain.split import State
from chalicelib.splits.domain.waterfall import KEPT
from chalicelib.splits.service import splitting
from tests.splits.desk import FUNDS, Desk, bps, fixed, rest

MOST_TRIES = 50
Act = Callable[[], Any]


def at_once(*acts: Act) -> list[Any]:
    """What each of these came to, all begun at one instant: its answer, or the code it was refused with. Contention
    that outlasted the tries is tried again, as a caller would."""
    barrier = threading.Barrier(len(acts))

    def run(act: Act) -> Any:
        barrier.wait()
        for _ in range(MOST_TRIES):
            try:
                return act()
            except Busy:
                continue
            except Refusal as refusal:
                return refusal.code
        raise AssertionError("contention that does not end")

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def keyed(act: Callable[..., Any], *given: Any, count: int, **named: Any) -> Sequence[Act]:
    """The same command so many times, each time under a key of its own."""
    return [partial(act, *given, key=f"{act.__name__}-{number}", **named) for number in range(count)]


def refused(results: Sequence[Any]) -> list[str]:
    return [result for result in results if isinstance(result, str)]


def test_splits_of_one_source_never_overdraw_it(desk: Desk) -> None:
    receiver = desk.receiver()
    minor = FUNDS // 10 + 1

    results = at_once(*keyed(desk.split, minor, rest(receiver), count=16))

    assert refused(results) == ["insufficient_funds"] * 7
    assert desk.balances(desk.source, receiver) == [FUNDS - 9 * minor, 9 * minor]


def test_divisions_at_once_never_divide_more_than_is_held(desk: Desk) -> None:
    receiver = desk.receiver()
    split_id = desk.opened(100, rest(KEPT))

    results = at_once(*keyed(desk.divide, split_id, fixed(receiver, 30), rest(KEPT), count=8))

    assert refused(results) == ["split_exceeds_amount"] * 5
    assert (desk.balances(receiver), desk.held(split_id), desk.adds_up(split_id)) == ([90], 10, True)


def test_refunds_at_once_never_give_back_more_than_was_received(desk: Desk) -> None:
    one, two = desk.receivers(2)
    split_id = desk.opened(100, bps(one, 7_500), bps(two, 2_500))
    desk.books.post(desk.source, one, 1_000)
    desk.books.post(desk.source, two, 1_000)

    results = at_once(*keyed(desk.refund, split_id, 30, count=8))

    assert refused(results) == ["refund_exceeds_received"] * 5
    assert (sum(desk.balances(one, two)), desk.read(split_id).refunded_minor) == (2_010, 90)
    assert desk.adds_up(split_id)


def test_a_refund_and_a_return_do_not_lose_each_other(desk: Desk) -> None:
    receiver = desk.receiver()
    split_id = desk.opened(1_000, fixed(receiver, 400), rest(KEPT))

    results = at_once(
        *keyed(desk.refund, split_id, 50, count=8),
        *keyed(desk.give_back, split_id, 100, count=8),
    )

    split = desk.read(split_id)
    assert (split.state, split.refunded_minor, split.returned_minor) == (State.CLOSED, 400, 600)
    assert sorted(refused(results)) == ["split_state"] * 2
    assert (desk.balances(desk.source, receiver), desk.adds_up(split_id)) == ([FUNDS, 0], True)


def test_what_is_held_is_divided_or_returned_or_planned_and_never_twice(desk: Desk) -> None:
    receiver = desk.receiver()
    split_id = desk.opened(100, rest(KEPT))

    results = at_once(
        *keyed(desk.divide, split_id, rest(receiver), count=3),
        *keyed(desk.give_back, split_id, count=3),
        *keyed(desk.add, split_id, {receiver: 100}, count=3),
    )
    desk.pay_due(split_id)

    assert len(refused(results)) == 8
    assert sum(desk.balances(desk.source, receiver)) == FUNDS
    assert (desk.read(split_id).state, desk.adds_up(split_id)) == (State.CLOSED, True)


def test_runs_and_pages_at_once_pay_everybody_exactly_once(desk: Desk) -> None:
    receivers = desk.receivers(4)
    split_id = desk.opened(1_000, rest(KEPT))
    pages = keyed(desk.add, split_id, dict.fromkeys(receivers, 10), count=4)

    at_once(*pages, *[partial(desk.pay_due, split_id)] * 4)
    at_once(*[partial(desk.pay_due, split_id)] * 8)

    split = desk.read(split_id)
    assert desk.balances(*receivers) == [40] * 4
    assert (split.state, split.paid_divisions, split.held_minor) == (State.OPEN, 4, 840)
    assert desk.adds_up(split_id)


def test_retries_of_one_key_have_one_effect(desk: Desk) -> None:
    receiver = desk.receiver()
    call, command = desk.call(), desk.opening(100, rest(receiver))

    results = at_once(*[partial(splitting.open_split, call, command)] * 32)

    assert [outcome.replayed for outcome in results].count(False) == 1
    assert len({repr(outcome.item) for outcome in results}) == 1
    assert desk.balances(receiver) == [100]
