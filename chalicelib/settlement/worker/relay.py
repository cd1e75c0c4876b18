"""From the journal's stream to the payouts queue: an entry that settled or released a trade asks for its payouts."""

from __future__ import annotations

import os

from chalicelib.queues import StreamRecord, Worker
from chalicelib.queues.send import send_message
from chalicelib.settlement.kinds import PAID_OUT_AFTER
from chalicelib.storage.journal import JournalItem, from_wire

worker = Worker(__name__)


@worker.stream("relay", table="journal")
def relay(records: list[StreamRecord]) -> None:
    """Ask for the payouts of each entry that settled or released a trade."""
    for record in records:
        if record.before is None and record.after is not None:
            _ask(from_wire(record.after))


def _ask(item: JournalItem) -> None:
    if item.kind in PAID_OUT_AFTER:
        send_message(
            os.environ["QUITTANCE_PAYOUT_QUEUE_URL"],
            {"tenant": item.tenant, "entry_id": item.entry_id},
            group=item.entry_id,
            deduplication_id=item.entry_id,
        )
