"""A set of books on DynamoDB Local to measure with: tables, calls, accounts, transfers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chalicelib.core.call import CALLER, Call, fingerprint
from chalicelib.core.ids import serial
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.service.accounts import OpenAccount, open_account
from chalicelib.ledger.service.entries import PostEntry
from chalicelib.storage.client import dynamodb
from tests.support import dynamodb_local
from tests.support.dynamodb_local import Tables

CURRENCY = "CNY"
AMOUNT = Money(700, CURRENCY)
MARK = fingerprint("POST", "/v1/transfers", None)


@dataclass(frozen=True)
class Books:
    """The books of one tenant. Keys have 36 characters, as a caller's UUID has."""

    tables: Tables
    tenant: str = field(default_factory=lambda: f"ten_{uuid.uuid4().hex[:26]}")

    def call(self, key: str | None = None) -> Call:
        """A call under a key of its own, or the one given."""
        now = datetime.now(UTC)
        return Call(self.tenant, f"{CALLER}:{key or uuid.uuid4()}", MARK, now, serial(now, os.urandom(10)), "cli_bench")

    def account(self, kind: Kind = Kind.LIABILITY, *, deferred: bool = False) -> str:
        """A new account without limits."""
        command = OpenAccount("one of the bench", kind, CURRENCY, deferred=deferred)
        return str(open_account(self.call(), command).item.data["account_id"])

    def accounts(self, count: int) -> list[str]:
        """Some new accounts."""
        return [self.account() for _ in range(count)]


def transfer(debited: str, credited: str, amount: Money = AMOUNT) -> PostEntry:
    """The command of a two-leg transfer."""
    return PostEntry("transfer.posted", (debit(debited, amount), credit(credited, amount)))


def pairs(accounts: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Pairs of neighbouring accounts, round and round."""
    return [(accounts[i % len(accounts)], accounts[(i + 1) % len(accounts)]) for i in range(count)]


@contextmanager
def books() -> Iterator[Books]:
    """Empty books on a DynamoDB Local that runs for the length of the block, and this process pointed at them."""
    with dynamodb_local.running() as endpoint:
        tables = dynamodb_local.create_tables(endpoint, f"bench-{uuid.uuid4().hex[:12]}")
        os.environ["QUITTANCE_TABLE_PREFIX"] = tables.prefix
        with reached_by(endpoint):
            yield Books(tables)


@contextmanager
def reached_by(endpoint: str) -> Iterator[None]:
    """This process reaches DynamoDB at another address for the length of the block."""
    before = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
    dynamodb.cache_clear()
    try:
        yield
    finally:
        dynamodb.cache_clear()
        if before is None:
            del os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
        else:
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = before
