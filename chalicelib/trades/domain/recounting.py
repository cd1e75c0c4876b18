"""Running clocks counted anew by another version of their calendar. What has ended stays ended.

A clock whose end changes has at least one more business day from now on, so that nobody is surprised by a day that is
over already. While one waited, its trade did not expire; counted, it does not expire before its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from chalicelib.core.calendars import Calendar
from chalicelib.core.values import dataclass
from chalicelib.trades.domain.clocks import count_retention, counted_anew, end_by_version, not_at_once
from chalicelib.trades.domain.states import IN_FULL, State
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Progress, Trade

RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Change:
    """The end of a clock (of a milestone, or "retention") before and after; None: the calendar does not know it."""

    clock: str
    before: datetime | None
    after: datetime | None


def recounted(terms: Terms, trade: Trade, now: datetime) -> tuple[Trade, tuple[Change, ...]]:
    """The trade with its running clocks counted by the calendar as it is now, and the ends that have changed."""
    days = terms.days
    progress = {key: counted_anew(terms, key, one, now) for key, one in _running(trade, days, now).items()}
    changes = [Change(key, trade.progress[key].deemed_at, one.deemed_at) for key, one in progress.items()]
    after = _retention(terms, replace(trade, progress=trade.progress | progress), days, now)
    changes.append(Change(RETENTION, trade.retention_ends_at, after.retention_ends_at))
    told = tuple(one for one in changes if one.before != one.after)
    return _not_expired_before(trade, after), told


def is_outdated(terms: Terms, trade: Trade, key: str) -> bool:
    """Whether the clock of a milestone, or the retention's, was counted by another version of its calendar, and would
    end later by this one, or when nobody knows."""
    days, one = terms.days, trade.progress.get(key, Progress())
    if key == RETENTION:
        return _is_retention_outdated(terms, trade)
    if one.deemed_at is None or one.accepted or one.calendar_version == days.version:
        return False
    ends = end_by_version(terms, key, one)
    return ends is None or ends > one.deemed_at


def _is_retention_outdated(terms: Terms, trade: Trade) -> bool:
    before = trade.retention_ends_at
    if before is None or trade.retention_calendar in {"", terms.days.version}:
        return False
    ends = count_retention(terms, trade).retention_ends_at
    return ends is None or ends > before


def _running(trade: Trade, days: Calendar, now: datetime) -> Mapping[str, Progress]:
    """The clocks that run, or wait for their calendar, and were counted by another version."""
    if trade.stage not in IN_FULL or trade.dispute is not None:
        return {}
    old = {key: one for key, one in trade.progress.items() if one.calendar_version != days.version}
    return {key: one for key, one in old.items() if key not in trade.done and _runs(one)}


def _runs(one: Progress) -> bool:
    return not one.accepted and (one.deemed_at is not None or one.waits_for_calendar)


def _retention(terms: Terms, trade: Trade, days: Calendar, now: datetime) -> Trade:
    before = trade.retention_ends_at
    if trade.retained_until is None or trade.retention_calendar in {"", days.version} or _has_ended(terms, trade, now):
        return trade
    after = count_retention(terms, trade)
    if after.retention_ends_at in {before, None}:
        return after
    return replace(after, retention_ends_at=not_at_once(days, after.retention_ends_at, now))


def _has_ended(terms: Terms, trade: Trade, now: datetime) -> bool:
    """Whether the retention is over, by this version too."""
    ends = trade.retention_ends_at
    return ends is not None and ends <= now and not _is_retention_outdated(terms, trade)


def _not_expired_before(before: Trade, after: Trade) -> Trade:
    """A trade that could not expire while a clock waited has at least that clock's time."""
    waited = [key for key, one in before.progress.items() if one.waits_for_calendar]
    ends = [one.deemed_at for key in waited if (one := after.progress[key]).deemed_at is not None]
    if after.expires_at is None or not ends or after.state is State.DISPUTED:
        return after
    return replace(after, expires_at=max(after.expires_at, *ends))
