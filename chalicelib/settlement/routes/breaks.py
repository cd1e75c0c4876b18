"""Breaks of reconciliation resolved over HTTP. They are read and matched again by `chalicelib.recon.routes`."""

from __future__ import annotations

from chalicelib.recon.routes import break_answer
from chalicelib.recon.service.breaks import ResolveBreak
from chalicelib.recon.views import BreakView, ResolutionBody
from chalicelib.settlement.service import breaks
from chalicelib.web.endpoint import Answer, Request, Router

router = Router(__name__)


@router.endpoint(
    "POST",
    "/v1/breaks/{break_id}/resolutions",
    scope="recon:write",
    body=ResolutionBody,
    answer=BreakView,
    status=201,
    writes=True,
)
def resolve_break(request: Request, break_id: str) -> Answer:
    """Resolve a break: book its line against an account, under the key a callback would book it under. Against
    suspense, its line is a receipt that waits there."""
    body: ResolutionBody = request.body
    return break_answer(breaks.resolve_break(request.call, ResolveBreak(break_id, body.account_id, body.comment)))
