"""Bytes to a typed command: JSON without floats, duplicate keys or unknown fields; each error names field and rule."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import msgspec

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.core.money import MAX_MINOR

MOST_BYTES = 64 * 1024
MOST_DEPTH = 16

T = TypeVar("T")


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request body derives from: fields by name, none unknown."""


class MoneyBody(Body):
    """An amount: an integer of minor units and an ISO 4217 currency."""

    minor: int
    currency: str


def read_json(raw: bytes, *, most_bytes: int = MOST_BYTES) -> Any:
    """The JSON value in `raw`. Raises TooLarge `body_too_large`, or InvalidInput `malformed_json`, `duplicate_key`,
    `float_not_allowed`, `number_too_large`, `nested_too_deep`."""
    if len(raw) > most_bytes:
        raise TooLarge("body_too_large", f"a body has at most {most_bytes} bytes", maximum=most_bytes)
    _check_depth(raw)
    try:
        return json.loads(
            raw, object_pairs_hook=_unique, parse_float=_no_float, parse_int=_bounded, parse_constant=_no_float
        )
    except (ValueError, RecursionError) as error:
        raise InvalidInput("malformed_json", "the body is no JSON document") from error


def parse(raw: bytes, shape: type[T], *, most_bytes: int = MOST_BYTES) -> T:
    """The typed value in `raw`. Beyond `read_json` raises InvalidInput `invalid_field` with `field` and `rule`."""
    return convert(read_json(raw, most_bytes=most_bytes), shape)


def convert(value: Any, shape: type[T], *, strict: bool = True) -> T:
    """A JSON value as a typed one. `strict=False` reads numbers from text, as query parameters have them."""
    try:
        return msgspec.convert(value, type=shape, strict=strict)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def _invalid(sentence: str) -> InvalidInput:
    """msgspec's sentence, `Expected ... - at `$.field``, as field and rule."""
    rule, _, path = sentence.partition(" - at `")
    field = re.sub(r"^\$\.?", "", path.rstrip("`")) or "body"
    unknown = re.search(r"(?:unknown field|missing required field) `([^`]+)`", rule)
    if unknown:
        field = unknown[1] if field == "body" else f"{field}.{unknown[1]}"
    return InvalidInput("invalid_field", f"{field}: {rule}", field=field, rule=rule)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput("duplicate_key", f"{twice} stands twice in one object", field=twice)
    return value


def _no_float(text: str) -> Any:
    raise InvalidInput("float_not_allowed", "numbers are integers: amounts in minor units, ratios in basis points")


def _bounded(text: str) -> int:
    if len(text) > len(str(MAX_MINOR)) + 1:
        raise InvalidInput("number_too_large", "a number has at most 28 digits")
    return int(text)


def _check_depth(raw: bytes) -> None:
    """Refuse before parsing what is nested deeper than any body of ours; brackets in strings count too, harmlessly."""
    depth = 0
    for byte in re.findall(rb"[\[\]{}]", raw):
        depth += 1 if byte in b"[{" else -1
        if depth > MOST_DEPTH:
            raise InvalidInput("nested_too_deep", f"at most {MOST_DEPTH} levels", maximum=MOST_DEPTH)
