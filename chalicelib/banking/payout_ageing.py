"""How long a payout may wait for its next step, and since when it waits too long. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from chalicelib.banking.domain import Bank
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.core.calendars import WEEKDAYS, CalendarUnknown, add_business_days, calendar, home_calendar
from chalicelib.core.errors import Defect

FILE_WITHIN = timedelta(minutes=15)
"""How long the file of a payout may take."""

REMINDER = timedelta(days=1)
"""How often a payout is named again that is still overdue."""

UNSENT = frozenset({State.CREATED, State.SENDING})
AWAITED = frozenset({State.SENT, State.ACCEPTED, State.PARTLY_RETURNED})
PENDING = UNSENT | AWAITED | {State.UNKNOWN, State.REJECTION_UNPROVED}


def new_clock(payout: Payout, *, now: datetime) -> Payout:
    """The payout, or attempt, that has just been made: its file is due soon."""
    return replace(payout, news_at=now, overdue_since=None, due_at=now + FILE_WITHIN)


def with_clock(before: Payout, after: Payout, bank: Bank, *, now: datetime) -> Payout:
    """The payout with the instant at which it is overdue, counted anew where it has got further. News that leaves it
    where it was is no progress, and leaves the clock alone."""
    if _progress(before) == _progress(after):
        return after
    stamped = replace(after, news_at=now, overdue_since=None)
    return replace(stamped, due_at=_overdue_at(stamped, bank))


def mark_overdue(payout: Payout, *, now: datetime) -> Payout:
    """The payout that is overdue, to be named again a day later."""
    if payout.due_at is None or payout.due_at > now:
        raise Defect(f"{payout.payout_id} is not overdue")
    return replace(payout, overdue_since=payout.overdue_since or payout.due_at, due_at=now + REMINDER)


def is_pending(payout: Payout) -> bool:
    """Whether something is still to come: of a payout that came back before its debit was known, the debit."""
    return payout.state in PENDING or (payout.state is State.RETURNED and not payout.debit_reference)


def proof_day(payout: Payout, bank: Bank) -> date | None:
    """The last day on which the bank may still book a debit of what it has rejected, by the business days of where the
    currency is settled; None where those are not known that far, so that nothing proves it yet."""
    try:
        return add_business_days(home_calendar(payout.currency), payout.execute_on, bank.debit_days)
    except CalendarUnknown:
        return None


def _alarm_day(payout: Payout, day: date, count: int) -> date:
    """The day that many business days later, by which news is awaited: weekdays where those are not known that far, as
    an alarm is better early than late."""
    try:
        return add_business_days(home_calendar(payout.currency), day, count)
    except CalendarUnknown:
        return add_business_days(calendar(WEEKDAYS), day, count)


def _overdue_at(payout: Payout, bank: Bank) -> datetime | None:
    if not is_pending(payout):
        return None
    at, days = payout.news_at or payout.began_at, home_calendar(payout.currency)
    if payout.state in UNSENT:
        return at + FILE_WITHIN
    if payout.state is State.UNKNOWN:
        return at
    if payout.state is State.REJECTION_UNPROVED:
        return days.begins(_alarm_day(payout, payout.execute_on, bank.debit_days) + timedelta(days=1))
    last_day = max(payout.execute_on, days.day_of(at))
    return days.begins(_alarm_day(payout, last_day, bank.news_days) + timedelta(days=1))


def _progress(payout: Payout) -> tuple[object, ...]:
    return payout.current_id, payout.state, payout.debit_reference, payout.returned_minor
