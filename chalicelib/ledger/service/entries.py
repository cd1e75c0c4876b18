"""Entries: posting and reading them."""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.call import Call
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Entry, Posting, check_occurred_at
from chalicelib.ledger.store import entries
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome, once


@dataclass(frozen=True, slots=True)
class PostEntry:
    """Book balanced postings. `occurred_at` None means now."""

    kind: str
    postings: tuple[Posting, ...]
    occurred_at: datetime | None = None
    reference: str | None = None


def post_entry(call: Call, command: PostEntry) -> Outcome:
    """Book an entry of 2 to 90 postings: one transaction, no read before."""
    occurred_at = check_occurred_at(command.occurred_at or call.now, now=call.now)
    entry = Entry(command.kind, command.postings, occurred_at, reference=command.reference)
    return once(call, lambda _: entries.plan_entry(call, entry, by_hand=True))


def get_entry(tenant: str, entry_id: str) -> JournalItem:
    """An entry by its id. Raises NotFound `entry_not_found`."""
    return entries.load_entry(tenant, entry_id)
