"""Checkpoints, on a schedule."""

from __future__ import annotations

import json
import logging

from chalicelib.core.errors import Defect
from chalicelib.ledger.service import checkpoints
from chalicelib.queues import Worker
from chalicelib.web import clock

worker = Worker(__name__)

log = logging.getLogger("quittance.ledger")
log.setLevel(logging.INFO)


@worker.schedule("checkpoint", "rate(5 minutes)")
def checkpoint() -> dict[str, int]:
    """Sign what was numbered since the last run, for every tenant.

    Answers `{"checkpoints": made, "entries": that they cover}`. Where a tenant failed the others have theirs, and the
    run fails.
    """
    run = checkpoints.make_due(clock.now())
    for tenant, error in run.failures:
        told = {"alarm": "no_checkpoint", "tenant": tenant, "type": type(error).__name__}
        log.error(json.dumps(told))
    if run.failures:
        raise Defect(f"{len(run.failures)} tenants without a checkpoint") from run.failures[0][1]
    return {"checkpoints": run.made, "entries": run.entries}
