"""Envelope encryption of small documents: a data key of KMS for each, AES-256-GCM, nothing logged.

The context (whose document it is) goes into both: into KMS's encryption context, without which the data key does not
open, and into the authenticated data, without which the document does not. So a sealed document that is copied to
another record stays closed there.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass
from chalicelib.security.kms import kms_client

MOST_BYTES = 16 * 1024
NONCE_BYTES = 12
_WRONG = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed document, its parts in base64: the data key as KMS wrapped it, the nonce, ciphertext with tag."""

    data_key: str
    nonce: str
    ciphertext: str


def seal(document: bytes, *, context: Mapping[str, str]) -> Sealed:
    """Seal a document of at most 16 KB for one context."""
    if len(document) > MOST_BYTES or not context:
        raise Defect(f"sealing takes at most {MOST_BYTES} bytes and a context")
    key_id = os.environ["QUITTANCE_SEALING_KEY"]
    answer = kms_client().generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext=dict(context))
    # A key seals one document only, so that a random nonce cannot meet itself.
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = AESGCM(answer["Plaintext"]).encrypt(nonce, document, _authenticated(context))
    return Sealed(_text(answer["CiphertextBlob"]), _text(nonce), _text(ciphertext))


def unseal(sealed: Sealed, *, context: Mapping[str, str]) -> bytes:
    """The document. Raises Defect where it was altered or belongs to another context."""
    try:
        wrapped = base64.b64decode(sealed.data_key, validate=True)
        answer = kms_client().decrypt(CiphertextBlob=wrapped, EncryptionContext=dict(context))
        cipher = AESGCM(answer["Plaintext"])
        ciphertext = base64.b64decode(sealed.ciphertext, validate=True)
        return cipher.decrypt(base64.b64decode(sealed.nonce, validate=True), ciphertext, _authenticated(context))
    except (InvalidTag, ValueError) as error:
        raise Defect("a sealed document does not open") from error
    except ClientError as error:
        if error.response["Error"]["Code"] not in _WRONG:
            raise
        raise Defect("a sealed document does not open") from error


def _authenticated(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
