"""Every command that books a leg on a deferred account leaves it to the fold, which counts it once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Busy, Refusal
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.service import account_life, feed, hold_groups, holds
from chalicelib.ledger.service.batches import post_batch
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.service.reversals import ReverseEntry, reverse_entry
from chalicelib.ledger.service.transfers import transfer_up_to
from chalicelib.ledger.store import deferred as copies
from chalicelib.ledger.store.entries import load_entries
from chalicelib.storage.journal import JournalItem
from tests.ledger.feeding import Books, yuan
from tests.support import calls
from tests.support.dynamodb_local import Tables
from tests.support.faults import conflicted, fault


@pytest.fixture(autouse=True)
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


class Shop(Books):
    """A tenant with a payer that has money, and a deferred account that is paid."""

    def __init__(self) -> None:
        super().__init__()
        bank, self.payer = self.open(), self.open(Kind.LIABILITY, floor=0)
        self.fees = self.open(Kind.INCOME, deferred=True)
        self.pay(bank, self.payer, 1_000)

    def call(self) -> Call:
        return calls.call(tenant=self.tenant)

    def paying(self, minor: int) -> PostEntry:
        return PostEntry("entry.posted", (debit(self.payer, yuan(minor)), credit(self.fees, yuan(minor))))

    def held(self, minor: int) -> str:
        """A hold towards the fees."""
        terms = Terms(self.payer, self.fees, yuan(minor), expires_at=calls.MONDAY + timedelta(hours=1))
        item = holds.place_hold(self.call(), holds.PlaceHold(terms)).item
        self.told.append(item)
        return str(item.subject)

    def take(self, items: list[JournalItem]) -> None:
        """What was booked, told to the sequencer some day."""
        self.told += items


def batch(shop: Shop) -> None:
    booked = post_batch(shop.call(), [Keyed(str(uuid.uuid4()), shop.paying(minor)) for minor in (30, 12)])
    shop.take(list(booked.items))


def capture(shop: Shop) -> None:
    shop.take([holds.capture_hold(shop.call(), holds.CaptureHold(shop.held(50), yuan(42))).item])


def group(shop: Shop) -> None:
    parts = [hold_groups.CapturePart(shop.held(minor)) for minor in (40, 2)]
    command = shop.call()
    hold_groups.capture_group(command, parts)
    header = load_entries(shop.tenant, [command.entry_id])[command.entry_id]
    shop.take(list(load_entries(shop.tenant, header.data["entries"]).values()))


def reversal(shop: Shop) -> None:
    paid = post_entry(shop.call(), shop.paying(50)).item
    part = (debit(shop.fees, yuan(8)), credit(shop.payer, yuan(8)))
    shop.take([paid, reverse_entry(shop.call(), ReverseEntry(paid.entry_id, part)).item])


def up_to(shop: Shop) -> None:
    post_entry(shop.call(), PostEntry("entry.posted", (debit(shop.payer, yuan(958)), credit(shop.open(), yuan(958)))))
    shop.take([transfer_up_to(shop.call(), shop.paying(500)).item])


COMMANDS: dict[str, tuple[Callable[[Shop], None], int]] = {
    "a batch": (batch, 2),
    "a capture": (capture, 1),
    "a group capture": (group, 2),
    "a reversal": (reversal, 2),
    "a transfer of what is there": (up_to, 1),
}
"""Each command, of which 42 come to the fees, and by how many entries."""


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_left_to_the_fold_and_counted_once(name: str) -> None:
    act, entries = COMMANDS[name]
    shop = Shop()
    act(shop)
    booked = shop.account(shop.fees)

    shop.number()
    shop.fold()
    shop.fold()

    folded = shop.account(shop.fees)
    assert (booked.balance, booked.version) == (0, 0)
    assert (folded.own_balance, folded.version) == (42, entries)


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_refused_while_the_account_is_frozen_and_changes_nothing(name: str) -> None:
    shop = Shop()
    account_life.freeze(shop.call(), shop.fees)
    copies._copies.clear()

    with pytest.raises(Refusal) as refused:
        COMMANDS[name][0](shop)

    assert refused.value.code == "account_frozen"


def test_numbering_and_folding_outlast_contention() -> None:
    shop = Shop()
    batch(shop)
    with fault(conflicted, times=4, only="dynamodb.TransactWriteItems"):
        shop.number()
    with fault(conflicted, times=4, only="dynamodb.TransactWriteItems"):
        shop.fold()

    assert shop.account(shop.fees).own_balance == 42


def test_contention_that_does_not_end_is_told_and_numbers_nothing() -> None:
    shop = Shop()
    with fault(conflicted, times=99, only="dynamodb.TransactWriteItems"), pytest.raises(Busy):
        shop.number()

    assert feed.feed_page(shop.tenant, after=0, limit=10).head == 0
