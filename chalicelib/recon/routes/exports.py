"""Exports over HTTP: asked for, looked at, run again. A worker makes the files."""

from __future__ import annotations

from chalicelib.recon.export_views import ExportBody, ExportPage, ExportView, RerunBody, export_view
from chalicelib.recon.service import exports
from chalicelib.storage.once import Outcome
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)

PAGED = ("limit", "cursor")


@router.endpoint(
    "POST", "/v1/exports", scope="recon:write", body=ExportBody, answer=ExportView, status=202, writes=True
)
def request_export(request: Request) -> Answer:
    """Ask for a file of the journal, the trial balance, the reconciliation or statement lines of a period."""
    body: ExportBody = request.body
    command = exports.RequestExport(body.kind, body.from_on, body.to_on)
    return _answer(exports.request_export(request.call, command))


@router.endpoint("GET", "/v1/exports", scope="recon:read", answer=ExportPage, parameters=PAGED)
def list_exports(request: Request) -> ExportPage:
    """List exports, the newest first."""
    name = f"{request.tenant}/exports"
    page = exports.list_exports(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return ExportPage([export_view(each) for each in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/exports/{export_id}", scope="recon:read", answer=ExportView)
def get_export(request: Request, export_id: str) -> ExportView:
    """Read an export; once it is done, with a link to its file."""
    export = exports.get_export(request.tenant, export_id)
    return export_view(export, exports.download_link(export, now=clock.now()))


@router.endpoint(
    "POST",
    "/v1/exports/{export_id}/rerun",
    scope="recon:write",
    body=RerunBody,
    answer=ExportView,
    status=202,
    writes=True,
)
def rerun_export(request: Request, export_id: str) -> Answer:
    """Run an export again that failed, or whose file is no longer kept."""
    return _answer(exports.rerun_export(request.call, export_id))


def _answer(outcome: Outcome) -> Answer:
    """The export as the command left it: a replay says the same."""
    return replayable(outcome, export_view(exports.export_of(outcome.item.data)))
