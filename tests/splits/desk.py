"""A tenant's books with splits in them: a source that has money, receivers, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store.entries import find_entry
from chalicelib.splits.domain.split import Division, OpenSplit, Split
from chalicelib.splits.domain.waterfall import Share, ShareKind, Waterfall
from chalicelib.splits.service import distributing, splitting
from chalicelib.splits.service.distributing import AddReceivers
from chalicelib.splits.service.splitting import DivideHeld, RefundSplit
from chalicelib.storage.once import Outcome
from tests.ledger.books import Books, new_books
from tests.ledger.sums import own_sums
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables

FUNDS = 1_000_000
ENTROPY = bytes(10)


def fixed(role: str, minor: int) -> Share:
    return Share(role, ShareKind.FIXED, minor=minor)


def bps(role: str, ratio: int) -> Share:
    return Share(role, ShareKind.BPS, bps=ratio)


def rest(role: str) -> Share:
    return Share(role, ShareKind.REMAINDER)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


@dataclass(frozen=True)
class Desk:
    """One tenant's books, and the account that pays."""

    books: Books
    source: str

    @property
    def tenant(self) -> str:
        return self.books.tenant

    def call(self, key: str | None = None, **given: Any) -> Call:
        return self.books.call(key, **given)

    def receiver(self, **terms: Any) -> str:
        """An account that can be paid, and that cannot be overdrawn."""
        return self.books.opened(**{"floor": 0} | terms)

    def receivers(self, count: int) -> list[str]:
        return [self.receiver() for _ in range(count)]

    def opening(self, minor: int, *shares: Share, **terms: Any) -> OpenSplit:
        """The command that divides an amount of the source."""
        return OpenSplit(self.source, cny(minor), Waterfall(shares), **terms)

    def split(self, minor: int, *shares: Share, key: str | None = None, **terms: Any) -> Outcome:
        return splitting.open_split(self.call(key), self.opening(minor, *shares, **terms))

    def opened(self, minor: int, *shares: Share, **terms: Any) -> str:
        """The id of a split that was opened."""
        return split_id_of(self.split(minor, *shares, **terms))

    def divide(self, split_id: str, *shares: Share, minor: int | None = None, key: str | None = None) -> Outcome:
        amount = None if minor is None else cny(minor)
        return splitting.divide_held(self.call(key), DivideHeld(split_id, Waterfall(shares), amount))

    def refund(
        self, split_id: str, minor: int, *account_ids: str, division: int = 1, key: str | None = None
    ) -> Outcome:
        return splitting.refund_split(self.call(key), RefundSplit(split_id, cny(minor), division, account_ids))

    def give_back(self, split_id: str, minor: int | None = None, *, key: str | None = None) -> Outcome:
        return splitting.return_held(self.call(key), split_id, None if minor is None else cny(minor))

    def add(self, split_id: str, receivers: dict[str, int], *, key: str | None = None) -> Outcome:
        return distributing.add_receivers(self.call(key), AddReceivers(split_id, tuple(receivers.items())))

    def pay_due(self, split_id: str) -> int:
        return distributing.pay_due(self.tenant, split_id, now=MONDAY, entropy=ENTROPY)

    def read(self, split_id: str) -> Split:
        return splitting.get_split(self.tenant, split_id)

    def divisions(self, split_id: str) -> tuple[Division, ...]:
        return splitting.list_divisions(self.tenant, split_id, after=None, limit=100).values

    def account(self, account_id: str) -> Account:
        return self.books.account(account_id)

    def balances(self, *account_ids: str) -> list[int]:
        return self.books.balances(*account_ids)

    def held(self, split_id: str) -> int:
        """What stands on the split's clearing account; nothing where there is none."""
        clearing = self.read(split_id).clearing_account_id
        return self.account(clearing).own_balance if clearing else 0

    def wrote(self, command: Call) -> bool:
        return find_entry(self.tenant, command.entry_id) is not None

    def adds_up(self, split_id: str) -> bool:
        """Whether a split says what its account holds and its divisions paid, and all books sum to nothing."""
        split, divisions = self.read(split_id), self.divisions(split_id)
        done = divisions[: split.paid_divisions]
        paid = sum(minor for one in done for _, minor in one.received)
        back = sum(minor for one in done for minor in one.back.values())
        waiting = sum(sum(one.receivers.values()) for one in divisions[split.paid_divisions :])
        told = (split.held_minor, split.paid_minor, split.refunded_minor, split.planned_minor)
        sums = own_sums(self.tenant).values()
        return told == (self.held(split_id), paid, back, waiting) and not any(sums)


def desk_of(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The books of a new tenant, whose source has 10,000.00."""
    books = new_books(tables, monkeypatch)
    return Desk(books, books.opened(funds=FUNDS, floor=0))


def split_id_of(outcome: Outcome) -> str:
    return str(outcome.item.data["split"]["split_id"])
