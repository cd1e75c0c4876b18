"""Strict JSON for callbacks: no float, no name twice, no field nobody asked for. Errors name fields, not values.

What is wrong with one item of a list is that item's: it is noted there, and the rest of the message is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NoReturn, TypeVar

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR, exponent
from chalicelib.messages.errors import MessageUnreadable, check_size
from chalicelib.messages.values import day, instant

MAX_BYTES = 4 * 1024 * 1024
MAX_ITEMS = 10_000
MAX_TEXT = 1_000
MAX_DIGITS = 40
NO_INTEGER: tuple[()] = ()
"""Stands for a number that is no integer. JSON has no tuples, so no field takes it."""
T = TypeVar("T")


def parse(body: bytes) -> Any:
    """The JSON value of a body. Raises MessageUnreadable `malformed_json` or `message_too_large`.

    Half of a surrogate pair, which only an escape can write, is no text: nothing could keep it.
    """
    check_size("bytes", len(body), MAX_BYTES)
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_int=_integer,
            parse_float=_fraction,
            parse_constant=_no_number,
            object_pairs_hook=_Object.of,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        if isinstance(value, _Object) and (value.twice or NO_INTEGER in value.values()):
            raise ValueError("a name appears twice, or a number is no integer")
    except (ValueError, RecursionError):
        raise MessageUnreadable("malformed_json", "no strict JSON") from None
    return value


def _integer(text: str) -> int | tuple[()]:
    """An integer; one of more digits than any amount has is, like a fraction, a number that no field takes."""
    return int(text) if len(text) <= MAX_DIGITS else NO_INTEGER


def _fraction(_: str) -> tuple[()]:
    return NO_INTEGER


def _no_number(text: str) -> NoReturn:
    raise ValueError("no number of JSON")


class _Object(dict[str, Any]):
    """A JSON object, and the first name that stands twice in it: which of the two values is meant is not guessed."""

    twice: str = ""

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> _Object:
        """The object of these pairs, in time linear in their number."""
        found = cls(pairs)
        if len(found) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            found.twice = next(name for name, count in counts.items() if count > 1)
        return found


class Fields:
    """One JSON object, read field by field; `end` refuses whatever was not asked for.

    With `faults`, what is wrong is noted there and the field counts as left out; else it refuses the message.
    """

    def __init__(self, value: Any, where: str, faults: list[MessageUnreadable] | None = None) -> None:
        self._where = where
        self.faults = faults
        self._left: dict[str, Any] = dict(value) if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self._note("invalid_field", where or "body", None)
        elif isinstance(value, _Object) and value.twice:
            del self._left[value.twice]
            self._note("field_twice", self.name(value.twice), None)

    def name(self, field: str) -> str:
        """The path of a field from the body, for errors."""
        return f"{self._where}.{field}" if self._where else field

    def refuse(self, field: str, instead: T) -> T:
        """A field is missing, unknown or of the wrong kind: what to read instead, where that does not refuse it all."""
        return self._note("invalid_field", self.name(field), instead)

    def text(self, field: str) -> str:
        """A required, non-empty text."""
        return self.optional(field) or self.refuse(field, "")

    def optional(self, field: str) -> str:
        """A text; empty when left out."""
        value = self._left.pop(field, "")
        return value.strip() if _is_text(value) else self.refuse(field, "")

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty when left out."""
        value = self._left.pop(field, [])
        if not isinstance(value, list) or len(value) > MAX_ITEMS or not all(map(_is_text, value)):
            return self.refuse(field, ())
        return tuple(value)

    def one_of(self, field: str, meanings: Mapping[str, T], instead: T) -> T:
        """What a required word means; any other word is refused."""
        word = self.text(field)
        return meanings[word] if word in meanings else self.refuse(field, instead)

    def flag(self, field: str) -> bool:
        """True or false; false when left out."""
        value = self._left.pop(field, False)
        return value if isinstance(value, bool) else self.refuse(field, False)

    def amount(self, field: str = "amount_minor", *, required: bool = True) -> int:
        """A positive integer of minor units; 0 where it may be missing and is."""
        value = self._left.pop(field, None if required else 0)
        return value if type(value) is int and required <= value <= MAX_MINOR else self.refuse(field, 0)

    def currency(self) -> str:
        """The required `currency`: an active ISO 4217 code."""
        code = self.text("currency")
        try:
            exponent(code)
        except InvalidInput:
            return self._note("unknown_currency", self.name("currency"), "")
        return code

    def day(self, field: str, *, required: bool = True) -> date | None:
        """A day; None when it may be left out and is."""
        written = self.text(field) if required else self.optional(field)
        return day(written) or (self.refuse(field, None) if written else None)

    def instant(self, field: str) -> datetime | None:
        """A required instant, in UTC."""
        return instant(self.text(field)) or self.refuse(field, None)

    def items(self, field: str) -> Iterator[Fields]:
        """A required, non-empty list of objects: each notes what is wrong with it in its own `faults`."""
        value = self._left.pop(field, None)
        if not isinstance(value, list) or not value:
            self.refuse(field, None)
            return
        check_size("items of a list", len(value), MAX_ITEMS)
        for index, each in enumerate(value):
            yield Fields(each, f"{self.name(field)}[{index}]", faults=[])

    def fields(self, field: str, *, required: bool = True) -> Fields:
        """An object inside; an empty one when it may be left out and is."""
        absent: dict[str, Any] | None = None if required else {}
        return Fields(self._left.pop(field, absent), self.name(field), self.faults)

    def end(self) -> None:
        """Refuse the first field that was not asked for."""
        if self._left:
            self.refuse(min(self._left), None)

    def _note(self, code: str, field: str, instead: T) -> T:
        fault = MessageUnreadable(code, "a field is missing, unknown or of the wrong kind", field=field[:MAX_TEXT])
        if self.faults is None:
            raise fault
        self.faults.append(fault)
        return instead


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT
