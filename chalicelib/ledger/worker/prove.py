"""The nightly proof of the books, on a schedule."""

from __future__ import annotations

import json
import logging

from chalicelib.core.errors import Defect
from chalicelib.ledger.service import proving
from chalicelib.queues import Worker
from chalicelib.web import clock

worker = Worker(__name__)

log = logging.getLogger("quittance.ledger")
log.setLevel(logging.INFO)

MOST_TOLD = 100
"""How many differences of one tenant the log names. Whoever looks into more runs the proof by hand."""


@worker.schedule("prove", "cron(30 2 * * ? *)")
def prove() -> dict[str, int]:
    """Prove the books of every tenant, and put right what was only lost on its way.

    Answers `{"tenants": proved, "entries": walked}`. Where something differs the run fails. So does one that takes
    longer than a function may: `make rebuild` proves books of any size.
    """
    reports = proving.prove_all(clock.now(), mend=True)
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
