"""Messages into a FIFO queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.errors import Defect
from chalicelib.queues.send import MOST_BYTES, send_message


@pytest.fixture
def queue() -> Iterator[tuple[Any, str]]:
    with mock_aws():
        sqs = boto3.client("sqs")
        yield sqs, sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]


def waiting(sqs: Any, url: str) -> list[dict[str, Any]]:
    wanted = ["MessageGroupId"]
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=wanted)
    return list(answer.get("Messages", []))


def test_a_message_is_sent_with_its_group(queue: tuple[Any, str]) -> None:
    send_message(queue[1], {"id": "é"}, group="g", deduplication_id="1")

    (message,) = waiting(*queue)
    assert json.loads(message["Body"]) == {"id": "é"}
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_the_same_message_sent_again_is_dropped(queue: tuple[Any, str]) -> None:
    for _ in range(2):
        send_message(queue[1], {"id": 1}, group="g", deduplication_id="1")
    send_message(queue[1], {"id": 2}, group="h", deduplication_id="2")

    assert [json.loads(message["Body"])["id"] for message in waiting(*queue)] == [1, 2]


def test_a_message_too_large_for_the_queue_is_a_defect() -> None:
    with pytest.raises(Defect):
        send_message("http://127.0.0.1:1/none", {"text": "x" * MOST_BYTES}, group="g", deduplication_id="1")
