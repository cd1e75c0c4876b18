"""Strict JSON for callbacks: no float, no name twice, no field nobody asked for. Errors name fields, not values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NoReturn, TypeVar

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR, exponent
from chalicelib.messages.errors import MessageUnreadable, check_size
from chalicelib.messages.values import day, instant

MAX_BYTES = 4 * 1024 * 1024
MAX_ITEMS = 10_000
MAX_TEXT = 1_000
T = TypeVar("T")


def parse(body: bytes) -> Any:
    """The JSON value of a body. Raises MessageUnreadable `malformed_json` or `message_too_large`.

    Half of a surrogate pair, which only an escape can write, is no text: nothing could keep it.
    """
    check_size("bytes", len(body), MAX_BYTES)
    try:
        value = json.loads(
            body.decode("utf-8"), parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_unique
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise MessageUnreadable("malformed_json", "no strict JSON") from None
    return value


def _no_float(text: str) -> NoReturn:
    raise ValueError("a number is an integer")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name appears twice")
    return dict(pairs)


def refuse(field: str) -> NoReturn:
    """Refuse the message because of this field."""
    raise MessageUnreadable("invalid_field", "a field is missing, unknown or of the wrong kind", field=field[:MAX_TEXT])


class Fields:
    """One JSON object, read field by field; `end` refuses whatever was not asked for."""

    def __init__(self, value: Any, where: str) -> None:
        self._where = where
        if not isinstance(value, dict):
            refuse(where or "body")
        self._left: dict[str, Any] = dict(value)

    def name(self, field: str) -> str:
        """The path of a field from the body, for errors."""
        return f"{self._where}.{field}" if self._where else field

    def text(self, field: str) -> str:
        """A required, non-empty text."""
        found = self.optional(field)
        return found or refuse(self.name(field))

    def optional(self, field: str) -> str:
        """A text; empty when left out."""
        value = self._left.pop(field, "")
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            refuse(self.name(field))
        return value.strip()

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty when left out."""
        value = self._left.pop(field, [])
        if not isinstance(value, list) or not all(isinstance(each, str) and len(each) <= MAX_TEXT for each in value):
            refuse(self.name(field))
        check_size("texts of a list", len(value), MAX_ITEMS)
        return tuple(value)

    def one_of(self, field: str, meanings: Mapping[str, T]) -> T:
        """What a required word means; any other word is refused."""
        word = self.text(field)
        return meanings[word] if word in meanings else refuse(self.name(field))

    def flag(self, field: str) -> bool:
        """True or false; false when left out."""
        value = self._left.pop(field, False)
        if not isinstance(value, bool):
            refuse(self.name(field))
        return value

    def amount(self, field: str = "amount_minor", *, required: bool = True) -> int:
        """A positive integer of minor units; 0 where it may be missing and is."""
        value = self._left.pop(field, None if required else 0)
        if type(value) is not int or not required <= value <= MAX_MINOR:
            refuse(self.name(field))
        return value

    def currency(self) -> str:
        """The required `currency`: an active ISO 4217 code."""
        code = self.text("currency")
        try:
            exponent(code)
        except InvalidInput:
            raise MessageUnreadable("unknown_currency", "no active ISO 4217 currency", field="currency") from None
        return code

    def day(self, field: str, *, required: bool = True) -> date | None:
        """A day; None when it may be left out and is."""
        written = self.text(field) if required else self.optional(field)
        return day(written) or (refuse(self.name(field)) if written else None)

    def instant(self, field: str) -> datetime:
        """A required instant, in UTC."""
        return instant(self.text(field)) or refuse(self.name(field))

    def items(self, field: str) -> list[Fields]:
        """A required, non-empty list of objects."""
        value = self._left.pop(field, None)
        if not isinstance(value, list) or not value:
            refuse(self.name(field))
        check_size("items of a list", len(value), MAX_ITEMS)
        return [Fields(each, f"{self.name(field)}[{index}]") for index, each in enumerate(value)]

    def fields(self, field: str, *, required: bool = True) -> Fields:
        """An object inside; an empty one when it may be left out and is."""
        if not required and field not in self._left:
            return Fields({}, self.name(field))
        return Fields(self._left.pop(field, None), self.name(field))

    def end(self) -> None:
        """Refuse the first field that was not asked for."""
        if self._left:
            refuse(self.name(min(self._left)))
