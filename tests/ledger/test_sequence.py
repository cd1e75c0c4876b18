"""The sequencer: whatever its stream tells, in any order and however often, the feed is dense and folds are exact."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch

import pytest

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.service import deferred, feed, holds
from chalicelib.ledger.worker.sequence import sequence
from chalicelib.queues.worker import WorkerFailed
from chalicelib.storage.journal import JournalItem
from tests.ledger.feeding import Books, images, shuffled
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.events import stream_event
from tests.support.faults import crash_points, watching


@pytest.fixture(autouse=True)
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


def told(items: list[JournalItem]) -> None:
    sequence(stream_event(*images(items)), None)


def busy(entries: int) -> tuple[Books, str]:
    """A tenant whose fees are deferred, with that account, and nothing told yet."""
    books = Books()
    purse, fees = books.open(), books.open(Kind.INCOME, deferred=True)
    for i in range(1, entries + 1):
        books.pay(purse, fees, i)
    return books, fees


def numbers(books: Books) -> list[int]:
    return [entry.number for entry in feed.feed_page(books.tenant, after=0, limit=100).entries]


def test_a_batch_is_numbered_and_folded() -> None:
    books, fees = busy(3)

    told(books.told)

    assert numbers(books) == [1, 2, 3, 4, 5]
    account = books.account(fees)
    assert (account.own_balance, account.as_of, account.version) == (6, 5, 3)


def test_a_batch_of_several_tenants_gives_each_its_own_numbers() -> None:
    one, fees = busy(1)
    two, others = busy(2)

    told(shuffled(one.told + two.told, seed=1))

    assert (numbers(one), numbers(two)) == ([1, 2, 3], [1, 2, 3, 4])
    assert (one.account(fees).own_balance, two.account(others).own_balance) == (1, 3)


def test_eight_shards_of_shuffled_and_repeated_records_come_to_the_same() -> None:
    books, fees = busy(24)
    batches = [shuffled(books.told, seed=seed)[:17] for seed in range(8)] + [books.told]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(told, batches))

    assert numbers(books) == list(range(1, 27))
    assert (books.account(fees).own_balance, books.account(fees).version) == (300, 24)


def test_a_sequencer_killed_at_any_call_does_all_of_it_when_told_again() -> None:
    for point in crash_points():
        books, fees = busy(1)
        with point:
            told(books.told)

        told(books.told)

        assert numbers(books) == [1, 2, 3], point
        assert books.account(fees).own_balance == 1, point


def test_entries_are_in_the_feed_though_what_follows_fails() -> None:
    books, fees = busy(1)

    with patch.object(deferred, "fold", side_effect=RuntimeError), pytest.raises(WorkerFailed):
        told(books.told)
    numbered, folded = numbers(books), books.account(fees).own_balance
    told(books.told)

    assert (numbered, folded) == ([1, 2, 3], 0)
    assert books.account(fees).own_balance == 1


def test_entries_without_deferred_legs_cost_no_fold() -> None:
    books = Books()
    books.pay(books.open(), books.open(Kind.LIABILITY), 5)

    with watching() as calls:
        told(books.told)

    assert calls.operations == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]


def test_removed_and_changed_items_are_passed_over() -> None:
    books, _ = busy(1)
    [(_, image), *_] = images(books.told)

    sequence(stream_event((image, None), (image, image)), None)

    assert numbers(books) == []


def test_a_hold_is_listed_when_its_entry_is_told() -> None:
    books = Books()
    payer, payee = books.open(Kind.LIABILITY), books.open(Kind.LIABILITY)
    terms = Terms(payer, payee, Money(5, "CNY"), expires_at=MONDAY + timedelta(hours=1))
    bank = books.open()
    books.pay(bank, payer, 5)
    placed = holds.place_hold(call(tenant=books.tenant), holds.PlaceHold(terms)).item

    told([placed])

    listed = holds.list_holds(books.tenant, payer, "out", is_open=True, after=None, limit=10)
    assert [stored.hold.hold_id for stored in listed.values] == [placed.subject]
