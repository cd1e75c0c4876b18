"""The statements queue: each message stores more lines of one file, for as long as a function has, and asks for the
rest."""

from __future__ import annotations

import os
from datetime import timedelta

from chalicelib.queues import Message, Worker
from chalicelib.queues.send import send_message
from chalicelib.recon.service.uploads import load_on
from chalicelib.web import clock

WORKS_FOR = timedelta(seconds=90)
"""How long a message works before it puts its file down: a third of what the function has."""

worker = Worker(__name__)


@worker.queue("statements")
def statements(message: Message) -> None:
    """Go on with a file. One that fails comes again, and waits in the dead-letter queue in the end; where it is still
    loading later, it is asked for again."""
    tenant, file_id = message.body["tenant"], message.body["file_id"]
    ends_at = clock.wall_clock() + WORKS_FOR
    stored = load_on(tenant, file_id, now=clock.now(), is_over=lambda: clock.wall_clock() > ends_at)
    if stored is not None:
        send_message(
            os.environ["QUITTANCE_STATEMENT_QUEUE_URL"],
            message.body,
            group=file_id,
            deduplication_id=f"{file_id}:{stored}",
        )
