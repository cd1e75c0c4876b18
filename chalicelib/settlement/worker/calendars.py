"""Once an hour: are the calendars' days known for long enough, and is every clock counted by what is known now.

A new version of a calendar comes with a deployment; the next run counts every running clock anew. Leaves to others: the
calendars themselves (`chalicelib.core.centres`).
"""

from __future__ import annotations

import json
import logging

from chalicelib.core.calendars import CALENDARS, ending_calendars
from chalicelib.core.errors import Defect, Refusal
from chalicelib.queues import Worker
from chalicelib.queues.metrics import emit
from chalicelib.trades.service.recounting import recount_all
from chalicelib.web import clock

DAYS_LEFT = "CalendarDaysLeft"
"""The days until the nearest horizon of any calendar, as a metric."""

worker = Worker(__name__)

log = logging.getLogger("quittance.settlement")


@worker.schedule("calendars", "rate(1 hour)")
def calendars() -> dict[str, int]:
    """Measure how long the days of calendars are known, and count the running clocks anew by versions that are new.

    Answers `{"trades": looked at, "recounted": so many}`. Where a trade failed the others are counted, and the run
    fails.
    """
    now = clock.now()
    emit(DAYS_LEFT, min(one.days_left(now) for one in CALENDARS.values()), at=clock.wall_clock())
    for one in ending_calendars(now):
        log.warning(
            json.dumps({"alarm": "calendar_ends", "calendar": one.name, "known_through": str(one.known_through)})
        )
    run = recount_all(" ".join(one.version for one in CALENDARS.values()), now)
    for trade_id, error in run.failures:
        code = error.code if isinstance(error, Refusal) else None
        log.error(
            json.dumps(
                {"alarm": "clocks_not_counted", "trade_id": trade_id, "type": type(error).__name__, "code": code}
            )
        )
    if run.failures:
        raise Defect(f"{len(run.failures)} of {run.trades} trades not counted") from run.failures[0][1]
    return {"trades": run.trades, "recounted": run.recounted}
