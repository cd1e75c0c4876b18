"""Lines that the stream has lost for good: filled in from the journal, marked, chained on, counted in their days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Defect
from chalicelib.ledger.service import projection
from chalicelib.ledger.service.projection import refill
from chalicelib.ledger.store.entries import load_entries
from chalicelib.storage.journal import JournalItem
from tests.ledger.past import Books, Change, stage, told
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

LATER = MONDAY + timedelta(days=2)


@pytest.fixture
def books(session_tables: Tables) -> Iterator[Books]:
    with stage(session_tables):
        yield Books(session_tables)


def entries(books: Books, *changes: Change) -> list[JournalItem]:
    """The journal items of some changes, the last first."""
    ids = [after["last_commit"]["S"] for _, after in changes]
    return list(load_entries(books.tenant, ids).values())[::-1]


def filled(books: Books, items: list[JournalItem], *, before: datetime = LATER) -> int:
    return refill(books.tenant, books.mill, items, before=before)


def marked(books: Books) -> list[bool]:
    return [line.refilled for line in books.lines()]


def test_a_gap_is_filled_by_the_entries_that_have_no_line_and_chained_on(books: Books) -> None:
    changes = [books.post(minor, seconds=minor, days=-minor) for minor in range(1, 7)]
    told(*changes[:2])
    told(*changes[4:])

    assert filled(books, entries(books, *changes)) == 2
    assert marked(books) == [False, False, True, True, False, False]
    books.check()


def test_the_lines_are_those_that_the_stream_would_have_made(books: Books) -> None:
    changes = [books.post(minor, seconds=minor, days=-minor) for minor in range(1, 5)]
    told(*changes)
    before = books.lines(), books.days()
    books.lose(2, 3)

    filled(books, entries(books, *changes))

    assert (tuple(replace(line, refilled=False) for line in books.lines()), books.days()) == before


def test_a_history_that_is_lost_whole_is_written_again(books: Books) -> None:
    changes = [books.post(minor, seconds=minor) for minor in range(1, 4)]

    assert filled(books, entries(books, *changes)) == 3
    assert filled(books, entries(books, *changes)) == 0
    books.check()


def test_several_gaps_are_filled_in_the_order_of_the_entries(books: Books) -> None:
    changes = [books.post(minor, seconds=minor) for minor in range(1, 8)]
    told(changes[1])
    told(changes[3], changes[4])

    assert filled(books, entries(books, *changes)) == 4
    assert [-line.amount for line in books.lines()] == [1, 2, 3, 4, 5, 6, 7]
    books.check()


def test_what_an_entry_reserved_is_on_its_line(books: Books) -> None:
    paid = books.post(5, seconds=-5)
    item = books.journal(0, "hold", held=3)
    books.moved(0, lines=1, commit=item.entry_id, held=3)

    filled(books, [*entries(books, paid), item])

    assert [(line.amount, line.held) for line in books.lines()] == [(-5, 0), (0, 3)]
    books.check()


def test_what_may_still_come_by_the_stream_is_left_to_it(books: Books) -> None:
    old, new = books.post(1), books.post(2, seconds=60)

    assert filled(books, entries(books, old, new), before=MONDAY + timedelta(seconds=60)) == 1

    told(new)
    assert marked(books) == [True, False]
    books.check()


def test_a_gap_whose_entries_are_not_all_known_stays(books: Books) -> None:
    changes = [books.post(1), books.post(2), books.post(3)]
    told(changes[2])

    assert filled(books, entries(books, changes[0], changes[2])) == 0
    assert [line.version for line in books.lines()] == [3]


@pytest.mark.parametrize("chained", [True, False])
def test_entries_that_do_not_come_to_what_the_next_line_says_fill_nothing(books: Books, chained: bool) -> None:
    changes = [books.post(1), books.post(2), books.post(3)]
    told(*changes) if chained else told(changes[0], changes[2])
    books.lose(2)
    other = books.journal(-7, "other")

    with pytest.raises(Defect):
        filled(books, [*entries(books, changes[0], changes[2]), other])

    assert [line.version for line in books.lines()] == [1, 3]


def test_more_than_the_projector_chains_at_once_is_chained_on(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [books.post(1) for _ in range(4)]
    told(*changes[1:])
    with monkeypatch.context() as patch:
        patch.setattr(projection, "PAGES_AT_ONCE", 0)
        told(changes[0])
    books.lose(4)

    assert filled(books, entries(books, *changes)) == 1
    books.check()


def test_a_refill_killed_at_any_call_is_whole_after_the_next(books: Books) -> None:
    for point in crash_points():
        books = Books(books.tables)
        changes = [books.post(minor, seconds=minor, days=-(minor % 2)) for minor in range(1, 7)]
        told(*changes[:2])
        told(*changes[4:])
        items = entries(books, *changes)
        with point:
            filled(books, items)

        filled(books, items)

        books.check()


def test_days_that_were_counted_before_their_lines_were_lost_are_put_right(books: Books) -> None:
    """The projector was killed after it had counted, and its batch was given up; the refill finds another order."""
    for point in crash_points():
        books = Books(books.tables)
        first, second = books.post(1, seconds=9, days=-1), books.post(2, seconds=3)
        with point:
            told(first, second)
        books.lose(1, 2)

        filled(books, entries(books, first, second))

        books.check()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(1, 8)), st.booleans())
def test_whatever_is_lost_comes_back(session_tables: Tables, lost: set[int], later: bool) -> None:
    with stage(session_tables):
        books = Books(session_tables)
        changes = [books.post(minor, seconds=minor, days=-(minor % 3)) for minor in range(1, 9)]
        told(*(change for version, change in enumerate(changes, start=1) if later or version not in lost))
        books.lose(*lost)

        assert filled(books, entries(books, *changes)) == len(lost)
        books.check()
