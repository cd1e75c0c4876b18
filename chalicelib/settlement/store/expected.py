"""The payment the bank should still receive for a trade, and the bank account that would receive it."""

from __future__ import annotations

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment
from chalicelib.core.errors import Conflict
from chalicelib.settlement.domain.funding import expected_after
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.trades.domain.trade import Trade

MOST_REFERENCES = 50
"""References of one movement that are looked at. A payer may write more, and so may a bank's batch of payments."""


def take_expected(found: Found, tenant: str, reference: str) -> Versioned[ExpectedPayment]:
    """The payment expected under a reference of our own. Raises Stale where the batch was read before it was made."""
    record = banking_store.take_expected(found, tenant, reference)
    if record is None:
        raise Stale
    return record


def follow_trade(
    record: Versioned[ExpectedPayment], tenant: str, before: Trade, after: Trade, *, by_bank: bool = False
) -> Write:
    """Expect by bank what a trade is still short of, after a command has changed it. See `expected_after`."""
    expected = expected_after(record.value, before, after, by_bank=by_bank)
    return banking_store.replace_expected(tenant, expected, version=record.version)


def follow_trade_read(tenant: str, reference: str, before: Trade, after: Trade) -> tuple[Write, ...]:
    """The same, where the payment was not read before; nothing where no other amount is expected."""
    if before.outstanding == after.outstanding:
        return ()
    found = fetch((banking_store.expected_key(tenant, reference),))
    return (follow_trade(take_expected(found, tenant, reference), tenant, before, after),)


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
