"""A process killed before or after any of its calls, then asked again under the same key: one effect, one answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.splits.domain.fees import SplitFee
from chalicelib.splits.domain.split import State
from chalicelib.splits.domain.waterfall import KEPT
from chalicelib.splits.service import splitting
from chalicelib.storage.once import Outcome
from tests.splits.desk import Desk, bps, desk_of, fixed, rest
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points

Act = Callable[[], Outcome]


def opened(desk: Desk, payee: str) -> Act:
    call, fees = desk.call(), (SplitFee(payee, minor=1),)
    command = desk.opening(100, bps(payee, 5_000), bps(KEPT, 5_000), fees=fees)
    return partial(splitting.open_split, call, command)


def divided(desk: Desk, payee: str) -> Act:
    return partial(desk.divide, desk.opened(100, rest(KEPT)), rest(payee), key="act")


def refunded(desk: Desk, payee: str) -> Act:
    return partial(desk.refund, desk.opened(100, rest(payee)), 100, key="act")


def returned(desk: Desk, payee: str) -> Act:
    return partial(desk.give_back, desk.opened(100, fixed(payee, 1), rest(KEPT)), key="act")


def planned(desk: Desk, payee: str) -> Act:
    return partial(desk.add, desk.opened(100, rest(KEPT)), {payee: 100}, key="act")


COMMANDS = (opened, divided, refunded, returned, planned)


def picture(desk: Desk, payee: str) -> tuple[Any, ...]:
    """The books of a desk's one split."""
    [split] = splitting.list_splits(desk.tenant, after=None, limit=9).values
    counts = (split.divisions, split.paid_divisions, split.planned_minor, split.refunded_minor, split.returned_minor)
    assert desk.adds_up(split.split_id)
    return *desk.balances(desk.source, payee), desk.held(split.split_id), split.state, *counts


@pytest.mark.parametrize("prepared", COMMANDS, ids=lambda command: command.__name__)
@pytest.mark.parametrize("points", [crash_points, partial(lost_points, only="dynamodb.T")], ids=["crash", "lost"])
def test_a_command_disturbed_at_any_call_has_one_effect_after_a_retry(
    session_tables: Tables, monkeypatch: pytest.MonkeyPatch, prepared: Callable[[Desk, str], Act], points: Any
) -> None:
    seen: set[tuple[Any, ...]] = set()
    for point in points():
        desk = desk_of(session_tables, monkeypatch)
        payee = desk.receiver()
        act = prepared(desk, payee)
        with point:
            act()

        outcome, again = act(), act()

        assert (again.replayed, again.item) == (True, outcome.item), point
        seen.add(picture(desk, payee))
    assert len(seen) == 1


def test_a_run_that_is_killed_at_any_call_is_gone_on_with_and_nobody_is_paid_twice(desk: Desk) -> None:
    pages = [dict.fromkeys(desk.receivers(2), minor) for minor in (5, 3, 2)]
    receivers = {account_id: minor for page in pages for account_id, minor in page.items()}
    for number, point in enumerate(crash_points(), 1):
        split_id = desk.opened(1_000, rest(KEPT))
        for page in pages:
            desk.add(split_id, {"acc_none": 7} | page)
        with point:
            desk.pay_due(split_id)

        desk.pay_due(split_id)

        split = desk.read(split_id)
        assert desk.balances(*receivers) == [number * minor for minor in receivers.values()], point
        assert (split.state, split.paid_divisions, split.held_minor) == (State.OPEN, 3, 980), point
        assert desk.held(split_id) == 980, point
    assert desk.adds_up(split_id)
