"""How quotes, and what is known of a tenant's foreign exchange, stand in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chalicelib.ledger.domain import Account
from chalicelib.ledger.exchange import FxBook, Quote, position_account_id, result_account_id
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.storage import records
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found, get
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key, record_key

CURRENCIES_A_READ = 50


def quote_key(tenant: str, quote_id: str) -> Key:
    """Where a quote lives."""
    return record_key(tenant, quote_id, "fx-quote")


def book_key(tenant: str) -> Key:
    """Where it is kept in which currencies a tenant exchanges."""
    return record_key(tenant, "fx", "currencies")


def create_quote(tenant: str, quote: Quote) -> Write:
    """Write a new quote."""
    return records.create(quote_key(tenant, quote.quote_id), quote, exists="quote_exists")


def save_quote(tenant: str, quote: Quote, *, version: int) -> Write:
    """Write the next state of a quote.

    condition: version = the version that was read; else decide again
    """
    return records.replace(quote_key(tenant, quote.quote_id), quote, version=version)


def take_quote(found: Found, tenant: str, quote_id: str) -> Versioned[Quote]:
    """The quote among what a batch read found. Raises NotFound `quote_not_found`."""
    return records.require(found, quote_key(tenant, quote_id), Quote, "quote_not_found", quote_id=quote_id)


def load_quote(tenant: str, quote_id: str) -> Quote:
    """A quote, read strongly. Raises NotFound `quote_not_found`."""
    return records.load(quote_key(tenant, quote_id), Quote, "quote_not_found", quote_id=quote_id).value


def take_book(found: Found, tenant: str) -> Versioned[FxBook]:
    """In which currencies a tenant exchanges, among what a batch read found; version 0: in none yet."""
    return records.take(found, book_key(tenant), FxBook) or Versioned(FxBook(), 0)


def load_book(tenant: str) -> FxBook:
    """In which currencies a tenant exchanges, read strongly."""
    key = book_key(tenant)
    item = get(key)
    return take_book({} if item is None else {key: item}, tenant).value


def save_book(tenant: str, book: FxBook, *, version: int) -> Write:
    """Write in which currencies a tenant exchanges.

    condition: version = the version that was read (0: there was none); else decide again
    """
    if version:
        return records.replace(book_key(tenant), book, version=version)
    return replace(records.create(book_key(tenant), book, exists="fx_book_exists"), refuse=lambda _: Stale())


def load_positions(tenant: str, currencies: Iterable[str]) -> dict[str, Account]:
    """Position and result accounts of these currencies by id, read strongly."""
    wanted, accounts = list(currencies), dict[str, Account]()
    for start in range(0, len(wanted), CURRENCIES_A_READ):
        some = wanted[start : start + CURRENCIES_A_READ]
        ids = [make(tenant, currency) for currency in some for make in (position_account_id, result_account_id)]
        accounts |= load_accounts(tenant, ids)
    return accounts
