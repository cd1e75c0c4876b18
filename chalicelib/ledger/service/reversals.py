"""Reversals: taking an entry back, whole or in parts, and reading how much of it is."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import cast

from chalicelib.core.call import Call
from chalicelib.core.errors import NotFound
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Entry, Posting, check_occurred_at
from chalicelib.ledger.expiring import with_expired_returned
from chalicelib.ledger.metadata import check_metadata
from chalicelib.ledger.reversals import ENTRY_REVERSED, REVERSIBLE, Reversed, remaining, reversal, with_reversal
from chalicelib.ledger.store import entries
from chalicelib.ledger.store.reversals import postings_of, reversed_key, reversed_state, save_reversed
from chalicelib.storage.journal import JournalItem, from_row
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.tables import JournalRow, journal_key


@dataclass(frozen=True, slots=True)
class ReverseEntry:
    """Take an entry back: these postings of it, or all that is left (None). `occurred_at` None means now."""

    entry_id: str
    postings: tuple[Posting, ...] | None = None
    reason: str | None = None
    occurred_at: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reversals:
    """What was taken back of an entry, and what of it can still be: nothing of one that is not `reversible`."""

    state: Reversed
    remaining: tuple[Posting, ...]
    reversible: bool


def reverse_entry(call: Call, command: ReverseEntry) -> Outcome:
    """Book the entry that takes another back. Its subject is the entry taken back. Facts: the reason.

    Raises what any entry may, NotFound `entry_not_found`, and the refusals of `chalicelib.ledger.reversals.reversal`.
    """
    occurred_at = check_occurred_at(command.occurred_at or call.now, now=call.now)
    if command.postings is not None:
        Entry(ENTRY_REVERSED, command.postings, occurred_at, metadata=command.metadata)
    check_metadata(command.metadata)
    key = reversed_key(call.tenant, command.entry_id)

    def decide(found: Found) -> Plan:
        item = _entry(found, call.tenant, command.entry_id)
        read = reversed_state(found, key)
        legs = reversal(item.kind, postings_of(item), read.value, command.postings)
        write = save_reversed(key, with_reversal(read.value, call.entry_id, legs), version=read.version)
        entry = Entry(ENTRY_REVERSED, legs, occurred_at, command.entry_id, metadata=command.metadata)
        return entries.plan_entry(call, entry, write, data={"reason": command.reason}, by_hand=True)

    reads = (journal_key(call.tenant, command.entry_id), key)
    return with_expired_returned(call, lambda: once(call, decide, reads))


def get_reversals(tenant: str, entry_id: str) -> Reversals:
    """How much of an entry is taken back, by which entries. Raises NotFound `entry_not_found`."""
    key = reversed_key(tenant, entry_id)
    found = fetch((journal_key(tenant, entry_id), key))
    item = _entry(found, tenant, entry_id)
    state = reversed_state(found, key).value
    reversible = item.kind in REVERSIBLE
    return Reversals(state, remaining(postings_of(item), state) if reversible else (), reversible)


def _entry(found: Found, tenant: str, entry_id: str) -> JournalItem:
    row = found.get(journal_key(tenant, entry_id))
    if row is None:
        raise NotFound("entry_not_found", "no such entry", entry_id=entry_id)
    return from_row(cast("JournalRow", row))
