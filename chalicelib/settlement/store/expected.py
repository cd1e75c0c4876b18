"""The payment the bank should still receive for a trade, and the bank account that would receive it."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment
from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned

MOST_REFERENCES = 50
"""References of one movement that are looked at. A payer may write more, and so may a bank's batch of payments."""


def take_expected(found: Found, tenant: str, reference: str) -> Versioned[ExpectedPayment]:
    """The payment expected under a reference of our own. Raises Stale where the batch was read before it was made."""
    record = banking_store.take_expected(found, tenant, reference)
    if record is None:
        raise Stale
    return record


def expect_more(record: Versioned[ExpectedPayment], tenant: str, more: Money) -> Write:
    """Expect so much more (or, negative, less) to come by bank under a trade's reference."""
    expected = replace(record.value, expected_minor=(record.value.expected_minor or 0) + more.minor)
    return banking_store.replace_expected(tenant, expected, version=record.version)


def find_expectations(tenant: str, references: tuple[str, ...]) -> tuple[ExpectedPayment, ...]:
    """The first two of the payments that are expected under these references: one is an answer, two are a question."""
    known: list[ExpectedPayment] = []
    left = references[:MOST_REFERENCES]
    for _ in range(2):
        record = banking_store.find_expected(tenant, left)
        if record is None:
            break
        known.append(record.value)
        left = left[left.index(record.value.reference) + 1 :]
    return tuple(known)


def check_banked(found: Found, tenant: str, currency: str) -> None:
    """Refuse what would need a bank account the tenant has not got: Conflict `currency_not_banked`. `found` has been
    asked for `banking_store.paying_key`."""
    if banking_store.paying_key(tenant, currency) not in found:
        raise Conflict("currency_not_banked", "no bank account in this currency is linked", currency=currency)
