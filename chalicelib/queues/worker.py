"""`Worker`: what a capability's worker module registers its handlers on.

A deployed handler is entered directly, so neither `app.py` nor any Chalice middleware has run before it: all that a
handler needs is in the decorator. A batch reports what failed and no more: on a FIFO queue a failure holds back the rest
of its group only; a stream's batch fails whole.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, DynamoDBEvent, SQSEvent

from chalicelib.core.errors import Refusal

log = logging.getLogger("quittance.worker")
log.setLevel(logging.INFO)

PLACEHOLDER = "arn:aws:{service}:us-east-1:000000000000:{name}"
"""Chalice wants an ARN where the function is declared; the template that is merged over its own says the real one."""

Failures = dict[str, list[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Message:
    """A queue message: its JSON body, its FIFO group, and how often it has been received."""

    body: dict[str, Any]
    group: str
    receive_count: int


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A change of an item: its images before and after (None: there was none), as the wire has them."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Worker:
    """The handlers of one worker module."""

    def __init__(self, name: str) -> None:
        self.blueprint = Blueprint(name)

    def queue(self, name: str) -> Callable[[Callable[[Message], None]], Callable[..., Any]]:
        """Handle each message of the FIFO queue `name`; a message that raises is delivered again, then dead-lettered."""
        arn = PLACEHOLDER.format(service="sqs", name=f"{name}.fifo")

        def register(handle: Callable[[Message], None]) -> Callable[..., Any]:
            @wraps(handle)
            def entered(event: SQSEvent) -> Failures:
                return _messages(handle, event.to_dict()["Records"])

            return self.blueprint.on_sqs_message(queue_arn=arn, name=name)(entered)

        return register

    def stream(self, name: str, *, table: str) -> Callable[[Callable[[StreamRecord], None]], Callable[..., Any]]:
        """Handle each record of a table's stream, in order. One that raises fails the batch, which then comes again whole
        or halved: a handler writes the same thing again when a record comes again."""
        arn = PLACEHOLDER.format(service="dynamodb", name=f"table/{table}/stream/0")

        def register(handle: Callable[[StreamRecord], None]) -> Callable[..., Any]:
            @wraps(handle)
            def entered(event: DynamoDBEvent) -> None:
                _logged(name, lambda: _records(handle, event.to_dict()["Records"]))

            return self.blueprint.on_dynamodb_record(stream_arn=arn, name=name)(entered)

        return register

    def schedule(self, name: str, expression: str) -> Callable[[Callable[[], Any]], Callable[..., Any]]:
        """Run at each tick of a schedule (`rate(1 day)`). It must catch up by itself what earlier ticks missed."""

        def register(handle: Callable[[], Any]) -> Callable[..., Any]:
            @wraps(handle)
            def entered(event: CloudWatchEvent) -> Any:
                return _logged(name, handle)

            return self.blueprint.schedule(expression, name=name)(entered)

        return register

    def operator(self, name: str) -> Callable[[Callable[[dict[str, Any]], Any]], Callable[..., Any]]:
        """A function that operators invoke by IAM. A refusal is answered as `{"refused": code, ...facts}`."""

        def register(handle: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
            @wraps(handle)
            def entered(event: dict[str, Any], context: Any) -> Any:
                try:
                    return _logged(name, lambda: handle(event))
                except Refusal as refusal:
                    return {"refused": refusal.code} | refusal.facts

            return self.blueprint.lambda_function(name=name)(entered)

        return register


def _messages(handle: Callable[[Message], None], records: list[dict[str, Any]]) -> Failures:
    failed: list[dict[str, str]] = []
    held_back: set[str] = set()
    for record in records:
        attributes = record.get("attributes", {})
        group = attributes.get("MessageGroupId", record["messageId"])
        count = int(attributes.get("ApproximateReceiveCount", 1))
        if group in held_back or not _succeeds(
            lambda r=record, g=group, c=count: handle(Message(json.loads(r["body"]), g, c))
        ):
            held_back.add(group)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _records(handle: Callable[[StreamRecord], None], records: list[dict[str, Any]]) -> None:
    for record in records:
        change = record["dynamodb"]
        handle(StreamRecord(change.get("OldImage"), change.get("NewImage")))


def _succeeds(work: Callable[[], None]) -> bool:
    try:
        work()
    except Exception as error:
        _log_failure("record_failed", error)
        return False
    return True


def _logged(name: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Refusal:
        raise
    except Exception as error:
        _log_failure(f"{name}_failed", error)
        raise


def _log_failure(alarm: str, error: Exception) -> None:
    """Where it failed and with what kind of error; never the values, which may be somebody's bank details."""
    code = error.code if isinstance(error, Refusal) else None
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error(json.dumps({"alarm": alarm, "type": type(error).__name__, "code": code, "stack": frames[-12:]}))
