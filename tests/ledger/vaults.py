"""S3 and KMS of a test's own, as checkpoints need them, and tenants whose feeds grow."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.errors import NotFound
from chalicelib.ledger import merkle
from chalicelib.ledger.checkpoints import Checkpoint, Position, follows, leaves, parse, position_of
from chalicelib.ledger.documents import digest
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service.checkpoint_keys import verifying_key
from chalicelib.ledger.service.checkpoints import make_next
from chalicelib.ledger.store import checkpoints
from chalicelib.ledger.store.checkpoints import Signed, file_key
from chalicelib.ledger.store.feed import run_after
from chalicelib.security.ecdsa import is_signed
from tests.ledger.feeding import Books
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables

BUCKET = "quittance-test-checkpoints"
LOCK = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}


@dataclass(frozen=True)
class Vault:
    """A bucket under object lock, and what lies in it."""

    s3: Any

    def files(self, tenant: str) -> list[str]:
        """The keys of a tenant's files, every version of each."""
        versions = self.s3.list_object_versions(Bucket=BUCKET, Prefix=f"checkpoints/{tenant}/").get("Versions", [])
        return [version["Key"] for version in versions]

    def put(self, tenant: str, number: int, content: bytes) -> None:
        """Write over a file, as somebody may who holds the keys of everything."""
        self.s3.put_object(Bucket=BUCKET, Key=file_key(tenant, number), Body=content)

    def get(self, tenant: str, number: int) -> bytes:
        """A file's bytes."""
        content: bytes = self.s3.get_object(Bucket=BUCKET, Key=file_key(tenant, number))["Body"].read()
        return content


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """A vault with a key of its own; the environment points at both as it would on Lambda."""
    with mock_aws():
        s3 = boto3.client("s3")
        region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region, ObjectLockEnabledForBucket=True)
        s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=LOCK)
        monkeypatch.setenv("QUITTANCE_CHECKPOINT_BUCKET", BUCKET)
        change_key(monkeypatch)
        yield Vault(s3)


def change_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a new key sign from now on."""
    key = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    monkeypatch.setenv("QUITTANCE_CHECKPOINT_KEY", key)


def use(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the environment at these tables."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", tables.endpoint)


@dataclass
class Ledger(Books):
    """A tenant with two accounts that pay each other."""

    def __post_init__(self) -> None:
        self.bank, self.party = self.open(Kind.ASSET), self.open(Kind.LIABILITY)

    def grow(self, entries: int) -> None:
        """Book this many transfers, and number all."""
        for _ in range(entries):
            self.pay(self.bank, self.party, 500, key=str(uuid.uuid4()))
        self.number()

    def checkpoint(self) -> int | None:
        """Make the next checkpoint; its number."""
        made = make_next(self.tenant, MONDAY, checkpoints.positions([self.tenant]).get(self.tenant))
        return None if made is None else made.number

    def file(self, number: int) -> Signed:
        """A checkpoint's file."""
        return checkpoints.read_file(self.tenant, number)


def chain(ledger: Ledger) -> list[Checkpoint]:
    """A tenant's checkpoints from the first, each proved to be signed, to follow, and to stand over its entries."""
    found: list[Checkpoint] = []
    position = Position()
    for number in range(1, 100):
        try:
            checkpoint = checkpoints.load_checkpoint(ledger.tenant, number)
        except NotFound:
            return found
        file = ledger.file(number)
        entries = run_after(ledger.tenant, position.last, limit=checkpoint.size)
        assert parse(file.signed) == checkpoint
        assert is_signed(file.signed, file.signature, public_key_pem=verifying_key(checkpoint.key_id))
        assert follows(checkpoint, ledger.tenant, position)
        assert file.digests == tuple(digest(entry.item) for entry in entries)
        assert checkpoint.root == merkle.root(leaves(checkpoint.first, file.digests)).hex()
        found.append(checkpoint)
        position = position_of(checkpoint)
    raise AssertionError("no end")
