"""How much of an entry is taken back: a record beside it, written under the version that was read."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Posting, Side
from chalicelib.ledger.reversals import Reversed
from chalicelib.storage import records
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key, record_key


def reversed_key(tenant: str, entry_id: str) -> Key:
    """Where an entry's record is, once something of it was taken back."""
    return record_key(tenant, entry_id, "reversed")


def reversed_state(found: Found, key: Key) -> Versioned[Reversed]:
    """What is taken back of an entry; version 0 while that is nothing."""
    return records.take(found, key, Reversed) or Versioned(Reversed(), 0)


def save_reversed(key: Key, state: Reversed, *, version: int) -> Write:
    """Write the next state.

    condition: there is none yet, or version = the version that was read; else decide again
    """
    if version:
        return records.replace(key, state, version=version)
    return replace(records.create(key, state, exists="entry_reversed"), refuse=lambda _: Stale())


def postings_of(item: JournalItem) -> tuple[Posting, ...]:
    """The legs of a journal item as postings."""
    return tuple(
        Posting(leg.account_id, Side.DEBIT if leg.amount > 0 else Side.CREDIT, Money(abs(leg.amount), leg.currency))
        for leg in item.legs
    )
