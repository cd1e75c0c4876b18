"""Day counts: which part of a year lies between two dates, as an exact ratio of two integers.

Leaves to others: what rate runs over it and where the product is rounded (`chalicelib.credit`).
"""

from __future__ import annotations

from datetime import date
from enum import Enum

from chalicelib.core.errors import Defect

Ratio = tuple[int, int]
"""Numerator and positive denominator, not reduced."""

MONTH = 30


class DayCount(Enum):
    """A day-count convention, by the name contracts use. ACT/ACT is the ISDA one."""

    ACT_360 = "ACT/360"
    ACT_365F = "ACT/365F"
    ACT_ACT = "ACT/ACT"
    THIRTY_360 = "30/360"


def year_fraction(convention: DayCount, start: date, end: date) -> Ratio:
    """The part of a year from `start` to `end`, the first day counted and the last not. Never falls as `end` rises.

    ACT/360 and ACT/365F: calendar days over 360 or 365 (2006 ISDA Definitions, section 4.16 (e) and (d)).
    ACT/ACT: days in leap years over 366 plus days in other years over 365 (4.16 (b)).
    30/360, bond basis: `days_30_360` over 360 (4.16 (f)).
    """
    if end < start:
        raise Defect(f"{end} is before {start}")
    match convention:
        case DayCount.ACT_360:
            return (end - start).days, 360
        case DayCount.ACT_365F:
            return (end - start).days, 365
        case DayCount.ACT_ACT:
            leap = _leap_days(end) - _leap_days(start)
            return leap * 365 + ((end - start).days - leap) * 366, 365 * 366
        case DayCount.THIRTY_360:
            return days_30_360(start, end), 360


def days_30_360(start: date, end: date) -> int:
    """Days between two dates with every month at 30 days, bond basis.

    A start on the 31st counts as the 30th; an end on the 31st does so only where the start is on the 30th or 31st.
    February has no rule of its own. Source: 2006 ISDA Definitions, section 4.16 (f).
    """
    first = min(start.day, MONTH)
    last = min(end.day, MONTH) if first == MONTH else end.day
    return (end.year - start.year) * 360 + (end.month - start.month) * MONTH + last - first


def _leap_days(day: date) -> int:
    """How many days before `day`, since year 1, lie in leap years."""
    years = day.year - 1
    before = (years // 4 - years // 100 + years // 400) * 366
    return before + (day.timetuple().tm_yday - 1 if _is_leap(day.year) else 0)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
