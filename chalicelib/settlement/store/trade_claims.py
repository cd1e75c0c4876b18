"""A trade's own claims, kept in step with its state: what a command changes of `claim_minor` it writes there too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.settlement.domain.claims import (
    OF_TRADE,
    Claim,
    Ending,
    Reason,
    as_parts,
    claim_anew,
    new_trade_claim,
    open_on_trade,
    trade_claim_id,
)
from chalicelib.settlement.store.claims import claim_key, open_claim, replace_claim
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned, take
from chalicelib.storage.tables import Key
from chalicelib.trades.domain.claims import check_left, owe_again, reversal_paid, settle_claim, waive_claim
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.store import check_trade, deal_keys, save_trade, take_terms, take_trade


def trade_claim_keys(tenant: str, trade_id: str) -> tuple[Key, ...]:
    """Where a trade's own claims are kept."""
    return tuple(claim_key(tenant, trade_claim_id(tenant, trade_id, reason)) for reason in OF_TRADE)


def take_trade_claims(found: Found, tenant: str, trade_id: str) -> tuple[Versioned[Claim], ...]:
    """Those of a trade's own claims that a batch read found."""
    claims = (take(found, key, Claim) for key in trade_claim_keys(tenant, trade_id))
    return tuple(one for one in claims if one is not None)


def follow_claim(call: Call, claim: Claim, amount: Money, ending: Ending, *, undone: bool = False) -> tuple[Write, ...]:
    """What the end of a part of a claim, or its undoing, changes of its trade: the state that has its own claims, or
    what the buyer owes for a payment that its bank has taken back. Who changes a trade's own claim changes the claim in
    the same commit, so that the claim's version, read before, decides.

    Raises Conflict `trade_state`, `claim_exceeds_paid` (the buyer would get what it has not paid for good).
    """
    if claim.trade_id is None or (claim.reason not in OF_TRADE and ending is not Ending.SETTLED):
        return ()
    found = fetch(deal_keys(call.tenant, claim.trade_id))
    trade = take_trade(found, call.tenant, claim.trade_id)
    terms = take_terms(found, call.tenant, claim.trade_id)
    if claim.reason in OF_TRADE:
        parts = as_parts(claim.reason, amount.minor)
        if undone:
            after = owe_again(trade.value, parts, paid=ending is Ending.SETTLED)
        else:
            after = (settle_claim if ending is Ending.SETTLED else waive_claim)(trade.value, parts)
        return (save_trade(call.tenant, after, version=trade.version),)
    if claim.reason is Reason.REVERSED_BY_BANK:
        if claim.creditor != reversal_carrier(terms):
            return ()
        after = reversal_paid(trade.value, -amount.minor if undone else amount.minor)
        return (save_trade(call.tenant, after, version=trade.version),)
    if claim.creditor != terms.buyer or undone:
        return ()
    check_left(trade.value, 0)
    return (check_trade(call.tenant, trade),)


def forget_reversals(tenant: str, claims: Sequence[Claim]) -> tuple[Write, ...]:
    """What it changes of their trades that claims for payments taken back by a bank are withdrawn: the buyers owe that
    no more."""
    found = fetch(key for claim in claims if claim.trade_id for key in deal_keys(tenant, claim.trade_id))
    minors: dict[str, int] = defaultdict(int)
    for claim in claims:
        if claim.trade_id and claim.creditor == reversal_carrier(take_terms(found, tenant, claim.trade_id)):
            minors[claim.trade_id] += claim.amount_minor
    trades = ((take_trade(found, tenant, trade_id), minor) for trade_id, minor in minors.items())
    return tuple(
        save_trade(tenant, reversal_paid(trade.value, minor), version=trade.version) for trade, minor in trades
    )


def reversal_carrier(terms: Terms) -> str | None:
    """Who carries a payment that a bank takes back when it is not there any more; None: the marketplace."""
    carrier = terms.parties.get(terms.template.funding.reversal_carrier)
    return carrier if carrier != terms.buyer else None


def follow_trade_claims(call: Call, terms: Terms, before: Trade, after: Trade) -> tuple[Write, ...]:
    """The writes that claim anew what a command has changed of what the seller owes; none, and nothing read, where it
    has changed nothing. To be asked after the trade was read: all who change its claims change its state as well."""
    changed = [one for one in OF_TRADE if open_on_trade(before, one) != open_on_trade(after, one)]
    if not changed:
        return ()
    found = fetch(trade_claim_keys(call.tenant, terms.trade_id))
    stored = {one.value.reason: one for one in take_trade_claims(found, call.tenant, terms.trade_id)}
    writes: list[Write] = []
    for reason in changed:
        minor = open_on_trade(after, reason)
        if reason in stored:
            writes += replace_claim(call.tenant, stored[reason], claim_anew(stored[reason].value, minor))
        else:
            writes += open_claim(call.tenant, new_trade_claim(call, terms, reason, minor))
    return tuple(writes)
