"""Days of the Chinese lunar calendar, and days on which the sun comes to a longitude, computed from sun and moon.

A month begins on the day of a new moon, and the month in which the winter solstice falls is the eleventh (GB/T
33661-2017), all by the time of Beijing. Source of the formulas: Meeus, Astronomical Algorithms, chapters 25 and 49;
they are some minutes off at most, so that a day is wrong only where an event lies that near to midnight.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from math import floor, radians, sin

JULIAN_EPOCH = 2_451_545.0
"""Noon of 1 January 2000, in Julian days; day 730120 of the calendar."""
EPOCH_DAY = date(2000, 1, 1).toordinal()
BEIJING = 8 / 24 - 70 / 86_400
"""Days that Beijing's clock is ahead of dynamical time, which is some 70 seconds ahead of UTC in this century."""
MONTH = 29.530588861
YEAR = 365.2422
SOLSTICE = 270
SECTOR = 30
"""Degrees of longitude between two of the sun's major terms: a month without one is a leap month."""
MONTHS = 12


def lunar_day(year: int, month: int, day: int) -> date:
    """The day of the lunar year that begins in a year, of the month of this number that is no leap month."""
    begins = _months(year)[month - 1]
    return begins + timedelta(days=day - 1)


@cache
def solar_term(year: int, longitude: int) -> date:
    """The day of a year on which the sun comes to a longitude in degrees: 15 is Qingming, 270 the winter solstice."""
    begins = JULIAN_EPOCH + (year - 2000) * YEAR
    moment = begins + (longitude + 80) % 360 * YEAR / 360
    for _ in range(8):
        off = (longitude - _sun(moment) + 180) % 360 - 180
        moment += off * YEAR / 360
    return _day(moment)


@cache
def _months(year: int) -> tuple[date, ...]:
    """The first day of each of the twelve months of the lunar year that begins in a year, leap months left out."""
    before, after = _numbered(year - 1), _numbered(year)
    return (*before[2:], *after[:2])


@cache
def _numbered(year: int) -> tuple[date, ...]:
    """The first days of the twelve months from the eleventh, in which a year's winter solstice falls, to the tenth."""
    first, last = _eleventh(year), _eleventh(year + 1)
    every = [_new_moon(moon) for moon in range(first, last + 1)]
    months = list(every[:-1])
    if len(months) > MONTHS:
        leap = next(i for i in range(1, len(months)) if not _has_major_term(every[i], every[i + 1]))
        del months[leap]
    return tuple(months)


def _eleventh(year: int) -> int:
    """The number of the new moon that the eleventh month of a year begins with."""
    solstice = solar_term(year, SOLSTICE)
    moon = floor((solstice.toordinal() - EPOCH_DAY) / MONTH) + 1
    while _new_moon(moon) > solstice:
        moon -= 1
    return moon


def _has_major_term(first: date, end: date) -> bool:
    """Whether the sun comes to a multiple of 30 degrees from the first day until the day before `end`."""
    return _sector(first) != _sector(end)


def _sector(day: date) -> int:
    """The multiple of 30 degrees that the sun has passed when a day begins."""
    return floor(_sun(JULIAN_EPOCH + day.toordinal() - EPOCH_DAY - 0.5 - BEIJING) / SECTOR)


def _day(moment: float) -> date:
    """The day in Beijing of a Julian day in dynamical time."""
    return date.fromordinal(floor(moment - JULIAN_EPOCH + 0.5 + BEIJING) + EPOCH_DAY)


def _sun(moment: float) -> float:
    """The sun's apparent longitude in degrees. Meeus, chapter 25, low accuracy: 0.01 of a degree."""
    t = (moment - JULIAN_EPOCH) / 36525
    mean = 280.46646 + 36000.76983 * t + 0.0003032 * t * t
    anomaly = radians(357.52911 + 35999.05029 * t - 0.0001537 * t * t)
    centre = (1.914602 - 0.004817 * t) * sin(anomaly) + 0.019993 * sin(2 * anomaly) + 0.000289 * sin(3 * anomaly)
    node = radians(125.04 - 1934.136 * t)
    return (mean + centre - 0.00569 - 0.00478 * sin(node)) % 360


@cache
def _new_moon(moon: int) -> date:
    """The day of a new moon, counted from that of 6 January 2000. Meeus, chapter 49, with the terms above a minute."""
    t = moon / 1236.85
    mean = 2451550.09766 + MONTH * moon + 0.00015437 * t * t
    e = 1 - 0.002516 * t
    sun = radians(2.5534 + 29.10535670 * moon)
    own = radians(201.5643 + 385.81693528 * moon + 0.0107582 * t * t)
    argument = radians(160.7108 + 390.67050284 * moon - 0.0016118 * t * t)
    node = radians(124.7746 - 1.56375588 * moon + 0.0020672 * t * t)
    return _day(
        mean
        - 0.40720 * sin(own)
        + 0.17241 * e * sin(sun)
        + 0.01608 * sin(2 * own)
        + 0.01039 * sin(2 * argument)
        + 0.00739 * e * sin(own - sun)
        - 0.00514 * e * sin(own + sun)
        + 0.00208 * e * e * sin(2 * sun)
        - 0.00111 * sin(own - 2 * argument)
        - 0.00057 * sin(own + 2 * argument)
        + 0.00056 * e * sin(2 * own + sun)
        - 0.00042 * sin(3 * own)
        + 0.00042 * e * sin(sun + 2 * argument)
        + 0.00038 * e * sin(sun - 2 * argument)
        - 0.00024 * e * sin(2 * own - sun)
        - 0.00017 * sin(node)
    )
