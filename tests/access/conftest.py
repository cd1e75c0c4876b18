"""A tenant with one client, on the session's tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from chalicelib.access import service
from chalicelib.access.domain import OPERATOR
from tests.support.api import signing
from tests.support.calls import call
from tests.support.dynamodb_local import Tables

SECRET = "s3cret with spaces & a :colon"


@dataclass(frozen=True, slots=True)
class Known:
    """A tenant and a client of it; the client may read and write the ledger."""

    tenant_id: str
    client_id: str


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The session's tables as this process's own, and a signing key."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    with signing():
        yield


@pytest.fixture
def known(books: None) -> Known:
    """A tenant and its client."""
    name = f"Marketplace {uuid.uuid4()}"
    tenant_id = service.create_tenant(call(tenant=OPERATOR), name).item.data["tenant_id"]
    scopes = ("ledger:read", "ledger:write")
    outcome = service.create_client(call(tenant=tenant_id), tenant_id, scopes, secret=SECRET)
    return Known(tenant_id, outcome.item.data["client_id"])
