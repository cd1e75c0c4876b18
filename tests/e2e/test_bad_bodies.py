"""Bodies that are wrong in one place, for every command of the document: 400 with the field and the rule named, or 413.
The command is on things that exist, so that what would slip through would be written; nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.document import (
    Operation,
    Place,
    is_nullable,
    operations,
    places,
    put,
    required,
    resolved,
    sample,
    without,
)
from tests.e2e.market import Market
from tests.e2e.problems import assert_problem, sent
from tests.e2e.snapshot import difference, snapshot
from tests.e2e.web import Reply, at_once
from tests.support.local_stack import LocalStack

COMMANDS = [operation for operation in operations() if operation.schema is not None]
HERE = "what stands here is written raw"
MOST_BYTES = 64 * 1024
MOST_BYTES_OF = dict.fromkeys(
    (
        "POST /v1/entries/batch",
        "POST /v1/netting-windows/{net_id}/obligations",
        "POST /v1/splits/{split_id}/receivers",
    ),
    256 * 1024,
)
"""Where more is taken than by the others."""

WRONG: dict[str, list[Any]] = {
    "string": [1, True, [], {}, "\u0000", "a\u001fb", "\ud800"],
    "integer": ["1", "", True, [], {}],
    "object": [1, "x", [], True],
    "array": [1, "x", {}, True],
    "boolean": [0, 1, "true", "", [], {}],
}
"""What no value of a type is."""

NO_INTEGERS = {
    "1.0": "float_not_allowed",
    "1.5": "float_not_allowed",
    "1e2": "float_not_allowed",
    "-0.0": "float_not_allowed",
    "NaN": "float_not_allowed",
    "Infinity": "float_not_allowed",
    "-Infinity": "float_not_allowed",
    "1e999": "float_not_allowed",
    "1" * 29: "number_too_large",
    "9" * 5000: "number_too_large",
    "-" + "1" * 29: "number_too_large",
    "01": "malformed_json",
    "+1": "malformed_json",
    "1_000": "malformed_json",
    "0x10": "malformed_json",
    "١": "malformed_json",
}
"""Numbers as they may stand in a JSON text, and by which code they are refused wherever an amount is wanted."""

WHOLE = {
    "nothing": (b"", 400, "malformed_json"),
    "blanks": (b" \n", 400, "malformed_json"),
    "null": (b"null", 400, "invalid_field"),
    "a list": (b"[]", 400, "invalid_field"),
    "a text": (b'"x"', 400, "invalid_field"),
    "a number": (b"1", 400, "invalid_field"),
    "a float": (b"1.5", 400, "float_not_allowed"),
    "NaN": (b"NaN", 400, "float_not_allowed"),
    "cut off": (b'{"name": "x', 400, "malformed_json"),
    "two documents": (b"{}{}", 400, "malformed_json"),
    "a comma too many": (b'{"x1": 1,}', 400, "malformed_json"),
    "single quotes": (b"{'x1': 1}", 400, "malformed_json"),
    "a comment": (b"{} // x", 400, "malformed_json"),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400, "malformed_json"),
    "UTF-16": ("{}".encode("utf-16"), 400, "malformed_json"),
    "Latin-1": (b'{"x1": "\xe9"}', 400, "malformed_json"),
    "half a character": (b'{"x1": "\xe4\xb8"}', 400, "malformed_json"),
    "XML": (b"<x/>", 400, "malformed_json"),
    "a key twice": (b'{"x1": 1, "x1": 1}', 400, "duplicate_key"),
    "a key twice, escaped": (b'{"x1": 1, "\\u0078\\u0031": 1}', 400, "duplicate_key"),
    "a key twice, within": (b'{"x1": {"y": 1, "y": 1}}', 400, "duplicate_key"),
    "17 lists": (b'{"x1": ' + b"[" * 17 + b"]" * 17 + b"}", 400, "nested_too_deep"),
    "30,000 lists": (b"[" * 30_000 + b"]" * 30_000, 400, "nested_too_deep"),
    "60,000 lists, open": (b"[" * 60_000, 400, ""),
    "10,000 objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "nested_too_deep"),
    "4 MB": (b'{"x1": "' + b"x" * 4_000_000 + b'"}', 413, "body_too_large"),
}
"""Bodies that are wrong for every command: the bytes, the status and the code."""


@pytest.fixture(scope="module", autouse=True)
def nothing_is_written(local_stack: LocalStack, alpha: Market) -> Iterator[None]:
    """What holds for this module as a whole."""
    before = snapshot(local_stack)
    yield
    assert difference(before, snapshot(local_stack)) == {}


def answers(market: Market, operation: Operation, bodies: list[Any]) -> list[Reply]:
    """What each body is answered."""
    return at_once(lambda body: sent(market.web, operation, market, body), bodies)


def assert_names_field(reply: Reply, place: Place, what: object) -> None:
    """The problem says where it is: `postings[...].amount.minor`, or with the number for the dots."""
    names = [step for step in place if isinstance(step, str)] or ["body"]
    told = reply.json["field"]
    # A key of the caller's own choice stands as dots, too.
    assert names[-1] in told or told.endswith(f"{names[-2:][0]}[...]"), (what, reply.json)


def wrong_values(schema: dict[str, Any]) -> list[Any]:
    """What must not stand where this schema is."""
    shape = resolved(schema)
    kind = "string" if "enum" in shape else shape["type"]
    values = [*WRONG[kind], *([] if is_nullable(schema) else [None])]
    if kind == "string" and shape.get("minLength"):
        values.append("")
    if "enum" in shape:
        values += ["", "nonsense", shape["enum"][0].upper() + " "]
    if "maxLength" in shape:
        values.append("x" * (shape["maxLength"] + 1))
    return values


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda operation: operation.name)
def test_a_value_of_another_type_is_refused_by_its_field(operation: Operation, alpha: Market) -> None:
    assert operation.schema
    right = sample(operation.schema)
    cases = [(place, value) for place, part in places(operation.schema) for value in wrong_values(part)]

    replies = answers(alpha, operation, [json.dumps(put(right, place, value)).encode() for place, value in cases])

    for (place, value), reply in zip(cases, replies, strict=True):
        assert_problem(reply, 400, "", (place, value))
        assert_names_field(reply, place, (place, value))


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda operation: operation.name)
def test_a_number_that_is_no_integer_is_refused_by_its_field(operation: Operation, alpha: Market) -> None:
    assert operation.schema
    right = sample(operation.schema)
    spots = [place for place, part in places(operation.schema) if resolved(part).get("type") == "integer"]
    texts = [(place, json.dumps(put(right, place, HERE))) for place in spots]
    cases = [(place, raw, text.replace(f'"{HERE}"', raw).encode()) for place, text in texts for raw in NO_INTEGERS]

    replies = answers(alpha, operation, [body for _, _, body in cases])

    for (place, raw, _), reply in zip(cases, replies, strict=True):
        assert_problem(reply, 400, NO_INTEGERS[raw], (place, raw))
        if NO_INTEGERS[raw] != "malformed_json":
            assert_names_field(reply, place, (place, raw))


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda operation: operation.name)
def test_a_missing_field_is_named(operation: Operation, alpha: Market) -> None:
    assert operation.schema
    right = sample(operation.schema)
    missing = list(required(operation.schema))

    replies = answers(alpha, operation, [without(right, place) for place in missing])

    for place, reply in zip(missing, replies, strict=True):
        assert_problem(reply, 400, "invalid_field", place)
        assert_names_field(reply, place, place)


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda operation: operation.name)
def test_an_unknown_field_is_named(operation: Operation, alpha: Market) -> None:
    assert operation.schema
    right = sample(operation.schema)
    objects = [place for place, part in places(operation.schema) if resolved(part).get("additionalProperties") is False]

    replies = answers(alpha, operation, [put(right, (*place, "unheard_of"), 1) for place in objects])

    assert objects
    for place, reply in zip(objects, replies, strict=True):
        assert_problem(reply, 400, "invalid_field", place)
        assert_names_field(reply, (*place, "unheard_of"), place)


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda operation: operation.name)
def test_a_body_that_is_none_is_refused(operation: Operation, alpha: Market) -> None:
    most = MOST_BYTES_OF.get(operation.name, MOST_BYTES)
    too_many = {"a byte too many": (b'{"x1": "' + b"x" * (most - 9) + b'"}', 413, "body_too_large")}
    bodies = {**WHOLE, **too_many}

    replies = answers(alpha, operation, [body for body, _, _ in bodies.values()])

    for (what, (_, status, code)), reply in zip(bodies.items(), replies, strict=True):
        assert_problem(reply, status, code, what)
