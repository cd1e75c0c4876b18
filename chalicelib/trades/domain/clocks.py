"""The clocks of a trade: when silence becomes acceptance, which stands still while there is a dispute, and the day the
retention is kept until.

Days are whole days of the template's calendar, where that is: five business days after a Monday have passed when the
next Tuesday begins there, and five days of any kind when the Sunday does. A clock that would end on a day the calendar
does not know yet waits, and is counted by the version that knows it (`recounting.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from chalicelib.core.calendars import (
    ONE_DAY,
    Calendar,
    CalendarUnknown,
    count_business_days,
    due_day,
    end_of_business_days,
    end_of_days,
    put_off,
)
from chalicelib.trades.domain.milestones import Point, is_signed, keys_before, missing_evidence, points
from chalicelib.trades.domain.states import IN_FULL, State
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Progress, Trade


def end_of_term(terms: Terms, days: int, now: datetime) -> datetime | None:
    """The instant at which a term of so many days ends that begins now: at midnight where the template's calendar is.
    None: there is no such term."""
    return end_of_days(terms.days, now, days) if days else None


def clocked(terms: Terms, trade: Trade, now: datetime) -> Trade:
    """The trade with the clock begun of each milestone that only its signers keep waiting."""
    if trade.stage not in IN_FULL or trade.dispute is not None:
        return trade
    begun = {
        one.key: _begun(terms, trade, one, now)
        for one in points(terms)
        if one.milestone.deemed_days and _waits_for_signers(terms, trade, one)
    }
    return replace(trade, progress=trade.progress | begun) if begun else trade


def gone_on(terms: Terms, before: Trade, after: Trade, now: datetime) -> Trade:
    """The trade after money has left it, with its clocks begun: that of the retention where nothing else is held from
    now on."""
    rule = terms.template.retention
    if rule and after.retained_minor and State.RETAINED is after.stage is not before.stage:
        days = terms.days
        until = days.day_of(now) + timedelta(days=rule.days)
        return count_retention(terms, replace(after, retained_until=until))
    return clocked(terms, after, now)


def count_retention(terms: Terms, trade: Trade) -> Trade:
    """The trade with the instant at which its retention ends: when the day begins, by the rule's convention, where the
    calendar is. Where that day is not known yet, it has none."""
    rule = terms.template.retention
    if rule is None or trade.retained_until is None:
        return trade
    days = terms.days
    try:
        ends = days.begins(due_day(days, trade.retained_until, rule.convention))
    except CalendarUnknown:
        ends = None
    return replace(trade, retention_ends_at=ends, retention_calendar=days.version)


def stopped(terms: Terms, trade: Trade, now: datetime) -> Trade:
    """The trade with its clocks stopped: each keeps the business days that are left. One whose time was over by now has
    become acceptance, whether or not a schedule has said so yet."""
    return _each_clock(terms, trade, lambda days, key, one: _stopped(terms, days, key, one, now))


def resumed(terms: Terms, trade: Trade, now: datetime, since: datetime) -> Trade:
    """The trade with its clocks running again: what was left of them still is. It expires, and its difference is drawn,
    so many days later as it has stood still since."""
    days = terms.days
    later = (days.day_of(now) - days.day_of(since)).days
    return replace(
        _each_clock(terms, trade, lambda _, key, one: _resumed(days, one, now)),
        expires_at=put_off(days, trade.expires_at, later) if trade.expires_at else None,
        top_up_at=put_off(days, trade.top_up_at, later) if trade.top_up_at else None,
    )


def restarted(terms: Terms, trade: Trade, now: datetime) -> Trade:
    """The trade with the clocks running again that stood still while money was missing; none does in a dispute."""
    if trade.dispute is not None or all(one.days_left is None for one in trade.progress.values()):
        return trade
    return _each_clock(terms, trade, lambda days, key, one: _resumed(days, one, now))


def silence(terms: Terms, key: str, progress: Progress) -> tuple[datetime, int]:
    """Since when the clock of a milestone has been running, and for how many business days."""
    if progress.resumed_at is not None:
        return progress.resumed_at, progress.resumed_days
    name, _, _ = key.partition("/")
    return progress.ready_at or terms.opened_at, terms.milestone(name).deemed_days


def ends_of_silence(days: Calendar, since: datetime, n: int) -> datetime | None:
    """The instant at which `n` business days after that of `since` have passed; None where the calendar does not know
    that yet."""
    try:
        return end_of_business_days(days, since, n)
    except CalendarUnknown:
        return None


def counted_anew(terms: Terms, key: str, one: Progress, now: datetime) -> Progress:
    """A milestone's running clock counted by the calendar as it is now. Where its end changes there is at least one
    more business day, so that nobody is surprised by a day that is over already."""
    days, ends = terms.days, end_by_version(terms, key, one)
    if ends != one.deemed_at and ends is not None:
        ends = not_at_once(days, ends, now)
    return replace(one, deemed_at=ends, calendar_version=days.version)


def end_by_version(terms: Terms, key: str, one: Progress) -> datetime | None:
    """The end of a milestone's clock by the calendar as it is now. One that was counted before versions were kept does
    not say whether a dispute had stopped it: its end is not moved to an earlier instant."""
    days = terms.days
    ends = ends_of_silence(days, *silence(terms, key, one))
    if one.calendar_version or one.deemed_at is None:
        return ends
    if days.day_of(one.deemed_at) - ONE_DAY > days.known_through:
        return None
    return None if ends is None else max(ends, one.deemed_at)


def not_at_once(days: Calendar, ends: datetime, now: datetime) -> datetime | None:
    """An end that is at least one business day from now; None where the calendar does not know that yet."""
    earliest = ends_of_silence(days, now, 1)
    return None if earliest is None else max(ends, earliest)


def _each_clock(terms: Terms, trade: Trade, change: Callable[[Calendar, str, Progress], Progress]) -> Trade:
    days = terms.days
    changed = {key: change(days, key, one) for key, one in trade.progress.items() if key not in trade.done}
    return replace(trade, progress=trade.progress | changed)


def _waits_for_signers(terms: Terms, trade: Trade, one: Point) -> bool:
    if one.key in trade.done or is_signed(trade, one) or trade.progress.get(one.key, Progress()).ready_at:
        return False
    return not missing_evidence(terms, trade, one) and all(key in trade.done for key in keys_before(terms, one))


def _begun(terms: Terms, trade: Trade, one: Point, now: datetime) -> Progress:
    days = terms.days
    ends = ends_of_silence(days, now, one.milestone.deemed_days)
    before = trade.progress.get(one.key, Progress())
    return replace(before, ready_at=now, deemed_at=ends, calendar_version=days.version)


def _stopped(terms: Terms, days: Calendar, key: str, progress: Progress, now: datetime) -> Progress:
    if progress.accepted or (progress.deemed_at is None and not progress.waits_for_calendar):
        return progress
    if progress.calendar_version not in {"", days.version} and not _has_ended(terms, key, progress, now):
        progress = counted_anew(terms, key, progress, now)
    if progress.deemed_at is not None and now >= progress.deemed_at:
        return replace(progress, accepted=True)
    if progress.deemed_at is not None:
        last = days.day_of(progress.deemed_at) - ONE_DAY
        left = _known_days(days, days.day_of(now) + ONE_DAY, last)
    else:
        since, n = silence(terms, key, progress)
        left = max(n - _known_days(days, days.day_of(since) + ONE_DAY, days.day_of(now)), 0)
    return replace(progress.unclocked(), days_left=left, calendar_version=days.version)


def _has_ended(terms: Terms, key: str, one: Progress, now: datetime) -> bool:
    """Whether a clock has ended by the version that counted it, and not after now by this one."""
    if one.deemed_at is None or now < one.deemed_at:
        return False
    ends = end_by_version(terms, key, one)
    return ends is not None and ends <= one.deemed_at


def _known_days(days: Calendar, first: date, last: date) -> int:
    """The business days from `first` to `last`, as far as they are known: one that nobody knows has not passed."""
    return count_business_days(days, max(first, days.known_from), min(last, days.known_through))


def _resumed(days: Calendar, progress: Progress, now: datetime) -> Progress:
    left = progress.days_left
    if left is None:
        return progress
    ends = ends_of_silence(days, now, left)
    after = replace(progress, deemed_at=ends, days_left=None, resumed_at=now, resumed_days=left)
    return replace(after, calendar_version=days.version)
