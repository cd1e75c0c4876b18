"""Bytes to a typed command: JSON without floats, duplicate keys or unknown fields; each error names field and rule."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.core.values import dataclass

MOST_BYTES = 64 * 1024
MOST_DEPTH = 16
MOST_ID = 64

T = TypeVar("T")

ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MOST_ID - 1}}}")
"""What an id can look like, in a path or in a body. It goes into keys, so it never holds what parts these."""

_END = r"$(?!\n)"
"""The end of a text in Python's patterns as in those of JSON Schema: Python's `$` alone lets a line break follow."""

Id = Annotated[str, msgspec.Meta(pattern=f"^{ID.pattern}{_END}")]
"""An id in a body."""

Currency = Annotated[str, msgspec.Meta(pattern=f"^[A-Z]{{3}}{_END}")]
"""A currency in a body. That it is one of ISO 4217's is for `Money` to know."""

ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]
"""A name, a reference or a reason in a body."""

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML document can hold, and halves of surrogate pairs: a payment file would fail on them."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request body derives from: fields by name, none unknown."""


class Refused(ValueError):
    """Raised in a body's `__post_init__` to refuse it with a code of its own; `convert` adds which field it was."""

    def __init__(self, refusal: InvalidInput) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


class MoneyBody(Body, frozen=True, kw_only=True):
    """An amount: an integer of minor units and an ISO 4217 currency."""

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        try:
            _ = self.money
        except InvalidInput as refusal:
            raise Refused(refusal) from refusal

    @property
    def money(self) -> Money:
        """The amount as rules know it."""
        return Money(self.minor, self.currency)


@dataclass(frozen=True, slots=True)
class _Unwanted:
    """Stands for a number that is refused, until it is known which field it was in."""

    code: str
    sentence: str


_FLOAT = _Unwanted("float_not_allowed", "numbers are integers: amounts in minor units, ratios in basis points")
_TOO_LARGE = _Unwanted("number_too_large", "a number has at most 28 digits")


def read_json(raw: bytes, *, most_bytes: int = MOST_BYTES) -> Any:
    """The JSON value in `raw`. Raises TooLarge `body_too_large`, or InvalidInput `malformed_json`, `duplicate_key`,
    `float_not_allowed`, `number_too_large`, `nested_too_deep`, `invalid_text`."""
    if len(raw) > most_bytes:
        raise TooLarge("body_too_large", f"a body has at most {most_bytes} bytes", maximum=most_bytes)
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique,
            parse_float=lambda _: _FLOAT,
            parse_int=_bounded,
            parse_constant=lambda _: _FLOAT,
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise InvalidInput("malformed_json", "the body is no JSON document in UTF-8") from error
    _check(value, None, MOST_DEPTH)
    return value


def parse(raw: bytes, shape: type[T], *, most_bytes: int = MOST_BYTES) -> T:
    """The typed value in `raw`. Beyond `read_json` raises InvalidInput `invalid_field` with `field` and `rule`."""
    return convert(read_json(raw, most_bytes=most_bytes), shape)


def convert(value: Any, shape: type[T]) -> T:
    """A JSON value as a typed one."""
    try:
        return msgspec.convert(value, type=shape)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), error.__cause__) from error


def choice(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """A parameter of few values, the first unless told. Raises InvalidInput `invalid_{name}`."""
    given = query.get(name, choices[0])
    if given not in choices:
        facts = {"field": name, "choices": list(choices)}
        raise InvalidInput(f"invalid_{name}", f"{name} is one of {', '.join(choices)}", **facts)
    return given


def check_id(name: str, value: str) -> str:
    """An id from a path, before it goes into a key. Raises InvalidInput `invalid_id`."""
    if not ID.fullmatch(value):
        rule = f"1 to {MOST_ID} letters, digits, dots, dashes and underscores"
        raise InvalidInput("invalid_id", f"{name}: {rule}", field=name, rule=rule)
    return value


def _invalid(sentence: str, cause: BaseException | None) -> InvalidInput:
    """msgspec's sentence, `Expected ... - at `$.field``, as field and rule."""
    rule, _, path = sentence.partition(" - at `")
    field = re.sub(r"^\$\.?", "", path.rstrip("`")) or "body"
    if isinstance(cause, Refused):
        return InvalidInput(cause.refusal.code, cause.refusal.sentence, **{"field": field} | cause.refusal.facts)
    unknown = re.search(r"(?:unknown field|missing required field) `([^`]+)`", rule)
    if unknown:
        field = unknown[1] if field == "body" else f"{field}.{unknown[1]}"
    return InvalidInput("invalid_field", f"{field}: {rule}", field=field, rule=rule)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, _ in pairs if counts[name] > 1)
        raise InvalidInput("duplicate_key", f"{twice} stands twice in one object", field=twice)
    return value


def _bounded(text: str) -> int | _Unwanted:
    return int(text) if len(text.lstrip("-")) <= len(str(MAX_MINOR)) else _TOO_LARGE


_Path = tuple["_Path", str | int] | None
"""Where in a body something is: where what holds it is, and its name or number there. It is written out only for a
refusal: the name of an object of many parts would else be copied for each of them."""


def _check(value: Any, path: _Path, depth: int) -> None:
    """Refuse what may stand nowhere in a body. `depth` levels may follow."""
    if depth < 0:
        raise _too_deep()
    if isinstance(value, _Unwanted):
        field = _field(path)
        raise InvalidInput(value.code, f"{field}: {value.sentence}", field=field)
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            _check(part, (path, i), depth - 1)
    elif isinstance(value, dict):
        for name, part in value.items():
            _check_text(name, path)
            _check(part, (path, name), depth - 1)


def _field(path: _Path) -> str:
    """A path as refusals name it: `parts[0].amount.minor`, `body` where it is the whole."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return "".join(reversed(steps)).removeprefix(".") or "body"


def _check_text(text: str, path: _Path) -> None:
    if UNPRINTABLE.search(text):
        field = _field(path)
        raise InvalidInput("invalid_text", f"{field}: a control character or half a surrogate pair", field=field)


def _too_deep() -> InvalidInput:
    return InvalidInput("nested_too_deep", f"at most {MOST_DEPTH} levels", maximum=MOST_DEPTH)
