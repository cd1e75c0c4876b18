"""A process killed at any call from the first obligation to the last trade, then begun again: the same trades, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.domain.netting import Stage
from chalicelib.settlement.service import netting
from chalicelib.trades import store as trades_store
from tests.settlement.clearing import LATER, Clearing, books, clearing
from tests.support.dynamodb_local import Tables
from tests.support.faults import answer_lost, crash_points, fault_points, never_sent


@pytest.fixture(autouse=True)
def stored(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small steps, so that there are many places to be killed at."""
    monkeypatch.setattr(netting, "SUMMED_AT_ONCE", 3)
    monkeypatch.setattr(netting, "OPENED_AT_ONCE", 1)
    with books(session_tables):
        yield


def fresh() -> Clearing:
    place = clearing(Mode.MULTILATERAL)
    for name in "abc":
        place.place.party(name)
    return place


def run(place: Clearing) -> None:
    """All of a window's life, each command under a key of its own, so that it can be begun again."""
    place.add([("a", "b", 50), ("b", "c", 30), ("c", "a", 10), ("a", "c", 5)], key="add")
    place.finish(now=LATER)


def seen(place: Clearing) -> dict[str, Any]:
    """What there is of the window, without ids."""
    whole = place.whole()
    trades = trades_store.list_trades(place.tenant, after=None, limit=10).values
    return {
        "stage": whole.window.stage,
        "summed": (whole.passed, whole.window.obligations, whole.window.total_minor, whole.window.refused),
        "paid": place.paid(),
        "trades": sorted((trade.due_minor, trade.state.value) for trade in trades),
    }


WANTED = {
    "stage": Stage.CLOSED,
    "summed": (4, 4, 95, {}),
    "paid": {("a", "c"): 25, ("a", "b"): 20},
    "trades": [(20, "agreed"), (25, "agreed")],
}


def test_a_window_survives_a_process_that_is_killed_at_any_call() -> None:
    for point in crash_points():
        place = fresh()
        with point:
            run(place)

        run(place)

        assert seen(place) == WANTED, point


def test_a_window_survives_answers_that_are_lost() -> None:
    for point in fault_points(answer_lost, never_sent, only="dynamodb.TransactWriteItems"):
        place = fresh()
        with point:
            run(place)

        assert seen(place) == WANTED, point
