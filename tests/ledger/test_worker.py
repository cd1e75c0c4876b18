"""The projector: one line for each version, the same however often it is told, running forward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.service.accounts import OpenAccount, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.service.history import history
from chalicelib.ledger.worker import project as worker
from chalicelib.queues.worker import WorkerFailed
from chalicelib.storage.tables import HistoryRow
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.events import stream_event
from tests.support.faults import crash_points, fault, throttled

Image = dict[str, Any]


class Book:
    """A bank account and a wallet, with the images their stream would carry."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.bank, self.wallet = (
            str(open_account(call(), OpenAccount(name, kind, "CNY")).item.data["account_id"])
            for name, kind in (("bank", Kind.ASSET), ("wallet", Kind.LIABILITY))
        )

    def image(self) -> Image:
        """The wallet as it stands."""
        key = {"pk": {"S": f"{TENANT}#{self.wallet}"}}
        item: Image = self.tables.client.get_item(TableName=self.tables.name("accounts"), Key=key)["Item"]
        return item

    def post(self, minor: int, *, seconds: int = 0) -> tuple[Image, Image]:
        """Pay into the wallet; the wallet before and after."""
        before, amount = self.image(), Money(minor, "CNY")
        command = call(now=MONDAY + timedelta(seconds=seconds))
        post_entry(command, PostEntry("entry.posted", (debit(self.bank, amount), credit(self.wallet, amount))))
        return before, self.image()

    def lines(self, limit: int = 50) -> list[tuple[int, int, int]]:
        """Version, amount and balance of each of the wallet's lines, newest first."""
        return [(row.version, row.amount, row.balance) for row in self.rows(limit)]

    def rows(self, limit: int = 50) -> list[HistoryRow]:
        items = history(TENANT, self.wallet, after=None, limit=limit).page.items
        return [row for row in items if isinstance(row, HistoryRow)]

    def complete(self, limit: int = 50) -> bool:
        return history(TENANT, self.wallet, after=None, limit=limit).complete


@pytest.fixture
def book(tables: Tables) -> Book:
    return Book(tables)


def told(*changes: tuple[Image | None, Image | None]) -> None:
    worker.project(stream_event(*changes), None)


def test_each_version_is_a_line_with_the_running_balance(book: Book) -> None:
    changes = [book.post(500), book.post(250)]

    told(*changes)

    assert book.lines() == [(2, -250, -750), (1, -500, -500)]
    assert book.complete()


def test_a_record_that_comes_again_writes_the_same_line(book: Book) -> None:
    changes = [book.post(500), book.post(250)]
    told(*changes)
    rows = [row.serialize() for row in book.rows()]

    told(*changes)

    assert [row.serialize() for row in book.rows()] == rows


def test_openings_and_changes_that_move_nothing_are_no_lines(book: Book) -> None:
    image = book.image()

    told((None, image), (image, image | {"status": {"S": "frozen"}}), (image, None))

    assert book.lines() == []
    assert book.complete()


def test_history_says_when_a_line_is_not_there_yet_or_missing(book: Book) -> None:
    first, second, third = book.post(1), book.post(2), book.post(3)
    told(first)
    behind = book.complete()
    told(third)
    with_gap = book.complete(), book.complete(limit=1)

    told(second)

    assert (behind, with_gap, book.complete()) == (False, (False, True), True)


def test_a_page_without_its_first_line_on_the_last_page_is_not_complete(book: Book) -> None:
    book.post(1)

    told(book.post(2))

    assert book.lines() == [(2, -2, -3)]
    assert not book.complete()


def test_lines_run_forward_whatever_the_clocks_of_the_entries_said(book: Book) -> None:
    told(book.post(1, seconds=10), book.post(1, seconds=3), book.post(1, seconds=7), book.post(1, seconds=11))

    assert [row.at[17:19] for row in reversed(book.rows())] == ["10", "10", "10", "11"]


def test_a_projector_killed_at_any_call_writes_each_line_once_told_again(book: Book) -> None:
    for point in crash_points():
        change = book.post(1)
        version = int(change[1]["version"]["N"])
        with point:
            told(change)

        told(change)

        assert book.lines(1) == [(version, -1, -version)], point


def test_a_record_that_cannot_be_written_fails_the_batch_and_later_ones_wait(book: Book) -> None:
    changes = [book.post(1), book.post(2)]

    with fault(throttled, times=99), pytest.raises(WorkerFailed):
        told(*changes)

    assert book.lines() == []
