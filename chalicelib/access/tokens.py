"""Tokens for clients: OAuth 2 client credentials, answered with a signed token."""

from __future__ import annotations

from datetime import datetime

from chalicelib.access import store
from chalicelib.access.domain import granted
from chalicelib.core.values import dataclass
from chalicelib.security.tokens import LIFETIME, Principal, mint_token


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, its lifetime in seconds, and the scopes it has, space between them."""

    access_token: str
    expires_in: int
    scope: str


def issue_token(client_id: str, secret: str, scope: str, *, now: datetime) -> Token:
    """A token for a client that knows its secret. `now` is the wall clock."""
    client = store.find_client(client_id) if client_id else None
    scopes = granted(client, secret=secret, wanted=scope)
    tenant = client.tenant_id if client else ""
    token = mint_token(Principal(tenant, client_id, scopes), now=now)
    return Token(token, int(LIFETIME.total_seconds()), " ".join(sorted(scopes)))
