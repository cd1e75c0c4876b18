"""Books with a past: two accounts, the images that their stream would carry, and the projector told of them by hand."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.call import Call, entry_id
from chalicelib.core.money import Money
from chalicelib.ledger.deferred import fold_mark
from chalicelib.ledger.domain import Account, Kind, credit, debit
from chalicelib.ledger.lines import Line, check_chain
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.store import accounts
from chalicelib.ledger.store.history import account_of
from chalicelib.ledger.store.projection import all_lines
from chalicelib.ledger.worker import project as worker
from chalicelib.storage.commit import write_item
from chalicelib.storage.journal import JournalItem, Leg, journal_item, to_wire
from chalicelib.storage.once import Plan, once
from chalicelib.storage.reads import query
from chalicelib.storage.tables import AccountItem, DayRow, FeedRow, JournalRow, days_key, number_key
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.events import stream_event

Image = dict[str, Any]
Change = tuple[Image, Image]


@contextmanager
def stage(tables: Tables) -> Iterator[None]:
    """The environment points at these tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUITTANCE_TABLE_PREFIX", tables.prefix)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", tables.endpoint)
        yield


class Books:
    """A bank account and a mill's in a tenant of their own. What is asked is asked of the mill, whose balance is told
    as debits less credits."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.tenant = f"ten_{uuid.uuid4().hex}"
        self.bank = self.opened(Account(f"acc_{uuid.uuid4().hex}", "bank", Kind.ASSET, "CNY"))
        self.mill = self.opened(Account(f"acc_{uuid.uuid4().hex}", "mill", Kind.LIABILITY, "CNY"))

    def opened(self, account: Account) -> str:
        here = call(tenant=self.tenant)
        write = accounts.open_account(self.tenant, account, opened_by=here)
        once(here, lambda _: Plan(journal_item(here, "account.opened"), (write,)))
        return account.account_id

    def call(self, *, seconds: int = 0) -> Call:
        return call(tenant=self.tenant, now=MONDAY + timedelta(seconds=seconds))

    def image(self, account_id: str | None = None) -> Image:
        """An account as it stands."""
        key = {"pk": {"S": account_of(self.tenant, account_id or self.mill)}}
        name = self.tables.name("accounts")
        item: Image = self.tables.client.get_item(TableName=name, Key=key, ConsistentRead=True)["Item"]
        return item

    def post(self, minor: int, *, seconds: int = 0, days: int = 0) -> Change:
        """Pay into the mill's account, or (negative) out of it; its images before and after."""
        before, amount = self.image(), Money(abs(minor), "CNY")
        sides = debit(self.bank, amount), credit(self.mill, amount)
        if minor < 0:
            sides = debit(self.mill, amount), credit(self.bank, amount)
        here = self.call(seconds=seconds)
        post_entry(here, PostEntry("entry.posted", sides, occurred_at=here.now + timedelta(days=days)))
        return before, self.image()

    def journal(self, amount: int, key: str, *, days: int = 0, held: int = 0) -> JournalItem:
        """A journal item written by hand that moves the mill's account (debits positive), or (0) has no legs."""
        here = call(key, tenant=self.tenant)
        legs = (Leg(self.mill, amount, "CNY"), Leg(self.bank, -amount, "CNY")) if amount else ()
        data = {"held_account_id": self.mill, "held_minor": held} if held else {}
        item = journal_item(here, "entry.posted", legs=legs, occurred_at=here.now + timedelta(days=days), data=data)
        write_item(JournalRow, to_wire(item))
        return item

    def batch(self, *amounts: int) -> Change:
        """A batch of entries by hand, those of 0 on other accounts; the mill's images before and after."""
        name = uuid.uuid4().hex
        items = [self.journal(amount, f"{name}-{i}", days=-i) for i, amount in enumerate(amounts)]
        here = call(name, tenant=self.tenant)
        data = {"entries": [item.entry_id for item in items]}
        write_item(JournalRow, to_wire(journal_item(here, "batch.posted", data=data)))
        return self.moved(sum(amounts), lines=sum(map(bool, amounts)), commit=here.entry_id)

    def fold(self, first: int, *amounts: int) -> Change:
        """Entries numbered from `first` and folded at once; the mill's images before and after."""
        for number, amount in enumerate(amounts, start=first):
            item = self.journal(amount, f"fold-{number}")
            row = FeedRow(pk=number_key(self.tenant, item.entry_id).pk, tenant=self.tenant, number=number)
            write_item(FeedRow, row.serialize())
        as_of = {"N": str(first + len(amounts) - 1)}
        return self.moved(sum(amounts), lines=sum(map(bool, amounts)), commit=fold_mark(first - 1), as_of=as_of)

    def moved(self, amount: int, *, lines: int, commit: str, held: int = 0, **attributes: Any) -> Change:
        """The mill's images before and after it was moved by hand."""
        before = self.image()
        sums = {"balance": amount, "version": lines, "held": held}
        after = before | {name: {"N": str(int(before[name]["N"]) + more)} for name, more in sums.items()}
        after |= {"last_commit": {"S": commit}, **attributes}
        write_item(AccountItem, after)
        return before, after

    def lines(self, account_id: str | None = None) -> tuple[Line, ...]:
        """An account's lines, the first first."""
        return tuple(all_lines(self.tenant, account_id or self.mill, behind=0, most=50))

    def days(self) -> dict[int, int]:
        """The totals of the days of the mill's account."""
        rows = query(DayRow, pk=days_key(account_of(self.tenant, self.mill)).pk, limit=100).items
        return {row.version: row.total for row in rows if isinstance(row, DayRow)}

    def check(self) -> None:
        """The mill's lines are all there, chained, and come to its balance and to its days."""
        lines = self.lines()
        assert check_chain(lines) is None
        image = self.image()
        assert [line.version for line in lines] == list(range(1, int(image["version"]["N"]) + 1))
        assert sum(line.amount for line in lines) == int(image["balance"]["N"])
        assert sum(line.held for line in lines) == int(image["held"]["N"])
        days: dict[int, int] = {}
        for line in lines:
            days[line.day] = days.get(line.day, 0) + line.amount
        assert {day: total for day, total in self.days().items() if total} == {d: t for d, t in days.items() if t}

    def lose(self, *versions: int) -> None:
        """Lines of the mill's account are lost."""
        for version in versions:
            key = {"pk": {"S": account_of(self.tenant, self.mill)}, "version": {"N": str(version)}}
            self.tables.client.delete_item(TableName=self.tables.name("history"), Key=key)


def told(*changes: tuple[Image | None, Image | None]) -> None:
    """The projector gets a batch of its stream."""
    worker.project(stream_event(*changes), None)


def ids(lines: Sequence[Line]) -> list[str]:
    return [line.entry_id for line in lines]


def id_of(books: Books, key: str) -> str:
    return entry_id(books.tenant, f"c:{key}")
