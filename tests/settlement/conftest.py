"""A market with its bank at the other end, for the worker's tests; one of the test's own, for those of whole lives."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from chalicelib.storage.commit import commit
from chalicelib.storage.records import create
from chalicelib.storage.tables import record_key
from tests.banking.build import BUCKET, Cloud
from tests.settlement.desk import Desk
from tests.settlement.goods import Trading, trading
from tests.settlement.market import market
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables


@pytest.fixture
def desk(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A market on DynamoDB Local with S3, KMS and SQS by moto, on the Monday on which everything begins,
    and not a moment before."""
    monkeypatch.setenv("QUITTANCE_STAGE", "local")
    offset = MONDAY - datetime.now(UTC)
    commit((create(record_key("sandbox", "clock"), math.ceil(offset.total_seconds()), exists="clock_set"),))
    with mock_aws():
        s3, sqs = boto3.client("s3"), boto3.client("sqs")
        region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        monkeypatch.setenv("QUITTANCE_BUCKET", BUCKET)
        monkeypatch.setenv("QUITTANCE_SEALING_KEY", boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])
        ends = {}
        for name in ("CALLBACK", "PAYOUT"):
            attributes = {"FifoQueue": "true", "VisibilityTimeout": "0"}
            url = sqs.create_queue(QueueName=f"{name.lower()}s.fifo", Attributes=attributes)["QueueUrl"]
            monkeypatch.setenv(f"QUITTANCE_{name}_QUEUE_URL", url)
            ends[name] = Cloud(s3, sqs, url)
        yield Desk(market(seal=True), tables, ends["CALLBACK"], ends["PAYOUT"])


@pytest.fixture
def place(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Trading:
    """A market that nobody else has, in the tables that all share."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    return trading()
