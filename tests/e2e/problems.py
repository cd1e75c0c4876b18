"""What a refusal looks like, and requests that would be taken but for the one thing a test changes."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from tests.e2e.document import JSON, Operation, sample, without
from tests.e2e.market import Market
from tests.e2e.web import PROBLEM, Reply, Web

INSTEAD = {"POST /v1/fx-quotes/{quote_id}/exchanges": ("buy",)}
"""A field that may not stand beside the others of a schema's sample."""
CODE = re.compile(r"[a-z][a-z0-9_]{2,59}")


def assert_problem(reply: Reply, status: int | range, code: str = "", what: object = "") -> None:
    """A refusal in the form of RFC 9457, with a stable code; nothing of our inside in it."""
    statuses = (status,) if isinstance(status, int) else status
    assert reply.status in statuses, (what, reply)
    assert reply.headers["content-type"].partition(";")[0] == PROBLEM, (what, reply)
    problem = reply.json
    assert {"type", "title", "status", "code"} <= set(problem), (what, problem)
    assert problem["status"] == reply.status, (what, problem)
    assert problem["type"] == f"urn:quittance:problem:{problem['code']}", (what, problem)
    assert CODE.fullmatch(problem["code"]), (what, problem)
    assert not code or problem["code"] == code, (what, problem)
    assert "Traceback" not in reply.body.decode(), (what, problem)


def ready(operation: Operation, body: Any = None) -> tuple[bytes | None, dict[str, str]]:
    """Body and headers of a request that has all its form asks for: the schema's sample, unless a body is given."""
    if operation.method == "GET":
        return None, {}
    headers = {"Content-Type": operation.kinds[0], "Idempotency-Key": str(uuid.uuid4())}
    if isinstance(body, bytes):
        return body, headers
    if operation.schema is None:
        return b"<Document/>", headers
    value = _sample(operation.name, operation.schema) if body is None else body
    return json.dumps(value).encode(), {**headers, "Content-Type": JSON}


def _sample(name: str, schema: dict[str, Any]) -> Any:
    whole = sample(schema)
    return without(whole, INSTEAD[name]) if name in INSTEAD else whole


def sent(web: Web, operation: Operation, market: Market, body: Any = None, **headers: str) -> Reply:
    """The operation on a market's own things, ready but for the headers given (an empty one is left out)."""
    content, usual = ready(operation, body)
    given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in given.items() if value}
    return web.send(operation.method, operation.at(market.ids), content, kept)
