"""One JSON message into a FIFO queue. Receiving is in `worker.py`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from botocore.config import Config

from chalicelib.core.errors import Defect

MOST_BYTES = 256 * 1024
TRIES = 3


def send_message(queue_url: str, body: dict[str, Any], *, group: str, deduplication_id: str) -> None:
    """Send a message. Messages of one `group` are handled one after the other; a second message with the same
    `deduplication_id` within five minutes is dropped by the queue, later ones by whoever handles them.

    After an error it is unknown whether the queue has the message: send it again.
    """
    content = json.dumps(body, separators=(",", ":"))
    if len(content.encode()) > MOST_BYTES:
        raise Defect(f"a message has at most {MOST_BYTES} bytes: keep the content elsewhere and send where")
    _sqs().send_message(
        QueueUrl=queue_url, MessageBody=content, MessageGroupId=group, MessageDeduplicationId=deduplication_id
    )


@cache
def _sqs() -> Any:
    import boto3  # noqa: PLC0415 (at first use: a cold start that needs no such client does not pay)

    retries = {"mode": "standard", "total_max_attempts": TRIES}
    return boto3.client("sqs", config=Config(connect_timeout=1, read_timeout=3, retries=retries))
