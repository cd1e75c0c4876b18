"""The session's tables as this process's own; each test keeps apart by a tenant."""

from __future__ import annotations

import uuid

import pytest

from tests.support.dynamodb_local import Tables


@pytest.fixture
def tenant(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> str:
    """A tenant nobody else has; the environment points at the session's tables."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    return f"ten_{uuid.uuid4().hex}"
