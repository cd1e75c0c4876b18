"""The one client: short timeouts, and no retries that nobody decided."""

from __future__ import annotations

from chalicelib.storage.client import dynamodb
from tests.support.faults import fault, throttled


def test_there_is_one_client_with_short_timeouts(tenant: str) -> None:
    config = dynamodb().meta.config

    assert dynamodb() is dynamodb()
    assert (config.connect_timeout, config.read_timeout) == (1, 3)


def test_the_client_itself_tries_once(tenant: str) -> None:
    with fault(throttled, times=99) as calls:
        try:
            dynamodb().get_item(TableName="none", Key={"pk": {"S": "x"}})
        except dynamodb().exceptions.ClientError:
            pass

    assert calls.operations == ["dynamodb.GetItem"]
