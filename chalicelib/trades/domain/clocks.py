"""The clocks of a trade: when silence becomes acceptance, which stands still while there is a dispute, and the day the
retention is kept until.

Business days are whole days of the template's calendar, by UTC: five of them after a Monday have passed when the next
Tuesday begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.core.calendars import Calendar, add_business_days, business_days, calendar
from chalicelib.trades.domain.milestones import Point, is_signed, keys_before, missing_evidence, points
from chalicelib.trades.domain.states import IN_FULL, State
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Progress, Trade


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
        return replace(after, retained_until=(now + timedelta(days=rule.days)).date())
    return clocked(terms, after, now)


def stopped(terms: Terms, trade: Trade, now: datetime) -> Trade:
    """The trade with its clocks stopped: each keeps the business days that are left. One whose time was over by now has
    become acceptance, whether or not a schedule has said so yet."""
    return _each_clock(terms, trade, lambda days, one: _stopped(days, one, now))


def resumed(terms: Terms, trade: Trade, now: datetime, since: datetime) -> Trade:
    """The trade with its clocks running again: what was left of them still is. It expires, and its difference is drawn,
    so much later as it has stood still since."""
    later = now - since
    return replace(
        _each_clock(terms, trade, lambda days, one: _resumed(days, one, now)),
        expires_at=trade.expires_at + later if trade.expires_at else None,
        top_up_at=trade.top_up_at + later if trade.top_up_at else None,
    )


def day_begins(day: date) -> datetime:
    """The instant a day begins, by UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def _each_clock(terms: Terms, trade: Trade, change: Callable[[Calendar, Progress], Progress]) -> Trade:
    days = calendar(terms.template.calendar)
    changed = {key: change(days, one) for key, one in trade.progress.items() if key not in trade.done}
    return replace(trade, progress=trade.progress | changed)


def _waits_for_signers(terms: Terms, trade: Trade, one: Point) -> bool:
    if one.key in trade.done or is_signed(trade, one) or trade.progress.get(one.key, Progress()).ready_at:
        return False
    return not missing_evidence(terms, trade, one) and all(key in trade.done for key in keys_before(terms, one))


def _begun(terms: Terms, trade: Trade, one: Point, now: datetime) -> Progress:
    ends = _ends(calendar(terms.template.calendar), now, one.milestone.deemed_days)
    return replace(trade.progress.get(one.key, Progress()), ready_at=now, deemed_at=ends)


def _stopped(days: Calendar, progress: Progress, now: datetime) -> Progress:
    if progress.deemed_at is None or progress.accepted:
        return progress
    if now >= progress.deemed_at:
        return replace(progress, accepted=True)
    last = progress.deemed_at.date() - timedelta(days=1)
    left = len(business_days(days, now.date() + timedelta(days=1), last))
    return replace(progress, deemed_at=None, days_left=left)


def _resumed(days: Calendar, progress: Progress, now: datetime) -> Progress:
    if progress.days_left is None:
        return progress
    return replace(progress, deemed_at=_ends(days, now, progress.days_left), days_left=None)


def _ends(days: Calendar, now: datetime, n: int) -> datetime:
    """The instant at which `n` business days after today have passed."""
    return day_begins(add_business_days(days, now.date(), n) + timedelta(days=1))
