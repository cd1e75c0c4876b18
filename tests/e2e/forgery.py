"""Signatures that must not pass: each is a genuine one with one thing wrong."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.bank import Bank, public_pem

COORDINATE_BYTES = 32


def header_of(bank: Bank, message_id: str, **changed: object) -> dict[str, object]:
    """The protected header of a genuine signature, some of it changed; None leaves a member out."""
    now = int(datetime.now(UTC).timestamp())
    genuine: dict[str, object] = {"alg": "ES256", "iat": now, "iss": bank.bank_id, "jti": message_id, "kid": "1"}
    return {name: value for name, value in (genuine | changed).items() if value is not None}


def signed(bank: Bank, body: bytes, header: dict[str, object]) -> str:
    """`header..signature` by the bank's own key, whatever the header says."""
    protected = part(header)
    r, s = decode_dss_signature(_sign(bank, protected, body))
    return f"{protected}..{_base64url(r.to_bytes(COORDINATE_BYTES, 'big') + s.to_bytes(COORDINATE_BYTES, 'big'))}"


def forged(bank: Bank, other: Bank, body: bytes, message_id: str) -> dict[str, str | None]:
    """Every signature to be refused over this body, by what is wrong with it (None: there is none)."""
    genuine = signed(bank, body, header_of(bank, message_id))
    protected, _, value = genuine.split(".")

    def bent(**changed: Any) -> str:
        return signed(bank, body, header_of(bank, message_id, **changed))

    return {
        "no signature": None,
        "nothing": "",
        "garbage": "garbage",
        "two dots": "..",
        "no value": f"{protected}..",
        "no header": f"..{value}",
        "a payload within": f"{protected}.{_base64url(body)}.{value}",
        "padding": f"{protected}..{value}==",
        "a value cut off": genuine[:-4],
        "a value of nought": f"{protected}..{_base64url(bytes(64))}",
        "DER instead of two numbers": f"{protected}..{_base64url(_sign(bank, protected, body))}",
        "a value half nought": f"{protected}..{_base64url(bytes(32) + base64.urlsafe_b64decode(value + '==')[32:])}",
        "another bank's key": signed(other, body, header_of(bank, message_id)),
        "another bank's name": bent(iss=other.bank_id),
        "another body": signed(bank, body + b" ", header_of(bank, message_id)),
        "one byte less": signed(bank, body[:-1], header_of(bank, message_id)),
        "no body": signed(bank, b"", header_of(bank, message_id)),
        "alg none": f"{part(header_of(bank, message_id, alg='none'))}..",
        "alg none, signed": bent(alg="none"),
        "alg ES384": bent(alg="ES384"),
        "alg HS256 by the public key": _hmac(bank, body, message_id),
        "no alg": bent(alg=None),
        "an extension to understand": bent(crit=["b64"], b64=False),
        "an unencoded payload": bent(b64=False),
        "no issuer": bent(iss=None),
        "no id": bent(jti=None),
        "an empty id": bent(jti=""),
        "an id too long": bent(jti="x" * 129),
        "an id of two lines": bent(jti="a\nb"),
        "an id that is a list": bent(jti=["a"]),
        "no instant": bent(iat=None),
        "an instant as text": bent(iat=str(int(datetime.now(UTC).timestamp()))),
        "an instant with a fraction": bent(iat=datetime.now(UTC).timestamp()),
        "an instant before time": bent(iat=-1),
        "an instant beyond time": bent(iat=2**62),
        "an instant that is true": bent(iat=True),
        "a header that is a list": f"{part([])}..{value}",
        "a header of 5,000 letters": bent(kid="x" * 5000),
    }


def aged(bank: Bank, body: bytes, message_id: str, seconds: int) -> str:
    """A genuine signature, issued so many seconds from now."""
    return bank.sign(body, message_id, issued_at=datetime.now(UTC) + timedelta(seconds=seconds))


def malleated(signature: str) -> str:
    """The other signature that ECDSA takes for the same: s turned round. It says nothing else, so it may pass."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    protected, _, value = signature.split(".")
    numbers = base64.urlsafe_b64decode(value + "==")
    s = order - int.from_bytes(numbers[COORDINATE_BYTES:], "big")
    return f"{protected}..{_base64url(numbers[:COORDINATE_BYTES] + s.to_bytes(COORDINATE_BYTES, 'big'))}"


def part(content: object) -> str:
    """A header as it is sent."""
    return _base64url(json.dumps(content, separators=(",", ":")).encode())


def _sign(bank: Bank, protected: str, body: bytes) -> bytes:
    key = load_pem_private_key(bank.private_key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(f"{protected}.{_base64url(body)}".encode(), ec.ECDSA(hashes.SHA256()))


def _hmac(bank: Bank, body: bytes, message_id: str) -> str:
    protected = part(header_of(bank, message_id, alg="HS256"))
    covered = f"{protected}.{_base64url(body)}".encode()
    return f"{protected}..{_base64url(hmac.new(public_pem(bank).encode(), covered, sha256).digest())}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
