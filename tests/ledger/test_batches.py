"""Batches on DynamoDB Local: all or none, as if one by one, in one call, under races, crashes and lost answers."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.call import Call
from chalicelib.core.errors import KeyReused, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.service.batches import Batch, post_batch
from chalicelib.ledger.service.entries import get_entry, post_entry
from tests.ledger.books import Books, at_least, at_most, entry, exactly, new_books, refused
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Books:
    return new_books(session_tables, monkeypatch)


def keyed(*commands: PostEntry) -> list[Keyed]:
    return [Keyed(str(uuid.uuid4()), command) for command in commands]


def booked(books: Books, *commands: PostEntry, command: Call | None = None) -> Batch:
    return post_batch(command or books.call(), keyed(*commands))


def refusal_of(books: Books, *commands: PostEntry) -> Refusal:
    """The refusal of a batch, of which nothing is written."""
    batch, command = keyed(*commands), books.call()
    refusal = refused(lambda: post_batch(command, batch))
    assert not any(books.wrote(written) for written in (command, *(books.call(part.key) for part in batch)))
    return refusal


def test_all_entries_of_a_batch_are_booked_in_one_call_and_no_read(books: Books) -> None:
    bank, party, other = books.opened(Kind.ASSET), books.opened(floor=0), books.opened()

    with watching() as calls:
        batch = booked(books, entry(bank, party, 10, reference="one"), entry(party, other, 4, metadata={"a": "b"}))

    assert calls.operations == ["dynamodb.TransactWriteItems"]
    assert books.balances(bank, party, other) == [10, 6, 4]
    assert books.versions(bank, party, other) == [1, 2, 1]
    assert [(item.kind, item.reference, item.metadata) for item in batch.items] == [
        ("entry.posted", "one", {}),
        ("entry.posted", None, {"a": "b"}),
    ]
    assert [get_entry(books.tenant, item.entry_id) for item in batch.items] == list(batch.items)


def test_the_batch_is_an_item_of_its_own_that_names_its_entries_and_moved_the_accounts(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()

    batch = booked(books, entry(bank, party, 10), entry(party, bank, 3))

    header = get_entry(books.tenant, batch.outcome.item.entry_id)
    account = books.tables.client.get_item(
        TableName=books.tables.name("accounts"), Key={"pk": {"S": f"{books.tenant}#{party}"}}
    )["Item"]
    assert (header.kind, header.legs) == ("batch.posted", ())
    assert header.data == {"entries": [item.entry_id for item in batch.items]}
    assert account["last_commit"] == {"S": header.entry_id}


def test_a_repeated_batch_has_the_same_answer_and_one_effect(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()
    batch = keyed(entry(bank, party, 10), entry(bank, party, 5))
    first = post_batch(books.call("b"), batch)

    with watching() as calls:
        again = post_batch(books.call("b", days=2), batch)

    assert (again.outcome.item, again.items, again.outcome.replayed) == (first.outcome.item, first.items, True)
    assert calls.operations == ["dynamodb.TransactWriteItems", "dynamodb.BatchGetItem"]
    assert (books.balances(party), books.versions(party)) == ([15], [2])


def test_a_batch_key_with_another_body_is_refused(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()
    booked(books, entry(bank, party, 10), command=books.call("b", body=1))

    refusal = refused(lambda: booked(books, entry(bank, party, 11), command=books.call("b", body=2)))

    assert (type(refusal), refusal.code, refusal.facts) == (KeyReused, "idempotency_key_reused", {})


def test_an_entrys_key_that_another_commit_used_refuses_the_batch_by_its_place(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()
    books.post(bank, party, 1, key="single")
    batch = [*keyed(entry(bank, party, 2)), Keyed("single", entry(bank, party, 1))]
    post_batch(books.call("earlier"), keyed(entry(bank, party, 4)))

    by_entry = refused(lambda: post_batch(books.call(), batch))
    by_batch = refused(lambda: post_batch(books.call(), [Keyed("earlier", entry(bank, party, 1))]))

    assert (type(by_entry), by_entry.code) == (KeyReused, "idempotency_key_reused")
    assert by_entry.facts == {"index": 1, "field": "entries[1].idempotency_key"}
    assert (by_batch.code, by_batch.facts["index"]) == ("idempotency_key_reused", 0)
    assert books.balances(party) == [5]


def test_an_entry_of_a_batch_sent_again_alone_is_a_key_reused(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()
    post_batch(books.call(), [Keyed("e", entry(bank, party, 2))])

    assert isinstance(refused(lambda: books.post(bank, party, 2, key="e")), KeyReused)
    assert books.balances(party) == [2]


def test_one_bad_entry_refuses_all_with_its_code_and_place(books: Books) -> None:
    bank, party, other = books.opened(Kind.ASSET), books.opened(floor=0, funds=10), books.opened()
    frozen, euro = books.opened(), books.opened(currency="EUR")
    books.altered(frozen, status="frozen")
    closed = books.opened(funds=1)
    books.altered(closed, closed_until=instant_text(MONDAY))
    good = entry(bank, other, 1)

    told = [
        refusal_of(books, good, bad, good)
        for bad in (
            entry(bank, "acc_none", 1),
            entry(bank, euro, 1),
            entry(bank, frozen, 1),
            entry(bank, closed, 1),
            entry(party, other, 11),
            replace(good, conditions=(at_least(party, 11),)),
            entry(party, other, 5, conditions=(at_least(party, 11),)),
        )
    ]

    assert [(refusal.code, refusal.facts["index"], refusal.facts["field"]) for refusal in told] == [
        (code, 1, "entries[1]")
        for code in (
            "account_not_found",
            "currency_mismatch",
            "account_frozen",
            "period_closed",
            "insufficient_funds",
            "condition_not_met",
            "condition_not_met",
        )
    ]
    assert books.balances(bank, party, other) == [0, 10, 0]


def test_the_earliest_of_several_refusals_is_told(books: Books) -> None:
    party, other = books.opened(floor=0, funds=10), books.opened(floor=0)
    batch = (entry(party, other, 4), entry("acc_none", party, 20), entry(other, party, 5), entry(party, other, 99))

    refusal = refusal_of(books, *batch)

    assert (refusal.code, refusal.facts["index"], refusal.facts["account_id"]) == ("account_not_found", 1, "acc_none")


def test_an_entry_may_use_what_the_one_before_it_brought_but_not_what_the_next_brings(books: Books) -> None:
    bank, party, other = books.opened(Kind.ASSET), books.opened(floor=0), books.opened()
    fund, pay = entry(bank, party, 10), entry(party, other, 10)

    refusal = refusal_of(books, pay, fund)
    booked(books, fund, pay)

    assert (refusal.code, refusal.facts["index"], refusal.facts["requested"], refusal.facts["available"]) == (
        "insufficient_funds",
        0,
        10,
        0,
    )
    assert books.balances(party, other) == [0, 10]


def test_a_condition_sees_the_entries_before_its_own(books: Books) -> None:
    bank, party, other = books.opened(Kind.ASSET), books.opened(funds=5), books.opened()
    fund = entry(bank, party, 10)

    booked(books, fund, entry(bank, other, 1, conditions=(exactly(party, 15), at_most(bank, 10))))
    refusal = refusal_of(books, fund, entry(bank, other, 1, conditions=(exactly(party, 15),)))

    facts = {"rule": "exactly", "wanted_minor": 15, "actual_minor": 25, "index": 1}
    assert refusal.facts == facts | {"account_id": party, "field": "entries[1]"}


def test_the_period_is_that_of_the_earliest_entry_on_the_account(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()
    books.altered(party, closed_until=instant_text(MONDAY - timedelta(hours=1)))
    late = replace(entry(bank, party, 1), occurred_at=MONDAY - timedelta(hours=1))

    refusal = refusal_of(books, entry(bank, party, 1), late)

    assert (refusal.code, refusal.facts["index"]) == ("period_closed", 1)


def test_an_account_whose_entries_come_to_nothing_has_its_lines_all_the_same(books: Books) -> None:
    one, two = books.opened(), books.opened()

    booked(books, entry(one, two, 5), entry(two, one, 5))

    assert (books.balances(one, two), books.versions(one, two)) == ([0, 0], [2, 2])


def test_ninety_entries_over_nine_accounts_are_one_batch(books: Books) -> None:
    accounts = [books.opened() for _ in range(9)]
    commands = [entry(accounts[i % 9], accounts[(i + 1) % 9], i + 1) for i in range(90)]

    batch = booked(books, *commands)

    assert len(batch.items) == 90
    assert sum(books.balances(*accounts)) == 0
    assert books.versions(*accounts) == [20] * 9


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from([(0, 1), (1, 0), (1, 2), (2, 1)]), st.integers(1, 9), st.integers(-1, 12)),
        min_size=1,
        max_size=6,
    )
)
def test_a_batch_is_booked_exactly_when_its_entries_one_by_one_would_be(
    books: Books, drawn: list[tuple[tuple[int, int], int, int]]
) -> None:
    single, together = (Books(f"ten_{uuid.uuid4().hex}", books.tables) for _ in range(2))
    outcomes = []
    for fresh in (single, together):
        accounts = [fresh.opened(Kind.ASSET), fresh.opened(floor=0, ceiling=15), fresh.opened(floor=0)]
        commands = [
            entry(
                accounts[pair[0]], accounts[pair[1]], minor, conditions=(at_most(accounts[1], cap),) if cap >= 0 else ()
            )
            for pair, minor, cap in drawn
        ]
        outcomes.append(_outcome(fresh, commands, accounts, as_batch=fresh is together))

    (code, place, balances), (batch_code, batch_place, batch_balances) = outcomes
    # Where both accounts of an entry refuse it, either may be the one that is told.
    assert (batch_code == "booked", batch_place) == (code == "booked", place)
    assert batch_balances == (balances if code == "booked" else [0, 0, 0])


def _outcome(
    books: Books, commands: list[PostEntry], accounts: list[str], *, as_batch: bool
) -> tuple[str, object, list[int]]:
    code, place = "booked", None
    try:
        if as_batch:
            booked(books, *commands)
        for place, command in enumerate([] if as_batch else commands):  # noqa: B007 (told below)
            post_entry(books.call(), command)
    except Refusal as refusal:
        code, place = refusal.code, refusal.facts.get("index", place)
    return code, place if code != "booked" else None, books.balances(*accounts)


def test_thirty_two_batches_and_singles_on_one_account_never_overdraw_it(books: Books) -> None:
    party, other, third = books.opened(floor=0, funds=100), books.opened(), books.opened()

    def act(i: int) -> int:
        try:
            if i % 2:
                booked(books, entry(party, other, 5), entry(party, third, 6))
                return 11
            books.post(party, other, 7)
            return 7
        except Refusal as refusal:
            assert refusal.code == "insufficient_funds"
            return 0

    with ThreadPoolExecutor(32) as pool:
        taken = sum(pool.map(act, range(32)))

    left, *gone = books.balances(party, other, third)
    assert (left, sum(gone)) == (100 - taken, taken)
    assert 0 <= left < 7


def test_thirty_two_retries_of_one_batch_have_one_effect(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()
    batch = keyed(entry(bank, party, 3), entry(bank, party, 4))

    with ThreadPoolExecutor(32) as pool:
        done = list(pool.map(lambda _: post_batch(books.call("same"), batch), range(32)))

    assert [told.outcome.replayed for told in done].count(False) == 1
    assert len({tuple(item.entry_id for item in told.items) for told in done}) == 1
    assert (books.balances(party), books.versions(party)) == ([7], [2])


def test_of_batches_that_share_an_entrys_key_one_is_booked(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()

    def act(_: int) -> str:
        try:
            post_batch(books.call(), [*keyed(entry(bank, party, 1)), Keyed("shared", entry(bank, party, 1))])
        except KeyReused as refusal:
            return f"{refusal.code} {refusal.facts['index']}"
        return "booked"

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(act, range(8)))

    assert sorted(codes) == ["booked", *["idempotency_key_reused 1"] * 7]
    assert books.balances(party) == [2]


def test_a_process_killed_at_any_call_of_a_batch_leaves_one_effect_after_a_retry(books: Books) -> None:
    for point in crash_points():
        bank, party = books.opened(Kind.ASSET), books.opened()
        batch, command = keyed(entry(bank, party, 3), entry(bank, party, 4)), books.call()
        with point:
            post_batch(command, batch)

        again = post_batch(command, batch)

        assert [item.legs[0].amount for item in again.items] == [3, 4], point
        assert (books.balances(party), books.versions(party)) == ([7], [2]), point


def test_a_lost_answer_of_a_batch_is_absorbed_and_counted_once(books: Books) -> None:
    for point in lost_points():
        bank, party = books.opened(Kind.ASSET), books.opened()

        with point:
            batch = booked(books, entry(bank, party, 3), entry(bank, party, 4))

        assert (books.balances(party), batch.outcome.replayed) == ([7], False), point


def test_deferred_accounts_of_a_batch_are_checked_and_left_to_the_fold(books: Books) -> None:
    fees = books.opened(Kind.INCOME, deferred=True)
    euro = books.opened(Kind.INCOME, deferred=True, currency="EUR")
    party, other = books.opened(), books.opened()

    refusal = refusal_of(books, entry(party, other, 1), entry(party, euro, 1))
    missing = refusal_of(books, entry(party, fees, 1), entry(party, "hot_none", 1))
    batch = booked(books, entry(party, fees, 2), entry(other, fees, 3))

    assert (refusal.code, refusal.facts["index"]) == ("currency_mismatch", 1)
    assert (missing.code, missing.facts["index"]) == ("account_not_found", 1)
    assert (books.balances(party, other, fees), len(batch.items)) == ([-2, -3, 0], 2)


def test_an_entry_of_many_legs_is_netted_with_the_others(books: Books) -> None:
    bank, party, other = books.opened(Kind.ASSET), books.opened(), books.opened()
    parts = (credit(party, Money(1, "CNY")), credit(party, Money(2, "CNY")), credit(other, Money(3, "CNY")))

    booked(books, PostEntry("entry.posted", (debit(bank, Money(6, "CNY")), *parts)), entry(other, party, 3))

    assert (books.balances(party, other), books.versions(party, other)) == ([6, 0], [2, 2])
