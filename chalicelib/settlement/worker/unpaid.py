"""Payouts that should have been made and were not, on a schedule: asked for again, and named for an alarm."""

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
from chalicelib.settlement.service.unpaid import find_unpaid
from chalicelib.settlement.worker.payout_queue import ask_to_pay
from chalicelib.settlement.worker.payout_watch import OVERDUE
from chalicelib.web import clock

worker = Worker(__name__)

log = logging.getLogger("quittance.settlement")


@worker.schedule("unpaid", "rate(15 minutes)")
def unpaid() -> dict[str, int]:
    """Ask once more for the payouts of entries that have none. See `ask_again`."""
    return ask_again(clock.now)


def ask_again(ask: Callable[[], datetime]) -> dict[str, int]:
    """Look at every tenant, and ask for the payouts that are missing when `ask` is asked. Answers `{"tenants": looked
    at, "entries": asked for}`. Where a tenant failed the others are looked at, and the run fails."""
    run = attempt_each(every_tenant(), lambda tenant: _ask_for(tenant, ask()))
    for failure in run.failures:
        log_failure(log, "unpaid_not_looked_for", failure.error, tenant=failure.subject)
    if run.failures:
        raise Defect(f"{len(run.failures)} of {run.attempted} tenants not looked at") from run.failures[0].error
    return {"tenants": run.attempted, "entries": run.done}


def _ask_for(tenant: str, now: datetime) -> int:
    found = find_unpaid(tenant, now=now)
    for entry_id in found:
        log.error(json.dumps({"alarm": "payouts_not_made", "tenant": tenant, "entry_id": entry_id}))
        emit(OVERDUE, 1, at=clock.wall_clock())
        ask_to_pay(tenant, entry_id)
    return len(found)
