"""Batches: entries that are booked all or none, in one round trip."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.call import Call
from chalicelib.core.values import dataclass
from chalicelib.ledger.batches import Keyed, bookings_of, runs_of
from chalicelib.ledger.expiring import with_expired_returned
from chalicelib.ledger.store.batches import batch_items, plan_batch
from chalicelib.ledger.store.entries import load_entries
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome, once


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of a batch: its own journal item, and those of its entries in their order."""

    outcome: Outcome
    items: tuple[JournalItem, ...]


def post_batch(call: Call, batch: Sequence[Keyed]) -> Batch:
    """Book all entries or none: one transaction, no read before.

    Refusals have the place of the entry (`index`, `field`). Raises KeyReused `idempotency_key_reused` where the key of
    an entry, or the batch's own, was used before; whoever sends the same batch again gets its answer.
    """
    bookings = bookings_of(call, batch)
    runs = runs_of(bookings)
    items = batch_items(bookings)
    outcome = with_expired_returned(call, lambda: once(call, lambda _: plan_batch(call, items, runs)))
    return Batch(outcome, _booked(call.tenant, outcome.item) if outcome.replayed else items)


def _booked(tenant: str, header: JournalItem) -> tuple[JournalItem, ...]:
    entry_ids: list[str] = header.data["entries"]
    found = load_entries(tenant, entry_ids)
    return tuple(found[entry_id] for entry_id in entry_ids)
