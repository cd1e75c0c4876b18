"""`Router.endpoint`: the one decorator of every route. It authenticates, checks the scope, parses the body into a typed
command, takes clock, ids and `Idempotency-Key`, and turns every error into an answer.

A route is registered with its types, which is where the OpenAPI document comes from.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import msgspec
from chalice.app import Blueprint, Response

from chalicelib.core.call import CALLER, Call, fingerprint
from chalicelib.core.errors import Defect, Forbidden, InvalidInput, Refusal, Unauthenticated
from chalicelib.core.ids import serial
from chalicelib.security.tokens import Principal, verify_token
from chalicelib.storage.once import Outcome
from chalicelib.web import clock
from chalicelib.web.parse import MOST_BYTES, parse
from chalicelib.web.problems import failed, refused

KEY_HEADER = "idempotency-key"
MOST_KEY = 128
JSON = "application/json"


@dataclass(frozen=True)
class Route:
    """What the OpenAPI document says of a route. `writes`: it needs an `Idempotency-Key`."""

    method: str
    path: str
    name: str
    summary: str
    scope: str | None
    body: type | None
    answer: Any
    status: int
    writes: bool
    consumes: tuple[str, ...] = (JSON,)
    produces: str = JSON
    parameters: tuple[str, ...] = ()


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
        self,
        method: str,
        path: str,
        *,
        scope: str | None,
        answer: Any,
        body: type | None = None,
        status: int = 200,
        writes: bool = False,
        consumes: tuple[str, ...] = (JSON,),
        produces: str = JSON,
        parameters: tuple[str, ...] = (),
        most_bytes: int = MOST_BYTES,
    ) -> Callable[[View], View]:
        """Put a view on a route. The view is called with a Request and the path's parameters by name, and returns the
        answer's value (or an Answer). `scope` None: anybody may call, with or without a token."""

        def register(view: View) -> View:
            summary = (view.__doc__ or view.__name__).split("\n")[0]
            route = Route(
                method,
                path,
                view.__name__,
                summary,
                scope,
                body,
                answer,
                status,
                writes,
                consumes,
                produces,
                parameters,
            )
            self.routes.append(route)

            @wraps(view)
            def handle(**path_values: str) -> Response:
                try:
                    request = self._request(route, most_bytes)
                    return _respond(route, view(request, **path_values))
                except Refusal as refusal:
                    return refused(refusal)
                except Exception as error:
                    return failed(error, route=f"{method} {path}")

            # Chalice would answer a wrong content type by itself, in another form: `_check_content_type` does it.
            self.blueprint.route(path, methods=[method], content_types=[], name=view.__name__)(handle)
            return view

        return register

    def _request(self, route: Route, most_bytes: int) -> Request:
        incoming = self.blueprint.current_request
        headers = {name.lower(): value for name, value in incoming.headers.items()}
        principal = _authenticate(route, headers)
        _check_content_type(route, headers)
        raw: bytes = incoming.raw_body or b""
        body = parse(raw, route.body, most_bytes=most_bytes) if route.body else None
        query = dict(incoming.query_params or {})
        _check_query(route, query)
        call = _call(route, incoming, principal, headers, raw, body) if route.writes else None
        return Request(principal, raw, body, query, headers, call)


def replayable(outcome: Outcome, body: Any) -> Answer:
    """The answer of a command, marked when it is the answer of an earlier call."""
    return Answer(body, headers={"Idempotent-Replayed": "true"} if outcome.replayed else {})


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


def _check_content_type(route: Route, headers: dict[str, str]) -> None:
    given = headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if route.method != "GET" and given not in route.consumes:
        raise InvalidInput("unsupported_media_type", f"send one of {', '.join(route.consumes)}", field="Content-Type")


def _check_query(route: Route, query: dict[str, str]) -> None:
    for name in query:
        if name not in route.parameters:
            raise InvalidInput("unknown_parameter", f"no parameter {name} here", field=name)


def _call(route: Route, incoming: Any, principal: Principal, headers: dict[str, str], raw: bytes, body: Any) -> Call:
    key = headers.get(KEY_HEADER, "")
    if not key:
        raise InvalidInput("idempotency_key_missing", "send an Idempotency-Key", field="Idempotency-Key")
    if len(key) > MOST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(
            "idempotency_key_invalid", f"1 to {MOST_KEY} printable ASCII characters", field="Idempotency-Key"
        )
    now = clock.now()
    path = incoming.context.get("path", route.path)
    content = msgspec.to_builtins(body) if body is not None else raw
    return Call(
        tenant=principal.tenant,
        key=f"{CALLER}:{key}",
        fingerprint=fingerprint(route.method, path, content),
        now=now,
        serial=serial(now, os.urandom(10)),
        actor=principal.client_id,
    )


def _respond(route: Route, result: Any) -> Response:
    answer = result if isinstance(result, Answer) else Answer(result)
    content = answer.body if isinstance(answer.body, bytes | str) else msgspec.json.encode(answer.body).decode()
    headers = {"Content-Type": route.produces, "Cache-Control": "no-store"} | answer.headers
    return Response(content, status_code=answer.status or route.status, headers=headers)
