"""Files are written once, and outages are outlasted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.errors import Busy, Defect
from chalicelib.storage import blobs
from tests.support.faults import Asked, Calls, answer_lost, crash_points, fault, lost_points, watching

BUCKET = "quittance-test"


@pytest.fixture(autouse=True)
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("QUITTANCE_BUCKET", BUCKET)
    with mock_aws():
        client = boto3.client("s3")
        region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


def test_a_file_is_read_as_it_was_written() -> None:
    blobs.put_once("callbacks/a", b"\x00\xff", content_type="application/xml")

    assert blobs.read("callbacks/a") == b"\x00\xff"


def test_a_file_that_is_there_stays_as_it_is(s3: Any) -> None:
    blobs.put_once("callbacks/a", b"first")
    blobs.put_once("callbacks/a", b"second")

    assert blobs.read("callbacks/a") == b"first"
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 1


def test_a_file_is_named_after_its_content() -> None:
    assert blobs.content_key("callbacks/b", b"abc") == (
        "callbacks/b/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_files_may_lie_in_another_bucket(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
    s3.create_bucket(Bucket="quittance-test-other", CreateBucketConfiguration=region)
    monkeypatch.setenv(blobs.CHECKPOINTS, "quittance-test-other")
    blobs.put_once("a", b"here", bucket=blobs.CHECKPOINTS)

    assert blobs.read("a", bucket=blobs.CHECKPOINTS) == b"here"
    with pytest.raises(Defect):
        blobs.read("a")


def test_a_file_that_should_be_there_and_is_not_is_a_defect() -> None:
    with pytest.raises(Defect):
        blobs.read("callbacks/none")


def test_a_file_that_may_not_be_read_looks_like_one_that_is_missing() -> None:
    """S3 tells whoever may not list the bucket so."""

    def denied(asked: Asked, send: Any) -> Any:
        parsed = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        status, _ = send()
        return (type(status[0])("", 403, {}, None), parsed), None

    blobs.put_once("callbacks/a", b"file")
    with fault(denied), pytest.raises(Defect):
        blobs.read("callbacks/a")


def test_a_file_over_the_limit_is_not_read(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "MOST_BYTES", 3)
    blobs.put_once("callbacks/a", b"four")

    with pytest.raises(Defect):
        blobs.read("callbacks/a")


def test_a_writer_that_dies_and_tries_again_has_written_one_file(s3: Any) -> None:
    for number, point in enumerate(crash_points()):
        key = f"payment-files/{number}"
        with point:
            blobs.put_once(key, b"file")

        blobs.put_once(key, b"file")

        assert len(s3.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]) == 1, point


def test_a_lost_answer_is_absorbed() -> None:
    for number, point in enumerate(lost_points()):
        with point:
            blobs.put_once(f"callbacks/{number}", b"file")

        assert blobs.read(f"callbacks/{number}") == b"file", point


def test_an_outage_that_does_not_end_is_busy() -> None:
    with fault(answer_lost, times=99) as calls, pytest.raises(Busy):
        blobs.read("callbacks/a")

    assert len(calls.operations) == 5


def test_two_writers_at_once_make_one_of_them_try_again() -> None:
    def conflicting(asked: Asked, send: Any) -> Any:
        parsed = {"Error": {"Code": "ConditionalRequestConflict"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
        status, _ = send()
        return (type(status[0])("", 409, {}, None), parsed), None

    with fault(conflicting), pytest.raises(Busy):
        blobs.put_once("callbacks/a", b"file")


def test_writing_is_one_call() -> None:
    with watching() as calls:
        blobs.put_once("callbacks/a", b"file")

    assert isinstance(calls, Calls)
    assert calls.operations == ["s3.PutObject"]
