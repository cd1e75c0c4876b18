"""The projector: turns each new version of an account into a line of its history with the running balance."""

from __future__ import annotations

from chalicelib.ledger import service
from chalicelib.queues import StreamRecord, Worker

worker = Worker(__name__)


@worker.stream("project", table="accounts")
def project(record: StreamRecord) -> None:
    """Write the line that a changed account stands for. A record that comes again writes the same line."""
    if record.before is not None and record.after is not None:
        service.project(record.before, record.after)
