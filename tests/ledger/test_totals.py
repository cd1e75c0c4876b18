"""Totals by kind and currency: at any number and any effective instant they are the sum of the entries up to there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Busy, TooLarge
from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.service import feed, totals
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.store import totals as store
from chalicelib.ledger.totals import Moved, Sums, depth, path
from chalicelib.ledger.worker.sequence import sequence
from tests.ledger.feeding import Books, images, shuffled, yuan
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.events import stream_event
from tests.support.faults import crash_points, watching


@pytest.fixture(autouse=True)
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of four numbers, so that a few entries are many blocks."""
    for module in (totals, store):
        monkeypatch.setattr(module, "BLOCK", 4)
    for module in (totals, store):
        monkeypatch.setattr(module, "block_end", lambda number: number // 4 * 4)


class Ledger(Books):
    """Books of three accounts of three kinds, in two currencies."""

    def __init__(self) -> None:
        super().__init__()
        self.bank, self.party = self.open(), self.open(Kind.LIABILITY)
        self.fees = self.open(Kind.INCOME, deferred=True)

    def at(self, debited: str, credited: str, minor: int, occurred_at: datetime) -> None:
        """A transfer that took effect at an instant."""
        terms = PostEntry("entry.posted", (debit(debited, yuan(minor)), credit(credited, yuan(minor))), occurred_at)
        outcome = post_entry(call(tenant=self.tenant, now=MONDAY), terms)
        self.told.append(outcome.item)

    def expected(self, *, upto: int | None = None, end: str | None = None) -> Sums:
        """What the entries of the feed come to, added up one by one."""
        kinds = {self.bank: "asset", self.party: "liability", self.fees: "income"}
        sums: Sums = {}
        for entry in feed.feed_page(self.tenant, after=0, limit=100).entries:
            if (upto is None or entry.number <= upto) and (end is None or instant_text(entry.item.occurred_at) < end):
                for leg in entry.item.legs:
                    key = kinds[leg.account_id], leg.currency
                    moved = Moved(leg.amount, 0) if leg.amount > 0 else Moved(0, -leg.amount)
                    sums[key] = sums.get(key, Moved()) + moved
        return sums


def told(books: Books) -> None:
    sequence(stream_event(*images(books.told)), None)


def busy(*, entries: int = 6) -> Ledger:
    """Books with entries from several years, all numbered."""
    books = Ledger()
    for i in range(1, entries + 1):
        books.at(books.bank, books.party, i, MONDAY - timedelta(days=97 * i, minutes=13 * i))
        books.at(books.party, books.fees, 1, MONDAY - timedelta(seconds=i))
    told(books)
    return books


@pytest.mark.parametrize(
    ("end", "levels"),
    [
        ("2026-01-01T00:00:00.000000Z", 1),
        ("2026-03-01T00:00:00.000000Z", 2),
        ("2026-03-02T00:00:00.000000Z", 3),
        ("2026-03-02T16:00:00.000000Z", 4),
        ("2026-03-02T16:30:00.000000Z", 5),
        ("2026-01-01T00:00:00.000001Z", 5),
    ],
)
def test_a_cut_goes_down_as_far_as_its_instant_is_within_a_period(end: str, levels: int) -> None:
    assert depth(end) == levels


def test_an_instant_lies_in_five_periods() -> None:
    assert path("2026-03-02T09:30:15.000000Z") == (
        ("", "2026"),
        ("2026", "03"),
        ("202603", "02"),
        ("20260302", "09"),
        ("2026030209", "30+"),
    )
    assert path("2026-03-02T09:30:00.000000Z")[-1] == ("2026030209", "30")
    assert path("2026-03-02T09:30:00.000001Z")[-1] == ("2026030209", "30+")


def test_totals_at_the_head_are_the_sum_of_all_entries() -> None:
    books = busy()

    found = totals.cut(books.tenant)

    assert (found.upto, found.sums) == (15, books.expected())


def test_totals_at_each_number_are_the_sum_of_the_entries_up_to_it() -> None:
    books = busy()

    for number in range(16):
        found = totals.cut(books.tenant, upto=number)

        assert (found.upto, found.sums) == (number, books.expected(upto=number)), number


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 15), back=st.integers(0, 600 * 24 * 60), micros=st.sampled_from([0, 0, 1, 59_999_999]))
def test_totals_at_two_cuts_are_the_sum_of_the_entries_within_both(number: int, back: int, micros: int) -> None:
    books = shared_books()
    end = instant_text(MONDAY + timedelta(minutes=5) - timedelta(minutes=back) + timedelta(microseconds=micros))

    found = totals.cut(books.tenant, upto=number, end=end)

    assert _nonzero(found.sums) == _nonzero(books.expected(upto=number, end=end))


_shared: list[Ledger] = []


def shared_books() -> Ledger:
    if not _shared:
        _shared.append(busy())
    return _shared[0]


def _nonzero(sums: Sums) -> Sums:
    return {key: moved for key, moved in sums.items() if moved != Moved()}


@pytest.mark.parametrize("seconds", [0.5, 1, 1.000001, 2, 59])
def test_a_cut_within_a_minute_counts_the_entries_of_that_minute_one_by_one(seconds: float) -> None:
    books = Ledger()
    minute = parse_instant("2026-03-01T10:20:00Z")
    for i in range(9):
        books.at(books.bank, books.party, 10**i, minute + timedelta(seconds=i / 2))
    told(books)
    end = instant_text(minute + timedelta(seconds=seconds))

    assert totals.cut(books.tenant, end=end).sums == books.expected(end=end)


