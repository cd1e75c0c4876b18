"""Files in S3 that are kept for ever: raw callbacks, uploaded statements, payment files. Written once, never changed.

A file is named after its content, or after the one thing that makes it, so that writing it again can only be a retry:
the first write stays and the second does nothing. Encryption at rest is the bucket's.
"""

from __future__ import annotations

import os
from functools import cache
from hashlib import sha256
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.core.errors import Busy, Defect
from chalicelib.storage.retry import with_retries

FILES = "QUITTANCE_BUCKET"
CHECKPOINTS = "QUITTANCE_CHECKPOINT_BUCKET"
"""The variables that name the buckets: of most files, and of what not even we can change (object lock)."""

CONNECT_SECONDS = 1
READ_SECONDS = 5
MOST_BYTES = 16 * 1024 * 1024


def content_key(folder: str, content: bytes) -> str:
    """The name of a file that is known by its content: `callbacks/bank_a/` and the SHA-256 in hexadecimal."""
    return f"{folder}/{sha256(content).hexdigest()}"


def put(key: str, content: bytes, *, content_type: str = "application/octet-stream", bucket: str = FILES) -> None:
    """Write a file, over one that is there: only for what is made again from the books whenever it is missing."""
    request: dict[str, Any] = {"Bucket": os.environ[bucket], "Key": key, "Body": content, "ContentType": content_type}
    with_retries(lambda: s3_client().put_object(**request))


def put_once(key: str, content: bytes, *, content_type: str = "application/octet-stream", bucket: str = FILES) -> None:
    """Write a file, unless it is there. Raises Busy `try_again` when S3 is out of reach.

    condition: no object has this key
    """
    request: dict[str, Any] = {"Bucket": os.environ[bucket], "Key": key, "Body": content}
    request |= {"ContentType": content_type, "IfNoneMatch": "*"}
    try:
        with_retries(lambda: s3_client().put_object(**request))
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "PreconditionFailed":
                return
            case "ConditionalRequestConflict":
                raise Busy("try_again", "the same file is being written: retry with the same key") from error
        raise


def read(key: str, *, bucket: str = FILES) -> bytes:
    """A file's bytes, at most 16 MB. Raises Defect where there is none: a key we kept names a file we wrote."""
    content = find(key, bucket=bucket)
    if content is None:
        raise Defect(f"no file {key}, or none that we may read")
    return content


def find(key: str, *, bucket: str = FILES) -> bytes | None:
    """A file's bytes, at most 16 MB; None where there is none."""
    return with_retries(lambda: _find(key, os.environ[bucket]))


def _find(key: str, bucket: str) -> bytes | None:
    try:
        answer = s3_client().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # Whoever may not list a bucket is not told that a file is missing, but that it is not theirs to read.
        if error.response["Error"]["Code"] in {"NoSuchKey", "AccessDenied"}:
            return None
        raise
    if answer["ContentLength"] > MOST_BYTES:
        raise Defect(f"file {key} has more than {MOST_BYTES} bytes")
    content: bytes = answer["Body"].read()
    return content


@cache
def s3_client() -> Any:
    """The client for S3 of this process."""
    import boto3  # noqa: PLC0415 (at first use: a cold start that needs no such client does not pay)

    # Retries are made here, as for DynamoDB. Path style: the emulator has no host name for each bucket.
    settings = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1},
        signature_version="s3v4",
        s3={"addressing_style": "path"},
    )
    return boto3.client("s3", config=settings)
