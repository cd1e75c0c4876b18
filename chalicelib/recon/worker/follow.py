"""The minute's following: every bank account's positions come up to its books, so that an answer finds them there."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from chalicelib.core.errors import Defect, Refusal
from chalicelib.queues import Worker
from chalicelib.recon.service.following import FollowFailure, follow_all
from chalicelib.web import clock

WORKS_FOR = timedelta(seconds=40)

worker = Worker(__name__)

log = logging.getLogger("quittance.recon")
log.setLevel(logging.INFO)


@worker.schedule("follow", "rate(1 minute)")
def follow() -> dict[str, int]:
    """Follow the books of every bank account, for as long as a run has; the next one goes on where this one ended.

    Answers `{"accounts": looked at, "entries": counted}`. Where an account failed the others are followed, and the run
    fails.
    """
    ends_at = clock.wall_clock() + WORKS_FOR
    run = follow_all(is_over=lambda: clock.wall_clock() > ends_at)
    for failure in run.failures:
        log.error(json.dumps(_told(failure)))
    if run.failures:
        raise Defect(f"{len(run.failures)} bank accounts not followed")
    return {"accounts": run.accounts, "entries": run.entries}


def _told(failure: FollowFailure) -> dict[str, str | None]:
    """What the log says of an account that failed; no values."""
    error = failure.error
    code = error.code if isinstance(error, Refusal) else None
    about = {"tenant": failure.tenant, "account_id": failure.account_id}
    return {"alarm": "positions_not_followed", **about, "type": type(error).__name__, "code": code}
