"""`Worker`: what a capability's worker module registers its handlers on.

A deployed handler is entered directly, so neither `app.py` nor any Chalice middleware has run before it: all that a
handler needs is in the decorator. A failure is that of its own message or record: on a FIFO queue it holds back the
rest of its group only; the records of a stream's batch that failed are handled one by one, and then the batch fails.
"""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from botocore.exceptions import ClientError
from chalice.app import Blueprint, CloudWatchEvent, DynamoDBEvent, SQSEvent

from chalicelib.core.errors import Refusal
from chalicelib.core.runs import attempt_each
from chalicelib.core.values import dataclass
from chalicelib.queues.budget import Deadline

log = logging.getLogger("quittance.worker")
log.setLevel(logging.INFO)

MOST_RECEIVES = 5
"""A message that fails on this receive goes to the dead-letter queue: `maxReceiveCount` of every queue."""

MOST_ALONE_SECONDS = 10
"""How long the records of a batch that failed are taken up one by one. What is left comes again with the batch."""

MOST_FRAMES = 12

PLACEHOLDER = "arn:aws:{service}:us-east-1:000000000000:{name}"
"""Chalice wants an ARN where the function is declared; the template that is merged over its own says the real one."""

Failures = dict[str, list[dict[str, str]]]
Handler = Callable[..., Any]
"""What Lambda enters: it takes the event and the context."""


class WorkerFailed(Exception):
    """What AWS is told of a handler that raised. It writes the text of what it is told to the log, where the error's
    own text, which may hold somebody's bank details, has no business; the error itself is logged without it."""


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

    def queue(self, name: str) -> Callable[[Callable[[Message], None]], Handler]:
        """Handle each message of the FIFO queue `name`. One that raises is delivered again, then dead-lettered."""
        arn = PLACEHOLDER.format(service="sqs", name=f"{name}.fifo")

        def register(handle: Callable[[Message], None]) -> Handler:
            @wraps(handle)
            def entered(event: SQSEvent) -> Failures:
                return _messages(handle, event.to_dict()["Records"])

            handler: Handler = self.blueprint.on_sqs_message(queue_arn=arn, name=name)(entered)
            return handler

        return register

    def stream(self, name: str, *, table: str) -> Callable[[Callable[[list[StreamRecord]], None]], Handler]:
        """Handle the records of a table's stream, a batch at a time, in order. Where the handler raises, each record is
        handled by itself, so that none waits for one that always fails; if one still fails, so does the batch, which
        then comes again, halved until that record is alone. A record that comes again does the same thing again."""
        arn = PLACEHOLDER.format(service="dynamodb", name=f"table/{table}/stream/0")

        def register(handle: Callable[[list[StreamRecord]], None]) -> Handler:
            @wraps(handle)
            def entered(event: DynamoDBEvent) -> None:
                _logged(name, lambda: _handle_records(handle, _records(event.to_dict()["Records"])))

            handler: Handler = self.blueprint.on_dynamodb_record(stream_arn=arn, name=name)(entered)
            return handler

        return register

    def schedule(self, name: str, expression: str) -> Callable[[Callable[[], Any]], Handler]:
        """Run at each tick of a schedule (`rate(1 day)`). It must catch up by itself what earlier ticks missed."""

        def register(handle: Callable[[], Any]) -> Handler:
            @wraps(handle)
            def entered(event: CloudWatchEvent) -> Any:
                return _logged(name, handle)

            handler: Handler = self.blueprint.schedule(expression, name=name)(entered)
            return handler

        return register

    def operator(self, name: str) -> Callable[[Callable[[dict[str, Any]], Any]], Handler]:
        """A function that operators invoke by IAM. A refusal is answered as `{"refused": code, ...facts}`."""

        def register(handle: Callable[[dict[str, Any]], Any]) -> Handler:
            @wraps(handle)
            def entered(event: dict[str, Any], context: Any) -> Any:
                return _logged(name, lambda: _answered(handle, event))

            handler: Handler = self.blueprint.lambda_function(name=name)(entered)
            return handler

        return register


def _messages(handle: Callable[[Message], None], records: list[dict[str, Any]]) -> Failures:
    """Handle the messages of a batch in order, and say which are to come again.

    What follows a failure in its group comes again untried. Not so behind one that was received for the last time: it
    goes to the dead-letter queue now, and its followers, received as often, would follow it there without ever having
    been tried.
    """
    failed: list[str] = []
    held_back: set[str] = set()
    for record in records:
        attributes = record.get("attributes", {})
        group = attributes.get("MessageGroupId", record["messageId"])
        count = int(attributes.get("ApproximateReceiveCount", 1))
        if group not in held_back:
            if _succeeds(handle, record["body"], group, count):
                continue
            if count < MOST_RECEIVES:
                held_back.add(group)
        failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _succeeds(handle: Callable[[Message], None], body: str, group: str, count: int) -> bool:
    try:
        handle(Message(json.loads(body), group, count))
    except Exception as error:
        _log_failure("message_failed", error)
        return False
    return True


def _handle_records(handle: Callable[[list[StreamRecord]], None], records: list[StreamRecord]) -> None:
    """Handle a batch, or each record of it by itself where the batch fails. Raises what a record failed with."""
    try:
        handle(records)
    except Exception as failure:
        _log_failure("batch_failed", failure)
        is_over = Deadline(MOST_ALONE_SECONDS).has_passed
        run = attempt_each(records, partial(_handle_alone, handle), is_over=is_over)
        if run.failures:
            raise run.failures[0].error from None
        if not run.is_whole:
            raise


def _handle_alone(handle: Callable[[list[StreamRecord]], None], record: StreamRecord) -> int:
    handle([record])
    return 1


def _records(records: list[dict[str, Any]]) -> list[StreamRecord]:
    changes = (record["dynamodb"] for record in records)
    return [StreamRecord(_image(change.get("OldImage")), _image(change.get("NewImage"))) for change in changes]


def _image(image: dict[str, Any] | None) -> dict[str, Any] | None:
    """An image as a client would read it: an event is JSON, so its binary attributes come in base 64."""
    if image is None:
        return None
    return {name: {"B": base64.b64decode(value["B"])} if "B" in value else value for name, value in image.items()}


def _answered(handle: Callable[[dict[str, Any]], Any], event: dict[str, Any]) -> Any:
    try:
        return handle(event)
    except Refusal as refusal:
        return refusal.facts | {"refused": refusal.code}


def _logged(name: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:
        _log_failure(f"{name}_failed", error)
        raise WorkerFailed(f"{name}: {type(error).__name__}") from None


def _log_failure(alarm: str, error: Exception) -> None:
    """Where it failed and with what kind of error; never the values, which may be somebody's bank details."""
    trace = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in trace]
    log.error(json.dumps({"alarm": alarm, "type": type(error).__name__, "code": _code(error), "stack": frames}))


def _code(error: Exception) -> str | None:
    """The stable code of a refusal, or AWS's own."""
    if isinstance(error, Refusal):
        return error.code
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else None
