"""When a party is paid: which day comes next, what a minimum leaves, and what makes no schedule."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from chalicelib.banking.payout_schedules import Mode, PayoutSchedule, new_schedule, next_run, payable_minor
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR

MONDAY = date(2026, 3, 2)


def schedule(mode: Mode = Mode.AT_ONCE, **more: Any) -> PayoutSchedule:
    usual: dict[str, Any] = {"delay_days": 0, "weekday": None, "minimums": {}, "today": MONDAY}
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
