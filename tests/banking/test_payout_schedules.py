"""When a party is paid: which day comes next, what a minimum leaves, and what makes no schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from chalicelib.banking.payout_schedules import Mode, PayoutSchedule, new_schedule, next_run, payable_minor
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR

MONDAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)


def schedule(mode: Mode = Mode.AT_ONCE, **more: Any) -> PayoutSchedule:
    usual: dict[str, Any] = {"delay_days": 0, "weekday": None, "minimums": {}, "now": MORNING}
    return new_schedule(mode, **usual | more)


def test_a_party_is_paid_at_once_unless_something_else_is_set() -> None:
    assert schedule() == PayoutSchedule()
    assert (PayoutSchedule().mode, PayoutSchedule().next_run_at) == (Mode.AT_ONCE, None)


@pytest.mark.parametrize(
    ("mode", "weekday", "expected"),
    [
        (Mode.AT_ONCE, None, None),
        (Mode.BY_HAND, None, None),
        (Mode.DAILY, None, date(2026, 3, 3)),
        (Mode.WEEKLY, 1, date(2026, 3, 9)),
        (Mode.WEEKLY, 2, date(2026, 3, 3)),
        (Mode.WEEKLY, 7, date(2026, 3, 8)),
    ],
)
def test_the_next_run_is_a_later_day(mode: Mode, weekday: int | None, expected: date | None) -> None:
    assert next_run(mode, weekday, after=MONDAY) == expected


@pytest.mark.parametrize(
    ("calendar", "now", "runs_at", "pays_from"),
    [
        ("CN", "2026-03-02T23:30+08:00", "2026-03-03T00:00+08:00", "2026-03-05T00:00+08:00"),
        ("CN", "2026-03-03T00:00+08:00", "2026-03-04T00:00+08:00", "2026-03-06T00:00+08:00"),
        ("NEW_YORK", "2026-03-06T20:00-05:00", "2026-03-07T00:00-05:00", "2026-03-09T00:00-04:00"),
        ("NEW_YORK", "2026-03-08T01:00-05:00", "2026-03-09T00:00-04:00", "2026-03-11T00:00-04:00"),
        ("NEW_YORK", "2026-10-31T23:00-04:00", "2026-11-01T00:00-04:00", "2026-11-03T00:00-05:00"),
        ("NEW_YORK", "2026-11-01T01:30-05:00", "2026-11-02T00:00-05:00", "2026-11-04T00:00-05:00"),
        ("weekdays", "2026-03-02T23:30+00:00", "2026-03-03T00:00+00:00", "2026-03-05T00:00+00:00"),
    ],
)
def test_runs_and_delays_go_by_the_days_of_the_calendar(calendar: str, now: str, runs_at: str, pays_from: str) -> None:
    begun = datetime.fromisoformat(now)

    found = schedule(Mode.DAILY, calendar=calendar, now=begun, delay_days=2)

    assert found.next_run_at == datetime.fromisoformat(runs_at)
    assert found.pays_from(begun) == datetime.fromisoformat(pays_from)


@pytest.mark.parametrize(("available", "payable"), [(0, 0), (500, 0), (501, 1), (-3, 0)])
def test_what_is_above_the_minimum_is_paid(available: int, payable: int) -> None:
    assert payable_minor(schedule(minimums={"CNY": 500}), "CNY", available) == payable
    assert payable_minor(schedule(minimums={"CNY": 500}), "EUR", available) == max(available, 0)


@pytest.mark.parametrize(
    ("mode", "more", "code"),
    [
        (Mode.AT_ONCE, {"delay_days": -1}, "invalid_delay"),
        (Mode.AT_ONCE, {"delay_days": 367}, "invalid_delay"),
        (Mode.WEEKLY, {}, "weekday_missing"),
        (Mode.WEEKLY, {"weekday": 0}, "invalid_weekday"),
        (Mode.WEEKLY, {"weekday": 8}, "invalid_weekday"),
        (Mode.DAILY, {"weekday": 1}, "weekday_not_wanted"),
        (Mode.DAILY, {"minimums": {"XXA": 1}}, "unknown_currency"),
        (Mode.DAILY, {"minimums": {"CNY": -1}}, "amount_negative"),
        (Mode.DAILY, {"minimums": {"CNY": MAX_MINOR + 1}}, "amount_too_large"),
    ],
)
def test_what_makes_no_schedule_is_refused(mode: Mode, more: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        schedule(mode, **more)

    assert refused.value.code == code
