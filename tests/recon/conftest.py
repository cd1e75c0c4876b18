"""A bucket of a test's own, and books to reconcile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.recon.build import BUCKET, marked, open_books
from tests.support.dynamodb_local import Tables


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """S3 by moto, with the bucket that the environment names."""
    with mock_aws():
        client = boto3.client("s3")
        region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        monkeypatch.setenv("QUITTANCE_BUCKET", BUCKET)
        yield client


@pytest.fixture
def books(tables: Tables, bucket: Any) -> Tables:
    """A tenant with a bank account, in tables of the test's own, marked before anything moved."""
    books = marked(tables)
    open_books()
    return books
