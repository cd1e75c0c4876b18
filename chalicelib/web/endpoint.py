"""`Router.endpoint`: the one decorator of every route. It authenticates, checks the scope, parses the body into a typed
command, takes clock, ids and `Idempotency-Key`, and turns every error into an answer.

A route is registered with its types, which is where the OpenAPI document comes from.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypedDict, Unpack
from urllib.parse import urlencode

import msgspec
from chalice.app import Blueprint, Response

from chalicelib.core.call import Call, caller_key, fingerprint
from chalicelib.core.errors import Defect, Forbidden, InvalidInput, Refusal, TooLarge, Unauthenticated
from chalicelib.core.ids import serial
from chalicelib.security.tokens import Principal, verify_token
from chalicelib.storage.once import Outcome
from chalicelib.web import clock
from chalicelib.web.parse import MOST_BYTES, check_id, convert, read_json
from chalicelib.web.problems import failed, refused

log = logging.getLogger("quittance.web")
log.setLevel(logging.INFO)

KEY_HEADER = "idempotency-key"
REPLAYED_HEADER = "Idempotent-Replayed"
JSON = "application/json"
SHOWN_TYPE = "text/x-text"


class Terms(TypedDict, total=False):
    """What a route may say beyond what each must. See `Route`."""

    body: type
    content: type
    status: int
    writes: bool
    consumes: tuple[str, ...]
    produces: str
    parameters: tuple[str, ...]
    most_bytes: int


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route as the OpenAPI document has it. `writes`: it needs an `Idempotency-Key`. `parameters` are those of the
    query. A body has at most `most_bytes`, whatever it holds; `content` is the shape of one that the view reads
    itself."""

    method: str
    path: str
    name: str
    summary: str
    scope: str | None
    answer: Any
    body: type | None = None
    content: type | None = None
    status: int = 200
    writes: bool = False
    consumes: tuple[str, ...] = (JSON,)
    produces: str = JSON
    parameters: tuple[str, ...] = ()
    most_bytes: int = MOST_BYTES


@dataclass(frozen=True)
class Request:
    """What a view gets. `principal` is who asks (nobody on an open route), `body` the typed command (or None)."""

    principal: Principal
    raw: bytes
    body: Any
    query: dict[str, str]
    headers: dict[str, str]
    call_or_none: Call | None = None

    @property
    def tenant(self) -> str:
        """The tenant of the token: the only one this request can see."""
        if not self.principal.tenant:
            raise Defect("an open route has no tenant")
        return self.principal.tenant

    @property
    def call(self) -> Call:
        """The call of a writing route."""
        if self.call_or_none is None:
            raise Defect("the route does not write")
        return self.call_or_none


@dataclass(frozen=True)
class Answer:
    """A body with a status and headers of its own, where the route's usual ones do not do."""

    body: Any
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


NOBODY = Principal(tenant="", client_id="", scopes=frozenset())
View = Callable[..., Any]


class Router:
    """The routes of one capability: a Chalice blueprint and the list of what is on it."""

    def __init__(self, name: str) -> None:
        self.blueprint = Blueprint(name)
        self.routes: list[Route] = []

    def endpoint(
        self, method: str, path: str, *, scope: str | None, answer: Any, **terms: Unpack[Terms]
    ) -> Callable[[View], View]:
        """Put a view on a route. The view is called with a Request and the path's parameters by name, and returns the
        answer's value (or an Answer). `scope` None: anybody may call, with or without a token."""

        def register(view: View) -> View:
            summary = (view.__doc__ or view.__name__).split("\n")[0]
            route = Route(
                method=method, path=path, name=view.__name__, summary=summary, scope=scope, answer=answer, **terms
            )
            self.routes.append(route)

            @wraps(view)
            def handle(**path_values: str) -> Response:
                started = time.perf_counter_ns()
                response = _handle(route, view, self.blueprint.current_request, path_values)
                _log(route, response, nanoseconds=time.perf_counter_ns() - started)
                return response

            # Chalice would answer a wrong content type by itself, in another form: `_check_content_type` does it.
            self.blueprint.route(path, methods=[method], content_types=[], name=view.__name__)(handle)
            return view

        return register


