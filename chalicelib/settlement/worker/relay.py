"""From the journal's stream to the payouts queue: an entry that let money of a trade go asks for its payouts."""

from __future__ import annotations

import os

from chalicelib.queues import StreamRecord, Worker
from chalicelib.queues.send import send_message
from chalicelib.settlement.kinds import is_paid_out_after
from chalicelib.storage.journal import JournalItem, from_wire

worker = Worker(__name__)


@worker.stream("relay", table="journal")
def relay(records: list[StreamRecord]) -> None:
    """Ask for the payouts of each entry that let money of a trade go."""
    for record in records:
        if record.before is None and record.after is not None:
            _ask(from_wire(record.after))


def _ask(item: JournalItem) -> None:
    if is_paid_out_after(item):
        send_message(
            os.environ["QUITTANCE_PAYOUT_QUEUE_URL"],
            {"tenant": item.tenant, "entry_id": item.entry_id},
            group=item.entry_id,
            deduplication_id=item.entry_id,
        )
