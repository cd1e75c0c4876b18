"""S3, KMS and SQS of a test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.banking.build import BUCKET, Cloud, opened_books
from tests.support.dynamodb_local import Tables


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """S3, KMS and SQS by moto; the environment points at them as it would on Lambda."""
    with mock_aws():
        s3, sqs = boto3.client("s3"), boto3.client("sqs")
        region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        attributes = {"FifoQueue": "true", "VisibilityTimeout": "0"}
        queue = sqs.create_queue(QueueName="callbacks.fifo", Attributes=attributes)["QueueUrl"]
        monkeypatch.setenv("QUITTANCE_BUCKET", BUCKET)
        monkeypatch.setenv("QUITTANCE_SEALING_KEY", boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])
        monkeypatch.setenv("QUITTANCE_CALLBACK_QUEUE_URL", queue)
        yield Cloud(s3, sqs, queue)


@pytest.fixture
def books(tables: Tables, cloud: Cloud) -> Cloud:
    """A tenant that banks, in tables of the test's own."""
    opened_books()
    return cloud
