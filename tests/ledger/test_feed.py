"""The feed: dense, each entry once, whoever numbers and in whatever order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest

from app import app
from chalicelib.core.errors import InvalidInput
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service import feed
from chalicelib.ledger.store import feed as rows
from tests.ledger.feeding import Books, shuffled
from tests.support.api import Api, signing, token_for
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching


@pytest.fixture(autouse=True)
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")


def traded(entries: int) -> Books:
    """A tenant with two accounts and some transfers, nothing numbered."""
    books = Books()
    bank, purse = books.open(), books.open(Kind.LIABILITY)
    for i in range(entries):
        books.pay(bank, purse, i + 1)
    return books


def pages(tenant: str, limit: int = 100) -> list[tuple[int, str]]:
    """The whole feed as somebody reads on."""
    seen: list[tuple[int, str]] = []
    for _ in range(100):
        page = feed.feed_page(tenant, after=seen[-1][0] if seen else 0, limit=limit)
        if not page.entries:
            return seen
        seen += [(entry.number, entry.item.entry_id) for entry in page.entries]
    raise AssertionError("a feed without end")


def test_entries_are_numbered_from_one_in_the_order_they_are_told() -> None:
    books = traded(3)

    books.number()

    assert pages(books.tenant) == [(i + 1, item.entry_id) for i, item in enumerate(books.told)]


def test_an_entry_told_again_keeps_its_number() -> None:
    books = traded(2)
    books.number()
    before = pages(books.tenant)
    late = books.pay(*[leg.account_id for leg in books.told[-1].legs], 5)

    numbers = feed.number([*reversed(books.told)])

    assert pages(books.tenant) == [*before, (5, late.entry_id)]
    assert sorted(numbers[books.tenant]) == [1, 2, 3, 4, 5]


def test_each_tenant_has_numbers_of_its_own() -> None:
    one, two = traded(1), traded(2)

    feed.number([item for pair in zip(one.told, two.told, strict=False) for item in pair])

    assert [len(pages(books.tenant)) for books in (one, two)] == [3, 3]


def test_fresh_entries_are_numbered_by_one_read_and_one_transaction_for_ninety() -> None:
    books = traded(1)

    with watching() as calls:
        feed.number(books.told)

    assert calls.operations == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]


def test_more_than_ninety_are_numbered_in_runs() -> None:
    with patch.object(rows, "MOST_AT_ONCE", 4):
        books = traded(9)

        books.number()

    assert [number for number, _ in pages(books.tenant, limit=3)] == list(range(1, 12))


def test_many_who_number_shuffled_and_repeated_records_give_each_entry_one_number() -> None:
    books = traded(30)
    batches = [shuffled(books.told, seed=seed, times=2) for seed in range(8)]

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(_in_batches_of_seven, batches))

    seen = pages(books.tenant)
    assert [number for number, _ in seen] == list(range(1, 33))
    assert {entry_id for _, entry_id in seen} == {item.entry_id for item in books.told}
    assert all(numbers == dict(seen) for numbers in told)


def _in_batches_of_seven(items: list[Any]) -> dict[int, str]:
    numbers: dict[int, str] = {}
    for start in range(0, len(items), 7):
        for known in feed.number(items[start : start + 7]).values():
            numbers |= known
    return numbers


def test_numbering_killed_at_any_call_leaves_no_gap_and_no_second_number() -> None:
    for point in crash_points():
        books = traded(2)
        with point:
            books.number()

        books.number()

        assert [number for number, _ in pages(books.tenant)] == [1, 2, 3, 4], point


def test_a_lost_answer_while_numbering_is_absorbed() -> None:
    for point in lost_points():
        books = traded(1)

        with point:
            numbers = feed.number(books.told)

        assert dict(pages(books.tenant)) == numbers[books.tenant], point


def test_the_feed_is_cut_where_the_index_does_not_show_a_number_yet() -> None:
    books = traded(3)
    books.number()
    shown = rows._listed

    with patch.object(rows, "_listed", lambda *a, **k: {n: e for n, e in shown(*a, **k).items() if n != 3}):
        cut = feed.feed_page(books.tenant, after=0, limit=100)

    assert [entry.number for entry in cut.entries] == [1, 2]
    assert cut.head == 5


def test_a_page_behind_the_head_is_empty_and_no_error() -> None:
    books = traded(0)
    books.number()

    assert feed.feed_page(books.tenant, after=2, limit=10).entries == ()
    assert feed.feed_page(books.tenant, after=99, limit=10).entries == ()


@pytest.mark.parametrize("after", [-1, rows.LARGEST])
def test_a_number_that_no_feed_has_is_refused(after: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        feed.feed_page("ten_any", after=after, limit=10)

    assert refused.value.code == "invalid_after"


def test_the_feed_over_http_tells_whole_entries_and_where_to_go_on() -> None:
    books = traded(2)
    books.number()
    with signing():
        api = Api(app, token_for(books.tenant))
        first = api.get("/v1/feed?limit=3").body
        second = api.get(f"/v1/feed?after={first['next_after']}&limit=3").body
        third = api.get(f"/v1/feed?after={second['next_after']}").body
        entry = api.get(f"/v1/entries/{books.told[-1].entry_id}").body

    assert [e["number"] for e in first["entries"] + second["entries"]] == [1, 2, 3, 4]
    assert second["entries"][0] == entry | {"number": 4}
    assert (first["next_after"], second["next_after"]) == (3, 4)
    assert third == {"entries": [], "next_after": 4, "head": 4}


@pytest.mark.parametrize("given", ["-1", "+1", "1.0", "one", "", " 1", "٣", "9" * 18, "9" * 40])
def test_a_bad_number_over_http_is_refused(given: str) -> None:
    with signing():
        reply = Api(app, token_for("ten_any")).get(f"/v1/feed?after={given.replace('+', '%2B').replace(' ', '%20')}")

    assert (reply.status, reply.code) == (400, "invalid_after")


def test_another_tenant_sees_nothing_of_a_feed() -> None:
    traded(1).number()
    with signing():
        assert Api(app, token_for("ten_other_feed")).get("/v1/feed").body["entries"] == []
