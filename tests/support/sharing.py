"""What AWS's libraries would make anew for every test, at a tenth of a second each, and may as well make once.

What is shared here is read and never written: descriptions of AWS's services, and keys that nobody uses.
"""

from __future__ import annotations

from functools import cache

import botocore.loaders
import botocore.session
import moto.kms.models
from moto.kms.utils import AbstractPrivateKey, generate_private_key

NEVER_SIGN = ("SYMMETRIC_DEFAULT", "HMAC_256")
"""Kinds of KMS keys for which moto makes an RSA key as well."""


def share() -> None:
    """From now on these are made once in this process."""
    # moto has boto3 begin a session of its own in each test, and a session reads all descriptions from disk.
    botocore.session.create_loader = cache(botocore.loaders.create_loader)
    moto.kms.models.generate_private_key = _private_key


def _private_key(kind: str) -> AbstractPrivateKey:
    return _unused_key() if kind in NEVER_SIGN else generate_private_key(kind)


@cache
def _unused_key() -> AbstractPrivateKey:
    return generate_private_key(NEVER_SIGN[0])
