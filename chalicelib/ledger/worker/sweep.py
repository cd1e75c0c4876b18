"""The minute's sweep: returns holds whose time is over, folds what is behind its feed, and brings totals on.

Nothing here keeps a list of what is to be done: each run looks at how things stand, so that the one after an outage
does all that was missed, and two at once do it once. An entry whose record the sequencer never got has no number, and
nobody can see that without going through the whole journal: that is the nightly proof's, which numbers it.
"""

from __future__ import annotations

import json
import logging

from chalicelib.core.errors import Defect
from chalicelib.ledger.service import deferred, holds, totals
from chalicelib.queues import Worker
from chalicelib.queues.budget import Deadline
from chalicelib.queues.failures import log_failure
from chalicelib.web import clock

worker = Worker(__name__)

MOST_SECONDS = 200
"""How long holds are returned. The rest of the run's time is for folding."""

MOST_SECONDS_IN_ALL = 250
"""How long totals are begun. The function has 280 seconds."""

log = logging.getLogger("quittance.ledger")
log.setLevel(logging.INFO)


@worker.schedule("sweep", "rate(1 minute)")
def sweep() -> dict[str, int]:
    """Return the holds that are due, then fold every tenant that is behind, and bring on its totals.

    Answers `{"holds_returned": so many, "tenants_folded": that were behind, "entries_folded": so many,
    "blocks_totalled": so many}`. Where a hold or a tenant failed the others are done, and the run fails.
    """
    end = Deadline(MOST_SECONDS_IN_ALL)
    swept = holds.expire_due(clock.now(), is_over=Deadline(MOST_SECONDS).has_passed)
    folded = deferred.fold_behind()
    totalled = totals.follow_behind(is_over=end.has_passed)
    done = {
        "holds_returned": swept.returned,
        "tenants_folded": folded.attempted,
        "entries_folded": folded.done,
        "blocks_totalled": totalled.done,
    }
    log.info(json.dumps({"swept": done}))
    for hold in swept.failures:
        log_failure(log, "hold_not_returned", hold.error, tenant=hold.tenant, hold_id=hold.hold_id)
    for alarm, run in (("tenant_not_folded", folded), ("tenant_not_totalled", totalled)):
        for failure in run.failures:
            log_failure(log, alarm, failure.error, tenant=failure.subject)
    failures = (len(swept.failures), len(folded.failures), len(totalled.failures))
    if any(failures):
        raise Defect("{} holds not returned, {} tenants not folded, {} not totalled".format(*failures))
    return done
