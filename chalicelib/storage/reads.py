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
    """Keys of one page of an index, the sort attribute of each, and the key to go on after (None: it was the last)."""

    keys: tuple[Key, ...]
    sorts: tuple[str, ...]
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
    between: tuple[str, str] | None = None,
) -> Page:
    """One page of the items under a hash key, in sort order.

    `starts_with` keeps the sort keys (`sk`) with this beginning, `between` those from the first to the second, both
    included.
    """
    names, values = {"#h": "pk"}, {":h": {"S": pk}}
    condition = "#h = :h"
    if starts_with is not None:
        condition, values[":s"] = condition + " AND begins_with(sk, :s)", {"S": starts_with}
    if between is not None:
        [sort] = (attribute for attribute in key_shape(model).items() if attribute[0] != "pk")
        condition += _between(sort, between, names, values)
    request: dict[str, Any] = {
        "TableName": physical_name(model),
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "Limit": limit,
        "ScanIndexForward": not newest_first,
        "ConsistentRead": True,
    }
    _check_start(after, key_shape(model), ("pk", pk))
    response = _query(request, after)
    return Page(tuple(model.from_raw_data(item) for item in response["Items"]), response.get("LastEvaluatedKey"))


def scan(model: type[Model], *, after: Item | None, limit: int) -> Page:
    """One page of all there is in a table, in no order. For what has to see everything; it costs as much."""
    request: dict[str, Any] = {"TableName": physical_name(model), "Limit": limit, "ConsistentRead": True}
    start = {"ExclusiveStartKey": after} if after else {}
    response = with_retries(lambda: dynamodb().scan(**request | start))
    return Page(tuple(model.from_raw_data(item) for item in response["Items"]), response.get("LastEvaluatedKey"))


def index_page(
    model: type[Model],
    index: str,
    *,
    hash_name: str,
    hash_value: str,
    after: Item | None,
    limit: int,
    newest_first: bool = False,
    between: tuple[str, str] | None = None,
) -> KeyPage:
    """One page of the keys an index lists under a hash key, in its sort order. Eventual: a new item may be missing.

    `between` keeps the sort attributes from the first to the second, both included.
    """
    response = _index_query(model, index, (hash_name, hash_value), after, limit, newest_first, between)
    name, kind = INDEX_SORT[index]
    keys = tuple(key_of(model, item) for item in response["Items"])
    sorts = tuple(item[name][kind] for item in response["Items"])
    return KeyPage(keys, sorts, response.get("LastEvaluatedKey"))


def index_items(
    model: type[Model],
    index: str,
    *,
    hash_name: str,
    hash_value: str,
    after: Item | None = None,
    limit: int,
    newest_first: bool = False,
    between: tuple[str, str] | None = None,
) -> Page:
    """As `index_page`, with the items themselves: of an index that holds them whole. Eventual as well."""
    response = _index_query(model, index, (hash_name, hash_value), after, limit, newest_first, between)
    return Page(tuple(model.from_raw_data(item) for item in response["Items"]), response.get("LastEvaluatedKey"))


def _index_query(
    model: type[Model],
    index: str,
    hash_key: tuple[str, str],
    after: Item | None,
    limit: int,
    newest_first: bool,
    between: tuple[str, str] | None,
) -> Any:
    name, value = hash_key
    sort = INDEX_SORT[index]
    names, values = {"#h": name}, {":h": {"S": value}}
    condition = "#h = :h" + ("" if between is None else _between(sort, between, names, values))
    request: dict[str, Any] = {
        "TableName": physical_name(model),
        "IndexName": index,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "Limit": limit,
        "ScanIndexForward": not newest_first,
    }
    _check_start(after, key_shape(model) | {name: "S"} | dict([sort]), hash_key)
    return _query(request, after)


def _between(sort: tuple[str, str], between: tuple[str, str], names: dict[str, str], values: Item) -> str:
    """The condition that keeps a sort attribute within two values, whose names and values it adds."""
    names["#s"] = sort[0]
    values[":from"], values[":to"] = ({sort[1]: bound} for bound in between)
    return " AND #s BETWEEN :from AND :to"


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
