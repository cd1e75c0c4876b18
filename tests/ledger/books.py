"""A tenant's books of a test's own, in the tables that all tests share: accounts, entries, and what became of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import Account, Kind, credit, debit
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.store.entries import find_entry
from chalicelib.storage.once import Outcome
from tests.support.calls import call
from tests.support.dynamodb_local import Tables


@dataclass(frozen=True)
class Books:
    """One tenant's books."""

    tenant: str
    tables: Tables

    def call(self, key: str | None = None, **given: Any) -> Call:
        """A call of this tenant."""
        return call(key, tenant=self.tenant, **given)

    def opened(self, kind: Kind = Kind.LIABILITY, *, funds: int = 0, **terms: Any) -> str:
        """An account, with this balance on its own side."""
        given = {"name": "any", "kind": kind, "currency": "CNY"} | terms
        account_id = str(open_account(self.call(), OpenAccount(**given)).item.data["account_id"])
        if funds:
            other = str(
                open_account(self.call(), OpenAccount("other", Kind.EQUITY, given["currency"])).item.data["account_id"]
            )
            pair = (account_id, other) if kind.debit_normal else (other, account_id)
            self.post(*pair, funds, currency=given["currency"])
        return account_id

    def post(self, debited: str, credited: str, minor: int, **given: Any) -> Outcome:
        """An entry of two legs."""
        return post_entry(self.call(given.pop("key", None)), entry(debited, credited, minor, **given))

    def account(self, account_id: str) -> Account:
        """An account as it stands."""
        return get_account(self.tenant, account_id)

    def balances(self, *account_ids: str) -> list[int]:
        """Balances on each account's own side."""
        return [self.account(account_id).own_balance for account_id in account_ids]

    def versions(self, *account_ids: str) -> list[int]:
        """How many lines each account has."""
        return [self.account(account_id).version for account_id in account_ids]

    def wrote(self, command: Call) -> bool:
        """Whether the journal has an item under a call's key."""
        return find_entry(self.tenant, command.entry_id) is not None

    def altered(self, account_id: str, **texts: str) -> None:
        """Set texts of an account's item, such as its status."""
        self.tables.client.update_item(
            TableName=self.tables.name("accounts"),
            Key={"pk": {"S": f"{self.tenant}#{account_id}"}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in texts),
            ExpressionAttributeNames={f"#{name}": name for name in texts},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in texts.items()},
        )


def new_books(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Books:
    """Books of a new tenant; the environment points at their tables as it would on Lambda."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", tables.endpoint)
    return Books(f"ten_{uuid.uuid4().hex}", tables)


def entry(debited: str, credited: str, minor: int, *, currency: str = "CNY", **terms: Any) -> PostEntry:
    """The command of an entry of two legs."""
    amount = Money(minor, currency)
    return PostEntry("entry.posted", (debit(debited, amount), credit(credited, amount)), **terms)


def at_least(account_id: str, minor: int) -> Condition:
    """At least so much."""
    return Condition(account_id, Rule.AT_LEAST, minor)


def at_most(account_id: str, minor: int) -> Condition:
    """At most so much."""
    return Condition(account_id, Rule.AT_MOST, minor)


def exactly(account_id: str, minor: int) -> Condition:
    """Exactly so much."""
    return Condition(account_id, Rule.EXACTLY, minor)


def refused(act: Callable[[], object]) -> Refusal:
    """The refusal that an act ends in."""
    with pytest.raises(Refusal) as raised:
        act()
    return raised.value
