"""The projector: turns each new version of an account into a line of its history with the running balance."""

from __future__ import annotations

from chalicelib.ledger.service import projection
from chalicelib.queues import StreamRecord, Worker

worker = Worker(__name__)


@worker.stream("project", table="accounts")
def project(records: list[StreamRecord]) -> None:
    """Write the lines that changed accounts stand for. A record that comes again writes the same line."""
    projection.project((record.before, record.after) for record in records if record.after is not None)
