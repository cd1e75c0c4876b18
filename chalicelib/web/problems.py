"""Errors to answers: RFC 9457 problem details with stable codes, and the one table of HTTP statuses."""

from __future__ import annotations

import json
import logging
import traceback
from http import HTTPStatus

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
from chalicelib.storage.retry import is_transient

STATUS_OF: dict[type, HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
}
HEADERS_OF: dict[type, dict[str, str]] = {Unauthenticated: {"WWW-Authenticate": "Bearer"}, Busy: {"Retry-After": "1"}}

log = logging.getLogger("quittance.web")


def refused(refusal: Refusal) -> Response:
    """The answer to a refusal: its code, its sentence and its facts."""
    kind = next(kind for kind in type(refusal).__mro__ if kind in STATUS_OF)
    return _problem(STATUS_OF[kind], refusal.code, refusal.sentence, refusal.facts, HEADERS_OF.get(kind, {}))


def failed(error: Exception, *, route: str) -> Response:
    """The answer to a fault of ours, or of AWS: nothing of it is told; the log has the stack, without the message's
    values. Where a later try may succeed the answer is Busy."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    code = getattr(error, "response", {}).get("Error", {}).get("Code")  # where AWS refused: its code
    alarm = "outage" if is_transient(error) else "defect"
    told = {"alarm": alarm, "route": route, "type": type(error).__name__, "code": code, "stack": frames[-12:]}
    log.error(json.dumps(told))
    if is_transient(error):
        return refused(Busy("try_again", "something we need is out of reach: retry with the same key"))
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "the fault is ours and has been recorded", {}, {}
    )


def _problem(
    status: HTTPStatus, code: str, sentence: str, facts: dict[str, object], headers: dict[str, str]
) -> Response:
    # Members of the standard come last: a fact of the same name must not pass for one.
    body = facts | {"type": f"urn:quittance:problem:{code}", "title": sentence, "status": int(status), "code": code}
    content = json.dumps(body, default=str)
    all_headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"} | headers
    return Response(content, status_code=int(status), headers=dict(all_headers))