def test_a_cut_within_a_minute_of_too_many_entries_is_refused() -> None:
    books = Ledger()
    for i in range(9):
        books.at(books.bank, books.party, 1, MONDAY + timedelta(seconds=i))
    told(books)
    end = instant_text(MONDAY + timedelta(seconds=4))

    with patch.object(totals, "MOST_IN_A_MINUTE", 1), pytest.raises(TooLarge) as refused:
        totals.cut(books.tenant, end=end)

    assert refused.value.code == "minute_too_busy"


def test_a_cut_just_behind_a_midnight_reads_no_entries_however_far_apart_those_of_midnight_are() -> None:
    books = Ledger()
    midnight = parse_instant("2026-02-01T00:00:00Z")
    for i in range(12):
        books.at(books.bank, books.party, 10**i, midnight if i % 4 == 0 else MONDAY - timedelta(hours=i))
    told(books)
    end = instant_text(midnight + timedelta(microseconds=1))

    with patch.object(totals, "MOST_IN_A_MINUTE", 0):
        assert totals.cut(books.tenant, end=end).sums == books.expected(end=end)


def test_a_cut_within_a_minute_reads_those_blocks_alone_that_have_entries_of_it() -> None:
    books = Ledger()
    minute = parse_instant("2026-02-01T00:00:00Z")
    for i in range(32):
        seconds = {0: 30, 2: 10, 28: 20}.get(i)
        at = MONDAY - timedelta(minutes=i) if seconds is None else minute + timedelta(seconds=seconds)
        books.at(books.bank, books.party, 2**i, at)
    told(books)
    totals.follow(books.tenant, most_blocks=10)
    end = instant_text(minute + timedelta(seconds=25))

    with patch.object(totals, "MOST_IN_A_MINUTE", 3):
        assert totals.cut(books.tenant, end=end).sums == books.expected(end=end)


def test_totals_of_one_number_stay_what_they_were() -> None:
    books = busy()
    end = instant_text(MONDAY - timedelta(days=200))
    before = totals.cut(books.tenant, upto=9), totals.cut(books.tenant, upto=9, end=end)

    books.at(books.bank, books.party, 10**6, MONDAY - timedelta(days=300))
    for _ in range(8):
        books.pay(books.bank, books.party, 7)
    told(books)

    assert (totals.cut(books.tenant, upto=9), totals.cut(books.tenant, upto=9, end=end)) == before


def test_eight_shards_of_shuffled_and_repeated_records_come_to_the_same_totals() -> None:
    books = Ledger()
    for i in range(24):
        books.at(books.bank, books.party, 1 + i, MONDAY - timedelta(days=i))
    batches = [shuffled(books.told, seed=seed)[:17] for seed in range(8)] + [books.told]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda batch: sequence(stream_event(*images(batch)), None), batches))
    totals.follow(books.tenant, most_blocks=100)

    assert totals.cut(books.tenant).sums == books.expected()
    assert totals.cut(books.tenant, upto=13).sums == books.expected(upto=13)


def test_a_sequencer_killed_at_any_call_leaves_totals_that_are_right_when_told_again() -> None:
    for point in crash_points():
        books = Ledger()
        books.pay(books.bank, books.party, 5)
        with point:
            told(books)

        told(books)

        assert totals.cut(books.tenant).sums == books.expected(), point
        assert totals.follow(books.tenant) in (0, 1), point
        assert totals.cut(books.tenant).sums == books.expected(), point


def test_books_older_than_totals_are_totalled_from_their_first_entry_on() -> None:
    books = Ledger()
    for i in range(10):
        books.at(books.bank, books.party, 1 + i, MONDAY - timedelta(days=i))
    books.number()

    assert totals.follow(books.tenant, most_blocks=2) == 2
    assert totals.follow(books.tenant, most_blocks=100) == 1
    assert totals.cut(books.tenant).sums == books.expected()


def test_totals_that_are_far_behind_are_read_as_far_as_they_go_and_a_later_number_waits() -> None:
    books = Ledger()
    for _ in range(10):
        books.pay(books.bank, books.party, 1)
    books.number()

    with patch.object(totals, "MOST_TAIL", 2):
        found = totals.cut(books.tenant)
        with pytest.raises(Busy) as refused:
            totals.cut(books.tenant, upto=12)

    assert (found.upto, found.sums) == (8, books.expected(upto=8))
    assert (refused.value.code, refused.value.facts["up_to"]) == ("totals_behind", 8)


def test_a_block_is_totalled_in_a_few_calls_and_no_other_number_costs_any() -> None:
    books = Ledger()
    with watching() as without:
        told(books)
    books.told.clear()
    books.pay(books.bank, books.party, 1)

    with watching() as calls:
        told(books)

    assert "dynamodb.BatchWriteItem" not in without.operations
    assert calls.operations.count("dynamodb.BatchWriteItem") == 1


def test_legs_of_an_account_that_does_not_exist_are_totalled_as_missing(session_tables: Tables) -> None:
    books = Ledger()
    books.pay(books.bank, books.party, 5)
    books.number()
    key = {"pk": {"S": f"{books.tenant}#{books.party}"}}
    session_tables.client.delete_item(TableName=session_tables.name("accounts"), Key=key)
    store._kinds.clear()

    assert totals.cut(books.tenant).sums[("missing", "CNY")] == Moved(0, 5)
