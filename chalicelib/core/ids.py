"""Ids: a prefix and 26 characters. Time-ordered ones are made at the edge; derived ones follow from what they name.

The alphabet is Crockford's base 32 in lower case: it sorts like the number and has no letters that look alike.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26


def _encode(number: int) -> str:
    digits = ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, 32)
        digits = _ALPHABET[digit] + digits
    return digits


def serial(at: datetime, entropy: bytes) -> str:
    """A time-ordered part: 48 bits of milliseconds, then 80 bits of `entropy` (10 bytes), as a ULID has them."""
    milliseconds = int(at.timestamp() * 1000)
    return _encode((milliseconds << 80) | int.from_bytes(entropy[:10], "big"))


def derived_id(prefix: str, *parts: str) -> str:
    """The id that always belongs to these parts: `derived_id("ent", tenant, key)`. 130 bits of SHA-256.

    Each part goes in with its length, so that no text in one part can pass for the border to the next.
    """
    digest = sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
    return f"{prefix}_{_encode(int.from_bytes(digest[:17], 'big') >> 6)}"
