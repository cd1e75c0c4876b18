"""Reads: several items in one round trip, one item, one page of a query. Strong, but for an index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.models import Model

from chalicelib.core.errors import Busy, Defect, InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.storage.client import dynamodb
from chalicelib.storage.retry import pause, with_retries
from chalicelib.storage.tables import INDEX_SORT, Item, Key, key_of, key_shape, physical_name

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
    wanted = list(dict.fromkeys(keys))
    if len(wanted) > BATCH:
        raise Defect(f"{len(wanted)} keys in one batch, at most {BATCH}")
    models = {physical_name(key.model): key.model for key in wanted}
    pending = _request(wanted)
    found: dict[Key, Model] = {}
    for attempt in range(ROUNDS):
        if not pending:
            return found
        if attempt:
            pause(attempt)
        response = with_retries(partial(dynamodb().batch_get_item, RequestItems=pending))
        for table, items in response["Responses"].items():
            found |= {key_of(models[table], item): models[table].from_raw_data(item) for item in items}
        pending = response.get("UnprocessedKeys", {})
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
    _check_start(after, key_shape(model), ("pk", pk))
    response = _query(request, after)
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
    _check_start(after, key_shape(model) | {hash_name: "S", INDEX_SORT[index]: "S"}, (hash_name, hash_value))
    response = _query(request, after)
    return KeyPage(tuple(key_of(model, item) for item in response["Items"]), response.get("LastEvaluatedKey"))


def _check_start(after: Item | None, shape: Mapping[str, str], hash_key: tuple[str, str]) -> None:
    """Where to go on is told by the caller: it must be a key that stands in the list that is asked for."""
    if after is None:
        return
    name, value = hash_key
    kinds = {name: kind for name, attribute in after.items() for kind, content in attribute.items() if content}
    if kinds != shape or len(after) != len(shape) or after[name] != {"S": value}:
        raise _invalid_cursor()


def _query(request: dict[str, Any], after: Item | None) -> Any:
    start = {"ExclusiveStartKey": after} if after else {}
    try:
        return with_retries(lambda: dynamodb().query(**request | start))
    except ClientError as error:
        # What of a start key only the store can judge, such as a number of too many digits.
        if after and error.response["Error"]["Code"] == "ValidationException":
            raise _invalid_cursor() from error
        raise


def _invalid_cursor() -> InvalidInput:
    return InvalidInput("invalid_cursor", "the cursor is not one of this list", field="cursor")


def _request(keys: list[Key]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for key in keys:
        table = tables.setdefault(physical_name(key.model), {"Keys": [], "ConsistentRead": True})
        table["Keys"].append(key.wire())
    return tables
