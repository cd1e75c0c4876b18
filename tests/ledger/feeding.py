"""Builders of the feed's tests: a tenant with accounts, deferred ones too, and its entries as a stream tells them."""

from __future__ import annotations

import base64
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account, Kind, Posting, credit, debit
from chalicelib.ledger.service import deferred, feed
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.storage.journal import JournalItem, to_wire
from tests.support.calls import call

Image = dict[str, Any]


def yuan(minor: int) -> Money:
    return Money(minor, "CNY")


@dataclass
class Books:
    """A tenant with its journal as the stream tells it, in the order of booking."""

    tenant: str = field(default_factory=lambda: f"ten_{uuid.uuid4().hex}")
    told: list[JournalItem] = field(default_factory=list)

    def open(self, kind: Kind = Kind.ASSET, *, deferred: bool = False, **limits: Any) -> str:
        """An account's id."""
        command = OpenAccount("any", kind, limits.pop("currency", "CNY"), deferred=deferred, **limits)
        outcome = open_account(call(tenant=self.tenant), command)
        self.told.append(outcome.item)
        return str(outcome.item.data["account_id"])

    def pay(self, debited: str, credited: str, minor: int, *, key: str | None = None) -> JournalItem:
        """A transfer."""
        return self.post(debit(debited, yuan(minor)), credit(credited, yuan(minor)), key=key)

    def post(self, *postings: Posting, key: str | None = None) -> JournalItem:
        """An entry."""
        outcome = post_entry(call(key, tenant=self.tenant), PostEntry("entry.posted", postings))
        self.told.append(outcome.item)
        return outcome.item

    def number(self) -> None:
        """All that was told, numbered."""
        feed.number(self.told)

    def fold(self) -> int:
        """All that is numbered, folded."""
        return deferred.fold(self.tenant)

    def account(self, account_id: str) -> Account:
        return get_account(self.tenant, account_id)

    def sum_up_to(self, account_id: str, number: int) -> int:
        """What the entries numbered up to `number` come to on an account."""
        entries = feed.feed_page(self.tenant, after=0, limit=100).entries
        legs = (leg for entry in entries if entry.number <= number for leg in entry.item.legs)
        return sum(leg.amount for leg in legs if leg.account_id == account_id)


def images(items: list[JournalItem]) -> list[tuple[None, Image]]:
    """The journal's stream records of these items, as an event carries them: bytes in base 64."""
    return [(None, {name: _told(value) for name, value in to_wire(item).items()}) for item in items]


def _told(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value


def shuffled(items: list[JournalItem], *, seed: int, times: int = 1) -> list[JournalItem]:
    """The items in another order, each `times` times."""
    mixed = items * times
    random.Random(seed).shuffle(mixed)
    return mixed
