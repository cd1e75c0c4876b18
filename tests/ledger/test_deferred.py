"""Deferred accounts: moved by nobody but the fold, once for each entry, up to a position that every reader is told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Defect, Refusal
from chalicelib.ledger import deferred as rules
from chalicelib.ledger.deferred import Numbered
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.service import account_life, deferred, feed
from chalicelib.ledger.store import deferred as copies
from chalicelib.ledger.store import feed as rows
from chalicelib.ledger.store import folding
from chalicelib.ledger.store.moves import Move
from chalicelib.storage.journal import journal_item
from tests.ledger.feeding import Books, yuan
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables, create_tables, delete_tables
from tests.support.faults import crash_points, lost_points, watching

AT = "2026-03-02T09:00:00.000000Z"


@pytest.fixture(scope="module")
def own_tables(dynamodb_endpoint: str) -> Iterator[Tables]:
    """This module's own: it looks at all tenants there are."""
    made = create_tables(dynamodb_endpoint, f"module-{uuid.uuid4().hex[:12]}")
    yield made
    delete_tables(made)


@pytest.fixture(autouse=True)
def _stage(own_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", own_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", own_tables.endpoint)


class Fees(Books):
    """A tenant with a purse of its own and a deferred account for fees."""

    def __init__(self) -> None:
        super().__init__()
        self.purse = self.open()
        self.fees = self.open(Kind.INCOME, deferred=True)

    def charge(self, minor: int, *, key: str | None = None) -> None:
        self.pay(self.purse, self.fees, minor, key=key)

    def balance(self) -> tuple[int, int | None, int]:
        """The fees, on their own side, the position they are told at, and how many entries they stand for."""
        account = self.account(self.fees)
        return account.own_balance, account.as_of, account.version


