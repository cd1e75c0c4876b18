"""Signatures of banks over their callbacks: detached JWS (RFC 7515, appendix F) over the exact bytes of the body.

Algorithm, key type and curve are fixed here, never taken from the message. Each refusal of a signature looks the same,
whatever was wrong; only its age is told, and that only of a genuine one.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from jose import jwk, jws
from jose.backends.base import Key
from jose.exceptions import JOSEError

from chalicelib.core.errors import Defect, InvalidInput, Unauthenticated
from chalicelib.core.values import dataclass
from chalicelib.security.public_keys import load_public_key

ALGORITHM = "ES256"
WINDOW = timedelta(seconds=300)
MOST_CHARACTERS = 4096
MOST_MESSAGE_ID = 128
PARTS = 3
LATEST = 2**36
_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """What a genuine signature says of its message: the bank's id for it, and when it was signed (wall clock)."""

    message_id: str
    issued_at: datetime


def verify_detached(signature: str, body: bytes, *, public_key_pem: str, bank_id: str, now: datetime) -> SignedMessage:
    """The message that a bank has signed: `protected..signature`, ES256, with iss, iat and jti in the header.

    `now` is the wall clock.

    Raises Unauthenticated: `signature_missing`; `signature_invalid`; `signature_expired` where it was issued more than
    300 seconds before or after now.
    """
    if not signature:
        raise Unauthenticated("signature_missing", "send X-JWS-Signature")
    protected, value = _parts(signature)
    header = _header(protected)
    # jose looks the algorithm up in this list of one and builds a key of its kind: no other can be asked for.
    token = f"{protected}.{_encode(body)}.{value}"
    try:
        jws.verify(token, _key(public_key_pem), algorithms=[ALGORITHM])
    except JOSEError as error:
        raise _invalid() from error
    message = _claims(header, bank_id)
    if abs(now - message.issued_at) > WINDOW:
        raise Unauthenticated("signature_expired", "the signature was issued more than 300 seconds before or after now")
    return message


def _key(public_key_pem: str) -> Key:
    try:
        load_public_key(public_key_pem)
    except InvalidInput as error:
        raise Defect("a bank is registered with a key that is none") from error
    return jwk.construct(public_key_pem, ALGORITHM)


def _parts(signature: str) -> tuple[str, str]:
    parts = signature.split(".") if len(signature) <= MOST_CHARACTERS else []
    if len(parts) != PARTS or parts[1] or not (_PART.fullmatch(parts[0]) and _PART.fullmatch(parts[2])):
        raise _invalid()
    return parts[0], parts[2]


def _header(protected: str) -> dict[str, Any]:
    """The protected header: one JSON object, each name once, of our algorithm, with no extension we must understand."""
    try:
        content = base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4))
        header = json.loads(content.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _invalid() from error
    genuine = isinstance(header, dict) and _encode(content) == protected
    if not genuine or header.get("alg") != ALGORITHM or "crit" in header or "b64" in header:
        raise _invalid()
    return dict(header)


def _claims(header: dict[str, Any], bank_id: str) -> SignedMessage:
    issuer, issued_at, message_id = (header.get(name) for name in ("iss", "iat", "jti"))
    named = isinstance(message_id, str) and 0 < len(message_id) <= MOST_MESSAGE_ID and message_id.isprintable()
    if issuer != bank_id or type(issued_at) is not int or not 0 <= issued_at < LATEST or not named:
        raise _invalid()
    return SignedMessage(str(message_id), datetime.fromtimestamp(issued_at, UTC))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _invalid() -> Unauthenticated:
    return Unauthenticated("signature_invalid", "the signature is not this bank's over this body")


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
