"""The clocks of a trade: when silence becomes acceptance, stopped while there is a dispute.

Business days are whole days of the template's calendar, by UTC: five of them after a Monday have passed when the next
Tuesday begins.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.core.calendars import Calendar, add_business_days, business_days, calendar
from chalicelib.trades.domain.milestones import Point, is_signed, keys_before, missing_evidence, points
from chalicelib.trades.domain.states import IN_FULL
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


def stopped(terms: Terms, trade: Trade, now: datetime) -> Trade:
    """The trade with its clocks stopped: each keeps the business days that are left."""
    days = calendar(terms.template.calendar)
    return replace(trade, progress={key: _stopped(days, one, now) for key, one in trade.progress.items()})


def resumed(terms: Terms, trade: Trade, now: datetime, since: datetime) -> Trade:
    """The trade with its clocks running again: what was left of them still is, and the trade expires so much later as
    it has stood still since."""
    days = calendar(terms.template.calendar)
    expires_at = trade.expires_at + (now - since) if trade.expires_at else None
    progress = {key: _resumed(days, one, now) for key, one in trade.progress.items()}
    return clocked(terms, replace(trade, progress=progress, expires_at=expires_at), now)


def day_begins(day: date) -> datetime:
    """The instant a day begins, by UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def _waits_for_signers(terms: Terms, trade: Trade, one: Point) -> bool:
    if one.key in trade.done or is_signed(trade, one) or trade.progress.get(one.key, Progress()).ready_at:
        return False
    return not missing_evidence(terms, trade, one) and all(key in trade.done for key in keys_before(terms, one))


def _begun(terms: Terms, trade: Trade, one: Point, now: datetime) -> Progress:
    last = add_business_days(calendar(terms.template.calendar), now.date(), one.milestone.deemed_days)
    before = trade.progress.get(one.key, Progress())
    return replace(before, ready_at=now, deemed_at=day_begins(last + timedelta(days=1)))


def _stopped(days: Calendar, progress: Progress, now: datetime) -> Progress:
    if progress.deemed_at is None or progress.accepted:
        return progress
    last = progress.deemed_at.date() - timedelta(days=1)
    left = len(business_days(days, now.date() + timedelta(days=1), last))
    return replace(progress, deemed_at=None, days_left=left)


def _resumed(days: Calendar, progress: Progress, now: datetime) -> Progress:
    if progress.days_left is None:
        return progress
    last = add_business_days(days, now.date(), progress.days_left)
    return replace(progress, deemed_at=day_begins(last + timedelta(days=1)), days_left=None)
