"""The exports queue: each message goes on with one export, for as long as a function has, and asks for the rest."""

from __future__ import annotations

import os
from datetime import timedelta

from chalicelib.core.errors import Busy, Refusal
from chalicelib.queues import Message, Worker
from chalicelib.queues.send import send_message
from chalicelib.queues.worker import MOST_RECEIVES
from chalicelib.recon.export_jobs import FAULT
from chalicelib.recon.service.export_runs import Task, fail_export, run_export
from chalicelib.web import clock

WORKS_FOR = timedelta(seconds=90)
"""How long a message works before it puts its export down: a third of what the function has."""

worker = Worker(__name__)


@worker.queue("exports")
def exports(message: Message) -> None:
    """Go on with an export. One that fails says so at once, comes again, and waits in the dead-letter queue in the
    end."""
    task = Task(**message.body["task"])
    ends_at = clock.wall_clock() + WORKS_FOR
    try:
        saves = run_export(task, now=clock.now(), is_over=lambda: clock.wall_clock() > ends_at)
    except Exception as error:
        if not isinstance(error, Busy) or message.receive_count >= MOST_RECEIVES:
            reason = error.code if isinstance(error, Refusal) else FAULT
            fail_export(task, reason, now=clock.now())
        raise
    if saves is not None:
        _ask_for_the_rest(message, task, saves)


def _ask_for_the_rest(message: Message, task: Task, saves: int) -> None:
    send_message(
        os.environ["QUITTANCE_EXPORT_QUEUE_URL"],
        message.body,
        group=task.export_id,
        deduplication_id=f"{task.export_id}:{task.attempt}:{saves}",
    )
