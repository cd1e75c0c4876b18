"""The sequencer: gives each entry of the journal its number in the feed, then does what waits for numbers.

Numbering comes first for the whole batch, so that an entry for which the rest fails again and again is in the feed all
the same. A batch that comes again numbers nothing twice, and what waits for numbers is done again to the same end.
"""

from __future__ import annotations

from chalicelib.ledger.domain import is_deferred
from chalicelib.ledger.holds import is_hold_id
from chalicelib.ledger.service import deferred, feed, holds, totals
from chalicelib.queues import StreamRecord, Worker
from chalicelib.storage.journal import JournalItem, from_wire

worker = Worker(__name__)


@worker.stream("sequence", table="journal")
def sequence(records: list[StreamRecord]) -> None:
    """Number the new entries of a batch, list the holds that they are steps of, fold those on deferred accounts, and
    bring the totals on where a block of numbers is full."""
    items = [from_wire(record.after) for record in records if record.before is None and record.after is not None]
    known = feed.number(items)
    for tenant, hold_id in dict.fromkeys((item.tenant, item.subject) for item in items):
        if hold_id is not None and is_hold_id(hold_id):
            holds.index(tenant, hold_id)
    for tenant in dict.fromkeys(item.tenant for item in items if _is_folded(item)):
        deferred.fold(tenant, known[tenant])
    totals.follow_numbered(known)


def _is_folded(item: JournalItem) -> bool:
    return any(is_deferred(leg.account_id) for leg in item.legs)
