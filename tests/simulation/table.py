"""DynamoDB in memory, behind the methods of the botocore client that our storage calls.

It answers as DynamoDB does, also where it refuses: conditions with the item that failed them, transactions of at most
100 actions on as many items, a request token that makes a transaction happen once. Each call goes through `gate`, where
the scheduler lets others go first and faults strike; each write that had its effect is told to `told`, before anybody
else runs. A batch read is no snapshot: `between` its items others may write. Parameters it does not know are refused
aloud.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.expressions import (
    Condition,
    Invalid,
    Item,
    Unsupported,
    applied,
    change,
    check_values,
    condition,
    plain,
)
from tests.simulation.rows import Address, Change, Index, Order, Table, size

MOST_ACTIONS = 100
MOST_GETS = 100
MOST_PUTS = 25
MOST_BYTES = 400 * 1024

Written = list[tuple[str, Change]]
"""What one call changed: the table's name and the change, in the order of its actions."""
Gate = Callable[[str, dict[str, Any], Callable[[dict[str, Any]], Any]], Any]
"""What every call goes through: it may send the request, or another one, and says what comes back."""
Planned = tuple[Table, Address, Item | None]

OUTSIDE = {
    "Get": {"Key", "ConsistentRead"},
    "Put": {"Item"},
    "Update": {"Key", "UpdateExpression"},
    "Delete": {"Key"},
    "ConditionCheck": {"Key"},
    "Query": {
        "IndexName",
        "KeyConditionExpression",
        "Limit",
        "ScanIndexForward",
        "ConsistentRead",
        "ExclusiveStartKey",
        "FilterExpression",
    },
    "Scan": {"Limit", "ConsistentRead", "ExclusiveStartKey"},
}
"""What each request may say beside the table."""
CONDITIONAL = {"ConditionExpression", "ReturnValuesOnConditionCheckFailure", "ReturnValues"}
EXPRESSED = {"ExpressionAttributeNames", "ExpressionAttributeValues"}


