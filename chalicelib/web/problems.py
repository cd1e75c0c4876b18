"""Errors to answers: RFC 9457 problem details with stable codes, and the one table of HTTP statuses."""

from __future__ import annotations

import json
import logging
import traceback

from chalice.app import Response

from chalicelib.core.errors import (
    Busy,
    Conflict,
    Forbidden,
    InvalidInput,
    KeyReused,
    NotFound,
    Refusal,
    TooLarge,
    Unauthenticated,
)

STATUS_OF = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    KeyReused: 422,
    Busy: 503,
}

log = logging.getLogger("quittance.web")


def refused(refusal: Refusal) -> Response:
    """The answer to a refusal: its code, its sentence and its facts."""
    status = STATUS_OF[type(refusal)]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = "1"
    return _problem(status, refusal.code, refusal.sentence, refusal.facts, headers)


def failed(error: Exception, *, route: str) -> Response:
    """The answer to a fault of ours: nothing of it is told; the log has the stack, without the message's values."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error(json.dumps({"alarm": "defect", "route": route, "type": type(error).__name__, "stack": frames[-12:]}))
    return _problem(500, "internal_error", "the fault is ours and has been recorded", {}, {})


def _problem(status: int, code: str, sentence: str, facts: dict[str, object], headers: dict[str, str]) -> Response:
    body = {"type": f"urn:quittance:problem:{code}", "title": sentence, "status": status, "code": code} | facts
    content = json.dumps(body, default=str)
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"} | headers
    return Response(content, status_code=status, headers=headers)
