"""Payment files in S3 (moto): those of one bank, by key."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from infra.bank.files import S3PaymentFiles

BUCKET = "files"


@pytest.fixture
def bucket() -> Iterator[None]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        for key in ("payment-files/bank_1/b.xml", "payment-files/bank_1/a.xml", "payment-files/bank_2/c.xml", "raw/d"):
            client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        yield


@pytest.mark.usefixtures("bucket")
def test_a_banks_files_are_listed_by_key_and_read() -> None:
    files = S3PaymentFiles(BUCKET, "bank_1", endpoint=None)

    assert files.names() == ["payment-files/bank_1/a.xml", "payment-files/bank_1/b.xml"]
    assert files.read("payment-files/bank_1/a.xml") == b"payment-files/bank_1/a.xml"


@pytest.mark.usefixtures("bucket")
def test_a_bank_without_files_has_none() -> None:
    assert S3PaymentFiles(BUCKET, "bank_3", endpoint=None).names() == []
