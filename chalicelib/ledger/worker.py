"""The projector: turns each new version of an account into a line of its history with the running balance."""

from __future__ import annotations

from typing import cast

from chalicelib.ledger import store
from chalicelib.queues import StreamRecord, Worker
from chalicelib.storage.tables import AccountItem

worker = Worker(__name__)


@worker.stream("project", table="accounts")
def project(record: StreamRecord) -> None:
    """Write the line that a changed account stands for. A record that comes again writes the same line."""
    if record.after is None or record.before is None:
        return
    before = cast("AccountItem", AccountItem.from_raw_data(record.before))
    after = cast("AccountItem", AccountItem.from_raw_data(record.after))
    if after.version != before.version:
        store.project_line(before, after)
