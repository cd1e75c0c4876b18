"""The bank's balance against the books': whatever lies between them is named, to the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict
from chalicelib.recon.balance import Books, Mark, Position, check_loaded, position, unexplained
from chalicelib.recon.chaining import chain
from chalicelib.recon.domain import Statement, lines_of
from chalicelib.recon.matching import Booking
from tests.recon.build import BANK, FIRST_DAY, Line, Sheet, bank_account
from tests.recon.values import line, outcome, statement_of, told


@dataclass(frozen=True)
class Movement:
    """A movement as the bank told it (None: not), and as it was booked (None: not), `day` days after the first."""

    told: int | None
    booked: int | None
    day: int = 0


def entry(number: int, minor: int, day: int) -> Booking:
    at = datetime.combine(FIRST_DAY + timedelta(days=day), time(12), tzinfo=UTC)
    return Booking(f"ent_{number}", minor, "CNY", "movement.booked", at)


def reconciled(
    movements: Sequence[Movement],
    *,
    days: int = 3,
    opening: int = 0,
    ledger: int | None = None,
    missing: int | None = None,
) -> Position:
    """A bank account over `days` statements, one a day but for the `missing` one, and its books."""
    entries = [entry(i, m.booked, m.day) for i, m in enumerate(movements) if m.booked is not None]
    known = {f"R{i}": found for i, m in enumerate(movements) for found in entries if found.entry_id == f"ent_{i}"}
    sheets: list[Sheet] = []
    for day in range(days):
        lines = [Line(m.told, f"R{i}") for i, m in enumerate(movements) if m.day == day and m.told is not None]
        sheets.append(sheets[-1].next(*lines) if sheets else Sheet(opening=opening, lines=lines))
    sheets = [sheet for day, sheet in enumerate(sheets) if day != missing]
    results = [
        outcome(each, known.get(each.bank_reference))
        for sheet in sheets
        for each in lines_of(statement_of(sheet), told(sheet))
    ]
    marks = [
        Mark(r.line.line_id, r.line.statement_id, 1, r.match.entry_id if r.match else "", r.line.amount_minor, state)
        for r in results
        for state in (("matched" if r.match else "open"),)
    ]
    booked = sum(each.amount_minor for each in entries)
    account = replace(bank_account(), balance=booked if ledger is None else ledger)
    books = Books(account, {each.entry_id: each.amount_minor for each in entries})
    untold = set(unexplained(books, marks))
    return position(
        books,
        chain([statement_of(sheet) for sheet in sheets]),
        marks,
        line_breaks=[r.found_break for r in results if r.found_break],
        untold=[each for each in entries if each.entry_id in untold],
    )


def test_an_account_whose_lines_are_all_matched_has_nothing_open() -> None:
    found = reconciled([Movement(200, 200), Movement(-50, -50, 1), Movement(7, 7, 2)])

    assert (found.closing_minor, found.account.balance, found.difference_minor) == (157, 157, 0)
    assert (found.lines, found.matched, found.matched_minor) == (3, 3, 157)
    assert (found.line_breaks, found.ledger_breaks) == ((), ())


def test_each_open_item_is_named_on_its_side() -> None:
    found = reconciled(
        [Movement(200, None), Movement(None, 30, 1), Movement(10, 9, 2), Movement(None, 4, 5)], opening=7
    )

    assert [each.amount_minor for each in found.line_breaks] == [200, 10]
    assert [each.amount_minor for each in found.ledger_breaks] == [30, 9]
    assert (found.brought_forward_minor, found.later_minor, found.closing_minor) == (7, 4, 217)
    assert (found.account.balance, found.difference_minor) == (43, 0)


def test_entries_before_the_first_statement_are_no_breaks() -> None:
    found = reconciled([Movement(None, 50, -1)], opening=50)

    assert (found.brought_forward_minor, found.earlier_minor, found.ledger_breaks) == (50, 50, ())
    assert found.difference_minor == 0


def test_what_a_missing_statement_moved_lies_between_the_statements() -> None:
    found = reconciled([Movement(200, 200), Movement(-50, -50, 1), Movement(7, 7, 2)], missing=1)

    assert (found.closing_minor, found.jumps_minor, found.ledger_breaks_minor) == (157, -50, -50)
    assert found.difference_minor == 0


def test_an_account_without_statements_has_only_later_entries() -> None:
    found = reconciled([Movement(None, 50)], days=0)

    assert (found.period, found.closing_minor, found.later_minor, found.difference_minor) == (None, 0, 50, 0)


def test_a_balance_that_its_entries_do_not_make_is_the_difference() -> None:
    assert reconciled([Movement(200, 200)], ledger=199).difference_minor == 1


def test_a_statement_that_is_not_stored_whole_is_refused() -> None:
    statement: Statement = statement_of(Sheet(lines=[Line(5)]), status="loading")

    with pytest.raises(Conflict) as refused:
        check_loaded(chain([statement]))

    assert (refused.value.code, refused.value.facts) == ("statement_loading", {"statement_id": statement.statement_id})


def test_the_account_that_is_reconciled_is_the_one_breaks_name() -> None:
    found = reconciled([Movement(None, 30)])

    assert [each.bank_account_id for each in found.ledger_breaks] == [BANK] == [line().bank_account_id]


minors = st.integers(-(10**9), 10**9).filter(bool)
movements = st.lists(st.builds(Movement, st.none() | minors, st.none() | minors, st.integers(-2, 5)), max_size=8)


@given(movements, st.integers(1, 4), st.integers(-500, 500), st.none() | st.integers(0, 3))
def test_nothing_between_bank_and_books_goes_unnamed(
    moved: list[Movement], days: int, opening: int, missing: int | None
) -> None:
    assert reconciled(moved, days=days, opening=opening, missing=missing).difference_minor == 0
