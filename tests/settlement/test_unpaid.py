"""A release whose payouts were never made, because their message was lost, is found and asked for until they are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib.banking.payout_states import State
from chalicelib.ledger.service.feed import number
from chalicelib.ledger.store.entries import load_entry
from chalicelib.settlement.service.undone import find_undone
from chalicelib.settlement.worker.follow_ups import undone
from chalicelib.settlement.worker.unpaid import ask_again
from tests.settlement.desk import Desk
from tests.settlement.market import DUE, deliverable
from tests.support.calls import MONDAY
from tests.support.faults import crash_points

RELEASED = MONDAY + timedelta(days=3)
LATER = RELEASED + timedelta(minutes=16)


def released(desk: Desk) -> str:
    """A release in the feed, whose message was lost: its entry's id."""
    entry_id = desk.place.release(deliverable(desk.place)).item.entry_id
    number([load_entry(desk.place.tenant, entry_id)])
    return entry_id


def undone_entries(desk: Desk, now: datetime = LATER) -> tuple[str, ...]:
    """The entries that a run finds, and asks nothing for."""
    found = find_undone(desk.place.tenant, lambda item: not undone(item), now=now)
    return tuple(item.entry_id for item in found)


def run(now: datetime = LATER) -> int:
    return ask_again(lambda: now)["entries"]


def test_a_release_without_payouts_is_asked_for_again_and_named(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    entry_id = released(desk)
    assert run(RELEASED + timedelta(minutes=14)) == 0

    assert run() == 1

    (message,) = desk.payments.taken()
    assert message == {"tenant": desk.place.tenant, "entry_id": entry_id}
    assert [record.message for record in caplog.records if "not_followed" in record.message]
    assert desk.pay(message) == []
    assert {payout.state for payout in desk.payouts().values()} == {State.SENT}
    assert run(LATER + timedelta(hours=1)) == 0


def test_one_that_dies_again_is_found_again(desk: Desk) -> None:
    entry_id = released(desk)

    for hours in range(3):
        assert undone_entries(desk, LATER + timedelta(hours=hours)) == (entry_id,)


def test_what_is_paid_and_what_asks_for_nothing_is_passed(desk: Desk) -> None:
    entry_id = released(desk)
    (message,) = desk.asked(entry_id)
    desk.pay(message)
    payment = desk.place.pay(desk.place.deal().reference, DUE).item
    number([payment])

    assert undone_entries(desk) == ()


def test_a_run_killed_at_any_call_asks_in_the_end(desk: Desk) -> None:
    entry_id = released(desk)
    for point in crash_points():
        with point:
            run()

        assert run() == 1, point
    assert undone_entries(desk) == (entry_id,)
