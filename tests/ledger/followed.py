"""A tenant whose streams are followed as they would be when deployed: each commit is numbered, folded and projected."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Kind, Posting
from chalicelib.ledger.holds import is_hold_id
from chalicelib.ledger.service import deferred, feed, holds, projection
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.store import entries
from chalicelib.storage.client import dynamodb
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.tables import AccountItem, account_key, physical_name
from tests.ledger.feeding import Books
from tests.support.calls import MONDAY, call

Image = dict[str, Any]


@dataclass
class Followed(Books):
    """A tenant with a bank account, a party's and a deferred one; `projecting` and `numbering` say what runs."""

    projecting: bool = True
    numbering: bool = True
    known: list[str] = field(default_factory=list)
    seconds: int = 0

    def __post_init__(self) -> None:
        self.bank, self.party = self.opened(Kind.ASSET), self.opened(Kind.LIABILITY, floor=0)
        self.fees = self.opened(Kind.INCOME, deferred=True)

    def opened(self, kind: Kind, **terms: Any) -> str:
        """An account's id."""
        with self.following():
            account_id = self.open(kind, **terms)
        self.known.append(account_id)
        return account_id

    def paid(self, debited: str, credited: str, minor: int) -> JournalItem:
        """A transfer, with all that follows it."""
        with self.following():
            return self.pay(debited, credited, minor)

    def post(self, *postings: Posting, key: str | None = None) -> JournalItem:
        """An entry, a second after the one before."""
        self.seconds += 1
        at = MONDAY + timedelta(seconds=self.seconds)
        outcome = post_entry(call(key, tenant=self.tenant, now=at), PostEntry("entry.posted", postings))
        self.told.append(outcome.item)
        return outcome.item

    def done(self, command: Callable[[], JournalItem]) -> JournalItem:
        """One command, with all that follows it."""
        with self.following():
            item = command()
            parts = entries.load_entries(self.tenant, item.data.get("entries", ()))
            self.told += [*parts.values(), item]
        return item

    @contextmanager
    def following(self) -> Any:
        """What the streams tell of the block's one commit, done."""
        before = self.images()
        yield
        after = self.images()
        self._project(before, after)
        if self.numbering:
            self.number()
            deferred.fold(self.tenant)
            self._project(after, self.images())

    def number(self) -> None:
        """All that was told since, numbered, and the holds among it listed."""
        feed.number(self.told)
        for hold_id in {item.subject for item in self.told if is_hold_id(item.subject or "")}:
            holds.index(self.tenant, str(hold_id))
        self.told.clear()

    def images(self) -> dict[str, Image]:
        """The accounts as the table has them."""
        keys = {account_id: account_key(self.tenant, account_id) for account_id in self.known}
        table = physical_name(AccountItem)
        answers = {a: dynamodb().get_item(TableName=table, Key=key.wire()) for a, key in keys.items()}
        return {account_id: answer["Item"] for account_id, answer in answers.items()}

    def _project(self, before: dict[str, Image], after: dict[str, Image]) -> None:
        changes = ((before.get(account_id), image) for account_id, image in after.items())
        if self.projecting:
            projection.project((old, new) for old, new in changes if old is not None and old != new)
