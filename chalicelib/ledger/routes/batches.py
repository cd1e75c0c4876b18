"""Batches of entries over HTTP."""

from __future__ import annotations

import msgspec

from chalicelib.core.errors import about
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.routes.entries import EntryBody, EntryView, entry_command, entry_view
from chalicelib.ledger.service import batches
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body

router = Router(__name__)

MOST_BYTES = 256 * 1024


class BatchEntryBody(EntryBody, kw_only=True):
    """An entry of a batch. Its key is as an `Idempotency-Key`, and no other request may use it."""

    idempotency_key: str


class BatchBody(Body):
    """Entries that are booked all or none, as if each had come after the one before it."""

    entries: list[BatchEntryBody]


class BatchView(msgspec.Struct, frozen=True):
    """The entries of a batch, in their order."""

    batch_id: str
    entries: list[EntryView]


@router.endpoint(
    "POST",
    "/v1/entries/batch",
    scope="ledger:write",
    body=BatchBody,
    answer=BatchView,
    status=201,
    writes=True,
    most_bytes=MOST_BYTES,
)
def post_batch(request: Request) -> Answer:
    """Book entries all or none: with the accounts they move, at most 99 items."""
    body: BatchBody = request.body
    done = batches.post_batch(request.call, [_keyed(index, part) for index, part in enumerate(body.entries)])
    return replayable(done.outcome, BatchView(done.outcome.item.entry_id, [entry_view(item) for item in done.items]))


def _keyed(index: int, part: BatchEntryBody) -> Keyed:
    with about("entries", index):
        return Keyed(part.idempotency_key, entry_command(part, "entry.posted", part.legs))
