"""From the journal's stream to the queues of what follows: an entry that let money of a trade go asks for its payouts,
a statement that was stored, or a decision on a possible duplicate, for what is to be booked then, and a request for an
export for the run that makes it."""

from __future__ import annotations

import os

from chalicelib.queues import StreamRecord, Worker
from chalicelib.queues.send import send_message
from chalicelib.recon.export_jobs import REQUESTED
from chalicelib.settlement.kinds import is_decision, is_paid_out_after
from chalicelib.storage.journal import JournalItem, from_wire

worker = Worker(__name__)


@worker.stream("relay", table="journal")
def relay(records: list[StreamRecord]) -> None:
    """Ask for what follows from each entry."""
    for record in records:
        if record.before is None and record.after is not None:
            _ask(from_wire(record.after))


def _ask(item: JournalItem) -> None:
    if item.kind == REQUESTED:
        _ask_for_export(item)
    if is_paid_out_after(item):
        _send("QUITTANCE_PAYOUT_QUEUE_URL", item)
    if is_decision(item):
        _send("QUITTANCE_CALLBACK_QUEUE_URL", item)


def _send(queue: str, item: JournalItem) -> None:
    send_message(
        os.environ[queue],
        {"tenant": item.tenant, "entry_id": item.entry_id},
        group=item.entry_id,
        deduplication_id=item.entry_id,
    )


def _ask_for_export(item: JournalItem) -> None:
    export_id, attempt = item.data["export_id"], item.data["attempt"]
    task = {"tenant": item.tenant, "export_id": export_id, "attempt": attempt, "entry_id": item.entry_id}
    send_message(
        os.environ["QUITTANCE_EXPORT_QUEUE_URL"],
        {"task": task},
        group=export_id,
        deduplication_id=f"{export_id}:{attempt}:0",
    )
