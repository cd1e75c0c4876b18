"""Business days by named calendars: which days count where deadlines are in business days and prices are fixed daily.

A calendar is a centre (`weekdays`, `TARGET`, `LONDON`, `NEW_YORK`, `CN`, `CN_EXCHANGE`: `core/centres/*.toml`), or
several joined by a plus (`CN+TARGET`), where business is done on the days on which all of them do it. Its days are
those of its zone, that of the first centre. They are known for so long only: beyond that nothing is guessed, and what
would need a day that is not known is refused with `calendar_unknown`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import cache
from zoneinfo import ZoneInfo

from chalicelib.core.centres import Centre, all_centres
from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.values import dataclass

ONE_DAY = timedelta(days=1)
MOST_DAYS = 4000
"""Days between which business days are listed at once: more than ten years."""
MOST_CENTRES = 4
WEEKDAYS = "weekdays"
FIRST_ZONE = timedelta(hours=14)
"""How far ahead of UTC the zone is in which days begin first."""
NOTICE = timedelta(days=60)
"""How long before its horizon a calendar is named as ending."""


class CalendarUnknown(Conflict):
    """What is asked would need a day of which nobody knows yet whether it is a business day."""


class Convention(Enum):
    """Where a due day goes that is no business day: to the next one; to the next unless that is of another month, then
    to the one before; to the one before; nowhere."""

    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which all of its centres do business."""

    name: str
    centres: tuple[Centre, ...]

    @property
    def version(self) -> str:
        """The versions of its data, by centre: `CN.2`."""
        return "+".join(f"{one.name}.{one.version}" for one in self.centres)

    @property
    def known_from(self) -> date:
        """The first day that is known."""
        return max(one.known_from for one in self.centres)

    @property
    def known_through(self) -> date:
        """The horizon: the last day that is known."""
        return min(one.known_through for one in self.centres)

    @property
    def zone(self) -> ZoneInfo:
        """The zone by whose clocks its days begin and end."""
        return self.centres[0].time_zone

    def is_business_day(self, day: date) -> bool:
        """Whether business is done on a day. Raises CalendarUnknown `calendar_unknown`."""
        known = [one.is_open(day) for one in self.centres]
        if False in known:
            return False
        if None in known:
            raise self._unknown(day)
        return True

    def day_of(self, instant: datetime) -> date:
        """The day of an instant where the calendar is; at either end of time, where no zone is known, by UTC."""
        try:
            return instant.astimezone(self.zone).date()
        except OverflowError:
            return instant.astimezone(UTC).date()

    def days_left(self, now: datetime) -> int:
        """The days from that of `now` to the last that is known; less than nothing once that is past."""
        return (self.known_through - self.day_of(now)).days

    def begins(self, day: date) -> datetime:
        """The instant a day begins where the calendar is; the first of all by UTC."""
        try:
            return datetime.combine(day, time.min, tzinfo=self.zone).astimezone(UTC)
        except OverflowError:
            return datetime.combine(day, time.min, tzinfo=UTC)

    def after(self, day: date) -> date:
        """The day after a day. Raises CalendarUnknown `calendar_unknown` where there is none."""
        if day == date.max:
            raise self._unknown(day)
        return day + ONE_DAY

    def _unknown(self, day: date) -> CalendarUnknown:
        facts = {
            "calendar": self.name,
            "version": self.version,
            "day": day.isoformat(),
            "known_from": self.known_from.isoformat(),
            "known_through": self.known_through.isoformat(),
        }
        return CalendarUnknown("calendar_unknown", "the calendar's days are not known that far", **facts)


@cache
def calendar(name: str, field: str = "calendar") -> Calendar:
    """The calendar of this name. Raises InvalidInput `unknown_calendar`, naming `field`."""
    known = all_centres()
    names = name.split("+")
    if not set(names) <= set(known) or len(set(names)) < len(names) or len(names) > MOST_CENTRES:
        facts = {"field": field, "calendar": name, "known": sorted(known)}
        sentence = f"calendars are {', '.join(sorted(known))}, or up to {MOST_CENTRES} of them joined by +"
        raise InvalidInput("unknown_calendar", sentence, **facts)
    return Calendar(name, tuple(known[one] for one in names))


