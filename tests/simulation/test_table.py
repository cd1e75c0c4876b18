"""The table in memory answers as DynamoDB Local does: the same calls, the same answers and the same refusals."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.templates import table_definitions
from tests.simulation.expressions import Unsupported
from tests.simulation.rows import Item
from tests.simulation.table import MemoryDynamo
from tests.support.dynamodb_local import Tables

Call = tuple[str, dict[str, Any]]
"""A method of the client and its arguments."""

CONDITIONS = (
    "attribute_not_exists(pk)",
    "attribute_exists(pk)",
    "attribute_exists(a) AND a >= :x",
    "a = :x OR (b > :x AND NOT b = :y)",
    "a <> :x",
    "a IN (:x, :y) AND c = :s",
    "a BETWEEN :x AND :y",
    "begins_with(c, :s)",
    "#s = :s AND #n < :y",
    "a < :s",
    "a + :x > :y",
    "a > ",
    "a = :missing",
    "#missing = :x",
)
CHANGES = (
    "SET a = :x",
    "SET a = a + :x, b = b - :y",
    "SET a = b, b = a",
    "SET a = if_not_exists(a, :x) + :y, c = :s",
    "SET #s = :s, #n = :x REMOVE b",
    "REMOVE a, c",
    "ADD a :x",
    "SET a = :x, a = :y",
    "SET pk = :s",
    "SET c = c + :x",
    "SET a = :x SET b = :y",
)
QUERIES = (
    "pk = :pk",
    "pk = :pk AND version BETWEEN :x AND :y",
    "pk = :pk AND version > :x",
    "version = :x",
)
NOT_OURS = {"ResponseMetadata", "ScannedCount", "ConsumedCapacity"}
NAMES = {"#s": "status", "#n": "name"}

numbers = st.integers(-3, 6).map(lambda number: {"N": str(number)})
texts = st.sampled_from(["s", "st", "stone", "t"]).map(lambda text: {"S": text})
huge = st.sampled_from([{"N": str(10**37)}, {"N": "9" * 38}])
values = st.one_of(numbers, numbers, texts, huge)
attributes = st.dictionaries(st.sampled_from(["a", "b", "c", "status", "name"]), values, max_size=4)
places = st.integers(1, 4)


def used(*texts: str) -> dict[str, Any]:
    """The names that expressions use."""
    names = {alias: name for alias, name in NAMES.items() if any(alias in text for text in texts)}
    return {"ExpressionAttributeNames": names} if names else {}


@st.composite
def given_values(draw: st.DrawFn, *texts: str) -> dict[str, Any]:
    """Values for the expressions: now and then one too many."""
    chosen = {
        alias: draw(kind)
        for alias, kind in ((":x", values), (":y", numbers), (":s", texts_only))
        if any(alias in text for text in texts) or (texts and draw(st.integers(0, 40)) == 0)
    }
    return {"ExpressionAttributeValues": chosen} if chosen else {}


texts_only = texts


@st.composite
def actions(draw: st.DrawFn, sound: bool = False) -> tuple[str, dict[str, Any]]:
    """One write: its kind and its body, on one of four items. `sound`: an index can take what is put."""
    kind = draw(st.sampled_from(["Put", "Update", "Update", "Delete", "ConditionCheck"]))
    key: Item = {"pk": {"S": "P"}, "version": {"N": str(draw(places))}}
    said = [draw(st.sampled_from(CONDITIONS))] if kind == "ConditionCheck" or draw(st.booleans()) else []
    body: dict[str, Any] = {"TableName": "history"} | ({"ConditionExpression": said[0]} if said else {})
    if said and draw(st.booleans()):
        body["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if kind == "Put":
        more = draw(st.one_of(st.just({}), st.builds(lambda text: {"occurred": text}, texts if sound else values)))
        body["Item"] = key | draw(attributes) | more
    else:
        body["Key"] = key
    if kind == "Update":
        body["UpdateExpression"] = draw(st.sampled_from(CHANGES))
        said.append(body["UpdateExpression"])
    return kind, body | used(*said) | draw(given_values(*said))


def place_of(body: dict[str, Any]) -> str:
    """The sort key of the item that a write is on."""
    return str(body.get("Key", body.get("Item"))["version"]["N"])


@st.composite
def writes(draw: st.DrawFn) -> Call:
    """A write by itself."""
    kind, body = draw(actions().filter(lambda action: action[0] != "ConditionCheck"))
    return f"{kind.lower()}_item", body


@st.composite
def transactions(draw: st.DrawFn) -> Call:
    """Some writes at once, each on an item of its own: two on one the local version does not always refuse."""
    chosen = draw(st.lists(actions(sound=True), min_size=1, max_size=3, unique_by=lambda action: place_of(action[1])))
    token = draw(st.sampled_from([None, None, None, "A", "B"]))
    request: dict[str, Any] = {"TransactItems": [{kind: body} for kind, body in chosen]}
    return "transact_write_items", request | ({"ClientRequestToken": token} if token else {})


@st.composite
def questions(draw: st.DrawFn) -> Call:
    """A query of the table or its index, in pages."""
    said = draw(st.sampled_from(QUERIES))
    chosen: dict[str, Any] = {":pk": {"S": "P"}} if ":pk" in said else {}
    chosen |= {alias: draw(numbers) for alias in (":x", ":y") if alias in said}
    start = {"pk": {"S": "P"}, "version": {"N": str(draw(places))}}
    request: dict[str, Any] = {
        "TableName": "history",
        "KeyConditionExpression": said,
        "ExpressionAttributeValues": chosen,
        "ScanIndexForward": draw(st.booleans()),
        "ConsistentRead": draw(st.booleans()),
    }
    if draw(st.booleans()):
        request["Limit"] = draw(st.integers(1, 5))
    if "BETWEEN" not in said and ">" not in said and draw(st.booleans()):
        request["ExclusiveStartKey"] = start
    return "query", request


def indexed(limit: int, forward: bool) -> Call:
    request = {
        "TableName": "history",
        "IndexName": "by_occurred",
        "KeyConditionExpression": "pk = :pk AND occurred BETWEEN :x AND :y",
        "ExpressionAttributeValues": {":pk": {"S": "P"}, ":x": {"S": "s"}, ":y": {"S": "sz"}},
        "Limit": limit,
        "ScanIndexForward": forward,
    }
    return "query", request


gets = st.builds(
    lambda place: ("get_item", {"TableName": "history", "Key": {"pk": {"S": "P"}, "version": {"N": str(place)}}}),
    places,
)
batches = st.builds(
    lambda chosen: (
        "batch_get_item",
        {"RequestItems": {"history": {"Keys": [{"pk": {"S": "P"}, "version": {"N": str(each)}} for each in chosen]}}},
    ),
    st.lists(places, min_size=1, max_size=3),
)
filled = st.builds(
    lambda chosen, more: (
        "batch_write_item",
        {
            "RequestItems": {
                "history": [
                    {"PutRequest": {"Item": {"pk": {"S": "P"}, "version": {"N": str(each)}} | more}} for each in chosen
                ]
            }
        },
    ),
    st.lists(places, min_size=1, max_size=3),
    attributes,
)
calls = st.one_of(writes(), transactions(), transactions(), questions(), gets, batches, filled)


def moved(value: Any, change: Callable[[str], str]) -> Any:
    """A request with its tables, hash keys and tokens renamed, so that each run has its own."""
    if isinstance(value, dict):
        return {change(key) if key == "history" else key: moved(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [moved(inner, change) for inner in value]
    return change(value) if value in {"history", "P", "A", "B"} else value


def told(client: Any, call: Call) -> Any:
    """What a client answers, without what is not ours: order where there is none, sentences, metadata.

    A page that ends where its bounds do says so or not. A transaction that no state could make valid is refused as a
    whole or by reasons: DynamoDB itself, and its local version, differ in which.
    """
    method, request = call
    try:
        answer = getattr(client, method)(**request)
    except ClientError as error:
        reasons = [(reason["Code"], reason.get("Item")) for reason in error.response.get("CancellationReasons", [])]
        if "ValidationError" in dict(reasons):
            return "ValidationException", [], None
        return error.response["Error"]["Code"], reasons, error.response.get("Item")
    if method == "batch_get_item":
        return [sorted(str(sorted(map(str, item.items()))) for item in items) for items in answer["Responses"].values()]
    ends = {"LastEvaluatedKey"} if "BETWEEN" in request.get("KeyConditionExpression", "") else set()
    return {name: value for name, value in answer.items() if name not in NOT_OURS | ends}


@pytest.fixture(scope="session")
def memory() -> MemoryDynamo:
    return MemoryDynamo(table_definitions("memory"))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(calls, min_size=4, max_size=25))
def test_the_same_calls_get_the_same_answers(session_tables: Tables, memory: MemoryDynamo, run: list[Call]) -> None:
    own = uuid.uuid4().hex

    def theirs(text: str) -> str:
        return session_tables.name("history") if text == "history" else f"{own}{text}"

    def ours(text: str) -> str:
        return "memory-history" if text == "history" else f"{own}{text}"

    ends = [indexed(limit, forward) for limit, forward in ((9, True), (1, True), (9, False))]
    for method, request in [*run, ("query", whole()), *ends]:
        expected = told(session_tables.client, (method, moved(request, theirs)))
        answer = told(memory, (method, moved(request, ours)))
        assert answer == expected, (method, request)


def whole() -> dict[str, Any]:
    return {
        "TableName": "history",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "P"}},
    }


def test_what_it_does_not_know_it_refuses_aloud(memory: MemoryDynamo) -> None:
    with pytest.raises(Unsupported):
        memory.get_item(TableName="memory-feed", Key={"pk": {"S": "x"}}, ProjectionExpression="pk")


def test_an_index_lags_until_its_changes_arrive() -> None:
    table = MemoryDynamo(table_definitions("lagging"), lags=True)
    table.put_item(TableName="lagging-feed", Item={"pk": {"S": "x"}, "tenant": {"S": "t"}, "number": {"N": "1"}})
    request = {
        "TableName": "lagging-feed",
        "IndexName": "by_number",
        "KeyConditionExpression": "tenant = :t",
        "ExpressionAttributeValues": {":t": {"S": "t"}},
    }
    before = table.query(**request)["Count"]

    table.settle()

    assert (before, table.query(**request)["Count"]) == (0, 1)
