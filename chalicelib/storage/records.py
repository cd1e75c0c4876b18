"""Aggregates other than accounts: a frozen dataclass kept as a JSON document with a version.

A change is written under the version that was read, so that two decisions from one state cannot both be written.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import msgspec

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Stale, Write, put, update
from chalicelib.storage.reads import Found, fetch, get, index_page
from chalicelib.storage.tables import Item, Key, RecordItem

T = TypeVar("T")


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


def create(key: Key, value: Any, *, exists: str, list_key: str | None = None, list_sort: str | None = None) -> Write:
    """Write a new document. Where one stands already the commit is refused with Conflict `exists`."""
    item = RecordItem(
        pk=key.pk, sk=key.sort, version=1, doc=_encode(value), list_key=list_key, list_sort=list_sort
    ).serialize()
    return put(f"create {key.pk}", RecordItem, item, lambda _: Conflict(exists, exists.replace("_", " ")))


def replace(key: Key, value: Any, *, version: int, listed: tuple[str, str] | None = None) -> Write:
    """Write the next state of a document; `listed` (list and sort) moves it to another list, or to another place.

    condition: version = the version that was read; else decide again
    """
    change = "SET doc = :doc, version = :next"
    values: Item = {":doc": {"S": _encode(value)}, ":next": {"N": str(version + 1)}, ":read": {"N": str(version)}}
    if listed is not None:
        change += ", list_key = :list, list_sort = :sort"
        values[":list"], values[":sort"] = ({"S": part} for part in listed)
    return update(
        f"replace {key.pk}", key, change=change, condition="version = :read", values=values, refuse=lambda _: Stale()
    )


def listing(list_key: str, shape: type[T], *, after: Item | None, limit: int, newest_first: bool = False) -> Listing[T]:
    """One page of a list by the index (eventual), with the documents read strongly."""
    page = index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=list_key,
        after=after,
        limit=limit,
        newest_first=newest_first,
    )
    found = fetch(page.keys)
    values = (take(found, key, shape) for key in page.keys)
    return Listing(tuple(record.value for record in values if record is not None), page.last_key)


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()