CALENDARS = {name: calendar(name) for name in all_centres()}
"""The calendar of each centre by its name."""


def ending_calendars(now: datetime) -> tuple[Calendar, ...]:
    """The calendars whose last known day is at most 60 days away, or past, the nearest first."""
    near = [one for one in CALENDARS.values() if one.days_left(now) <= NOTICE.days]
    return tuple(sorted(near, key=lambda one: one.known_through))


@cache
def home_calendar(currency: str) -> Calendar:
    """The calendar of the centre whose banks settle a currency, by whose days its accounts are kept; weekdays by UTC
    where no centre is known for it."""
    homes = (one.name for one in all_centres().values() if currency in one.currencies)
    return calendar(next(homes, WEEKDAYS))


def today_in(currency: str, now: datetime) -> date:
    """The day it is where the banks are that settle a currency."""
    return home_calendar(currency).day_of(now)


def booked_instant(currency: str, booked_on: date | None, now: datetime) -> datetime:
    """The instant at which what a bank dates so is booked: the start of that day where the currency is settled, where
    that day is past there, else now."""
    if booked_on is None or booked_on >= today_in(currency, now):
        return now
    return home_calendar(currency).begins(booked_on)


def latest_day(now: datetime) -> date:
    """The day that it is where days begin first: no day after it has begun anywhere."""
    return (now + FIRST_ZONE).date()


def add_business_days(calendar: Calendar, day: date, n: int) -> date:
    """The `n`-th business day after a day; for 0 the day itself, whatever it is. Raises CalendarUnknown."""
    if n < 0:
        raise Defect("business days are counted forwards")
    while n:
        day = calendar.after(day)
        n -= calendar.is_business_day(day)
    return day


def end_of_business_days(calendar: Calendar, now: datetime, n: int) -> datetime:
    """The instant at which `n` business days after that of `now` have passed: midnight where the calendar is. Raises
    CalendarUnknown."""
    last = add_business_days(calendar, calendar.day_of(now), n)
    return calendar.begins(calendar.after(last))


def end_of_days(calendar: Calendar, now: datetime, n: int) -> datetime:
    """The instant at which `n` days after that of `now` have passed, whatever days they are: midnight where the
    calendar is, also over a night that its clocks make longer or shorter."""
    return calendar.begins(calendar.day_of(now) + (n + 1) * ONE_DAY)


def put_off(calendar: Calendar, end: datetime, n: int) -> datetime:
    """The instant at which a term ends that is put off by `n` days: midnight where the calendar is, and the next one
    where it ended within a day."""
    day = calendar.day_of(end)
    whole = day if calendar.begins(day) == end else day + ONE_DAY
    return calendar.begins(whole + n * ONE_DAY)


def count_business_days(calendar: Calendar, first: date, last: date) -> int:
    """How many business days there are from `first` to `last`, both included. Raises CalendarUnknown."""
    return sum(calendar.is_business_day(first + i * ONE_DAY) for i in range((last - first).days + 1))


def business_days(calendar: Calendar, first: date, last: date) -> tuple[date, ...]:
    """The business days from `first` to `last`, both included; none where `last` is earlier. Raises CalendarUnknown."""
    span = (last - first).days + 1
    if span > MOST_DAYS:
        raise Defect(f"{span} days are too many to list")
    days = (first + i * ONE_DAY for i in range(span))
    return tuple(day for day in days if calendar.is_business_day(day))


def due_day(calendar: Calendar, day: date, convention: Convention) -> date:
    """Where a convention puts a due day. Raises CalendarUnknown."""
    if convention is Convention.NONE:
        return day
    if convention is Convention.PRECEDING:
        return _nearest(calendar, day, -ONE_DAY)
    following = _nearest(calendar, day, ONE_DAY)
    if convention is Convention.MODIFIED_FOLLOWING and (following.year, following.month) != (day.year, day.month):
        return _nearest(calendar, day, -ONE_DAY)
    return following


def _nearest(calendar: Calendar, day: date, step: timedelta) -> date:
    while not calendar.is_business_day(day):
        day += step
    return day