class MemoryDynamo:
    """Stands where a botocore DynamoDB client stands."""

    def __init__(self, definitions: list[dict[str, Any]], *, lags: bool = False) -> None:
        self.tables = {definition["TableName"]: Table(definition) for definition in definitions}
        self.lags = lags
        self.tokens: dict[str, list[dict[str, Any]]] = {}
        self.gate: Gate = lambda operation, request, send: send(request)
        self.told: Callable[[Written], None] = lambda written: None
        self.between: Callable[[], None] = lambda: None

    def get_item(self, **request: Any) -> Any:
        """GetItem."""
        return self._call("GetItem", request, self._get)

    def put_item(self, **request: Any) -> Any:
        """PutItem."""
        return self._call("PutItem", request, lambda asked: self._write("Put", asked))

    def update_item(self, **request: Any) -> Any:
        """UpdateItem."""
        return self._call("UpdateItem", request, lambda asked: self._write("Update", asked))

    def delete_item(self, **request: Any) -> Any:
        """DeleteItem."""
        return self._call("DeleteItem", request, lambda asked: self._write("Delete", asked))

    def batch_get_item(self, **request: Any) -> Any:
        """BatchGetItem; everything asked for is answered."""
        return self._call("BatchGetItem", request, self._batch_get)

    def batch_write_item(self, **request: Any) -> Any:
        """BatchWriteItem; everything asked for is written."""
        return self._call("BatchWriteItem", request, self._batch_write)

    def query(self, **request: Any) -> Any:
        """Query, of a table or of an index."""
        return self._call("Query", request, self._query)

    def scan(self, **request: Any) -> Any:
        """Scan, in the order of the keys."""
        return self._call("Scan", request, self._scan)

    def transact_write_items(self, **request: Any) -> Any:
        """TransactWriteItems."""
        return self._call("TransactWriteItems", request, self._transact)

    def settle(self) -> None:
        """Let every index catch up."""
        for index in self.indexes():
            index.arrive(len(index.pending))

    def indexes(self) -> list[Index]:
        """Every index of every table."""
        return [index for table in self.tables.values() for index in table.indexes.values()]

    def _call(self, operation: str, request: dict[str, Any], effect: Callable[[dict[str, Any]], Any]) -> Any:
        def send(asked: dict[str, Any]) -> Any:
            try:
                answer = effect(asked)
            except Invalid as error:
                raise refused(operation, "ValidationException", str(error)) from error
            if not self.lags:
                self.settle()
            return answer | {"ResponseMetadata": {"HTTPStatusCode": 200}}

        return self.gate(operation, request, send)

    def _table(self, request: dict[str, Any], known: set[str]) -> Table:
        if unknown := request.keys() - known - {"TableName"}:
            raise Unsupported(f"{unknown}")
        try:
            return self.tables[request["TableName"]]
        except KeyError:
            raise refused("any", "ResourceNotFoundException", request["TableName"]) from None

    def _get(self, request: dict[str, Any]) -> Any:
        table = self._table(request, OUTSIDE["Get"])
        item = table.items.get(table.address(request["Key"]))
        return {} if item is None else {"Item": item}

    def _batch_get(self, request: dict[str, Any]) -> Any:
        wanted = [(name, key) for name, asked in request["RequestItems"].items() for key in asked["Keys"]]
        if not 0 < len(wanted) <= MOST_GETS:
            raise Invalid(f"{len(wanted)} keys in one batch")
        addresses = [(name, self._table({"TableName": name}, set()).address(key)) for name, key in wanted]
        if len(set(addresses)) < len(addresses):
            raise Invalid("provided list of item keys contains duplicates")
        answers: dict[str, list[Item]] = {name: [] for name in request["RequestItems"]}
        for name, address in addresses:
            self.between()
            if (item := self.tables[name].items.get(address)) is not None:
                answers[name].append(item)
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _batch_write(self, request: dict[str, Any]) -> Any:
        planned: list[Planned] = []
        for name, actions in request["RequestItems"].items():
            table = self._table({"TableName": name}, set())
            for action in actions:
                if action.keys() != {"PutRequest"}:
                    raise Unsupported(f"{action.keys()}")
                item = _fits(table.check(action["PutRequest"]["Item"]))
                planned.append((table, table.address(item, whole=True), item))
        if not 0 < len(planned) <= MOST_PUTS:
            raise Invalid(f"{len(planned)} writes in one batch")
        if len({(table.name, address) for table, address, _ in planned}) < len(planned):
            raise Invalid("provided list of item keys contains duplicates")
        self._do(planned)
        return {"UnprocessedItems": {}}

    def _write(self, kind: str, request: dict[str, Any]) -> Any:
        table, address, test, after = self._planned(kind, request)
        before = table.items.get(address)
        if not test(before):
            more = {"Item": before} if _asks_for_old(request) and before is not None else {}
            raise refused(f"{kind}Item", "ConditionalCheckFailedException", "the conditional request failed", **more)
        self._do([(table, address, after(before))])
        return _returned(request, before, table.items.get(address))

    def _transact(self, request: dict[str, Any]) -> Any:
        if unknown := request.keys() - {"TransactItems", "ClientRequestToken"}:
            raise Unsupported(f"{unknown}")
        actions, token = request["TransactItems"], request.get("ClientRequestToken")
        if not 0 < len(actions) <= MOST_ACTIONS:
            raise Invalid(f"{len(actions)} actions in one transaction")
        plans = [self._planned(kind, body) for [(kind, body)] in (action.items() for action in actions)]
        if token in self.tokens:
            if self.tokens[token] != actions:
                raise refused("TransactWriteItems", "IdempotentParameterMismatchException", "another request")
            return {}
        if len({(table.name, address) for table, address, _, _ in plans}) < len(plans):
            raise Invalid("transaction request cannot include multiple operations on one item")
        self._all_or_none(actions, plans)
        if token is not None:
            self.tokens[token] = actions
        return {}

    def _all_or_none(self, actions: list[dict[str, Any]], plans: list[Any]) -> None:
        reasons: list[dict[str, Any]] = []
        planned: list[Planned] = []
        for action, (table, address, test, after) in zip(actions, plans, strict=True):
            [(kind, body)] = action.items()
            before = table.items.get(address)
            if not test(before):
                reasons.append(_reason(body, before))
                continue
            try:
                planned += [] if kind == "ConditionCheck" else [(table, address, after(before))]
                reasons.append({"Code": "None"})
            except Invalid as error:
                reasons.append({"Code": "ValidationError", "Message": str(error)})
        if any(reason["Code"] != "None" for reason in reasons):
            raise cancelled(reasons)
        self._do(planned)

    def _planned(self, kind: str, request: dict[str, Any]) -> Any:
        """Table, address, test of the item that stands there, and what it becomes."""
        if kind not in OUTSIDE or kind in {"Query", "Scan", "Get"}:
            raise Unsupported(kind)
        table = self._table(request, OUTSIDE[kind] | CONDITIONAL | EXPRESSED)
        names = tuple(request.get("ExpressionAttributeNames", {}).items())
        values = request.get("ExpressionAttributeValues", {})
        test = condition(request["ConditionExpression"], names) if "ConditionExpression" in request else None
        what = change(request["UpdateExpression"], names) if kind == "Update" else None
        _check_used(request, *(used for used in (test, what) if used is not None))
        if kind == "Put":
            _fits(table.check(request["Item"]))
        address = table.address(request.get("Item", request.get("Key", {})), whole=kind == "Put")

        def becomes(before: Item | None) -> Item | None:
            if kind == "Put":
                return request["Item"]
            if what is None:
                return None
            if any(name in table.kinds for name, _ in what.sets):
                raise Invalid("this attribute is part of the key")
            return _fits(table.check(applied(what, before or request["Key"], values)))

        return table, address, lambda before: test is None or test.holds(before or {}, values), becomes

    def _do(self, planned: list[Planned]) -> None:
        self.told([(table.name, table.write(address, after)) for table, address, after in planned])

    def _query(self, request: dict[str, Any]) -> Any:
        table = self._table(request, OUTSIDE["Query"] | EXPRESSED)
        names = tuple(request.get("ExpressionAttributeNames", {}).items())
        key = condition(request["KeyConditionExpression"], names)
        test = condition(request["FilterExpression"], names) if "FilterExpression" in request else None
        _check_used(request, *(used for used in (key, test) if used is not None))
        values = request.get("ExpressionAttributeValues", {})
        if "IndexName" in request and request.get("ConsistentRead"):
            raise Invalid("consistent reads are not supported on global secondary indexes")
        index = table.indexes[request["IndexName"]] if "IndexName" in request else None
        pk = _hash(key, index.hash_name if index else table.hash_name, values)
        places = index.in_order(pk) if index else table.in_order(pk)
        answer = _page(places, request, key, values)
        if test is not None:
            answer["Items"] = [item for item in answer["Items"] if test.holds(item, values)]
        return answer | {"Count": len(answer["Items"])}

    def _scan(self, request: dict[str, Any]) -> Any:
        table = self._table(request, OUTSIDE["Scan"])
        start = table.address(request["ExclusiveStartKey"]) if "ExclusiveStartKey" in request else None
        places = [address for address in sorted(table.items) if start is None or address > start]
        limit = request.get("Limit", len(places) + 1)
        items = [table.items[address] for address in places[:limit]]
        more = {"LastEvaluatedKey": table.key(items[-1])} if items and len(items) == limit else {}
        return {"Items": items, "Count": len(items)} | more


