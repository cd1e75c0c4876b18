"""Statements and breaks over HTTP."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.recon.formats import MOST_BYTES
from chalicelib.recon.service import breaks, corrections, questions, uploads
from chalicelib.recon.views import (
    BreakPage,
    BreakView,
    RematchBody,
    StatementCorrectionBody,
    StatementCorrectionView,
    StatementDetail,
    StatementFileDetail,
    StatementFilePage,
    StatementPage,
    UploadReceipt,
    break_view,
    file_detail,
    file_view,
    line_view,
    statement_view,
)
from chalicelib.storage.once import Outcome
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)

PAGED = ("limit", "cursor")
XML = ("application/xml", "text/xml")
STATUSES = ("open", "resolved")


@router.endpoint(
    "POST",
    "/v1/statements",
    scope="recon:write",
    answer=UploadReceipt,
    status=201,
    writes=True,
    consumes=XML,
    most_bytes=MOST_BYTES,
)
def upload_statement(request: Request) -> Answer:
    """Upload a bank's file of statements (camt.053): proved, stored, and each line matched to the books. More than 500
    lines are answered 202 and stored within minutes."""
    outcome = uploads.upload_statement(request.call, request.raw)
    receipt = msgspec.convert(outcome.item.data, UploadReceipt)
    answer = replayable(outcome, receipt)
    return replace(answer, status=202) if receipt.status == "loading" else answer


@router.endpoint("GET", "/v1/statements", scope="recon:read", answer=StatementPage, parameters=PAGED)
def list_statements(request: Request) -> StatementPage:
    """List statements by account, the newest first."""
    name = f"{request.tenant}/statements"
    page = questions.list_statements(
        request.tenant, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    views = [statement_view(placed.statement, placed.link) for placed in page.values]
    return StatementPage(views, cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/statement-files", scope="recon:read", answer=StatementFilePage, parameters=PAGED)
def list_statement_files(request: Request) -> StatementFilePage:
    """List uploaded files, those in quarantine with the reason, the newest first."""
    name = f"{request.tenant}/statement-files"
    page = questions.list_files(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return StatementFilePage([file_view(file) for file in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/statement-files/{file_id}", scope="recon:read", answer=StatementFileDetail)
def get_statement_file(request: Request, file_id: str) -> StatementFileDetail:
    """Read an uploaded file, and how far its lines are stored and matched."""
    return file_detail(*questions.get_file(request.tenant, file_id))


@router.endpoint("GET", "/v1/statements/{statement_id}", scope="recon:read", answer=StatementDetail, parameters=PAGED)
def get_statement(request: Request, statement_id: str) -> StatementDetail:
    """Read a statement and a page of its lines, each with its match or break."""
    now = clock.now()
    name = f"{request.tenant}/{statement_id}/lines"
    placed = questions.get_statement(request.tenant, statement_id)
    page = questions.list_lines(
        request.tenant, statement_id, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    lines = [line_view(reconciled, now) for reconciled in page.values]
    return StatementDetail(statement_view(placed.statement, placed.link), lines, cursor_for(name, page.last_key))


@router.endpoint(
    "POST",
    "/v1/statements/{statement_id}/corrections",
    scope="recon:write",
    body=StatementCorrectionBody,
    answer=StatementCorrectionView,
    writes=True,
)
def correct_statement(request: Request, statement_id: str) -> Answer:
    """Take a corrected version of a statement, from a file that is kept. By an earlier version's file it is undone."""
    body: StatementCorrectionBody = request.body
    command = corrections.CorrectStatement(statement_id, body.file_id, body.comment)
    outcome = corrections.correct_statement(request.call, command)
    return replayable(outcome, msgspec.convert(outcome.item.data, StatementCorrectionView))


@router.endpoint("GET", "/v1/breaks", scope="recon:read", answer=BreakPage, parameters=("status", *PAGED))
def list_breaks(request: Request) -> BreakPage:
    """List statement lines that are breaks (`status` open, or resolved), the oldest first."""
    now, status = clock.now(), request.query.get("status", STATUSES[0])
    if status not in STATUSES:
        raise InvalidInput("invalid_status", f"status is one of {', '.join(STATUSES)}", field="status")
    name = f"{request.tenant}/breaks/{status}"
    page = breaks.list_breaks(
        request.tenant, status, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    return BreakPage([break_view(found, now) for found in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/breaks/{break_id}", scope="recon:read", answer=BreakView)
def get_break(request: Request, break_id: str) -> BreakView:
    """Read a break of either side."""
    return break_view(breaks.get_break(request.tenant, break_id), clock.now())


@router.endpoint(
    "POST",
    "/v1/breaks/{break_id}/rematch",
    scope="recon:write",
    body=RematchBody,
    answer=BreakView,
    writes=True,
)
def rematch_break(request: Request, break_id: str) -> Answer:
    """Look at a break again: its entry may have been booked since."""
    return break_answer(breaks.rematch_break(request.call, break_id))


def break_answer(outcome: Outcome) -> Answer:
    """The break after a command, as old as it was when the command was done: a replay says the same."""
    return replayable(outcome, break_view(breaks.break_of(outcome.item.data), outcome.item.recorded_at))
