"""Tenants, clients and what a client may do."""

from __future__ import annotations

import hmac
from hashlib import sha256

from chalicelib.core.errors import InvalidInput, Unauthenticated
from chalicelib.core.values import dataclass

SCOPES = {
    "ledger:read": "read accounts, entries, history and the trial balance",
    "ledger:write": "open accounts, post entries",
    "parties:read": "read parties",
    "parties:write": "register parties and their bank details",
    "trades:read": "read trades and templates",
    "trades:write": "open trades, give evidence, settle and release",
    "splits:read": "read splits",
    "splits:write": "divide amounts among accounts, take them back",
    "credit:read": "read credit lines",
    "credit:write": "open credit lines, draw on them",
    "banking:read": "read payouts and receipts",
    "banking:write": "allocate receipts",
    "payouts:write": "pay by bank, try again, cancel, resolve what a bank leaves open",
    "recon:read": "read statements, matches, breaks and exports",
    "recon:write": "upload statements, resolve breaks, ask for exports",
}
"""Every scope, with what it lets a client do."""

OPERATOR = "operator"
"""The tenant under which operators' own commands are journalled. No list of tenants has it."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One marketplace with its own books."""

    tenant_id: str
    name: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Client:
    """A program of a tenant. The secret has 256 random bits, so a plain digest keeps it safe."""

    client_id: str
    tenant_id: str
    secret_sha256: str
    scopes: tuple[str, ...]


def digest_of(secret: str) -> str:
    """The digest under which a client secret is kept."""
    return sha256(secret.encode()).hexdigest()


def granted(client: Client | None, *, secret: str, wanted: str) -> frozenset[str]:
    """The scopes a client gets for its secret: those wanted, or all it has.

    Raises Unauthenticated `client_unknown` (no such client and wrong secret look alike), or InvalidInput
    `scope_not_allowed`. The fact `error` is the code of RFC 6749, section 5.2.
    """
    kept = client.secret_sha256 if client else digest_of("")
    if not hmac.compare_digest(kept, digest_of(secret)) or client is None:
        raise Unauthenticated("client_unknown", "no such client, or the secret is wrong", error="invalid_client")
    scopes = frozenset(wanted.split()) or frozenset(client.scopes)
    if not scopes <= frozenset(client.scopes):
        raise InvalidInput(
            "scope_not_allowed", "the client does not have that scope", field="scope", error="invalid_scope"
        )
    return scopes


def known_scopes(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes, `*` standing for all. Raises InvalidInput `unknown_scope`."""
    if wanted == ("*",):
        return tuple(SCOPES)
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise InvalidInput("unknown_scope", "no such scope", field="scopes", scope=unknown[0])
    return wanted
