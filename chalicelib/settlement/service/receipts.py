"""Receipts read and listed. They are made where movements are booked, and move by allocations and reversals."""

from __future__ import annotations

from chalicelib.settlement.domain.receipts import Receipt
from chalicelib.settlement.store import receipts as store
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item


def get_receipt(tenant: str, receipt_id: str) -> Receipt:
    """A receipt, read strongly. Raises NotFound `receipt_not_found`."""
    return store.load_receipt(tenant, receipt_id)


def list_receipts(tenant: str, *, after: Item | None, limit: int) -> Listing[Receipt]:
    """One page of a tenant's receipts, the newest first."""
    return store.list_receipts(tenant, after=after, limit=limit)


def list_unmatched(tenant: str, *, after: Item | None, limit: int) -> Listing[Receipt]:
    """One page of the receipts of which something waits in suspense, oldest first."""
    return store.list_unmatched(tenant, after=after, limit=limit)
