"""Commands on holds under a killed process, lost answers and contention: one effect, at every point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Busy
from chalicelib.ledger.service.holds import CaptureHold, PlaceHold, capture_hold, place_hold, void_hold
from tests.ledger.holding import SECOND, Desk, new_desk, yuan
from tests.support.dynamodb_local import Tables
from tests.support.faults import conflicted, crash_points, fault, lost_points, throttled

POINTS = pytest.mark.parametrize("points", [crash_points, lost_points])


@pytest.fixture(autouse=True)
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@pytest.fixture
def desk() -> Desk:
    return new_desk(1000)


def twice(desk: Desk, point: Any, act: Callable[[Call], Any]) -> None:
    """An act that the fault strikes, and its retry."""
    command = desk.call()
    with point:
        act(command)
    act(command)


@POINTS
def test_a_placing_has_one_effect_wherever_it_is_struck(desk: Desk, points: Any) -> None:
    for number, point in enumerate(points(), start=1):
        twice(desk, point, lambda command: place_hold(command, PlaceHold(desk.terms(3))))

        assert (desk.held(), desk.posted()) == (3 * number, 1000), point


@POINTS
@pytest.mark.parametrize("indexed", [True, False])
def test_a_part_capture_has_one_effect_wherever_it_is_struck(desk: Desk, points: Any, indexed: bool) -> None:
    for number, point in enumerate(points(), start=1):
        hold_id = desk.hold(5, indexed=indexed)
        twice(desk, point, lambda c, h=hold_id: capture_hold(c, CaptureHold(h, yuan(2), close=False)))

        state = desk.state(hold_id)
        assert (state.captured, state.remaining) == (2, 3), point
        assert (desk.held(), desk.posted(desk.payee)) == (3 * number, 2 * number), point


@POINTS
def test_a_void_has_one_effect_wherever_it_is_struck(desk: Desk, points: Any) -> None:
    for point in points():
        hold_id = desk.hold(5)
        twice(desk, point, lambda command, hold_id=hold_id: void_hold(command, hold_id))

        assert (desk.state(hold_id).released, desk.held(), desk.posted()) == (5, 0, 1000), point


def test_a_payment_killed_while_it_returns_expired_holds_is_booked_once(desk: Desk) -> None:
    for number, point in enumerate(crash_points()):
        payer = desk.account(floor=0)
        desk.pay(desk.bank, payer, 10)
        for _ in range(2):
            desk.hold(4, debit_account_id=payer, seconds=1)
        command = desk.call(f"pay-{number}", later=SECOND)

        def pay(command: Call = command, payer: str = payer) -> None:
            place_hold(command, PlaceHold(desk.terms(10, debit_account_id=payer)))

        with point:
            pay()
        pay()

        assert (desk.held(payer), desk.posted(payer)) == (10, 10), point


@pytest.mark.parametrize("effect", [conflicted, throttled])
def test_contention_is_outlasted_or_told_and_changes_nothing(desk: Desk, effect: Any) -> None:
    hold_id = desk.hold(5)
    with fault(effect, times=4, only="dynamodb.TransactWriteItems"):
        capture_hold(desk.call(), CaptureHold(hold_id, yuan(1), close=False))
    with fault(effect, times=99, only="dynamodb.TransactWriteItems"), pytest.raises(Busy):
        capture_hold(desk.call(), CaptureHold(hold_id, yuan(1), close=False))

    assert (desk.state(hold_id).captured, desk.held()) == (1, 4)
