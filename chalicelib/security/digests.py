"""Keyed digests: they tell whether two documents are the same, and whoever lacks the key can tell nothing by them.

A plain digest of what is short or enumerable (an account number) is found by trying all of them. Here each try needs
the key, an HMAC key that never leaves KMS. It is never rotated: a digest has to come out the same years later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256

from chalicelib.core.errors import Defect
from chalicelib.security.kms import kms_client

ALGORITHM = "HMAC_SHA_256"


def keyed_digest(document: bytes, *, context: Mapping[str, str]) -> bytes:
    """32 bytes that are the same for the same document in the same context, and tell nothing without the key."""
    if not context:
        raise Defect("a keyed digest takes a context")
    bound = json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
    # JSON on one line: the first line feed is where the context ends. KMS takes at most 4 KB, so it is given the hash.
    message = sha256(bound + b"\n" + document).digest()
    answer = kms_client().generate_mac(
        KeyId=os.environ["QUITTANCE_DIGEST_KEY"], Message=message, MacAlgorithm=ALGORITHM
    )
    digest: bytes = answer["Mac"]
    return digest
