"""Events as AWS hands them to a function: an SQS FIFO batch, a stream's batch, a schedule's tick, an HTTP request."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

ACCOUNT = "arn:aws:{service}:eu-central-1:000000000000:{name}"


def queue_event(*messages: tuple[str, Any], receive_count: int = 1) -> dict[str, Any]:
    """A batch of `(group, body)`; a body that is no text is sent as JSON. Message ids are m0, m1, ..."""
    return {"Records": [_message(i, group, body, receive_count) for i, (group, body) in enumerate(messages)]}


def _message(number: int, group: str, body: Any, receive_count: int) -> dict[str, Any]:
    return {
        "messageId": f"m{number}",
        "receiptHandle": f"r{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": "1772442000000",
            "SequenceNumber": str(18850000000000000000 + number),
            "MessageGroupId": group,
            "SenderId": "AIDAEXAMPLE",
            "MessageDeduplicationId": f"d{number}",
            "ApproximateFirstReceiveTimestamp": "1772442000001",
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": ACCOUNT.format(service="sqs", name="any.fifo"),
        "awsRegion": "eu-central-1",
    }


def stream_event(*changes: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> dict[str, Any]:
    """A batch of `(before, after)` images as the wire has them; None where there is none."""
    return {"Records": [_change(i, before, after) for i, (before, after) in enumerate(changes)]}


def _change(number: int, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    images = {name: image for name, image in (("OldImage", before), ("NewImage", after)) if image is not None}
    kind = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    return {
        "eventID": f"e{number}",
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1772442000,
            "Keys": {"pk": (after or before or {}).get("pk", {"S": ""})},
            "SequenceNumber": str(100 + number),
            "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **images,
        },
        "eventSourceARN": ACCOUNT.format(service="dynamodb", name="table/any/stream/0"),
    }


def schedule_event() -> dict[str, Any]:
    """One tick of a schedule."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-03-03T01:00:00Z",
        "region": "eu-central-1",
        "resources": [ACCOUNT.format(service="events", name="rule/any")],
        "detail": {},
    }


def http_event(
    method: str,
    url: str,
    *,
    resource: str,
    headers: Mapping[str, str] | None = None,
    path_values: Mapping[str, str] | None = None,
    body: bytes | None = None,
    binary: bool = False,
) -> dict[str, Any]:
    """A request as API Gateway's proxy integration passes it on. `resource` is the route it matched. A body of a type
    that is not `binary` arrives as text."""
    parts = urlsplit(url)
    content = None
    if body is not None:
        content = base64.b64encode(body).decode() if binary else body.decode(errors="replace")
    query = parse_qs(parts.query, keep_blank_values=True) or None
    return {
        "resource": resource,
        "path": parts.path,
        "httpMethod": method,
        "headers": dict(headers or {}),
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "pathParameters": dict(path_values) if path_values else None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{parts.path}",
            "stage": "api",
            "identity": {"sourceIp": "127.0.0.1"},
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        },
        "body": content,
        "isBase64Encoded": binary and body is not None,
    }
