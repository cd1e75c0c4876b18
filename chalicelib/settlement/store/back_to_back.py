"""By which trade an upstream trade is funded, and what a commit needs to know of the upstream trade."""

from __future__ import annotations

from chalicelib.settlement.domain.back_to_back import Deal, Fed
from chalicelib.storage import records
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Key, record_key
from chalicelib.trades import store as trades_store


def fed_key(tenant: str, trade_id: str) -> Key:
    """Where it is kept by which trade an upstream trade is funded."""
    return record_key(tenant, trade_id, "fed-by")


def take_fed(found: Found, tenant: str, trade_id: str) -> Fed | None:
    """By which trade an upstream trade is funded, among what a batch read found; None: by none."""
    record = records.take(found, fed_key(tenant, trade_id), Fed)
    return record.value if record else None


def create_fed(tenant: str, trade_id: str, fed: Fed) -> Write:
    """Write by which trade an upstream trade is funded. Where it is funded by one, Conflict `upstream_linked`."""
    return records.create(fed_key(tenant, trade_id), fed, exists="upstream_linked")


def take_deal(found: Found, tenant: str, trade_id: str) -> Deal:
    """A trade as it stands, with its terms. Raises NotFound `trade_not_found`."""
    terms = trades_store.take_terms(found, tenant, trade_id)
    return Deal(terms, trades_store.take_trade(found, tenant, trade_id).value)
