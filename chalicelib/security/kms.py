"""The one client of KMS, shared by what seals and what makes digests. What it is asked is their business."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.config import Config

TRIES = 3


@cache
def kms_client() -> Any:
    """The client: short timeouts, three tries."""
    import boto3  # noqa: PLC0415 (at first use: a cold start that needs no such client does not pay)

    retries = {"mode": "standard", "total_max_attempts": TRIES}
    return boto3.client("kms", config=Config(connect_timeout=1, read_timeout=3, retries=retries))
