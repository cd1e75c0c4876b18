"""The queues of a stack as an operator sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.market import wait_for
from tests.support.local_stack import LocalStack

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
PATIENCE = "VisibilityTimeout"
WORK = ("callbacks.fifo", "payouts.fifo", "exports.fifo", "statements.fifo")
DEAD = ("callbacks-dead.fifo", "payouts-dead.fifo", "exports-dead.fifo", "statements-dead.fifo", "streams-dead")


def depth(sqs: Any, name: str) -> int:
    """How many messages a queue holds, in flight ones included."""
    url = sqs.get_queue_url(QueueName=f"quittance-local-{name}")["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    return sum(int(told[count]) for count in COUNTS)


def wait_until_drained(stack: LocalStack) -> None:
    """Wait until every message that was taken has been worked on."""
    sqs = stack.client("sqs")
    wait_for("the queues to be empty", lambda: not any(depth(sqs, name) for name in WORK))


def dead(stack: LocalStack) -> dict[str, int]:
    """How many messages nothing could be done with, by queue."""
    sqs = stack.client("sqs")
    return {name: count for name in DEAD if (count := depth(sqs, name))}


def redrive(stack: LocalStack) -> int:
    """Send dead messages of the work queues round again, as an operator would once the cause is gone. How many."""
    sqs = stack.client("sqs")
    moved = 0
    for name in WORK:
        source, target = (
            sqs.get_queue_url(QueueName=f"quittance-local-{queue}")["QueueUrl"]
            for queue in (name.replace(".fifo", "-dead.fifo"), name)
        )
        wanted = {"QueueUrl": source, "MaxNumberOfMessages": 10, "AttributeNames": ["MessageGroupId"]}
        while messages := sqs.receive_message(**wanted).get("Messages"):
            for message in messages:
                group = message["Attributes"]["MessageGroupId"]
                again = {"MessageGroupId": group, "MessageDeduplicationId": message["MessageId"]}
                sqs.send_message(QueueUrl=target, MessageBody=message["Body"], **again)
                sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
    return moved


@contextmanager
def impatient(stack: LocalStack, *, seconds: int) -> Iterator[None]:
    """Failed messages come again after seconds instead of minutes."""
    sqs = stack.client("sqs")
    urls = [sqs.get_queue_url(QueueName=f"quittance-local-{name}")["QueueUrl"] for name in WORK]
    usual = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[PATIENCE])["Attributes"] for url in urls]
    try:
        for url in urls:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={PATIENCE: str(seconds)})
        yield
    finally:
        for url, attributes in zip(urls, usual, strict=True):
            sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
