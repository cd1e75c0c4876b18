"""The process's one DynamoDB client, made by PynamoDB, with short timeouts and no retries of its own.

Retrying is decided in `chalicelib.storage.commit` and `chalicelib.storage.reads`, where it is known what a repeated
call would mean.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from pynamodb.connection import Connection

CONNECT_SECONDS = 1
READ_SECONDS = 3
POOL = 32


@cache
def dynamodb() -> Any:
    """A botocore client. Thread-safe; made once."""
    connection = Connection(
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        connect_timeout_seconds=CONNECT_SECONDS,
        read_timeout_seconds=READ_SECONDS,
        max_retry_attempts=0,
        max_pool_connections=POOL,
    )
    return connection.client