class TextResponse(Response):
    """An answer that is text, whatever its type. Chalice would send a type that is binary when uploaded (CSV, XML) in
    base 64, and only to callers whose `Accept` names it: so it is shown another type."""

    def __init__(self, body: str, *, kind: str, headers: dict[str, str], status: int) -> None:
        super().__init__(body, status_code=status, headers={"Content-Type": SHOWN_TYPE, **headers})
        self.kind = kind

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        """The answer as API Gateway takes it."""
        answer: dict[str, Any] = super().to_dict(None)
        answer["headers"]["Content-Type"] = self.kind
        return answer


def replayable(outcome: Outcome, body: Any) -> Answer:
    """The answer of a command, marked when it is the answer of an earlier call."""
    return Answer(body, headers={REPLAYED_HEADER: "true"} if outcome.replayed else {})


def _handle(route: Route, view: View, incoming: Any, path_values: dict[str, str]) -> Response:
    try:
        request = _request(route, incoming, path_values)
        return _respond(route, view(request, **path_values))
    except Refusal as refusal:
        return refused(refusal)
    except Exception as error:
        return failed(error, route=f"{route.method} {route.path}")


def _log(route: Route, response: Response, *, nanoseconds: int) -> None:
    """One line for a request: what was asked, without ids, and what it came to; never who asked or with what."""
    told = {"route": f"{route.method} {route.path}", "answered": response.status_code, "ms": nanoseconds // 1_000_000}
    log.info(json.dumps(told))


def _request(route: Route, incoming: Any, path_values: dict[str, str]) -> Request:
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    principal = _authenticate(route, headers)
    for name, value in path_values.items():
        check_id(name, value)
    query = _query(route, incoming.query_params)
    raw = _raw(route, incoming, headers)
    content = read_json(raw, most_bytes=route.most_bytes) if route.body else raw
    body = convert(content, route.body) if route.body else None
    call = None
    if route.writes:
        # The mark is taken of what was sent, not of what it was read as: a field that is added later, with a value for
        # who leaves it out, must not make another request of an old one.
        path = route.path.format(**path_values)
        mark = fingerprint(route.method, f"{path}?{urlencode(sorted(query.items()))}" if query else path, content)
        call = _call(principal, key=headers.get(KEY_HEADER, ""), mark=mark)
    return Request(principal, raw, body, query, headers, call)


def _authenticate(route: Route, headers: dict[str, str]) -> Principal:
    if route.scope is None:
        return NOBODY
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("token_missing", "send a bearer token")
    principal = verify_token(token, now=clock.wall_clock())
    if route.scope not in principal.scopes:
        raise Forbidden("scope_missing", f"the token lacks the scope {route.scope}", scope=route.scope)
    return principal


def _query(route: Route, given: Any) -> dict[str, str]:
    query: dict[str, str] = {}
    for name in given or ():
        if name not in route.parameters:
            raise InvalidInput("unknown_parameter", f"no parameter {name} here", field=name)
        values = given.getlist(name)
        if len(values) != 1:
            raise InvalidInput("duplicate_parameter", f"{name} stands more than once", field=name)
        query[name] = values[0]
    return query


def _raw(route: Route, incoming: Any, headers: dict[str, str]) -> bytes:
    raw: bytes = incoming.raw_body or b""
    kind = headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if route.method != "GET" and kind not in route.consumes:
        raise InvalidInput("unsupported_media_type", f"send one of {', '.join(route.consumes)}", field="Content-Type")
    if len(raw) > route.most_bytes:
        raise TooLarge("body_too_large", f"a body has at most {route.most_bytes} bytes", maximum=route.most_bytes)
    return raw


def _call(principal: Principal, *, key: str, mark: bytes) -> Call:
    now = clock.now()
    return Call(
        tenant=principal.tenant,
        key=caller_key(key),
        fingerprint=mark,
        now=now,
        serial=serial(now, os.urandom(10)),
        actor=principal.client_id,
    )


def _respond(route: Route, result: Any) -> Response:
    answer = result if isinstance(result, Answer) else Answer(result)
    headers = {"Cache-Control": "no-store"} | answer.headers
    status = answer.status or route.status
    if isinstance(answer.body, bytes):
        return Response(answer.body, status_code=status, headers={"Content-Type": route.produces, **headers})
    text = answer.body if isinstance(answer.body, str) else msgspec.json.encode(answer.body).decode()
    return TextResponse(text, kind=route.produces, headers=headers, status=status)
