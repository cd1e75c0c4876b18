"""Questions about trades."""

from __future__ import annotations

from chalicelib.core.values import dataclass
from chalicelib.storage.reads import fetch
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item
from chalicelib.trades import store
from chalicelib.trades.domain.evidence import Evidence
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade


@dataclass(frozen=True, slots=True)
class TradeFile:
    """All that is known of a trade."""

    trade: Trade
    terms: Terms
    evidence: tuple[Evidence, ...]


def get_trade(tenant: str, trade_id: str) -> TradeFile:
    """A trade with its terms and evidence, read strongly. Raises NotFound `trade_not_found`."""
    found = fetch(store.trade_keys(tenant, trade_id))
    return TradeFile(
        trade=store.take_trade(found, tenant, trade_id).value,
        terms=store.take_terms(found, tenant, trade_id),
        evidence=store.take_evidence(found, tenant, trade_id).value,
    )


def list_trades(tenant: str, *, after: Item | None, limit: int) -> Listing[Trade]:
    """One page of a tenant's trades, the newest first."""
    return store.list_trades(tenant, after=after, limit=limit)
