"""What should have followed from entries and has not, on a schedule: asked for again, and named for an alarm."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime

from chalicelib.core.errors import Defect
from chalicelib.core.runs import attempt_each
from chalicelib.queues import Worker
from chalicelib.queues.failures import log_failure
from chalicelib.queues.metrics import emit
from chalicelib.settlement.service.tenants import every_tenant
from chalicelib.settlement.service.undone import find_undone
from chalicelib.settlement.worker.follow_ups import undone
from chalicelib.settlement.worker.payout_watch import OVERDUE
from chalicelib.storage.journal import JournalItem
from chalicelib.web import clock

worker = Worker(__name__)

log = logging.getLogger("quittance.settlement")


@worker.schedule("unpaid", "rate(15 minutes)")
def unpaid() -> dict[str, int]:
    """Ask once more for what should have followed from entries. See `ask_again`."""
    return ask_again(clock.now)


def ask_again(ask: Callable[[], datetime]) -> dict[str, int]:
    """Look at every tenant, and ask for what is missing when `ask` is asked. Answers `{"tenants": looked at, "entries":
    asked for}`. Where a tenant failed the others are looked at, and the run fails."""
    run = attempt_each(every_tenant(), lambda tenant: _ask_for(tenant, ask()))
    for failure in run.failures:
        log_failure(log, "unpaid_not_looked_for", failure.error, tenant=failure.subject)
    if run.failures:
        raise Defect(f"{len(run.failures)} of {run.attempted} tenants not looked at") from run.failures[0].error
    return {"tenants": run.attempted, "entries": run.done}


def _ask_for(tenant: str, now: datetime) -> int:
    return sum(_ask_again(item) for item in find_undone(tenant, lambda item: not undone(item), now=now))


def _ask_again(item: JournalItem) -> int:
    for follow_up in undone(item):
        about = {"tenant": item.tenant, "entry_id": item.entry_id, "follow_up": follow_up.name}
        log.error(json.dumps({"alarm": "not_followed", **about}))
        emit(OVERDUE, 1, at=clock.wall_clock())
        follow_up.ask(item)
    return 1
