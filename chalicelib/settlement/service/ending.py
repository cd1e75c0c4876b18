"""Letting a trade's escrow go otherwise than by performance: a dispute decided, a refund, cancellation, expiry."""

from __future__ import annotations

from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.settlement.kinds import CANCELLED, DISPUTE_RESOLVED, EXPIRED, REFUNDED
from chalicelib.settlement.service.dividing import Way, divide_escrow
from chalicelib.settlement.store.credit import credit_funding_key
from chalicelib.storage.once import Outcome
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Key
from chalicelib.trades.domain.disputes import Resolution, resolve
from chalicelib.trades.domain.endings import cancel, expire, refund
from chalicelib.trades.domain.template import Fault
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade


def resolve_dispute(call: Call, trade_id: str, command: Resolution) -> Outcome:
    """Divide the disputed amount as the arbiter says. Raises NotFound `trade_not_found` and what `resolve` raises."""

    def rule(terms: Terms, trade: Trade, found: Found) -> Division:
        return resolve(terms, trade, command, now=call.now)

    way = Way(DISPUTE_RESOLVED, rule, {"role": command.role}, _keys(call, trade_id), feeds=True)
    return divide_escrow(call, trade_id, way)


def refund_from_escrow(call: Call, trade_id: str, amount: Money) -> Outcome:
    """Give the buyer back a part of what is held. Raises NotFound `trade_not_found` and what `refund` raises."""

    def rule(terms: Terms, trade: Trade, found: Found) -> Division:
        return refund(terms, trade, amount, now=call.now)

    return divide_escrow(call, trade_id, Way(REFUNDED, rule, keys=_keys(call, trade_id)))


def cancel_trade(call: Call, trade_id: str, fault: Fault) -> Outcome:
    """End a trade before it is performed. Raises NotFound `trade_not_found` and what `cancel` raises."""

    def rule(terms: Terms, trade: Trade, found: Found) -> Division:
        return cancel(terms, trade, fault, now=call.now)

    return divide_escrow(call, trade_id, Way(CANCELLED, rule, {"fault": fault.value}, _keys(call, trade_id)))


def expire_trade(call: Call, trade_id: str) -> Outcome:
    """End a trade whose time is over. Raises NotFound `trade_not_found` and what `expire` raises."""

    def rule(terms: Terms, trade: Trade, found: Found) -> Division:
        return expire(terms, trade, now=call.now)

    return divide_escrow(call, trade_id, Way(EXPIRED, rule, keys=_keys(call, trade_id)))


def _keys(call: Call, trade_id: str) -> tuple[Key, ...]:
    """What is read beside the trade where money may come back: which line funded it."""
    return (credit_funding_key(call.tenant, trade_id),)
