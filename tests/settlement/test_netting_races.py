"""Netting windows at one instant: obligations against the closing, new parties against each other, two who close."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from chalicelib.core.errors import Busy, Refusal
from chalicelib.settlement.domain.netting import Stage
from chalicelib.settlement.service import netting, netting_windows
from chalicelib.storage.once import Outcome
from chalicelib.trades import store as trades_store
from tests.settlement.clearing import LATER, Clearing, books, clearing
from tests.support.dynamodb_local import Tables

MOST_TRIES = 50
THREADS = 32


@pytest.fixture(autouse=True)
def stored(session_tables: Tables) -> Iterator[None]:
    with books(session_tables):
        yield


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each of these came to, all begun at one instant; contention is tried again, as its caller would."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        barrier.wait()
        for _ in range(MOST_TRIES):
            try:
                return act()
            except Busy:
                continue
            except Refusal as refusal:
                return refusal
        raise AssertionError("contention that does not end")

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def adding(place: Clearing, number: int) -> Callable[[], Outcome]:
    """Three obligations of a call of its own."""
    return partial(place.add, [("a", "b", 5), ("b", "c", 3), ("c", "a", 2)], first=3 * number, key=f"k{number}")


def met(place: Clearing, *names: str) -> Clearing:
    """The parties' accounts are there before threads ask for them."""
    for name in names:
        place.place.party(name)
    return place


def added(results: list[object]) -> list[Outcome]:
    return [one for one in results if isinstance(one, Outcome) and "added" in one.item.data]


def test_every_obligation_that_was_taken_is_settled_and_none_is_taken_after_the_closing() -> None:
    place = met(clearing(), "a", "b", "c")
    place.add([("a", "b", 1)], first=9000)

    results = at_once(*(adding(place, number) for number in range(THREADS - 1)), place.close)

    taken, refused = added(results), [one for one in results if isinstance(one, Refusal)]
    assert len(taken) + len(refused) == THREADS - 1
    assert {one.code for one in refused} <= {"window_closed"}
    whole = place.finish()
    assert whole.window.obligations == whole.passed == 1 + 3 * len(taken)
    assert whole.window.total_minor == 1 + 10 * len(taken)
    listed = netting_windows.list_obligations(place.tenant, place.net_id, after=None, limit=200).values
    assert len(listed) == whole.passed


def test_an_obligation_that_many_send_at_once_is_in_the_window_once() -> None:
    place = met(clearing(), "a", "b")

    results = at_once(*[partial(place.add, [("a", "b", 5)])] * 8)

    assert len(added(results)) == 1
    assert {one.code for one in results if isinstance(one, Refusal)} == {"obligation_twice"}
    assert place.finish().window.total_minor == 5


def test_parties_that_come_to_a_window_at_one_instant_are_all_in_its_roster() -> None:
    names = [f"p{number}" for number in range(12)]
    place = met(clearing(), "hub", *names)

    at_once(*(partial(place.add, [(name, "hub", 5)], first=number) for number, name in enumerate(names)))

    assert sorted(place.finish().roster.parties) == sorted(place.place.party(name) for name in ("hub", *names))
    assert place.paid() == {(name, "hub"): 5 for name in names}


def test_two_who_close_a_window_at_once_open_each_trade_once() -> None:
    place = met(clearing(), "a", "b", "c")
    place.add([("a", "b", 5), ("b", "c", 3), ("c", "a", 2)])

    def finish() -> bool:
        for _ in range(MOST_TRIES):
            if not netting.advance(place.tenant, place.net_id, now=LATER):
                return True
        return False

    assert at_once(finish, finish, finish, finish) == [True] * 4

    trades = trades_store.list_trades(place.tenant, after=None, limit=10).values
    assert sorted(trade.due_minor for trade in trades) == [2, 3, 5]
    assert place.whole().window.stage is Stage.CLOSED
    assert place.whole().window.obligations == 3
