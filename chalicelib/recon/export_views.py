"""Exports as requests and answers have them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from chalicelib.core.instants import instant_text
from chalicelib.recon.export_jobs import Export
from chalicelib.web.parse import Body


class ExportBody(Body, frozen=True, kw_only=True, rename={"from_on": "from", "to_on": "to"}):
    """A kind of file, and the first and last day it is about, by effective time. The journal is a beancount file, all
    others are CSV."""

    kind: Literal["journal", "postings", "trial_balance", "reconciliation", "statement_lines"]
    from_on: date
    to_on: date


class RerunBody(Body, frozen=True, kw_only=True):
    """Nothing needs to be said."""


class ExportView(msgspec.Struct, frozen=True, rename={"from_on": "from", "to_on": "to"}):
    """An export. It stands at two cuts: entries numbered in the feed up to `feed_number`, and of those what took effect
    within the period. `state` is queued, running, done or failed (`reason` says why). `rows`, `bytes` and `sha256` are
    the finished file's, which is kept until `expires_at`; `download_url` reads it for a quarter of an hour."""

    export_id: str
    kind: str
    from_on: str
    to_on: str
    state: str
    attempt: int
    reason: str | None
    feed_number: int | None
    rows: int
    bytes: int | None
    sha256: str | None
    file_name: str
    requested_by: str
    requested_at: str
    finished_at: str | None
    expires_at: str | None
    download_url: str | None


class ExportPage(msgspec.Struct, frozen=True):
    """One page of exports, the newest first, without links."""

    exports: list[ExportView]
    next_cursor: str | None


def export_view(export: Export, download_url: str | None = None) -> ExportView:
    """An export as answers show it."""
    return ExportView(
        export_id=export.export_id,
        kind=export.kind,
        from_on=str(export.from_on),
        to_on=str(export.to_on),
        state=export.state,
        attempt=export.attempt,
        reason=export.reason or None,
        feed_number=export.feed_number or None,
        rows=export.rows,
        bytes=export.bytes or None,
        sha256=export.sha256 or None,
        file_name=export.file_name,
        requested_by=export.requested_by,
        requested_at=instant_text(export.requested_at),
        finished_at=_instant(export.finished_at),
        expires_at=_instant(export.expires_at),
        download_url=download_url,
    )


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
