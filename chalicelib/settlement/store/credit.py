"""Which credit line funded a trade, and with how much."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.settlement.domain.credit import CreditFunding
from chalicelib.storage import records
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key, record_key


def credit_funding_key(tenant: str, trade_id: str) -> Key:
    """Where it is kept which line funded a trade."""
    return record_key(tenant, trade_id, "credit-funding")


def take_credit_funding(found: Found, tenant: str, trade_id: str) -> Versioned[CreditFunding] | None:
    """The line that funded a trade, among what a batch read found; None: no line did."""
    return records.take(found, credit_funding_key(tenant, trade_id), CreditFunding)


def load_credit_funding(tenant: str, trade_id: str) -> CreditFunding | None:
    """The line that funded a trade, read strongly; None: no line did."""
    record = take_credit_funding(fetch((credit_funding_key(tenant, trade_id),)), tenant, trade_id)
    return record.value if record else None


def write_credit_funding(
    tenant: str, trade_id: str, funding: CreditFunding, before: Versioned[CreditFunding] | None
) -> Write:
    """Write it for the first time or anew.

    condition: there is none yet, or its version is the one that was read; else decide again
    """
    key = credit_funding_key(tenant, trade_id)
    if before is not None:
        return records.replace(key, funding, version=before.version)
    return replace(records.create(key, funding, exists="credit_funding_exists"), refuse=lambda _: Stale())
