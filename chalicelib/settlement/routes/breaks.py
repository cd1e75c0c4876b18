"""Breaks of reconciliation resolved over HTTP. They are read and matched again by `chalicelib.recon.routes`."""

from __future__ import annotations

from functools import partial

from chalicelib.recon.routes.statements import break_answer
from chalicelib.recon.service import breaks
from chalicelib.recon.service.breaks import ResolveBreak
from chalicelib.recon.views import BreakView, ResolutionBody
from chalicelib.settlement.service.breaks import receive_line
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
    """Resolve a break: book its line, under the key a callback would book it under; in suspense it is a receipt."""
    body: ResolutionBody = request.body
    command = ResolveBreak(break_id, body.account_id, body.comment)
    return break_answer(breaks.resolve_break(request.call, command, partial(receive_line, request.call)))
