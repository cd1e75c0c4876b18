"""The projector: turns each new version of an account into a line of its history with the running balance, and notes
accounts that were moved by anything but entries."""

from __future__ import annotations

from chalicelib.ledger.service import projection
from chalicelib.queues import StreamRecord, Worker

worker = Worker(__name__)


@worker.stream("project", table="accounts")
def project(records: list[StreamRecord]) -> None:
    """Write the lines that changed accounts stand for, and note what no entry explains. A record that comes again does
    the same again."""
    projection.project((record.before, record.after) for record in records if record.after is not None)
    gone = (record.before for record in records if record.after is None and record.before)
    for image in gone:
        if "account_id" in image:
            projection.note_account(image)
