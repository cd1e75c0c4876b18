"""The nightly proof of the books, on a schedule: a run goes on for eight minutes, and the next, a quarter of an hour
after it began, takes up what is left."""

from __future__ import annotations

import json
import logging

from chalicelib.core.errors import Defect
from chalicelib.ledger.service import proving, proving_nightly
from chalicelib.queues import Worker
from chalicelib.queues.budget import Deadline
from chalicelib.web import clock

worker = Worker(__name__)

log = logging.getLogger("quittance.ledger")
log.setLevel(logging.INFO)

MOST_TOLD = 100
"""How many differences of one tenant the log names. Whoever looks into more runs the proof by hand."""


MOST_SECONDS = 480
"""How long a run begins new pieces. The function has ten minutes."""


@worker.schedule("prove", "cron(0/15 2-5 * * ? *)")
def prove() -> dict[str, int]:
    """Go on with the night's proof of every tenant's books, and put right what was only lost on its way.

    Answers `{"tenants": proved, in part or to the end, "entries": walked}`; nothing is left to do where both are 0.
    Where something differs the run fails.
    """
    reports = proving_nightly.prove_due(clock.now(), out_of_time=Deadline(MOST_SECONDS).has_passed)
    for report in reports:
        _tell(report)
    differing = sum(1 for report in reports if report.differences)
    if differing:
        raise Defect(f"the books of {differing} tenants differ from the journal")
    return {"tenants": len(reports), "entries": sum(report.entries for report in reports)}


def _tell(report: proving.Report) -> None:
    """One line for what was proved, and one for each difference."""
    proved = proving.counts(report)
    log.info(json.dumps({"proved": report.tenant, **proved}))
    for difference in report.differences[:MOST_TOLD]:
        told = {"tenant": report.tenant, "kind": difference.kind, "subject": difference.subject}
        log.error(json.dumps({"alarm": "books_differ", **told, "facts": dict(difference.facts)}))
