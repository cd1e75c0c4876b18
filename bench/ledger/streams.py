"""A table's stream as Lambda follows it: batches of its records handed to a function."""

from __future__ import annotations

import base64
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from chalicelib.queues.worker import WorkerFailed
from chalicelib.storage.client import dynamodb

BATCH = 100
PAUSE_SECONDS = 0.01
STOP_SECONDS = 10

Handler = Callable[[dict[str, Any], None], object]


class Follower:
    """Reads a table's stream from its beginning and hands each batch of records to a function."""

    def __init__(self, endpoint: str, table: str, handler: Handler) -> None:
        self.handler = handler
        self._streams = boto3.client("dynamodbstreams", endpoint_url=endpoint)
        tables = boto3.client("dynamodb", endpoint_url=endpoint)
        arn = tables.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        shards = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._iterators = [
            self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
                "ShardIterator"
            ]
            for shard in shards
        ]

    def step(self) -> int:
        """Hand over the next batch of each shard; one that fails comes again. How many records there were."""
        count = 0
        for place, iterator in enumerate(self._iterators):
            answer = self._streams.get_records(ShardIterator=iterator, Limit=BATCH)
            records = [_as_event(record) for record in answer["Records"]]
            if records:
                self.handler({"Records": records}, None)
            self._iterators[place] = answer["NextShardIterator"]
            count += len(records)
        return count

    def catch_up(self) -> int:
        """Hand over all that is there by now. How many records there were."""
        total = 0
        while count := self.step():
            total += count
        return total


@contextmanager
def following(endpoint: str, table: str, handler: Handler) -> Iterator[None]:
    """A process beside this one follows the table's stream, for the length of the block."""
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    process = context.Process(target=_follow, args=(endpoint, table, handler, stop), daemon=True)
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(STOP_SECONDS)
        if process.is_alive():
            process.terminate()


def _follow(endpoint: str, table: str, handler: Handler, stop: Any) -> None:
    dynamodb.cache_clear()  # its connections are the other process's
    follower = Follower(endpoint, table, handler)
    while not stop.is_set():
        try:
            idle = not follower.step()
        except WorkerFailed:
            idle = True
        if idle:
            time.sleep(PAUSE_SECONDS)


def _as_event(record: dict[str, Any]) -> dict[str, Any]:
    """A record as it stands in an event: binary attributes in base 64."""
    change = dict(record["dynamodb"])
    for image in ("OldImage", "NewImage"):
        if image in change:
            change[image] = {name: _as_json(value) for name, value in change[image].items()}
    return {"eventName": record["eventName"], "dynamodb": change}


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value
