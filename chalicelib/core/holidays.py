"""Holidays by rule: of a fixed date, a weekday, Easter or a festival of the Chinese calendar; and days that are named.

Leaves to others: which centre has which (`core/centres/*.toml`), the days of festivals (`core/festivals.toml`), and how
business days are counted (`calendars.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass

FESTIVALS = Path(__file__).with_name("festivals.toml")
RULES_THROUGH = 2049
"""The last year of which every rule knows its day."""
SATURDAY, SUNDAY = 5, 6
ONE_DAY = timedelta(days=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TO_NEXT_FREE = "to_next_free"
FROM_SUNDAY = "from_sunday"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A holiday of every year since one (0: of all). It is one of: `day` ("05-01") or the first `weekday` from it on;
    `easter` days after Easter Sunday; `offset` days after a `festival`.

    `moved`: "to_next_free", where it is of a weekend, to the first weekday that no holiday before it has;
    "from_sunday", to the Monday.
    """

    name: str
    day: str = ""
    weekday: str = ""
    easter: int | None = None
    festival: str = ""
    offset: int = 0
    moved: str = ""
    since: int = 0

    def of(self, year: int) -> date:
        """Its day in a year, before it is moved."""
        if self.easter is not None:
            return easter(year) + self.easter * ONE_DAY
        if self.festival:
            return festivals()[self.festival][year] + self.offset * ONE_DAY
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


@cache
def festivals() -> Mapping[str, Mapping[int, date]]:
    """The day of each festival of the Chinese calendar, by its name and the year."""
    content: dict[str, list[date]] = tomllib.loads(FESTIVALS.read_text(encoding="utf-8"))
    return {name: {day.year: day for day in days} for name, days in content.items()}


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
