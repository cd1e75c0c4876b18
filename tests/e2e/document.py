"""The API as docs/openapi.json tells of it: its operations, and bodies made from its schemas.

A route that is added to the document is tested by that alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from infra import openapi

DOCUMENT: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text(encoding="utf-8"))
JSON = "application/json"


@dataclass(frozen=True)
class Operation:
    """One route. `schema` is that of a JSON body (None: it takes none, or another kind); `query` names parameters."""

    method: str
    path: str
    scope: str | None
    kinds: tuple[str, ...]
    schema: dict[str, Any] | None
    ids: tuple[str, ...]
    query: tuple[str, ...]
    writes: bool

    @property
    def name(self) -> str:
        """`POST /v1/trades`."""
        return f"{self.method} {self.path}"

    @property
    def is_paged(self) -> bool:
        """Whether it answers in pages."""
        return "cursor" in self.query

    def at(self, ids: dict[str, str]) -> str:
        """The path with these ids in it."""
        return self.path.format(**{name: ids[name] for name in self.ids})


@cache
def operations() -> tuple[Operation, ...]:
    """Every route of the document."""
    return tuple(
        _operation(method.upper(), path, told)
        for path, methods in DOCUMENT["paths"].items()
        for method, told in methods.items()
    )


def _operation(method: str, path: str, told: dict[str, Any]) -> Operation:
    parameters: dict[str, list[str]] = {"path": [], "query": [], "header": []}
    for parameter in told["parameters"]:
        parameters[parameter["in"]].append(parameter["name"])
    content = told.get("requestBody", {}).get("content", {})
    schema = content.get(JSON, {}).get("schema", {})
    return Operation(
        method=method,
        path=path,
        scope=next((scope for need in told["security"] for scope in need["oauth2"]), None),
        kinds=tuple(content),
        schema=schema if "$ref" in schema else None,
        ids=tuple(parameters["path"]),
        query=tuple(parameters["query"]),
        writes="Idempotency-Key" in parameters["header"],
    )


Names = tuple[str, ...]


def named(schema: dict[str, Any]) -> str:
    """The name of the shape that a schema refers to, of several the first; else nothing."""
    first = schema["anyOf"][0] if "anyOf" in schema else schema
    return str(first.get("$ref", "")).rpartition("/")[2]


def repeats(schema: dict[str, Any], within: Names) -> bool:
    """Whether a schema refers to a shape that it stands in."""
    return bool(named(schema)) and named(schema) in within


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, not where it stands; of several, the first."""
    while "$ref" in schema or "anyOf" in schema:
        if "anyOf" in schema:
            schema = schema["anyOf"][0]
        else:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def sample(schema: dict[str, Any], within: Names = ()) -> Any:
    """A value of the right shape with every field there is. What it says makes no sense. A shape that is within one of
    its own kind (`within` names those around) is left out of its list."""
    name, schema = named(schema), resolved(schema)
    around = (*within, name)
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {field: sample(part, around) for field, part in _fields(schema).items()}
        case "array":
            return [] if repeats(schema["items"], around) else [sample(schema["items"], around)]
        case "string":
            return _text(schema)
        case "integer":
            return 1
        case "boolean":
            return True
    raise NotImplementedError(schema)


def _text(schema: dict[str, Any]) -> str:
    """A text of the right shape."""
    if schema.get("format") == "date":
        return "2026-03-02"
    return "CNY" if schema.get("maxLength") == 3 or str(schema.get("pattern")).startswith("^[A-Z]{3}") else "x1"


def _fields(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    free = schema.get("additionalProperties")
    return {**schema.get("properties", {}), **({"x1": free} if isinstance(free, dict) else {})}


Place = tuple[str | int, ...]


def places(schema: dict[str, Any], place: Place = (), within: Names = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every value in a sample of the schema, the whole included: where it stands, and its own schema, not resolved."""
    yield place, schema
    shape, around = resolved(schema), (*within, named(schema))
    for name, part in _fields(shape).items() if shape.get("type") == "object" else ():
        yield from places(part, (*place, name), around)
    if shape.get("type") == "array" and not repeats(shape["items"], around):
        yield from places(shape["items"], (*place, 0), around)


def required(schema: dict[str, Any]) -> Iterator[Place]:
    """Where a field stands that must be there."""
    for place, part in places(schema):
        for name in resolved(part).get("required", ()):
            yield (*place, name)


def put(value: Any, place: Place, part: Any) -> Any:
    """The value with something else at a place."""
    if not place:
        return part
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[place[0]] = put(value[place[0]] if _holds(value, place[0]) else None, place[1:], part)
    return changed


def without(value: Any, place: Place) -> Any:
    """The value with nothing at a place."""
    if len(place) == 1:
        return {name: part for name, part in value.items() if name != place[0]}
    return put(value, place[:1], without(value[place[0]], place[1:]))


def is_nullable(schema: dict[str, Any]) -> bool:
    """Whether null will do."""
    return any(option == {"type": "null"} for option in schema.get("anyOf", ()))


def _holds(value: Any, step: str | int) -> bool:
    return step in value if isinstance(value, dict) else isinstance(step, int) and step < len(value)
