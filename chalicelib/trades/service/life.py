"""What parties say of a trade, which moves no money: that it binds, that a milestone is reached, that an amount is not
owed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core.call import Call
from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.trades import store
from chalicelib.trades.domain.disputes import OpenDispute, dispute
from chalicelib.trades.domain.milestones import point
from chalicelib.trades.domain.opening import agree
from chalicelib.trades.domain.proof import Signature, accept, sign
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade

AGREED = "trade.agreed"
SIGNED = "trade.signed"
ACCEPTED = "trade.accepted"
DISPUTED = "trade.disputed"


def agree_trade(call: Call, trade_id: str) -> Outcome:
    """A draft binds its parties from now on. Facts: its state. Raises NotFound `trade_not_found`, and what `agree`
    raises."""
    return _change(call, trade_id, AGREED, lambda terms, trade: agree(terms, trade, now=call.now))


def sign_milestone(call: Call, trade_id: str, signature: Signature) -> Outcome:
    """A role's party says that a milestone is reached. Facts: the milestone's key, who has signed it so far, the state.

    Raises NotFound `trade_not_found`, and what `sign` raises.
    """

    def facts(terms: Terms, after: Trade) -> dict[str, Any]:
        key = point(terms, signature.milestone, signature.lot).key
        return {"milestone": key, "role": signature.role, "signed": list(after.progress[key].signed)}

    return _change(call, trade_id, SIGNED, lambda terms, trade: sign(terms, trade, signature, now=call.now), facts)


def accept_milestone(call: Call, trade_id: str, key: str) -> Outcome:
    """The silence of a milestone's signers has lasted long enough. Facts: the milestone's key, the state.

    Raises NotFound `trade_not_found`, and what `accept` raises.
    """
    return _change(
        call,
        trade_id,
        ACCEPTED,
        lambda terms, trade: accept(terms, trade, key, now=call.now),
        lambda terms, after: {"milestone": key},
    )


def open_dispute(call: Call, trade_id: str, command: OpenDispute, *, currency: str, reason: str) -> Outcome:
    """A party says that an amount of a currency is not owed, and why; nobody gets it until that is decided. Facts: the
    dispute.

    Raises NotFound `trade_not_found`, InvalidInput `currency_mismatch`, and what `dispute` raises.
    """
    dispute_id = call.new_id("dsp")

    def facts(terms: Terms, after: Trade) -> dict[str, Any]:
        return {
            "dispute_id": dispute_id,
            "role": command.role,
            "disputed_minor": command.minor,
            "of_retention": command.of_retention,
            "currency": after.currency,
            "reason": reason,
        }

    def rule(terms: Terms, trade: Trade) -> Trade:
        if currency != trade.currency:
            given = {"field": "amount.currency", "expected": trade.currency, "given": currency}
            raise InvalidInput("currency_mismatch", "the trade is in another currency", **given)
        return dispute(terms, trade, command, dispute_id=dispute_id, now=call.now)

    return _change(call, trade_id, DISPUTED, rule, facts)


def _change(
    call: Call,
    trade_id: str,
    kind: str,
    rule: Callable[[Terms, Trade], Trade],
    facts: Callable[[Terms, Trade], Mapping[str, Any]] = lambda terms, after: {},
) -> Outcome:
    """One commit of a trade's next state and the event of it."""

    def decide(found: Found) -> Plan:
        terms = store.take_terms(found, call.tenant, trade_id)
        before = store.take_trade(found, call.tenant, trade_id)
        after = rule(terms, before.value)
        data = {"state": after.state.value, "expires_at": _text(after), **facts(terms, after)}
        item = journal_item(call, kind, subject=trade_id, reference=terms.reference, data=data)
        return Plan(item, (store.save_trade(call.tenant, after, version=before.version),))

    return once(call, decide, reads=store.deal_keys(call.tenant, trade_id))


def _text(trade: Trade) -> str | None:
    return None if trade.expires_at is None else instant_text(trade.expires_at)
