"""The key of keyed digests in moto's KMS: it has the same name in every test, and each makes its own."""

from __future__ import annotations

import boto3

DIGEST_KEY = "alias/quittance-test-digests"


def ensure_digest_key() -> None:
    """Make the key, unless this test has it already."""
    kms = boto3.client("kms")
    if all(alias["AliasName"] != DIGEST_KEY for alias in kms.list_aliases()["Aliases"]):
        made = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        kms.create_alias(AliasName=DIGEST_KEY, TargetKeyId=made["KeyMetadata"]["KeyId"])
