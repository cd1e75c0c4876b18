"""Where payment files lie: the S3 bucket of the deployment."""

from __future__ import annotations

from typing import Any, Protocol

import boto3
from botocore.config import Config

MAX_FILES = 100_000


class PaymentFiles(Protocol):
    """Payment files of one bank, by name."""

    def names(self) -> list[str]:
        """All of them, sorted."""

    def read(self, name: str) -> bytes:
        """One file's bytes."""


class S3PaymentFiles:
    """The objects under `payment-files/{bank_id}/` of a bucket, at an AWS endpoint (None: AWS itself)."""

    def __init__(self, bucket: str, bank_id: str, *, endpoint: str | None) -> None:
        settings = Config(connect_timeout=1, read_timeout=5, s3={"addressing_style": "path"})
        self._client: Any = boto3.client("s3", endpoint_url=endpoint, config=settings)
        self._bucket = bucket
        self._prefix = f"payment-files/{bank_id}/"

    def names(self) -> list[str]:
        """Their keys, sorted; at most MAX_FILES."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix, PaginationConfig={"MaxItems": MAX_FILES}
        )
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def read(self, name: str) -> bytes:
        """One object's bytes, the latest version."""
        body: bytes = self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        return body
