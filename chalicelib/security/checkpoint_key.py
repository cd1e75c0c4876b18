"""The key that signs checkpoints: a P-256 key in KMS that nobody can take out, not even we.

Its public part is for whoever checks a proof. They must get it once from somewhere other than the proof or the server
that shows it: a key that comes with what it proves, proves nothing.
"""

from __future__ import annotations

import base64
import os
from functools import cache

from chalicelib.core.errors import Defect
from chalicelib.security.kms import kms_client

ALGORITHM = "ECDSA_SHA_256"
MOST_BYTES = 4096
LINE = 64


def sign(message: bytes) -> bytes:
    """The signature over a message of at most 4,096 bytes, which is what KMS takes, in DER."""
    if len(message) > MOST_BYTES:
        raise Defect(f"{len(message)} bytes to sign, at most {MOST_BYTES}")
    answer = kms_client().sign(KeyId=_key(), Message=message, MessageType="RAW", SigningAlgorithm=ALGORITHM)
    signature: bytes = answer["Signature"]
    return signature


def public_key() -> str:
    """The public part as PEM. Asked of KMS once in a process: it never changes."""
    return _public_key(_key())


@cache
def _public_key(key: str) -> str:
    text = base64.b64encode(kms_client().get_public_key(KeyId=key)["PublicKey"]).decode()
    lines = [text[start : start + LINE] for start in range(0, len(text), LINE)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def _key() -> str:
    return os.environ["QUITTANCE_CHECKPOINT_KEY"]
