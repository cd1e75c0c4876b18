"""A market with its bank at the other end, for the worker's tests; one of the test's own, for those of whole lives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.settlement.desk import Desk, opened_desk
from tests.settlement.goods import Trading, trading
from tests.support.dynamodb_local import Tables


@pytest.fixture
def desk(tables: Tables) -> Iterator[Desk]:
    """A market on DynamoDB Local whose bank talks to it."""
    with opened_desk(tables) as opened:
        yield opened


@pytest.fixture
def place(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Trading:
    """A market that nobody else has, in the tables that all share."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    return trading()
