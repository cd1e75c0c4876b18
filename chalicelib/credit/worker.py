"""The daily accrual, on a schedule."""

from __future__ import annotations

import json
import logging

from chalicelib.core.errors import Defect, Refusal
from chalicelib.credit import service
from chalicelib.queues import Worker
from chalicelib.web import clock

worker = Worker(__name__)

log = logging.getLogger("quittance.credit")


@worker.schedule("accrue", "rate(1 hour)")
def accrue() -> dict[str, int]:
    """Accrue every credit line through today. Hourly, though a day has one accrual: what failed is tried again soon.

    Answers `{"lines": looked at, "days": accrued}`. Where a line failed the others are accrued, and the run fails.
    """
    run = service.accrue_due(clock.now(), ask=clock.now)
    for failure in run.failures:
        log.error(json.dumps(_told(failure)))
    if run.failures:
        raise Defect(f"{len(run.failures)} of {run.lines} credit lines not accrued") from run.failures[0].error
    return {"lines": run.lines, "days": run.days}


def _told(failure: service.LineFailure) -> dict[str, str | None]:
    """What the log says of a line that failed: which, when and what kind of error, no values."""
    error = failure.error
    return {
        "alarm": "line_not_accrued",
        "tenant": failure.tenant,
        "line_id": failure.line_id,
        "day": failure.day.isoformat(),
        "type": type(error).__name__,
        "code": error.code if isinstance(error, Refusal) else None,
    }
