"""What ties a trade to its siblings: the credit line that funded it, and the payment the bank should still receive."""

from __future__ import annotations

import dataclasses

from chalicelib.banking import store as banking_store
from chalicelib.core.money import Money
from chalicelib.settlement.domain import CreditFunding
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found, get
from chalicelib.storage.records import Versioned, create, replace, take
from chalicelib.storage.tables import Key, record_key


def credit_funding_key(tenant: str, trade_id: str) -> Key:
    """Where it is kept which line funded a trade."""
    return record_key(tenant, trade_id, "credit-funding")


def take_credit_funding(found: Found, tenant: str, trade_id: str) -> Versioned[CreditFunding] | None:
    """The line that funded a trade, among what a batch read found; None: no line did."""
    return take(found, credit_funding_key(tenant, trade_id), CreditFunding)


def load_credit_funding(tenant: str, trade_id: str) -> CreditFunding | None:
    """The line that funded a trade, read strongly; None: no line did."""
    key = credit_funding_key(tenant, trade_id)
    item = get(key)
    record = None if item is None else take({key: item}, key, CreditFunding)
    return record.value if record else None


def write_credit_funding(
    tenant: str, trade_id: str, funding: CreditFunding, before: Versioned[CreditFunding] | None
) -> Write:
    """Write it for the first time or anew."""
    key = credit_funding_key(tenant, trade_id)
    if before is None:
        return create(key, funding, exists="trade_credit_changed")
    return replace(key, funding, version=before.version)


def expect_more(found: Found, tenant: str, reference: str, more: Money) -> Write:
    """Expect so much more (or, negative, less) to come by bank under a trade's reference."""
    record = banking_store.take_expected(found, tenant, reference)
    if record is None:
        raise Stale
    expected = dataclasses.replace(record.value, expected_minor=(record.value.expected_minor or 0) + more.minor)
    return banking_store.replace_expected(tenant, expected, version=record.version)
