"""One JSON message into a FIFO queue. Receiving is in `worker.py`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from chalicelib.core.errors import Busy, Defect

MOST_BYTES = 256 * 1024
TRIES = 3
SERVER_FAULT = 500
_THROTTLED = frozenset({"RequestThrottled", "ThrottlingException", "Throttling", "KmsThrottled"})


def send_message(queue_url: str, body: dict[str, Any], *, group: str, deduplication_id: str) -> None:
    """Send a message. Messages of one `group` are handled one after the other; a second message with the same
    `deduplication_id` within five minutes is dropped by the queue, later ones by whoever handles them.

    Raises Busy `try_again` when the queue is out of reach: whether it has the message is then unknown; send it again.
    """
    content = json.dumps(body, separators=(",", ":"))
    if len(content.encode()) > MOST_BYTES:
        raise Defect(f"a message has at most {MOST_BYTES} bytes: keep the content elsewhere and send where")
    try:
        _sqs().send_message(
            QueueUrl=queue_url, MessageBody=content, MessageGroupId=group, MessageDeduplicationId=deduplication_id
        )
    except (HTTPClientError, ResponseParserError) as error:
        raise Busy("try_again", "the queue is out of reach: retry with the same key") from error
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code not in _THROTTLED and status < SERVER_FAULT:
            raise
        raise Busy("try_again", "the queue is out of reach: retry with the same key") from error


@cache
def _sqs() -> Any:
    retries = {"mode": "standard", "total_max_attempts": TRIES}
    return boto3.client("sqs", config=Config(connect_timeout=1, read_timeout=3, retries=retries))