def _page(order: Order, request: dict[str, Any], key: Condition, values: Item) -> Any:
    """One page of what is in order: after the start key, of what the key condition holds for, at most the limit."""
    between = next(((values[low], values[high]) for name, low, high in key.between if name == order.sort_name), None)
    forward = request.get("ScanIndexForward", True)
    items: list[Item] = []
    last: Item | None = None
    for place in order.places(between, request.get("ExclusiveStartKey"), forward=forward):
        if len(items) == request.get("Limit"):
            break
        keys, item = order.shown(place)
        if key.holds(item, values):
            items.append(item)
            last = keys
    more = {"LastEvaluatedKey": last} if last and len(items) == request.get("Limit") else {}
    return {"Items": items} | more


def _hash(key: Condition, name: str, values: Item) -> Any:
    for attribute, value in key.equals:
        if attribute == name:
            return plain(values[value])[1]
    raise Invalid(f"query condition missed key schema element: {name}")


def _check_used(request: dict[str, Any], *used: Any) -> None:
    """Names and values are all used and all defined, as DynamoDB wants it."""
    values = frozenset().union(*(each.values for each in used))
    names = frozenset().union(*(each.names for each in used))
    given = request.get("ExpressionAttributeValues", {}).keys()
    if given - values or values - given or request.get("ExpressionAttributeNames", {}).keys() - names:
        raise Invalid(f"values or names unused or undefined: {given ^ values}")
    if "ExpressionAttributeValues" in request and not given:
        raise Invalid("ExpressionAttributeValues must not be empty")
    for each in used:
        check_values(each, request.get("ExpressionAttributeValues", {}))


def _fits(item: Item) -> Item:
    if sum(len(name) + size(value) for name, value in item.items()) > MOST_BYTES:
        raise Invalid("item size has exceeded the maximum allowed size")
    return item


def _asks_for_old(request: dict[str, Any]) -> bool:
    return request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"


def _reason(body: dict[str, Any], before: Item | None) -> dict[str, Any]:
    reason = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    return reason | ({"Item": before} if _asks_for_old(body) and before is not None else {})


def _returned(request: dict[str, Any], before: Item | None, after: Item | None) -> Any:
    wanted = {"ALL_OLD": before, "ALL_NEW": after, "NONE": None}[request.get("ReturnValues", "NONE")]
    return {} if wanted is None else {"Attributes": wanted}


def refused(operation: str, code: str, message: str, status: int = 400, **more: Any) -> ClientError:
    """An error as botocore raises it."""
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer | more, operation)


def cancelled(reasons: list[dict[str, Any]]) -> ClientError:
    """A cancelled transaction, a reason for each action."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return refused("TransactWriteItems", "TransactionCanceledException", message, CancellationReasons=reasons)
