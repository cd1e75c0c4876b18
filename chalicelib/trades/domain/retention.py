"""The part of the price that stays back against defects, and goes to those who earned it when its day has come."""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.splits.domain.waterfall import KEPT, Shares, divide
from chalicelib.trades.domain.releasing import nothing
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, let_go


def release_retention(terms: Terms, trade: Trade, *, now: datetime) -> Division:
    """Let the retention go, but for what of it is in dispute. It is the seller's unless the template divides it.

    Raises Conflict `trade_state`, `nothing_retained`, `retention_not_due`, `amount_disputed`.
    """
    check_state(trade, Command.RELEASE_RETENTION)
    if not trade.retained_minor or trade.retained_until is None:
        raise Conflict("nothing_retained", "nothing stays back", trade_id=trade.trade_id)
    if now.date() < trade.retained_until:
        facts = {"retained_until": trade.retained_until.isoformat()}
        raise Conflict("retention_not_due", "its day has not come", **facts)
    disputed = trade.dispute.retained_minor if trade.dispute else 0
    amount = Money(trade.retained_minor - disputed, trade.currency)
    if not amount.minor:
        raise Conflict("amount_disputed", "all that stays back is in dispute", disputed=disputed)
    shares = _shares(terms, amount)
    released = sum(part.minor for _, part in shares)
    to = State.RELEASING if trade.held_minor > released else State.COMPLETED
    after = let_go(trade, Command.RELEASE_RETENTION, to, shares, nothing(trade), retained_minor=disputed)
    return Division(after, shares, nothing(trade))


def _shares(terms: Terms, amount: Money) -> Shares:
    rule = terms.template.retention
    if rule is None or not rule.split:
        return ((terms.template.seller, amount),)
    return tuple((role, part) for role, part in divide(terms.waterfall(rule.split), amount) if role != KEPT)
