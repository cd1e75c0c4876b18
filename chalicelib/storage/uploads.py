"""Large files that are written to S3 in parts, as they are made, and read back as a stream or by a link that ends.

A part that is written again under its number takes the place of the first. A file is there when its last part is: until
then nobody sees it, and what is never completed the bucket drops by itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256

from botocore.exceptions import ClientError

from chalicelib.storage.blobs import FILES, s3_client
from chalicelib.storage.retry import with_retries

LEAST_PART = 5 * 1024 * 1024
"""The least that S3 takes as a part, but for the last one."""

READ = 1024 * 1024


def begin(key: str, *, content_type: str) -> str:
    """Begin a file; the id that its parts are written under."""
    request = {"Bucket": os.environ[FILES], "Key": key, "ContentType": content_type}
    return str(with_retries(lambda: s3_client().create_multipart_upload(**request))["UploadId"])


def write_part(key: str, upload_id: str, number: int, content: bytes) -> str:
    """Write a part, numbered from 1; the tag that completes the file."""
    request = {"Bucket": os.environ[FILES], "Key": key, "UploadId": upload_id, "PartNumber": number, "Body": content}
    return str(with_retries(lambda: s3_client().upload_part(**request))["ETag"])


def complete(key: str, upload_id: str, tags: Sequence[str]) -> None:
    """Make the file of its parts, by their tags in order."""
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
    request = {"Bucket": os.environ[FILES], "Key": key, "UploadId": upload_id, "MultipartUpload": {"Parts": parts}}
    with_retries(lambda: s3_client().complete_multipart_upload(**request))


def exists(key: str) -> bool:
    """Whether the file is there."""
    try:
        with_retries(lambda: s3_client().head_object(Bucket=os.environ[FILES], Key=key))
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "403", "NoSuchKey", "AccessDenied"}:
            return False
        raise
    return True


def digest(key: str) -> tuple[str, int]:
    """SHA-256 in hexadecimal and size of a file of any size, read as a stream."""
    mark, size = sha256(), 0
    body = with_retries(lambda: s3_client().get_object(Bucket=os.environ[FILES], Key=key))["Body"]
    for chunk in body.iter_chunks(READ):
        mark.update(chunk)
        size += len(chunk)
    return mark.hexdigest(), size


def read(key: str) -> bytes | None:
    """A file of any size that we wrote for ourselves; None where there is none any more."""
    try:
        return bytes(with_retries(lambda: s3_client().get_object(Bucket=os.environ[FILES], Key=key))["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "AccessDenied"}:
            return None
        raise


def link(key: str, *, seconds: int, name: str) -> str:
    """A link by which anyone who has it reads the file for so many seconds, as a download of this name."""
    parameters = {
        "Bucket": os.environ[FILES],
        "Key": key,
        "ResponseContentDisposition": f'attachment; filename="{name}"',
    }
    return str(s3_client().generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))
