"""The minute's sweep: folds what is behind its feed, whatever the sequencer missed.

Nothing here keeps a list of what is to be done: each run looks at how things stand, so that the one after an outage
does all that was missed, and two at once do it once. An entry whose record the sequencer never got has no number, and
nobody can see that without going through the whole journal: that is the nightly proof's, which numbers it.
"""

from __future__ import annotations

import json
import logging

from chalicelib.core.errors import Defect, Refusal
from chalicelib.ledger.service import deferred
from chalicelib.queues import Worker

worker = Worker(__name__)

log = logging.getLogger("quittance.ledger")
log.setLevel(logging.INFO)


@worker.schedule("sweep", "rate(1 minute)")
def sweep() -> dict[str, int]:
    """Fold every tenant that is behind.

    Answers `{"tenants_folded": that were behind, "entries_folded": so many}`. Where a tenant failed the others are
    folded, and the run fails.
    """
    run = deferred.fold_behind()
    done = {"tenants_folded": run.tenants, "entries_folded": run.entries}
    log.info(json.dumps({"swept": done}))
    for failure in run.failures:
        log.error(json.dumps(_told(failure)))
    if run.failures:
        raise Defect(f"{len(run.failures)} of {run.tenants} tenants not folded") from run.failures[0].error
    return done


def _told(failure: deferred.FoldFailure) -> dict[str, str | None]:
    """What the log says of a tenant whose fold failed: which, and what kind of error, no values."""
    error = failure.error
    code = error.code if isinstance(error, Refusal) else None
    return {"alarm": "tenant_not_folded", "tenant": failure.tenant, "type": type(error).__name__, "code": code}
