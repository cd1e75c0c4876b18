"""A trade's own claims, kept in step with its state: what a command changes of `claim_minor` it writes there too."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.settlement.domain.claims import (
    OF_TRADE,
    Claim,
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
from chalicelib.trades.domain.claims import ClaimParts
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.store import save_trade, state_key, take_trade


def trade_claim_keys(tenant: str, trade_id: str) -> tuple[Key, ...]:
    """Where a trade's own claims are kept."""
    return tuple(claim_key(tenant, trade_claim_id(tenant, trade_id, reason)) for reason in OF_TRADE)


def take_trade_claims(found: Found, tenant: str, trade_id: str) -> tuple[Versioned[Claim], ...]:
    """Those of a trade's own claims that a batch read found."""
    claims = (take(found, key, Claim) for key in trade_claim_keys(tenant, trade_id))
    return tuple(one for one in claims if one is not None)


def follow_claim(
    call: Call, claim: Claim, amount: Money, change: Callable[[Trade, ClaimParts], Trade]
) -> tuple[Write, ...]:
    """The write of the trade's state where the claim is its own. Who changes that changes the claim in the same commit,
    so that the claim's version, read before, decides."""
    if claim.reason not in OF_TRADE or claim.trade_id is None:
        return ()
    found = fetch((state_key(call.tenant, claim.trade_id),))
    trade = take_trade(found, call.tenant, claim.trade_id)
    after = change(trade.value, as_parts(claim.reason, amount.minor))
    return (save_trade(call.tenant, after, version=trade.version),)


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
