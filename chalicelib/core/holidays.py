"""Holidays by rule: of a fixed date, a weekday, Easter, the lunar calendar or the sun; and days named one by one.

Leaves to others: which centre has which (`core/centres/*.toml`), and how business days are counted (`calendars.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from chalicelib.core.errors import Defect
from chalicelib.core.lunar import lunar_day, solar_term
from chalicelib.core.values import dataclass

SATURDAY, SUNDAY = 5, 6
ONE_DAY = timedelta(days=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TO_NEXT_FREE = "to_next_free"
FROM_SUNDAY = "from_sunday"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A holiday of every year since one (0: of all). It is one of: `day` ("05-01") or the first `weekday` from it on;
    `easter` days after Easter Sunday; `offset` days after a `lunar` day ("05-05"); the day the sun comes to
    `sun_longitude`.

    `moved`: "to_next_free", where it is of a weekend, to the first weekday that no holiday before it has;
    "from_sunday", to the Monday.
    """

    name: str
    day: str = ""
    weekday: str = ""
    easter: int | None = None
    lunar: str = ""
    offset: int = 0
    sun_longitude: int | None = None
    moved: str = ""
    since: int = 0

    def of(self, year: int) -> date:
        """Its day in a year, before it is moved."""
        if self.easter is not None:
            return easter(year) + self.easter * ONE_DAY
        if self.sun_longitude is not None:
            return solar_term(year, self.sun_longitude)
        if self.lunar:
            return lunar_day(year, *_month_and_day(self.lunar)) + self.offset * ONE_DAY
        first = date(year, *_month_and_day(self.day))
        if self.weekday:
            return first + (WEEKDAYS.index(self.weekday) - first.weekday()) % 7 * ONE_DAY
        return first


def holidays(rules: Iterable[Holiday], year: int) -> frozenset[date]:
    """The days that the rules close in a year."""
    closed = set[date]()
    for rule in rules:
        if year >= rule.since:
            closed.add(_moved(rule, rule.of(year), closed))
    return frozenset(closed)


def named_days(year: int, text: str) -> frozenset[date]:
    """The days of a year that a text names: `01-01 05-01..05-05`."""
    days = set[date]()
    for part in text.split():
        first, _, last = part.partition("..")
        begins = date(year, *_month_and_day(first))
        ends = date(year, *_month_and_day(last)) if last else begins
        days |= {begins + i * ONE_DAY for i in range((ends - begins).days + 1)}
    return frozenset(days)


def is_weekend(day: date) -> bool:
    """Whether a day is a Saturday or a Sunday."""
    return day.weekday() >= SATURDAY


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


def _moved(rule: Holiday, day: date, taken: set[date]) -> date:
    if rule.moved == TO_NEXT_FREE:
        while is_weekend(day) or day in taken:
            day += ONE_DAY
    elif rule.moved == FROM_SUNDAY and day.weekday() == SUNDAY:
        day += ONE_DAY
    elif rule.moved not in {"", FROM_SUNDAY}:
        raise Defect(f"{rule.name} is moved {rule.moved}, which is no rule")
    return day


def _month_and_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)
