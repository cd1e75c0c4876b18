"""The OpenAPI 3.1 document, generated from the routes and their types: what is not in the code cannot be in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from chalicelib.core.call import MOST_KEY
from chalicelib.web.endpoint import JSON, REPLAYED_HEADER, Route
from chalicelib.web.pages import MOST, USUAL
from chalicelib.web.parse import ID

VERSION = "0.1.0"
_REFERENCE = "#/components/schemas/{name}"
_PROBLEM = {"$ref": "#/components/responses/Problem"}

_INSTANT = {"type": "string", "format": "date-time"}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {"schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}},
    "clock": {
        "description": "which time counts: when an entry was recorded, or when it took effect",
        "schema": {"type": "string", "enum": ["recorded", "occurred"], "default": "recorded"},
    },
    "order": {"schema": {"type": "string", "enum": ["newest", "oldest"], "default": "newest"}},
    "from": {"description": "the first instant of the period", "schema": _INSTANT},
    "to": {"description": "the first instant after the period", "schema": _INSTANT},
    "after": {
        "description": "the last number that is known",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
    },
    "at": {"description": "the instant that is asked for, its entries included", "schema": _INSTANT},
}
"""What is known of a query parameter beyond its name."""


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457 problem details. `code` is stable; further members are the facts of the refusal."""

    type: str
    title: str
    status: int
    code: str


def document(routes: Iterable[Route], scopes: Mapping[str, str]) -> dict[str, Any]:
    """The document of these routes. `scopes`: every scope with what it allows."""
    routes = sorted(routes, key=lambda route: (route.path, route.method))
    bodies = [shape for route in routes for shape in (route.body, route.content)]
    shapes = [shape for shape in (*bodies, *(route.answer for route in routes)) if isinstance(shape, type)]
    typed = [shape for shape in shapes if issubclass(shape, msgspec.Struct)]
    _, schemas = msgspec.json.schema_components([*typed, Problem], ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quittance",
            "version": VERSION,
            "summary": "Payment and settlement engine for industry trades",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": msgspec.json.decode(msgspec.json.encode(schemas)),  # defaults may be tuples
            "securitySchemes": {"oauth2": _oauth(scopes)},
            "responses": {"Problem": _content("Refused: `code` names the rule", "application/problem+json", Problem)},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_key_parameter(route)],
        "responses": {
            str(route.status): _done(route),
            "4XX": _PROBLEM,
            "503": _PROBLEM,
        },
        "security": [{"oauth2": [route.scope]}] if route.scope else [],
    }
    if route.method != "GET":
        kinds = {kind: {"schema": _body_schema(route, kind)} for kind in route.consumes}
        operation["requestBody"] = {"required": True, "content": kinds}
    return operation


def _done(route: Route) -> dict[str, Any]:
    answer = _content("Done", route.produces, route.answer)
    if route.writes:
        description = "`true`: the answer of an earlier request with this key"
        answer["headers"] = {REPLAYED_HEADER: {"description": description, "schema": {"type": "string"}}}
    return answer


def _body_schema(route: Route, kind: str) -> dict[str, Any]:
    shape = route.body or route.content
    return _schema(shape) if shape else {"type": "object" if kind == JSON else "string"}


def _content(description: str, kind: str, shape: Any) -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": _schema(shape)}}}


def _schema(shape: Any) -> dict[str, Any]:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return {"$ref": _REFERENCE.format(name=shape.__name__)}
    return {"type": "object"} if shape is dict else {"type": "string"}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query"} | _PARAMETERS.get(name, {"schema": {"type": "string"}})
        for name in route.parameters
    ]


def _key_parameter(route: Route) -> list[dict[str, Any]]:
    if not route.writes:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": MOST_KEY}
    return [{"name": "Idempotency-Key", "in": "header", "required": True, "schema": schema}]


def _oauth(scopes: Mapping[str, str]) -> dict[str, Any]:
    flow = {"tokenUrl": "/v1/oauth/token", "scopes": dict(sorted(scopes.items()))}
    return {"type": "oauth2", "flows": {"clientCredentials": flow}}
