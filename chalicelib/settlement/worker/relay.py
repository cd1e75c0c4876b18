"""From the journal's stream to the queues of what follows: an entry that let money of a trade go asks for its payouts,
one that took money of a trade back has those stopped that are not made, a payout that was made by hand asks for its
file, a statement that was stored, or a decision on a possible duplicate, for what is to be booked then, and a request
for an export for the run that makes it. The table is in `follow_ups.py`."""

from __future__ import annotations

from chalicelib.queues import StreamRecord, Worker
from chalicelib.settlement.worker.follow_ups import ask_for_all
from chalicelib.storage.journal import from_wire

worker = Worker(__name__)


@worker.stream("relay", table="journal")
def relay(records: list[StreamRecord]) -> None:
    """Ask for what follows from each entry."""
    for record in records:
        if record.before is None and record.after is not None:
            ask_for_all(from_wire(record.after))
