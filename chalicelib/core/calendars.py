"""Business days by named calendars: which days count where deadlines are in business days and prices are fixed daily.

`weekdays` is Monday to Friday. `TARGET` is the euro's: weekdays but 1 January, Good Friday, Easter Monday, 1 May, 25
and 26 December (European Central Bank, TARGET closing days since 2002). `LONDON` is weekdays but the bank holidays of
England and Wales, when London's exchanges fix no prices; holidays that were proclaimed once are not in it. `CN` is
mainland China's: the State Council's notices of 12 November 2024 for 2025 and of 4 November 2025 for 2026, with the
weekend days that are worked in exchange. `CN_EXCHANGE` has the same holidays, but exchanges stay closed on weekend days
that are worked. Of a year without a notice here both know only the weekdays and the statutory days with a fixed date (1
January; 1 and, since 2025, 2 May; 1 to 3 October): festivals of the lunar calendar count as business days then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.values import dataclass

SATURDAY = 5
ONE_DAY = timedelta(days=1)
MOST_DAYS = 4000
"""Days between which business days are listed at once: more than ten years."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Monday to Friday but the `holidays` of a year, and the days at a weekend that are `worked`."""

    name: str
    holidays: Callable[[int], frozenset[date]]
    worked: frozenset[date] = frozenset()

    def is_business_day(self, day: date) -> bool:
        """Whether business is done on a day."""
        return day in self.worked or (day.weekday() < SATURDAY and day not in self.holidays(day.year))


def calendar(name: str) -> Calendar:
    """The calendar of this name. Raises InvalidInput `unknown_calendar`."""
    if name not in CALENDARS:
        facts = {"field": "calendar", "calendar": name, "known": sorted(CALENDARS)}
        raise InvalidInput("unknown_calendar", f"calendars are {', '.join(sorted(CALENDARS))}", **facts)
    return CALENDARS[name]


def add_business_days(calendar: Calendar, day: date, n: int) -> date:
    """The `n`-th business day after a day; for 0 the day itself, whatever it is."""
    if n < 0:
        raise Defect("business days are counted forwards")
    while n:
        day += ONE_DAY
        n -= calendar.is_business_day(day)
    return day


def business_days(calendar: Calendar, first: date, last: date) -> tuple[date, ...]:
    """The business days from `first` to `last`, both included; none where `last` is earlier."""
    span = (last - first).days + 1
    if span > MOST_DAYS:
        raise Defect(f"{span} days are too many to list")
    days = (first + timedelta(days=i) for i in range(span))
    return tuple(day for day in days if calendar.is_business_day(day))


def easter(year: int) -> date:
    """Easter Sunday by the Gregorian calendar. Source: Meeus, Astronomical Algorithms, chapter 8."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    leaps, rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - correction + 15) % 30
    weekday = (32 + 2 * rest + 2 * (in_century // 4) - epact - in_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _none(year: int) -> frozenset[date]:
    return frozenset()


@cache
def _target(year: int) -> frozenset[date]:
    fixed = {date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)}
    return frozenset(fixed | {easter(year) - 2 * ONE_DAY, easter(year) + ONE_DAY})


@cache
def _london(year: int) -> frozenset[date]:
    """New Year, Christmas and Boxing Day move to the next day that is free where they fall on a weekend."""
    new_year = _next_weekday(date(year, 1, 1))
    christmas = _next_weekday(date(year, 12, 25))
    boxing = _next_weekday(max(date(year, 12, 26), christmas + ONE_DAY))
    first_in_may = _next_monday(date(year, 5, 1))
    spring, summer = _next_monday(date(year, 5, 25)), _next_monday(date(year, 8, 25))
    fixed = {new_year, christmas, boxing, first_in_may, spring, summer}
    return frozenset(fixed | {easter(year) - 2 * ONE_DAY, easter(year) + ONE_DAY})


def _next_weekday(day: date) -> date:
    """The day, or the Monday after it where it is of a weekend."""
    return day if day.weekday() < SATURDAY else _next_monday(day)


def _next_monday(day: date) -> date:
    """The day, or the first Monday after it."""
    return day + timedelta(days=-day.weekday() % 7)


@cache
def _china(year: int) -> frozenset[date]:
    if year in _OFF_IN_CHINA:
        return _days(year, _OFF_IN_CHINA[year])
    return _days(year, "01-01 05-01 10-01..10-03" + (" 05-02" if year >= LABOUR_DAYS_SINCE else ""))


def _days(year: int, text: str) -> frozenset[date]:
    """The days of a year that a text names: `01-01 05-01..05-05`."""
    days: set[date] = set()
    for part in text.split():
        first, _, last = (f"{year:04d}-{day}" if day else day for day in part.partition(".."))
        begins = date.fromisoformat(first)
        ends = date.fromisoformat(last) if last else begins
        days |= {begins + timedelta(days=i) for i in range((ends - begins).days + 1)}
    return frozenset(days)


LABOUR_DAYS_SINCE = 2025
_OFF_IN_CHINA = {
    2025: "01-01 01-28..02-04 04-04..04-06 05-01..05-05 05-31..06-02 10-01..10-08",
    2026: "01-01..01-03 02-15..02-23 04-04..04-06 05-01..05-05 06-19..06-21 09-25..09-27 10-01..10-07",
}
_WORKED_IN_CHINA = _days(2025, "01-26 02-08 04-27 09-28 10-11") | _days(2026, "01-04 02-14 02-28 05-09 09-20 10-10")

CALENDARS = {
    one.name: one
    for one in (
        Calendar("weekdays", _none),
        Calendar("TARGET", _target),
        Calendar("LONDON", _london),
        Calendar("CN", _china, _WORKED_IN_CHINA),
        Calendar("CN_EXCHANGE", _china),
    )
}
"""Every calendar by its name."""
