"""Access tokens: ES256 JWTs of 15 minutes that carry a tenant and scopes. The only user of python-jose for tokens.

The algorithm is fixed and the key's type pinned, so that `alg: none` and HMAC with a public key are refused.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from jose import jwt
from jose.exceptions import JOSEError

from chalicelib.core.errors import Unauthenticated
from chalicelib.core.values import dataclass
from chalicelib.security.keys import RECHECK_SECONDS, signing_keys

ALGORITHM = "ES256"
ISSUER = "quittance"
LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a client of a tenant, and what it may do."""

    tenant: str
    client_id: str
    scopes: frozenset[str]


def mint_token(principal: Principal, *, now: datetime) -> str:
    """A signed token for a client. `now` is the wall clock."""
    key = signing_keys().keys[0]
    claims = {
        "iss": ISSUER,
        "sub": principal.client_id,
        "tenant": principal.tenant,
        "scope": " ".join(sorted(principal.scopes)),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "jti": secrets.token_hex(8),
    }
    token: str = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key["kid"]})
    return token


def verify_token(token: str, *, now: datetime) -> Principal:
    """Who a token speaks for. Raises Unauthenticated `token_invalid` or `token_expired`."""
    try:
        claims = jwt.decode(
            token,
            _key_of(token),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            # A claim that is required is also verified, by the system's time: `exp` is checked below, by `now`.
            options={"verify_exp": False, "require_sub": True, "verify_aud": False},
        )
        expires_at = int(claims["exp"])
        principal = Principal(claims["tenant"], claims["sub"], frozenset(claims["scope"].split()))
    except (JOSEError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("token_invalid", "the token is not one of ours") from error
    if now.timestamp() >= expires_at:
        raise Unauthenticated("token_expired", "the token has expired")
    return principal


def _key_of(token: str) -> dict[str, str]:
    header = jwt.get_unverified_header(token)
    if header.get("alg") != ALGORITHM:
        raise Unauthenticated("token_invalid", "the token is not one of ours")
    key_id = str(header.get("kid", ""))
    key = signing_keys().by_id(key_id) or signing_keys(at_most_seconds_old=RECHECK_SECONDS).by_id(key_id)
    if key is None:
        raise Unauthenticated("token_invalid", "the token is not one of ours")
    return {name: value for name, value in key.items() if name != "d"}
