"""The bank's side of a signed callback: detached JWS (RFC 7515, appendix F) over the exact bytes of the body."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

COORDINATE_BYTES = 32


def sign_detached(body: bytes, *, private_key_pem: bytes, bank_id: str, message_id: str, issued_at: datetime) -> str:
    """The value of X-JWS-Signature: `header..signature`, ES256, with iss, iat (unix seconds) and jti in the header."""
    key = _load(private_key_pem)
    header = {
        "alg": "ES256",
        "iat": int(issued_at.timestamp()),
        "iss": bank_id,
        "jti": message_id,
        "kid": key_id(private_key_pem),
    }
    protected = _base64url(json.dumps(header, separators=(",", ":")).encode())
    signed = f"{protected}.{_base64url(body)}".encode()
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
    return f"{protected}..{_base64url(signature)}"


def key_id(private_key_pem: bytes) -> str:
    """The public key's thumbprint (RFC 7638), which names the key in a signature's header."""
    numbers = _load(private_key_pem).public_key().public_numbers()
    x, y = (_base64url(each.to_bytes(COORDINATE_BYTES, "big")) for each in (numbers.x, numbers.y))
    canonical = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"), sort_keys=True)
    return _base64url(sha256(canonical.encode()).digest())


def create_key() -> bytes:
    """A new private signing key for the sandbox bank: P-256, PKCS#8 PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_key(private_key_pem: bytes) -> bytes:
    """The public half as PEM, to be registered for the bank."""
    return _load(private_key_pem).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _load(private_key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(private_key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the bank signs with a P-256 key")
    return key


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
