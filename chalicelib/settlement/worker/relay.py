"""From the journal's stream to the queues of what follows: an entry that let money of a trade go asks for its payouts,
one that took money of a trade back has those stopped that are not made, a payout that was made by hand asks for its
file, a statement that was stored, or a decision on a possible duplicate, for what is to be booked then, and a request
for an export for the run that makes it."""

from __future__ import annotations

import os

from chalicelib.queues import StreamRecord, Worker
from chalicelib.queues.send import send_message
from chalicelib.recon.export_jobs import REQUESTED
from chalicelib.settlement.kinds import UNFUNDED, is_decision, is_paid_out_after, is_sent_after
from chalicelib.settlement.worker.payout_queue import ask_to_pay, ask_to_send, ask_to_stop
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
        ask_to_pay(item.tenant, item.entry_id)
    if item.kind == UNFUNDED and item.subject is not None:
        ask_to_stop(item.tenant, item.subject, entry_id=item.entry_id)
    if is_sent_after(item) and item.subject is not None:
        ask_to_send(item.tenant, item.subject, deduplication_id=item.entry_id)
    if is_decision(item):
        send_message(
            os.environ["QUITTANCE_CALLBACK_QUEUE_URL"],
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
