"""Centres of business as dated data, one file each, read once per process: zone, holidays, and from when to when its
days are known.

A file that is changed gets the next `version`. Beyond `known_through` only what the law closes every year is known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.core.holidays import RULES_THROUGH, Holiday, holidays, is_weekend, named_days
from chalicelib.core.values import dataclass
from chalicelib.core.zones import zone_of

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Centre:
    """A place that does business on some days. A change of anything here is a new version.

    `closed` and `worked` are days that are named one by one and go before the rules. `currencies` are those whose banks
    keep its days; `weekends_closed`: no weekend day is ever worked. `zone` is the zone's name, `clocks` its rule.
    """

    name: str
    title: str
    version: int
    zone: str
    clocks: str
    known_from: date
    known_through: date
    source: str
    currencies: tuple[str, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    closed: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()
    weekends_closed: bool = False

    @property
    def time_zone(self) -> ZoneInfo:
        """The zone by whose clocks its days begin and end."""
        return zone_of(self.zone, self.clocks)

    def is_open(self, day: date) -> bool | None:
        """Whether business is done on a day; None where that is not known."""
        if self.known_from <= day <= self.known_through:
            return day in self.worked or not (is_weekend(day) or day in self.closed or day in self._by_rule(day.year))
        if day < self.known_from or day.year > RULES_THROUGH:
            return None
        return False if self._is_closed_by_law(day) else None

    def _is_closed_by_law(self, day: date) -> bool:
        return day in self._by_rule(day.year) or (self.weekends_closed and is_weekend(day))

    def _by_rule(self, year: int) -> frozenset[date]:
        return _holidays(self.holidays, year)


@cache
def _holidays(rules: tuple[Holiday, ...], year: int) -> frozenset[date]:
    return holidays(rules, year)


@cache
def all_centres() -> Mapping[str, Centre]:
    """Every centre by its name."""
    found = (read_centre(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml")))
    return {one.name: one for one in found}


def read_centre(text: str) -> Centre:
    """The centre that a TOML text describes."""
    content: dict[str, Any] = tomllib.loads(text)
    exceptions = content.pop("exceptions", [])
    return Centre(
        closed=_named("closed", exceptions),
        worked=_named("worked", exceptions),
        holidays=tuple(Holiday(**rule) for rule in content.pop("holidays", [])),
        currencies=tuple(content.pop("currencies", [])),
        **content,
    )


def _named(name: str, exceptions: list[dict[str, Any]]) -> frozenset[date]:
    days = (named_days(one["year"], one.get(name, "")) for one in exceptions)
    return frozenset(day for year in days for day in year)
