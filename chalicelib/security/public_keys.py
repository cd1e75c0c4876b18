"""Public keys as banks give them: PEM in, a key on the one curve we take out."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from chalicelib.core.errors import InvalidInput


def load_public_key(public_key_pem: str) -> ec.EllipticCurvePublicKey:
    """The P-256 public key in a PEM. Raises InvalidInput `invalid_public_key`."""
    try:
        key = load_pem_public_key(public_key_pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput("invalid_public_key", "no public key in PEM", field="public_key_pem") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidInput("invalid_public_key", "the key is not on the curve P-256", field="public_key_pem")
    return key