def refused(act: object, *arguments: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act(*arguments)  # type: ignore[operator]
    return caught.value


def test_an_entry_leaves_a_deferred_account_as_it_is_until_the_fold() -> None:
    books = Fees()
    books.charge(700)
    booked = books.balance(), books.account(books.purse).balance

    books.number()
    books.fold()

    assert booked == ((0, 0, 0), 700)
    assert books.balance() == (700, 3, 1)


def test_a_transfer_with_one_deferred_leg_is_one_call_of_two_items_once_the_copy_is_warm() -> None:
    books = Fees()
    books.charge(1)

    with watching() as calls:
        books.charge(2)

    assert calls.operations == ["dynamodb.TransactWriteItems"]


def test_many_entries_are_folded_by_one_commit() -> None:
    books = Fees()
    for minor in range(1, 6):
        books.charge(minor)
    books.number()

    with watching() as calls:
        books.fold()

    assert calls.operations.count("dynamodb.TransactWriteItems") == 1
    assert books.balance() == (15, 7, 5)


def test_an_entry_between_deferred_accounts_moves_both_in_one_fold() -> None:
    books = Fees()
    clearing = books.open(deferred=True)
    books.pay(clearing, books.fees, 30)
    books.number()
    books.fold()

    assert (books.account(clearing).balance, books.balance()[0]) == (30, 30)


def test_two_legs_of_one_entry_on_an_account_count_as_one_entry() -> None:
    books = Fees()
    books.post(debit(books.purse, yuan(5)), credit(books.fees, yuan(2)), credit(books.fees, yuan(3)))
    books.number()
    books.fold()

    assert books.balance() == (5, 3, 1)


def test_a_replay_after_a_freeze_is_answered_as_before() -> None:
    books = Fees()
    key = str(uuid.uuid4())
    books.charge(5, key=key)
    account_life.freeze(call(tenant=books.tenant), books.fees)
    copies._copies.clear()

    books.charge(5, key=key)

    assert refused(books.charge, 5).code == "account_frozen"
    assert books.account(books.purse).balance == 5


def test_refusals_come_in_the_order_of_any_account() -> None:
    books = Fees()
    euros = books.open(Kind.INCOME, deferred=True, currency="EUR")
    period = MONDAY + timedelta(days=1)
    account_life.close_period(call(tenant=books.tenant, now=period), books.fees, period)
    account_life.close_period(call(tenant=books.tenant, now=period), euros, period)
    account_life.freeze(call(tenant=books.tenant), books.fees)
    account_life.freeze(call(tenant=books.tenant), euros)

    wrong_currency, frozen = refused(books.pay, books.purse, euros, 1), refused(books.charge, 1)
    account_life.unfreeze(call(tenant=books.tenant), books.fees)
    closed = refused(books.charge, 1)

    assert [r.code for r in (wrong_currency, frozen, closed)] == [
        "currency_mismatch",
        "account_frozen",
        "period_closed",
    ]
    assert books.account(books.purse).version == 0


def test_nothing_can_be_held_of_a_deferred_account() -> None:
    books = Fees()
    item = journal_item(call(tenant=books.tenant), "any")

    assert refused(copies.moved_at_once, item, [Move(books.fees, "CNY", held=5)]).code == "account_deferred"


def test_an_unknown_deferred_account_is_refused_and_nothing_is_written() -> None:
    books = Fees()

    refusal = refused(books.pay, books.purse, "hot_nobody", 5)

    assert (refusal.code, refusal.facts) == ("account_not_found", {"account_id": "hot_nobody"})
    assert books.account(books.purse).version == 0


def test_another_tenants_deferred_account_does_not_exist() -> None:
    ours, theirs = Fees(), Fees()

    assert refused(ours.pay, ours.purse, theirs.fees, 5).code == "account_not_found"


def test_a_copy_lets_entries_through_for_five_seconds_after_a_freeze_and_no_longer() -> None:
    books = Fees()
    with patch.object(copies.time, "monotonic", return_value=100.0) as clock:
        books.charge(1)
        account_life.freeze(call(tenant=books.tenant), books.fees)
        clock.return_value = 104.9
        books.charge(1)
        clock.return_value = 105.1
        refusal = refused(books.charge, 1)

    assert refusal.code == "account_frozen"
    assert books.account(books.purse).balance == 2


def test_what_a_copy_would_refuse_is_asked_again() -> None:
    books = Fees()
    account_life.freeze(call(tenant=books.tenant), books.fees)
    refused(books.charge, 1)
    account_life.unfreeze(call(tenant=books.tenant), books.fees)

    books.charge(1)

    assert books.account(books.purse).balance == 1


def test_copies_are_never_more_than_their_number() -> None:
    with patch.object(copies, "MOST_COPIES", 2):
        for _ in range(4):
            Fees().charge(1)
        assert len(copies._copies) <= 2


def test_the_first_deferred_account_begins_at_the_head_of_the_feed() -> None:
    books = Books()
    bank, purse = books.open(), books.open(Kind.LIABILITY)
    books.pay(bank, purse, 1)
    books.number()

    fees = books.open(Kind.INCOME, deferred=True)

    assert books.account(fees).as_of == 3


def test_a_second_deferred_account_keeps_the_position() -> None:
    books = Fees()
    books.charge(4)
    books.number()

    second = books.open(Kind.INCOME, deferred=True)
    books.fold()

    assert (books.account(second).as_of, books.balance()) == (3, (4, 3, 1))


def test_deferred_accounts_opened_at_once_share_one_position() -> None:
    books = Books()
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: books.open(deferred=True), range(4)))
    purse = books.open()
    for account_id in opened:
        books.pay(purse, account_id, 3)
    books.number()
    books.fold()

    assert {books.account(account_id).balance for account_id in opened} == {-3}


def test_a_fold_killed_at_any_call_counts_each_entry_once() -> None:
    for point in crash_points():
        books = Fees()
        books.charge(5)
        books.charge(6)
        books.number()
        with point:
            books.fold()

        books.fold()

        assert books.balance() == (11, 4, 2), point


def test_a_lost_answer_of_a_fold_counts_each_entry_once() -> None:
    for point in lost_points():
        books = Fees()
        books.charge(5)
        books.number()

        with point:
            books.fold()

        assert books.balance() == (5, 3, 1), point


def test_eight_who_fold_while_others_book_and_number_count_each_entry_once() -> None:
    books = Fees()
    books.charge(1)

    def act(number: int) -> None:
        books.charge(number)
        books.number()
        books.fold()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(2, 18)))
    books.number()
    books.fold()

    assert books.balance() == (sum(range(1, 18)), 19, 17)


def test_a_fold_goes_on_by_numbers_the_index_does_not_show_yet() -> None:
    books = Fees()
    books.charge(5)
    known = feed.number(books.told)[books.tenant]

    with patch.object(rows, "_listed", lambda *_, **__: {}):
        assert deferred.fold(books.tenant) == 0
        deferred.fold(books.tenant, known)

    assert books.balance() == (5, 3, 1)


