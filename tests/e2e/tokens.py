"""Tokens that must not pass: each is one of ours with one thing wrong."""

from __future__ import annotations

import base64
import hmac
import json
import time
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import jwk, jws

from chalicelib.security.keys import create_signing_key
from tests.e2e.market import Market

Key = dict[str, str]


def claims(market: Market, **changed: object) -> dict[str, object]:
    """The claims of a genuine token for a market's client, some of them changed; None leaves one out."""
    now = int(time.time())
    genuine: dict[str, object] = {
        "iss": "quittance",
        "sub": market.client_id,
        "tenant": market.tenant_id,
        "scope": "ledger:read ledger:write",
        "iat": now,
        "exp": now + 900,
        "jti": "0011223344556677",
    }
    return {name: value for name, value in (genuine | changed).items() if value is not None}


def signed(content: dict[str, object], key: Key, **header: str) -> str:
    """Signed ES256 as ours are, with members of the header of one's own."""
    return str(jws.sign(content, key, headers={"kid": key["kid"]} | header, algorithm="ES256"))


def forged(market: Market, key: Key) -> dict[str, str]:
    """Every token to be refused, by what is wrong with it. `key` is the platform's signing key, private."""
    genuine = signed(claims(market), key)
    head, body, signature = genuine.split(".")
    other = signed(claims(market, tenant="ten_other"), key)
    stranger = create_signing_key()
    return {
        "garbage": "garbage",
        "three dots": "...",
        "not ascii": "é.ü.ø".encode().decode("latin-1"),
        "no signature": f"{head}.{body}.",
        "a part missing": f"{head}.{body}",
        "a body of another": f"{head}.{other.split('.')[1]}.{signature}",
        "alg none": _unsigned({"alg": "none", "typ": "JWT"}, market),
        "alg None": _unsigned({"alg": "None", "kid": key["kid"]}, market),
        "HS256 by the public key as PEM": _hmac(market, key, _pem(key)),
        "HS256 by the public key as JWK": _hmac(market, key, json.dumps(_public(key)).encode()),
        "HS256 by nothing": _hmac(market, key, b""),
        "a stranger's key": signed(claims(market), stranger),
        "a stranger's key under our id": signed(claims(market), stranger | {"kid": key["kid"]}),
        "a key of its own in the header": _embedded(market, stranger),
        "a key id that is a path": signed(claims(market), key, kid="../../etc/passwd"),
        "another issuer": signed(claims(market, iss="someone"), key),
        "no expiry": signed(claims(market, exp=None), key),
        "an expiry that is a text": signed(claims(market, exp="never"), key),
        "no tenant": signed(claims(market, tenant=None), key),
        "no subject": signed(claims(market, sub=None), key),
        "no scope": signed(claims(market, scope=None), key),
        "scopes in a list": signed(claims(market, scope=["ledger:read"]), key),
        "expired": signed(claims(market, exp=int(time.time()) - 1), key),
    }


def _unsigned(header: dict[str, str], market: Market) -> str:
    return f"{_part(header)}.{_part(claims(market))}."


def _hmac(market: Market, key: Key, secret: bytes) -> str:
    covered = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': key['kid']})}.{_part(claims(market))}"
    return f"{covered}.{_base64url(hmac.new(secret, covered.encode(), sha256).digest())}"


def _embedded(market: Market, stranger: Key) -> str:
    header = {"kid": stranger["kid"], "jwk": _public(stranger)}
    return str(jws.sign(claims(market), stranger, headers=header, algorithm="ES256"))


def _public(key: Key) -> Key:
    return {name: value for name, value in key.items() if name != "d"}


def _pem(key: Key) -> bytes:
    made: Any = jwk.construct(_public(key), "ES256")
    return bytes(made.prepared_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _part(content: dict[str, Any]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":")).encode())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
