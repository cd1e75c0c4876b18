"""The part of the price that stays back against defects, and goes to those who earned it when its day has come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from chalicelib.core.errors import Conflict
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.portion import Parts, Portion, divided
from chalicelib.trades.domain.releasing import nothing, rate_of
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import ShareRule
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, let_go


def release_retention(terms: Terms, trade: Trade, *, now: datetime) -> Division:
    """Let the retention go, but for what of it is in dispute. It is the seller's unless the template divides it, and it
    bears no fees: they were charged when it was kept. One without a day was due, and was set aside.

    Raises Conflict `trade_state`, `nothing_retained`, `calendar_unknown`, `retention_not_due`, `amount_disputed`,
    `split_exceeds_amount`.
    """
    check_state(trade, Command.RELEASE_RETENTION)
    if not trade.retained_minor:
        raise Conflict("nothing_retained", "nothing stays back", trade_id=trade.trade_id)
    _check_due(terms, trade, now)
    disputed = trade.dispute.retained_minor if trade.dispute else 0
    amount = trade.retained_minor - disputed
    if not amount:
        raise Conflict("amount_disputed", "all that stays back is in dispute", disputed=disputed)
    parts = _parts(terms, trade, amount)
    after = let_go(
        trade,
        Command.RELEASE_RETENTION,
        parts.shares,
        nothing(trade),
        otherwise=State.RETAINED,
        retained_minor=disputed,
        by_split=parts.by_split,
    )
    return Division(after, parts.shares, nothing(trade), parts.lines, rate=rate_of(terms, after))


def retention_ends(trade: Trade) -> datetime | None:
    """The instant from which what stays back may be let go; None: its calendar does not know the day yet. One that was
    kept before calendars had zones ends by UTC."""
    if trade.retained_until is not None and not trade.retention_calendar:
        return datetime.combine(trade.retained_until, time.min, tzinfo=UTC)
    return trade.retention_ends_at


def retention_waits(trade: Trade) -> bool:
    """Whether what stays back is let go on a day that its calendar does not know yet."""
    return trade.retained_until is not None and retention_ends(trade) is None


def without_retention_day(trade: Trade) -> Trade:
    """The trade whose retention may be let go at any time."""
    return replace(trade, retained_until=None, retention_ends_at=None, retention_calendar="")


def _check_due(terms: Terms, trade: Trade, now: datetime) -> None:
    if trade.retained_until is None:
        return
    ends, until = retention_ends(trade), trade.retained_until.isoformat()
    if ends is None:
        facts = {"calendar": terms.template.calendar, "retained_until": until}
        raise Conflict("calendar_unknown", "the calendar does not know that day yet", **facts)
    if now < ends:
        raise Conflict("retention_not_due", "its day has not come", retained_until=until)


def _parts(terms: Terms, trade: Trade, amount: int) -> Parts:
    rule = terms.template.retention
    own = rule.split if rule and rule.split else (ShareRule(terms.template.seller, ShareKind.REMAINDER),)
    return divided(terms, trade, own, Portion(amount, 0, trade.charged_minor))