def test_a_fold_waits_for_the_first_number_that_is_not_to_be_seen_yet() -> None:
    books = Fees()
    books.charge(5)
    books.charge(6)
    known = feed.number(books.told)[books.tenant]

    with patch.object(rows, "_listed", lambda *_, **__: {}):
        deferred.fold(books.tenant, {number: entry for number, entry in known.items() if number != 3})
    waiting = books.balance()
    books.fold()

    assert (waiting, books.balance()) == ((0, 2, 0), (11, 4, 2))


def test_a_position_that_was_lost_cannot_make_an_entry_count_twice() -> None:
    books = Fees()
    books.charge(5)
    books.number()
    books.fold()
    at = folding.load_position(books.tenant)
    lost = replace(at, value=folding.Position(books.tenant, 0))

    with patch.object(folding, "load_position", return_value=lost), pytest.raises(Defect):
        books.fold()

    assert books.balance() == (5, 3, 1)


def test_a_frozen_account_is_folded_all_the_same() -> None:
    books = Fees()
    books.charge(5)
    account_life.freeze(call(tenant=books.tenant), books.fees)
    books.number()
    books.fold()

    assert books.balance() == (5, 3, 1)


def test_every_tenant_that_is_behind_is_folded_and_a_failure_is_told() -> None:
    behind, ahead = Fees(), Fees()
    for books in (behind, ahead):
        books.charge(5)
        books.number()
    ahead.fold()

    run = deferred.fold_behind()

    assert run.failures == ()
    assert behind.balance() == (5, 3, 1)
    assert deferred.fold_behind().attempted == 0


def test_one_tenant_that_cannot_be_folded_holds_no_other_up() -> None:
    broken, sound = Fees(), Fees()
    for books in (broken, sound):
        books.charge(5)
        books.number()
    fold_once = folding.fold_once

    def failing(tenant: str, known: object) -> int | None:
        if tenant == broken.tenant:
            raise Defect("broken")
        return fold_once(tenant, known)  # type: ignore[arg-type]

    with patch.object(folding, "fold_once", failing):
        run = deferred.fold_behind()
    deferred.fold_behind()

    assert [failure.subject for failure in run.failures] == [broken.tenant]
    assert sound.balance() == broken.balance() == (5, 3, 1)


MOVES = st.dictionaries(st.sampled_from(["hot_a", "hot_b", "acc_c"]), st.integers(-50, 50), min_size=1, max_size=3)


@given(entries=st.lists(MOVES, max_size=20), cut=st.integers(0, 20), after=st.integers(0, 5))
def test_however_a_run_is_cut_its_folds_come_to_the_same(entries: list[dict[str, int]], cut: int, after: int) -> None:
    run = [Numbered(after + i, moved, AT) for i, moved in enumerate(entries, start=1)]
    whole = rules.fold(after, run)
    first = rules.fold(after, run[:cut])
    second = rules.fold(first.upto, run[cut:])

    for account_id in ("hot_a", "hot_b"):
        parts = [part.sums[account_id] for part in (first, second) if account_id in part.sums]
        total = whole.sums.get(account_id)
        assert sum(part.amount for part in parts) == (total.amount if total else 0)
        assert sum(part.lines for part in parts) == (total.lines if total else 0)
    assert "acc_c" not in whole.sums
    assert second.upto == whole.upto == after + len(entries)


def test_a_fold_ends_before_the_entry_that_has_no_place_in_its_commit() -> None:
    run = [Numbered(i, {f"hot_{i}": 1}, AT) for i in range(1, 151)]

    folded = rules.fold(0, run)

    assert (folded.upto, len(folded.sums)) == (99, 99)


def test_a_fold_of_numbers_with_a_gap_is_a_defect() -> None:
    with pytest.raises(Defect):
        rules.fold(0, [Numbered(2, {"hot_a": 1}, AT)])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["charge", "number", "fold"]), min_size=1, max_size=14))
def test_a_deferred_balance_is_the_sum_of_what_is_numbered_up_to_its_position(steps: list[str]) -> None:
    books = Fees()
    for i, step in enumerate(steps, start=1):
        if step == "charge":
            books.charge(i)
        else:
            getattr(books, step)()
        own, as_of, _ = books.balance()
        assert -own == books.sum_up_to(books.fees, as_of or 0)


def test_a_mark_tells_where_its_fold_went_on_and_no_entry_looks_like_one() -> None:
    assert rules.folded_after(rules.fold_mark(12)) == 12
    assert rules.folded_after("ent_000000000000000000000000aa") is None
