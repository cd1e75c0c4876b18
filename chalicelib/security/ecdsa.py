"""Signatures of checkpoints, checked: ECDSA on P-256 over SHA-256, in DER. Needs no network.

Keys and curve are those of `public_keys`; nothing about the algorithm is taken from what is checked.
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.security.public_keys import load_public_key


def is_signed(message: bytes, signature: bytes, *, public_key_pem: str) -> bool:
    """Whether the key has signed this message. Raises InvalidInput `invalid_public_key`."""
    try:
        load_public_key(public_key_pem).verify(signature, message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def key_id(public_key_pem: str) -> str:
    """What a key is called: the SHA-256 of its SubjectPublicKeyInfo in DER, hexadecimal. Raises as `is_signed`."""
    der = load_public_key(public_key_pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).hexdigest()
