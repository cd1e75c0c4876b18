"""The daily accrual, on a schedule."""

from __future__ import annotations

import logging

from chalicelib.core.errors import Defect
from chalicelib.credit import service
from chalicelib.queues import Worker
from chalicelib.queues.budget import Deadline
from chalicelib.queues.failures import log_failure
from chalicelib.web import clock

worker = Worker(__name__)

MOST_SECONDS = 540
"""How long one run takes up lines. The next run goes on: lines that are accrued are passed over."""

log = logging.getLogger("quittance.credit")


@worker.schedule("accrue", "rate(1 hour)")
def accrue() -> dict[str, int]:
    """Accrue every credit line through today. Hourly, though a day has one accrual: what failed is tried again soon.

    Answers `{"lines": looked at, "days": accrued}`. Where a line failed the others are accrued, and the run fails.
    """
    run = service.accrue_due(clock.now(), ask=clock.now, is_over=Deadline(MOST_SECONDS).has_passed)
    for failure in run.failures:
        about = {"tenant": failure.tenant, "line_id": failure.line_id, "day": failure.day.isoformat()}
        log_failure(log, "line_not_accrued", failure.error, **about)
    if run.failures:
        raise Defect(f"{len(run.failures)} of {run.lines} credit lines not accrued") from run.failures[0].error
    return {"lines": run.lines, "days": run.days}
