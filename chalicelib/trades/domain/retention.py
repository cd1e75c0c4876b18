"""The part of the price that stays back against defects, and goes to those who earned it when its day has come."""

from __future__ import annotations

from datetime import datetime

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

    Raises Conflict `trade_state`, `nothing_retained`, `retention_not_due`, `amount_disputed`, `split_exceeds_amount`.
    """
    check_state(trade, Command.RELEASE_RETENTION)
    if not trade.retained_minor:
        raise Conflict("nothing_retained", "nothing stays back", trade_id=trade.trade_id)
    if trade.retained_until is not None and now.date() < trade.retained_until:
        until = trade.retained_until.isoformat()
        raise Conflict("retention_not_due", "its day has not come", retained_until=until)
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


def _parts(terms: Terms, trade: Trade, amount: int) -> Parts:
    rule = terms.template.retention
    own = rule.split if rule and rule.split else (ShareRule(terms.template.seller, ShareKind.REMAINDER),)
    return divided(terms, trade, own, Portion(amount, 0, trade.charged_minor))
