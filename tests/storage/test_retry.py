"""What is tried again, how often, and what comes of it then."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from chalicelib.core.errors import Busy
from chalicelib.storage import retry
from chalicelib.storage.retry import TRIES, is_transient, with_retries


def answer(code: str, *, status: int = 400, reasons: tuple[str, ...] = ()) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(response, "TransactWriteItems")


@pytest.mark.parametrize(
    "error",
    [
        answer("TransactionCanceledException", reasons=("None", "TransactionConflict")),
        answer("TransactionCanceledException", reasons=("ConditionalCheckFailed", "TransactionConflict")),
        answer("TransactionCanceledException", reasons=("ThrottlingError",)),
        answer("TransactionInProgressException"),
        answer("ThrottlingException"),
        answer("ProvisionedThroughputExceededException"),
        answer("InternalServerError", status=500),
        answer("anything", status=503),
        answer("400"),
        ReadTimeoutError(endpoint_url="http://x"),
        ConnectTimeoutError(endpoint_url="http://x"),
        ConnectionClosedError(endpoint_url="http://x"),
        EndpointConnectionError(endpoint_url="http://x"),
        ResponseParserError(),
        ChecksumError(checksum_type="crc32", expected_checksum="1", actual_checksum="2"),
    ],
)
def test_contention_throttling_and_lost_answers_are_tried_again(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        answer("TransactionCanceledException", reasons=("ConditionalCheckFailed", "None")),
        answer("TransactionCanceledException", reasons=("ValidationError",)),
        answer("ConditionalCheckFailedException"),
        answer("ValidationException"),
        answer("AccessDeniedException"),
        answer("ResourceNotFoundException"),
        NoCredentialsError(),
        ValueError(),
    ],
)
def test_answers_and_our_own_faults_are_not(error: Exception) -> None:
    assert not is_transient(error)


def test_the_fifth_failure_is_busy_and_names_its_cause() -> None:
    tries: list[int] = []

    def send() -> None:
        tries.append(1)
        raise ReadTimeoutError(endpoint_url="http://x")

    with pytest.raises(Busy) as busy:
        with_retries(send)

    assert (len(tries), TRIES) == (5, 5)
    assert isinstance(busy.value.__cause__, ReadTimeoutError)


def test_no_try_begins_after_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr(retry.time, "monotonic", lambda: seconds[0])
    tries: list[int] = []

    def send() -> None:
        tries.append(1)
        seconds[0] += 3
        raise ReadTimeoutError(endpoint_url="http://x")

    with pytest.raises(Busy):
        with_retries(send)

    assert len(tries) == 2


def test_another_error_passes_at_once() -> None:
    tries: list[int] = []

    def send() -> None:
        tries.append(1)
        raise KeyError("ours")

    with pytest.raises(KeyError):
        with_retries(send)

    assert len(tries) == 1
