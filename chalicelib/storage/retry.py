"""When a call to DynamoDB is tried again: contention, throttling, and answers that never came. At most five times.

A failed condition is an answer, not a failure. After a send whose answer is lost the outcome is unknown; trying again
is safe because every commit puts its journal item under a condition.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ChecksumError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from chalicelib.core.errors import Busy

TRIES = 5
BASE_SECONDS = 0.02
CAP_SECONDS = 0.5
PATIENCE_SECONDS = 5
"""No try begins later than this, so that a caller hears of an outage before the function's own time is up."""

SERVER_FAULT = 500

TRANSIENT_CODES = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
        # An error whose body was garbled has no code of its own: botocore puts the status there.
        "400",
    }
)
TRANSIENT_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

T = TypeVar("T")


def is_transient(error: Exception) -> bool:
    """Whether the same call may be sent again: the error is contention, throttling, or an answer that was lost."""
    if isinstance(error, ClientError):
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
        code = error.response["Error"]["Code"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(reasons & TRANSIENT_REASONS) or code in TRANSIENT_CODES or status >= SERVER_FAULT
    return isinstance(error, HTTPClientError | NoConnection | ResponseParserError | ChecksumError)


def with_retries(send: Callable[[], T]) -> T:
    """`send`, again after a transient error with full jitter; then Busy `try_again`. Other errors pass through."""
    started = time.monotonic()
    for attempt in range(TRIES):
        try:
            return send()
        except Exception as error:
            if not is_transient(error):
                raise
            if attempt == TRIES - 1 or time.monotonic() - started > PATIENCE_SECONDS:
                raise Busy("try_again", "the store is busy or out of reach: retry with the same key") from error
            pause(attempt)
    raise AssertionError("unreachable")


def pause(attempt: int) -> None:
    """Wait before trying again: full jitter, the ceiling doubled at each attempt (from 0)."""
    time.sleep(random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempt)))
