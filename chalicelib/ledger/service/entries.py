"""Entries: posting and reading them."""

from __future__ import annotations

from chalicelib.core.call import Call
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.expiring import with_expired_returned
from chalicelib.ledger.store import entries
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome, once


def post_entry(call: Call, command: PostEntry) -> Outcome:
    """Book an entry of 2 to 90 postings: one transaction, no read before, its conditions part of the write."""
    entry = command.entry(now=call.now)
    return with_expired_returned(
        call,
        lambda: once(call, lambda _: entries.plan_entry(call, entry, by_hand=True, conditions=command.conditions)),
    )


def get_entry(tenant: str, entry_id: str) -> JournalItem:
    """An entry by its id. Raises NotFound `entry_not_found`."""
    return entries.load_entry(tenant, entry_id)


__all__ = ["PostEntry", "get_entry", "post_entry"]
