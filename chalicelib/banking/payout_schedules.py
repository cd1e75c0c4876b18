"""When a party is paid: at once after each release, daily, weekly, or only by hand; after a delay, above a minimum.

Pure. A schedule says what to do with money when the time to act has come; nothing here remembers an amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from enum import Enum

from chalicelib.core.calendars import WEEKDAYS, end_of_days
from chalicelib.core.calendars import calendar as calendar_named
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR, exponent
from chalicelib.core.values import dataclass

MAX_DELAY_DAYS = 366
DAYS_OF_WEEK = 7
MAX_CURRENCIES = 50


class Mode(Enum):
    """How often a party is paid."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class PayoutSchedule:
    """When a party is paid. `delay_days`: so many whole days released money waits first. `weekday` (1 is Monday) is the
    day of weekly runs. `minimums` by currency stay on the party's account, in minor units. `next_run_on`: the day of
    the next daily or weekly run. Days begin and end where `calendar` is, whether business is done on them or not."""

    mode: Mode = Mode.AT_ONCE
    delay_days: int = 0
    weekday: int | None = None
    minimums: dict[str, int] = field(default_factory=dict)
    next_run_on: date | None = None
    calendar: str = WEEKDAYS

    @property
    def next_run_at(self) -> datetime | None:
        """When the next run is due: as its day begins where the calendar is."""
        return None if self.next_run_on is None else calendar_named(self.calendar).begins(self.next_run_on)

    def day_of(self, instant: datetime) -> date:
        """The day of an instant where the calendar is."""
        return calendar_named(self.calendar).day_of(instant)

    def minimum_minor(self, currency: str) -> int:
        """What stays on the party's account in a currency."""
        return self.minimums.get(currency, 0)

    def pays_from(self, released_at: datetime) -> datetime:
        """When money that was released at an instant may be paid: once so many days after that one have passed."""
        if not self.delay_days:
            return released_at
        return end_of_days(calendar_named(self.calendar), released_at, self.delay_days)


def new_schedule(
    mode: Mode,
    *,
    delay_days: int,
    weekday: int | None,
    minimums: Mapping[str, int],
    now: datetime,
    calendar: str = WEEKDAYS,
) -> PayoutSchedule:
    """A schedule from `now` on; its first run is the next day, where the calendar is, that fits.

    Raises InvalidInput `unknown_calendar`, `invalid_delay`, `weekday_missing`, `weekday_not_wanted`, `invalid_weekday`,
    `too_many_currencies`, `unknown_currency`, `amount_negative`, `amount_too_large`.
    """
    today = calendar_named(calendar).day_of(now)
    if not 0 <= delay_days <= MAX_DELAY_DAYS:
        raise InvalidInput("invalid_delay", f"0 to {MAX_DELAY_DAYS} days", field="delay_days", maximum=MAX_DELAY_DAYS)
    _check_weekday(mode, weekday)
    if len(minimums) > MAX_CURRENCIES:
        raise InvalidInput("too_many_currencies", f"at most {MAX_CURRENCIES}", field="minimum_balances")
    for currency, minor in minimums.items():
        exponent(currency)
        if minor < 0:
            raise InvalidInput("amount_negative", "a minimum is nothing or more", field="minimum_balances")
        if minor > MAX_MINOR:
            raise InvalidInput("amount_too_large", "more than 28 digits", field="minimum_balances", maximum=MAX_MINOR)
    kept = {currency: minor for currency, minor in minimums.items() if minor}
    return PayoutSchedule(mode, delay_days, weekday, kept, next_run(mode, weekday, after=today), calendar)


def next_run(mode: Mode, weekday: int | None, *, after: date) -> date | None:
    """The first day of a run behind a day; None where there are no runs."""
    if mode is Mode.DAILY:
        return after + timedelta(days=1)
    if mode is Mode.WEEKLY and weekday is not None:
        return after + timedelta(days=(weekday - after.isoweekday() - 1) % DAYS_OF_WEEK + 1)
    return None


def payable_minor(schedule: PayoutSchedule, currency: str, available: int) -> int:
    """What of an available balance a run pays: all above the minimum."""
    return max(available - schedule.minimum_minor(currency), 0)


def _check_weekday(mode: Mode, weekday: int | None) -> None:
    if mode is Mode.WEEKLY and weekday is None:
        raise InvalidInput("weekday_missing", "weekly payouts have a weekday, 1 (Monday) to 7", field="weekday")
    if mode is not Mode.WEEKLY and weekday is not None:
        raise InvalidInput("weekday_not_wanted", "only weekly payouts have a weekday", field="weekday")
    if weekday is not None and not 1 <= weekday <= DAYS_OF_WEEK:
        raise InvalidInput("invalid_weekday", "a weekday is 1 (Monday) to 7", field="weekday")
