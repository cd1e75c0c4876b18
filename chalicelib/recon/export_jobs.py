"""What an export is: a file for finance, of one kind and period, made by a worker. Pure.

    queued -> running -> done
                      -> failed     (and run again: queued, as the next attempt)

An export stands at two cuts: entries numbered in the feed up to `feed_number`, and, of those, what took effect within
the period. What is recorded later of the same period is in the next export of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Literal

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.values import dataclass

Kind = Literal["journal", "postings", "trial_balance", "reconciliation", "statement_lines"]
State = Literal["queued", "running", "done", "failed"]

KINDS: dict[str, tuple[str, str]] = {
    "journal": ("beancount", "text/plain; charset=utf-8"),
    "postings": ("csv", "text/csv; charset=utf-8"),
    "trial_balance": ("csv", "text/csv; charset=utf-8"),
    "reconciliation": ("csv", "text/csv; charset=utf-8"),
    "statement_lines": ("csv", "text/csv; charset=utf-8"),
}
"""Each kind with the end of its file's name and its content type."""

REQUESTED = "export.requested"
"""The kind of the journal items that a run is queued for."""

KEPT = timedelta(days=30)
"""How long the bucket keeps an export's file."""

FAULT = "export_fault"
"""The reason of an export that failed by a fault of ours."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was asked for. `feed_number` is 0 until it runs; `rows`, `bytes` and `sha256` are the finished
    file's, `reason` says why it failed. `saves` counts how often a run has put its work down."""

    export_id: str
    tenant: str
    kind: Kind
    from_on: date
    to_on: date
    requested_by: str
    requested_at: datetime
    state: State = "queued"
    attempt: int = 1
    saves: int = 0
    feed_number: int = 0
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    reason: str = ""
    finished_at: datetime | None = None

    @property
    def file_name(self) -> str:
        """`journal-2026-03-01-2026-03-31.beancount`."""
        return f"{self.kind}-{self.from_on}-{self.to_on}.{KINDS[self.kind][0]}"

    @property
    def content_type(self) -> str:
        """The content type of its file."""
        return KINDS[self.kind][1]

    @property
    def folder(self) -> str:
        """Where in the bucket an attempt's files lie."""
        return f"exports/{self.tenant}/{self.export_id}/{self.attempt}"

    @property
    def key(self) -> str:
        """Where in the bucket its file lies."""
        return f"{self.folder}/{self.file_name}"

    @property
    def expires_at(self) -> datetime | None:
        """When the bucket may drop its file; None until there is one."""
        return self.finished_at + KEPT if self.finished_at is not None and self.state == "done" else None


def check_period(from_on: date, to_on: date, *, today: date) -> None:
    """Raises InvalidInput `invalid_period` where it ends before it begins, `period_in_future` where it ends after
    today."""
    if from_on > to_on:
        raise InvalidInput("invalid_period", "from comes after to", field="from")
    if to_on > today:
        raise InvalidInput("period_in_future", "a period ends today at the latest", field="to", today=str(today))


def check_rerun(export: Export, *, now: datetime) -> None:
    """Raises Conflict `export_running` unless it failed, or its file is no longer kept."""
    is_gone = export.expires_at is not None and export.expires_at <= now
    if export.state != "failed" and not is_gone:
        raise Conflict("export_running", "only what failed or expired is run again", state=export.state)


def run_again(export: Export) -> Export:
    """The export as its next attempt, that nothing has been done of."""
    return replace(
        export,
        state="queued",
        attempt=export.attempt + 1,
        saves=0,
        feed_number=0,
        rows=0,
        bytes=0,
        sha256="",
        reason="",
        finished_at=None,
    )


def failed(export: Export, reason: str, *, now: datetime) -> Export:
    """The export as one that failed."""
    return replace(export, state="failed", reason=reason, finished_at=now)
