"""The platform's token-signing keys, kept in Secrets Manager as a JWK set: the first signs, all verify.

A rotation in three steps, each at least `CACHE_SECONDS` after the one before, since every process keeps the set that
long: the new key goes in behind the old one, then before it, and the old one goes out once its last token has expired.
"""

from __future__ import annotations

import base64
import json
import os
import time
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec

CACHE_SECONDS = 300
RECHECK_SECONDS = 30


@dataclass(frozen=True)
class KeySet:
    """JWKs with private parts; `keys[0]` signs."""

    keys: tuple[dict[str, str], ...]

    def by_id(self, key_id: str) -> dict[str, str] | None:
        """The key with this id, or None."""
        return next((key for key in self.keys if key["kid"] == key_id), None)


@dataclass
class _Kept:
    """The set this process read last, and when."""

    keys: KeySet = KeySet(())
    read_at: float = 0.0

    def age(self) -> float:
        return time.monotonic() - self.read_at


_kept = _Kept()


def signing_keys(*, at_most_seconds_old: int = CACHE_SECONDS) -> KeySet:
    """The current key set, read at most every five minutes, or every `at_most_seconds_old` seconds. Empty before the
    first key was made."""
    if not _kept.keys.keys or _kept.age() > at_most_seconds_old:
        _keep(_stored_keys())
    return _kept.keys


def create_signing_key() -> dict[str, str]:
    """A fresh P-256 key as a private JWK (RFC 7518, section 6.2); its id is a digest of its public part."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = {"crv": "P-256", "kty": "EC", "x": _b64(numbers.public_numbers.x), "y": _b64(numbers.public_numbers.y)}
    key_id = sha256(json.dumps(public, sort_keys=True).encode()).hexdigest()[:16]
    return public | {"alg": "ES256", "d": _b64(numbers.private_value), "kid": key_id}


def store_signing_keys(keys: KeySet) -> None:
    """Replace the key set; this process uses it at once."""
    _secrets().put_secret_value(
        SecretId=os.environ["QUITTANCE_SIGNING_SECRET"], SecretString=json.dumps({"keys": list(keys.keys)})
    )
    _keep(keys)


def ensure_signing_keys() -> KeySet:
    """The key set; where there is no key yet, one with a fresh key is stored first."""
    if not signing_keys().keys:
        store_signing_keys(KeySet((create_signing_key(),)))
    return signing_keys()


def _stored_keys() -> KeySet:
    """The set as the secret has it. A secret without a value (or, on some stages, an empty one) has no keys."""
    try:
        value = _secrets().get_secret_value(SecretId=os.environ["QUITTANCE_SIGNING_SECRET"])["SecretString"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        value = ""
    return KeySet(tuple(json.loads(value)["keys"]) if value else ())


def _keep(keys: KeySet) -> None:
    _kept.keys, _kept.read_at = keys, time.monotonic()


@cache
def _secrets() -> Any:
    import boto3  # noqa: PLC0415 (at first use: a cold start that needs no such client does not pay)

    patience = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})
    return boto3.client("secretsmanager", config=patience)


def _b64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")
