"""Aggregates other than accounts: a frozen dataclass kept as a JSON document with a version.

A change is written under the version that was read, so that two decisions from one state cannot both be written.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar, cast
from zlib import crc32

import msgspec

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Stale, Write, put, update
from chalicelib.storage.reads import Found, fetch, get, index_page
from chalicelib.storage.tables import Item, Key, RecordItem

T = TypeVar("T")

DUE_SHARDS = 8
"""Parts of the list of what is due, so that no one part takes all the writes."""


@dataclass(frozen=True, slots=True)
class Versioned(Generic[T]):
    """A document with the version it was read at."""

    value: T
    version: int


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """One page of a list, and where the next begins (None: nowhere)."""

    values: tuple[T, ...]
    last_key: Item | None


@dataclass(frozen=True, slots=True)
class Due:
    """When time will do something to a record (None: nothing is to come)."""

    at: datetime | None


def take(found: Found, key: Key, shape: type[T]) -> Versioned[T] | None:
    """The document among what a batch read found, or None."""
    item = cast("RecordItem | None", found.get(key))
    return None if item is None else Versioned(msgspec.json.decode(item.doc, type=shape), item.version)


def require(found: Found, key: Key, shape: type[T], code: str, **facts: object) -> Versioned[T]:
    """The document among what a batch read found. Raises NotFound `code` where there is none."""
    record = take(found, key, shape)
    if record is None:
        raise NotFound(code, code.replace("_", " "), **facts)
    return record


def load(key: Key, shape: type[T], code: str, **facts: object) -> Versioned[T]:
    """The document at a key, read strongly. Raises NotFound `code` where there is none."""
    item = get(key)
    return require({} if item is None else {key: item}, key, shape, code, **facts)


def create(
    key: Key,
    value: Any,
    *,
    exists: str,
    list_key: str | None = None,
    list_sort: str | None = None,
    due_at: datetime | None = None,
) -> Write:
    """Write a new document. Where one stands already the commit is refused with Conflict `exists`."""
    row = RecordItem(pk=key.pk, sk=key.sort, version=1, doc=encode(value), list_key=list_key, list_sort=list_sort)
    if due_at is not None:
        row.due_key, row.due_at = due_key(key), instant_text(due_at)
    item = row.serialize()
    return put(f"create {key.pk}", RecordItem, item, lambda _: Conflict(exists, exists.replace("_", " ")))


def replace(
    key: Key, value: Any, *, version: int, listed: tuple[str, str] | None = None, due: Due | None = None
) -> Write:
    """Write the next state of a document; `listed` (list and sort) moves it to another list, or to another place, and
    `due` says anew when time will do something to it.

    condition: version = the version that was read; else decide again
    """
    change = "SET doc = :doc, version = :next"
    values: Item = {":doc": {"S": encode(value)}, ":next": {"N": str(version + 1)}, ":read": {"N": str(version)}}
    if listed is not None:
        change += ", list_key = :list, list_sort = :sort"
        values[":list"], values[":sort"] = ({"S": part} for part in listed)
    if due is not None and due.at is not None:
        change += ", due_key = :due, due_at = :at"
        values |= {":due": {"S": due_key(key)}, ":at": {"S": instant_text(due.at)}}
    if due is not None and due.at is None:
        change += " REMOVE due_key, due_at"
    return update(
        f"replace {key.pk}", key, change=change, condition="version = :read", values=values, refuse=lambda _: Stale()
    )


def listing(
    list_key: str,
    shape: type[T],
    *,
    after: Item | None,
    limit: int,
    newest_first: bool = False,
    between: tuple[str, str] | None = None,
) -> Listing[T]:
    """One page of a list by the index (eventual), with the documents read strongly. `between` keeps those whose place
    in the list lies from the first to the second text, both included."""
    page = index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=list_key,
        after=after,
        limit=limit,
        newest_first=newest_first,
        between=between,
    )
    found = fetch(page.keys)
    values = (take(found, key, shape) for key in page.keys)
    return Listing(tuple(record.value for record in values if record is not None), page.last_key)


def encode(value: Any) -> str:
    """A document as it is kept: JSON, without what `_lean` leaves out."""
    return msgspec.json.encode(_lean(value)).decode()


def due_key(key: Key) -> str:
    """The part of the list of what is due that a record belongs to."""
    return f"due#{crc32(key.pk.encode()) % DUE_SHARDS}"


def _lean(value: Any) -> Any:
    """A document without the fields that are nothing, where their default is the same nothing: so that one of many
    fields, of which few are in use, stays below a kilobyte. 0 where the default is None is something, and is kept. A
    field's default of nothing may therefore never become another."""
    if is_dataclass(value):
        shape: Any = type(value)
        spare = _spare(shape)
        parts = ((name, getattr(value, name)) for name in shape.__dataclass_fields__)
        return {name: _lean(part) for name, part in parts if part or name not in spare or part != spare[name]}
    if isinstance(value, dict):
        return {name: _lean(part) for name, part in value.items()}
    return [_lean(part) for part in value] if isinstance(value, list | tuple) else value


@cache
def _spare(shape: Any) -> dict[str, Any]:
    """The fields whose default is nothing, and which nothing that is."""
    return {one.name: _default(one) for one in fields(shape) if not _default(one)}


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()
