"""One command, one commit: an ordered list of tagged writes sent as one TransactWriteItems.

PynamoDB's own transaction reorders its actions and cannot ask for the old item of a failed check, so the request is
built here, in order, and each reason for a cancellation is mapped back to the write it belongs to.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.models import Model

from chalicelib.core.errors import Busy, Defect
from chalicelib.core.values import dataclass
from chalicelib.storage.client import dynamodb
from chalicelib.storage.retry import pause, with_retries
from chalicelib.storage.tables import Item, Key, key_of, physical_name

MOST_WRITES = 100
MOST_PUTS = 25
ROUNDS = 5


class Stale(Exception):
    """What was read before deciding has changed since: decide again."""


@dataclass(frozen=True, slots=True)
class Write:
    """One action of a commit, on the item at `key`. `refuse` turns the item that failed the condition (None: there was
    none) into the exception to raise: a Refusal, or Stale to decide again."""

    tag: str
    key: Key
    action: dict[str, Any]
    refuse: Callable[[Item | None], Exception]


class Failed(Exception):
    """Conditions that did not hold: `reasons` has each write with the item that stood there."""

    def __init__(self, reasons: tuple[tuple[Write, Item | None], ...]) -> None:
        super().__init__(", ".join(write.tag for write, _ in reasons))
        self.reasons = reasons


def put(tag: str, model: type[Model], item: Item, refuse: Callable[[Item | None], Exception]) -> Write:
    """Create an item that must not exist yet.

    condition: attribute_not_exists(pk)
    """
    action = {"TableName": physical_name(model), "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
    return Write(tag, key_of(model, item), {"Put": _asking_for_old(action)}, refuse)


def update(
    tag: str,
    key: Key,
    *,
    change: str,
    condition: str,
    values: Item,
    names: dict[str, str] | None = None,
    refuse: Callable[[Item | None], Exception],
) -> Write:
    """Change an item under a condition; both are DynamoDB expressions over `values` and `names`."""
    action: dict[str, Any] = {
        "TableName": physical_name(key.model),
        "Key": key.wire(),
        "UpdateExpression": change,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
    }
    if names:
        action["ExpressionAttributeNames"] = names
    return Write(tag, key, {"Update": _asking_for_old(action)}, refuse)


def add(tag: str, key: Key, amounts: Mapping[str, int]) -> Write:
    """Add to numbers of an item, which is made where there is none. It has no condition: what it stands beside in a
    commit makes it happen once."""
    names = {f"#n{i}": name for i, name in enumerate(amounts)}
    values: Item = {f":n{i}": {"N": str(amount)} for i, amount in enumerate(amounts.values())}
    action: dict[str, Any] = {
        "TableName": physical_name(key.model),
        "Key": key.wire(),
        "UpdateExpression": "ADD " + ", ".join(f"#n{i} :n{i}" for i in range(len(amounts))),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
    return Write(tag, key, {"Update": action}, lambda _: Defect("an addition has no condition"))


def check(
    tag: str, key: Key, *, condition: str, refuse: Callable[[Item | None], Exception], values: Item | None = None
) -> Write:
    """Change nothing, and let the commit stand only under a condition on the item at `key`."""
    action: dict[str, Any] = {
        "TableName": physical_name(key.model),
        "Key": key.wire(),
        "ConditionExpression": condition,
    }
    if values:
        action["ExpressionAttributeValues"] = values
    return Write(tag, key, {"ConditionCheck": _asking_for_old(action)}, refuse)


def commit(writes: Sequence[Write]) -> None:
    """All of the writes or none. Raises Failed with every condition that did not hold; Busy when retries ran out.

    Retries carry one request token, by which DynamoDB knows them for ten minutes; beyond that, and between callers, the
    condition on the journal item is what makes it happen once.
    """
    if len(writes) > MOST_WRITES:
        raise Defect(f"{len(writes)} writes in one commit, at most {MOST_WRITES}")
    if len({write.key for write in writes}) < len(writes):
        raise Defect(f"an item is written twice in one commit: {[write.tag for write in writes]}")
    actions = [write.action for write in writes]
    token = str(uuid.uuid4())
    try:
        with_retries(lambda: dynamodb().transact_write_items(TransactItems=actions, ClientRequestToken=token))
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        raise _failed(writes, error) from error


def write_item(model: type[Model], item: Item) -> None:
    """Write one item as it is. Only for what is projected from elsewhere, where writing again changes nothing."""
    with_retries(lambda: dynamodb().put_item(TableName=physical_name(model), Item=item))


def write_items(model: type[Model], items: Sequence[Item]) -> None:
    """As `write_item`, of many items with keys of their own, in portions of 25. What a process that was killed has left
    out, it writes when it does so again. Raises Busy `try_again` where the store keeps a part back."""
    for start in range(0, len(items), MOST_PUTS):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + MOST_PUTS]]
        _write_portion({physical_name(model): puts})


def _write_portion(pending: dict[str, Any]) -> None:
    for attempt in range(ROUNDS):
        if attempt:
            pause(attempt)
        answer = with_retries(partial(dynamodb().batch_write_item, RequestItems=pending))
        pending = answer.get("UnprocessedItems", {})
        if not pending:
            return
    raise Busy("try_again", "the store wrote a part only: try again")


def write_if(write: Write) -> bool:
    """One put or update by itself, for half of what it costs in a commit; whether its condition held. Only for what
    is projected from elsewhere: where an answer was lost, False may mean that it was written at the first try."""
    [(kind, action)] = write.action.items()
    send = {"Put": dynamodb().put_item, "Update": dynamodb().update_item}[kind]
    try:
        with_retries(lambda: send(**action))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _failed(writes: Sequence[Write], error: ClientError) -> Exception:
    reasons = error.response.get("CancellationReasons", [])
    failed = tuple(
        (write, reason.get("Item"))
        for write, reason in zip(writes, reasons, strict=True)
        if reason.get("Code") == "ConditionalCheckFailed"
    )
    return Failed(failed) if failed else Defect(f"cancelled: {[reason.get('Code') for reason in reasons]}")


def _asking_for_old(action: dict[str, Any]) -> dict[str, Any]:
    return action | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
