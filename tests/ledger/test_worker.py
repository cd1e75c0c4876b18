"""The projector: one line for each entry, chained, the same however it is told, and each counted in its day once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.ledger.service import projection
from chalicelib.ledger.service.history import history
from chalicelib.ledger.store.discrepancies import noted_accounts
from chalicelib.queues.worker import WorkerFailed
from tests.ledger.past import Books, Change, ids, stage, told
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, fault, lost_points, throttled, watching


@pytest.fixture
def books(session_tables: Tables) -> Iterator[Books]:
    with stage(session_tables):
        yield Books(session_tables)


def complete(books: Books, limit: int = 50) -> bool:
    return history(books.tenant, books.mill, after=None, limit=limit).complete


def test_each_version_is_a_line_with_the_running_balance(books: Books) -> None:
    told(books.post(500), books.post(-200))

    assert [(line.version, line.amount, line.balance) for line in books.lines()] == [(1, -500, -500), (2, 200, -300)]
    assert complete(books)
    books.check()


def test_a_record_that_comes_again_changes_nothing(books: Books) -> None:
    changes = [books.post(500), books.post(250, days=-2)]
    told(*changes)
    before = books.lines(), books.days()

    told(*changes)
    told(changes[0])
    told(changes[1], changes[0], changes[1])

    assert (books.lines(), books.days()) == before
    assert before[1] == {20260302: -500, 20260228: -250}


def test_openings_and_changes_that_move_nothing_are_no_lines(books: Books) -> None:
    image = books.image()

    told((None, image), (image, image | {"status": {"S": "frozen"}}), (image, None))

    assert books.lines() == ()
    assert complete(books)


def test_what_is_reserved_is_a_line_that_moves_nothing(books: Books) -> None:
    paid = books.post(500)
    item = books.journal(0, "hold")

    told(paid, books.moved(0, lines=1, commit=item.entry_id, held=30))

    assert [(line.amount, line.balance, line.held) for line in books.lines()] == [(-500, -500, 0), (0, -500, 30)]
    books.check()


def test_a_batch_is_a_line_for_each_entry_that_touches_the_account_in_its_order(books: Books) -> None:
    paid, batch, last = books.post(5), books.batch(-7, 0, 3, -1), books.post(-2)

    told(paid, batch, last)

    assert [(line.version, line.amount, line.balance) for line in books.lines()] == [
        (1, -5, -5),
        (2, -7, -12),
        (3, 3, -9),
        (4, -1, -10),
        (5, 2, -8),
    ]
    books.check()


def test_a_batch_of_one_entry_is_the_line_of_that_entry(books: Books) -> None:
    told(books.batch(0, -7))

    [line] = books.lines()
    assert line.entry_id != books.image()["last_commit"]["S"]
    books.check()


def test_a_fold_is_a_line_for_each_entry_in_the_order_of_the_feed(books: Books) -> None:
    told(books.fold(1, -4, 0, -2))
    told(books.fold(4, 0, 3), books.fold(6, -1))

    assert [line.amount for line in books.lines()] == [-4, -2, 3, -1]
    books.check()


def test_a_fold_whose_numbers_are_not_shown_yet_fails_the_batch(books: Books) -> None:
    before, after = books.fold(1, -4, -2)

    with pytest.raises(WorkerFailed):
        told((before, after | {"as_of": {"N": "3"}}))

    assert books.lines() == ()


def test_a_change_whose_entry_is_not_in_the_journal_fails_the_batch(books: Books) -> None:
    with pytest.raises(WorkerFailed):
        told(books.moved(-5, lines=1, commit="ent_none"))


def test_a_batch_whose_entries_do_not_come_to_what_was_moved_is_noted(books: Books) -> None:
    before, after = books.batch(-4, -2)

    told((before, after | {"balance": {"N": "-5"}}))

    assert [one.account_id for one in noted_accounts(after["tenant"]["S"], most=9)] == [after["account_id"]["S"]]


def test_history_says_when_a_line_is_not_there_yet_or_missing(books: Books) -> None:
    first, second, third = books.post(1), books.post(2), books.post(3)
    told(first)
    behind = complete(books)
    told(third)
    with_gap = complete(books), complete(books, limit=1)

    told(second)

    assert (behind, with_gap, complete(books)) == (False, (False, True), True)


def test_a_page_without_its_first_line_on_the_last_page_is_not_complete(books: Books) -> None:
    books.post(1)

    told(books.post(2))

    assert [line.balance for line in books.lines()] == [-3]
    assert not complete(books)


def test_a_line_without_its_predecessor_lies_loose_until_that_one_comes(books: Books) -> None:
    first, second, third, fourth = books.post(1, seconds=9), books.post(2), books.post(3), books.post(4)
    told(third)
    told(fourth)
    told(first)
    loose = [(line.version, line.hash is None, line.debits is None) for line in books.lines()]

    told(second)

    assert loose == [(1, False, False), (3, True, True), (4, True, True)]
    assert [line.at[17:19] for line in books.lines()] == ["09"] * 4
    books.check()


def test_a_loose_line_never_stands_over_a_chained_one(books: Books) -> None:
    changes = [books.post(1), books.post(2), books.post(3)]
    told(*changes)
    before = books.lines()
    books.lose(1)

    told(changes[1])

    assert books.lines() == before[1:]


def test_lines_that_were_left_loose_are_chained_by_the_next(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, fourth = (books.post(1) for _ in range(4))
    told(second, third)
    monkeypatch.setattr(projection, "PAGES_AT_ONCE", 0)
    told(first)
    monkeypatch.undo()
    loose = [line.hash is None for line in books.lines()]

    with stage(books.tables):
        told(fourth)

        assert loose == [False, True, True]
        books.check()


def test_lines_run_forward_whatever_the_clocks_of_the_entries_said(books: Books) -> None:
    told(*(books.post(1, seconds=seconds) for seconds in (10, 3, 7, 11)))

    assert [line.at[17:19] for line in books.lines()] == ["10", "10", "10", "11"]


def test_a_batch_of_many_accounts_takes_few_calls(books: Books) -> None:
    changes: list[Change] = []
    for _ in range(10):
        bank = books.image(books.bank)
        changes += [books.post(1), (bank, books.image(books.bank))]

    with watching() as calls:
        told(*changes)

    assert sorted(calls.operations) == [
        "dynamodb.BatchGetItem",
        "dynamodb.BatchWriteItem",
        "dynamodb.UpdateItem",
        "dynamodb.UpdateItem",
    ]
    assert ids(books.lines()) == ids(books.lines(books.bank))
    books.check()


def test_a_projector_killed_at_any_call_writes_and_counts_each_line_once_told_again(books: Books) -> None:
    for point in crash_points():
        changes = [books.post(1, days=-1), books.post(2), books.batch(-3, 1), books.post(4)]
        with point:
            told(*changes)

        told(*changes)

        books.check()


def test_a_projector_killed_while_a_gap_closes_chains_on_once_told_again(books: Books) -> None:
    for point in crash_points():
        first, second, third, fourth = (books.post(minor, days=-minor) for minor in (1, 2, 3, 4))
        told(third)
        told(fourth)
        with point:
            told(first, second)

        told(first, second)
        told(books.post(1))

        books.check()


def test_what_was_not_told_again_after_a_crash_is_counted_all_the_same(books: Books) -> None:
    """A batch that was given up after some of its calls: what comes later is in the days once."""
    for point in crash_points():
        first, second = books.post(1, days=-1), books.post(2, days=-1)
        with point:
            told(first)
        told(second)

        told(first)

        books.check()


def test_an_answer_lost_at_any_call_is_absorbed_and_counted_once(books: Books) -> None:
    for point in lost_points():
        changes = [books.post(1), books.post(2, days=-1)]

        with point:
            told(*changes)

        books.check()


def test_projectors_that_run_at_once_count_each_line_once(books: Books) -> None:
    """A shard has one projector; but one that is out of time may still be at work when the next has begun."""
    changes = [books.post(minor, days=-(minor % 2)) for minor in range(1, 13)]
    parts = [random.Random(seed).sample(changes, 9) for seed in range(8)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda part: told(*part), parts))
    told(*changes)

    books.check()


def test_a_record_that_cannot_be_written_fails_the_batch_and_later_ones_wait(books: Books) -> None:
    changes = [books.post(1), books.post(2)]

    with fault(throttled, times=99), pytest.raises(WorkerFailed):
        told(*changes)

    assert books.lines() == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_in_whatever_order_and_portions_it_is_told_the_lines_are_the_same(
    session_tables: Tables, data: st.DataObject
) -> None:
    with stage(session_tables):
        books = Books(session_tables)
        changes = [
            books.post(5, seconds=3),
            books.batch(-2, 1, 0, -3),
            books.post(-4, days=-1),
            books.moved(0, lines=1, commit=books.journal(0, "hold").entry_id, held=2),
            books.post(7, seconds=1, days=-1),
            books.batch(1, 1),
            books.post(1),
        ]
        for part in data.draw(st.lists(st.lists(st.sampled_from(changes), max_size=4), max_size=8)):
            told(*part)
        for change in data.draw(st.permutations(changes)):
            told(change)

        books.check()
