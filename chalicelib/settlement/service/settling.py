"""Letting a trade's escrow go by performance: final settlement, release by milestone, release of the retention."""

from __future__ import annotations

from chalicelib.core.call import Call
from chalicelib.settlement.kinds import RELEASED, RETENTION_RELEASED, SETTLED
from chalicelib.settlement.service.dividing import Way, divide_escrow
from chalicelib.settlement.store.credit import credit_funding_key
from chalicelib.storage.once import Outcome
from chalicelib.storage.reads import Found
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.final import final_settlement
from chalicelib.trades.domain.releasing import release
from chalicelib.trades.domain.retention import release_retention
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade


def settle_finally(call: Call, trade_id: str, lot: str = "") -> Outcome:
    """Fix price and quantity by the evidence (of one lot, where lots settle by themselves), refund what is too much,
    divide the rest: one commit.

    Where the escrow holds too little, nothing moves and the trade asks for the difference: once that is there, the
    command settles it under a new key. Raises NotFound `trade_not_found` and what `final_settlement` raises.
    """

    def rule(terms: Terms, trade: Trade, found: Found) -> Division:
        evidence = trades_store.take_evidence_of(found, call.tenant, trade)
        return final_settlement(terms, trade, evidence, lot, now=call.now)

    keys = (trades_store.evidence_key(call.tenant, trade_id), credit_funding_key(call.tenant, trade_id))
    return divide_escrow(call, trade_id, Way(SETTLED, rule, _named(lot=lot), keys, feeds=True))


def release_milestone(call: Call, trade_id: str, milestone: str, lot: str = "") -> Outcome:
    """Let the escrow go by the waterfall, for a milestone (of a lot) whose terms were agreed from the start. What a lot
    cost that was called back goes to the buyer.

    One read, one commit, unless something is refunded. Raises NotFound `trade_not_found` and what `release` raises.
    """

    def rule(terms: Terms, trade: Trade, found: Found) -> Division:
        return release(terms, trade, milestone, lot, now=call.now)

    way = Way(RELEASED, rule, _named(milestone=milestone, lot=lot), feeds=True, shows=False)
    return divide_escrow(call, trade_id, way)


def release_retained(call: Call, trade_id: str) -> Outcome:
    """Let go of what stayed back against defects, but for what of it is in dispute.

    Raises NotFound `trade_not_found` and what `release_retention` raises.
    """

    def rule(terms: Terms, trade: Trade, found: Found) -> Division:
        return release_retention(terms, trade, now=call.now)

    return divide_escrow(call, trade_id, Way(RETENTION_RELEASED, rule, feeds=True))


def _named(**facts: str) -> dict[str, str]:
    """Those of the facts that say something."""
    return {name: value for name, value in facts.items() if value}
