"""Detached signatures, checked by another library than the one that makes them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwk, jws
from jose.exceptions import JWSError

from infra.bank.sign import create_key, key_id, public_key, sign_detached

KEY = create_key()
BODY = "<Document>钢</Document>".encode()


def signature(body: bytes = BODY) -> str:
    issued_at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return sign_detached(body, private_key_pem=KEY, bank_id="bank_1", message_id="N-1", issued_at=issued_at)


def attached(detached: str, body: bytes) -> str:
    header, payload, value = detached.split(".")
    assert payload == ""
    return f"{header}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.{value}"


def test_a_signature_verifies_over_the_exact_body() -> None:
    key = jwk.construct(public_key(KEY).decode(), "ES256")

    assert jws.verify(attached(signature(), BODY), key, ["ES256"]) == BODY


def test_one_changed_byte_breaks_it() -> None:
    key = jwk.construct(public_key(KEY).decode(), "ES256")

    with pytest.raises(JWSError):
        jws.verify(attached(signature(), BODY.replace(b"D", b"d", 1)), key, ["ES256"])


def test_the_header_names_bank_message_time_and_key() -> None:
    header = jws.get_unverified_header(attached(signature(), BODY))

    assert header == {"alg": "ES256", "iss": "bank_1", "jti": "N-1", "iat": 1772442000, "kid": key_id(KEY)}


def test_the_key_id_is_the_thumbprint_of_the_public_key() -> None:
    public = jwk.construct(public_key(KEY).decode(), "ES256").to_dict()
    required = {name: public[name] for name in ("crv", "kty", "x", "y")}

    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    assert base64.urlsafe_b64decode(key_id(KEY) + "=") == sha256(canonical).digest()


def test_only_a_p256_key_signs() -> None:
    other = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    with pytest.raises(ValueError, match="P-256"):
        key_id(other)
