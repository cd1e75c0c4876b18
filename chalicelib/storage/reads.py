"""Reads: several items in one round trip, one item, one page of a query. Strong, but for an index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pynamodb.models import Model

from chalicelib.core.errors import Busy
from chalicelib.storage.client import dynamodb
from chalicelib.storage.retry import with_retries
from chalicelib.storage.tables import Item, Key, key_of, physical_name

BATCH = 100
ROUNDS = 5

Found = Mapping[Key, Model]
"""What a batch read found. A key that is not in it has no item."""


@dataclass(frozen=True, slots=True)
class Page:
    """Items of one page, and the key to go on after (None: that was the last)."""

    items: tuple[Model, ...]
    last_key: Item | None


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Keys of one page of an index, and the key to go on after (None: that was the last)."""

    keys: tuple[Key, ...]
    last_key: Item | None


def fetch(keys: Iterable[Key]) -> Found:
    """The items at these keys, at most 100, read strongly in one round trip (more only if the store holds some back).

    A batch is no snapshot: two items of it may be from before and after one commit.
    """
    pending = list(dict.fromkeys(keys))
    models = {physical_name(key.model): key.model for key in pending}
    found: dict[Key, Model] = {}
    for _ in range(ROUNDS):
        if not pending:
            break
        request = _request(pending[:BATCH])
        response = with_retries(lambda request=request: dynamodb().batch_get_item(RequestItems=request))
        for table, items in response["Responses"].items():
            found |= {key_of(models[table], item): models[table].from_raw_data(item) for item in items}
        held_back = response.get("UnprocessedKeys", {}).items()
        pending = pending[BATCH:] + [key_of(models[table], key) for table, part in held_back for key in part["Keys"]]
    if pending:
        raise Busy("try_again", "the store answered a part only: try again")
    return found


def get(key: Key) -> Model | None:
    """The item at a key, read strongly, or None."""
    response = with_retries(
        lambda: dynamodb().get_item(TableName=physical_name(key.model), Key=key.wire(), ConsistentRead=True)
    )
    return key.model.from_raw_data(response["Item"]) if "Item" in response else None


def query(
    model: type[Model],
    *,
    pk: str,
    after: Item | None = None,
    limit: int,
    newest_first: bool = False,
    starts_with: str | None = None,
) -> Page:
    """One page of the items under a hash key, in sort order.

    `starts_with` keeps the sort keys (`sk`) with this beginning.
    """
    condition, values = "pk = :h", {":h": {"S": pk}}
    if starts_with is not None:
        condition, values[":s"] = condition + " AND begins_with(sk, :s)", {"S": starts_with}
    request: dict[str, Any] = {
        "TableName": physical_name(model),
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "Limit": limit,
        "ScanIndexForward": not newest_first,
        "ConsistentRead": True,
    }
    response = with_retries(lambda: dynamodb().query(**request | _start(after)))
    return Page(tuple(model.from_raw_data(item) for item in response["Items"]), response.get("LastEvaluatedKey"))


def index_page(
    model: type[Model],
    index: str,
    *,
    hash_name: str,
    hash_value: str,
    after: Item | None,
    limit: int,
    newest_first: bool,
) -> KeyPage:
    """One page of the keys an index lists under a hash key, in its sort order. Eventual: a new item may be missing."""
    request: dict[str, Any] = {
        "TableName": physical_name(model),
        "IndexName": index,
        "KeyConditionExpression": "#h = :h",
        "ExpressionAttributeNames": {"#h": hash_name},
        "ExpressionAttributeValues": {":h": {"S": hash_value}},
        "Limit": limit,
        "ScanIndexForward": not newest_first,
    }
    response = with_retries(lambda: dynamodb().query(**request | _start(after)))
    return KeyPage(tuple(key_of(model, item) for item in response["Items"]), response.get("LastEvaluatedKey"))


def _start(after: Item | None) -> dict[str, Any]:
    return {"ExclusiveStartKey": after} if after else {}


def _request(keys: list[Key]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for key in keys:
        table = tables.setdefault(physical_name(key.model), {"Keys": [], "ConsistentRead": True})
        table["Keys"].append(key.wire())
    return tables
