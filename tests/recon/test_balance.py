"""A month of a bank account: whatever lies between bank and books is named, and open items roll from month to month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInput
from chalicelib.recon.balance import BankReconciliation, Books, Statements, reconcile_month
from chalicelib.recon.chaining import chain
from chalicelib.recon.positions import (
    MonthTotals,
    Tally,
    added,
    check_month,
    entry_added,
    line_added,
    month_of,
    pair_cleared,
)
from tests.recon.build import Line, Sheet, bank_account
from tests.recon.values import statement_of

MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04")


@dataclass(frozen=True)
class Movement:
    """A movement as the bank lists it and as it is booked, each by the month's number (None: not at all)."""

    minor: int
    listed: int | None
    booked: int | None

    @property
    def pair(self) -> int | None:
        """The month in which both sides are there."""
        return None if self.listed is None or self.booked is None else max(self.listed, self.booked)


def sheets(movements: Sequence[Movement], opening: int = 0) -> list[Sheet]:
    """A statement a month, the last day of which is the month's last."""
    found: list[Sheet] = []
    for number, month in enumerate(MONTHS):
        lines = [Line(m.minor, f"R{i}") for i, m in enumerate(movements) if m.listed == number]
        day = date.fromisoformat(f"{month}-28")
        start = Sheet(opening=opening) if not found else found[-1].next()
        found.append(replace(start, lines=lines, day=day))
    return found


def totals(movements: Sequence[Movement]) -> dict[str, MonthTotals]:
    """The months' figures as commands add them up, side by side, in the order they come."""
    changes = []
    for m in movements:
        line = None if m.listed is None else (MONTHS[m.listed], Tally(1, m.minor))
        entry = None if m.booked is None else (MONTHS[m.booked], Tally(1, m.minor))
        if line is not None:
            changes.append(line_added(line[0], m.minor, is_explained=not m.minor))
        if entry is not None:
            changes.append(entry_added(entry[0], m.minor))
        if line is not None and entry is not None:
            changes.append(pair_cleared(line=line, entry=entry))
    return added(changes)


def reconciled(
    movements: Sequence[Movement], month: int, *, opening: int = 0, off: int = 0, missing: int | None = None
) -> BankReconciliation:
    """A month, with one month's statement missing perhaps, and the books `off` by so much."""
    booked = sum(m.minor for m in movements if m.booked is not None)
    there = [each for number, each in enumerate(sheets(movements, opening)) if number != missing]
    stored = [statement_of(each) for each in there]
    stored = [replace(each, counted=each.lines, counted_minor=each.booked_minor) for each in stored]
    links = chain(stored)
    own = tuple(link for link in links if month_of(link.statement.ends_on) == MONTHS[month])
    before = [link for link in links if month_of(link.statement.ends_on) < MONTHS[month]]
    statements = Statements(own, before[-1].closing_minor if before else 0)
    told = [replace(m, listed=None) if m.listed == missing and missing is not None else m for m in movements]
    books = Books(replace(bank_account(), balance=booked + off, version=len(movements)), len(movements), booked + off)
    return reconcile_month(books, statements, totals(told), MONTHS[month])


def test_a_month_whose_lines_are_all_matched_has_nothing_open() -> None:
    found = reconciled([Movement(200, 1, 1), Movement(-50, 1, 1)], 1)

    assert (found.statements.closing_minor, found.books_closing_minor, found.difference_minor) == (150, 150, 0)
    assert (found.lines, found.entries, found.matched) == (Tally(2, 150), Tally(2, 150), Tally(2, 150))
    assert (found.open_lines.now, found.open_entries.now) == (Tally(), Tally())


def test_an_entry_whose_line_comes_next_month_is_open_at_the_end_of_this_one() -> None:
    late = [Movement(200, 2, 1)]

    first, second = reconciled(late, 1), reconciled(late, 2)

    assert (first.open_entries.new, first.open_entries.now) == (Tally(1, 200), Tally(1, 200))
    assert (second.open_entries.before, second.open_entries.cleared) == (Tally(1, 200), Tally(1, 200))
    assert (second.open_entries.now, second.matched) == (Tally(), Tally(1, 200))
    assert (first.books_closing_minor, second.books_opening_minor) == (200, 200)


def test_an_entry_of_an_earlier_month_that_is_recorded_late_belongs_to_that_month() -> None:
    told = [Movement(200, 1, 1)]

    before, after = reconciled(told, 1), reconciled([*told, Movement(7, None, 1)], 1)

    assert (before.books_closing_minor, after.books_closing_minor) == (200, 207)
    assert (after.open_entries.now, after.difference_minor) == (Tally(1, 7), 0)


def test_the_first_statements_opening_balance_is_brought_forward_by_later_months() -> None:
    first, second = (reconciled([], month, opening=50) for month in (0, 1))

    assert (first.statements.between_minor, first.brought_forward_minor) == (50, 0)
    assert (second.statements.between_minor, second.brought_forward_minor) == (0, 50)
    assert (first.difference_minor, second.difference_minor) == (0, 0)


def test_what_a_missing_statement_moved_lies_between_the_statements() -> None:
    found = reconciled([Movement(-50, 1, 1)], 2, missing=1)

    assert (found.statements.between_minor, found.open_entries.now) == (-50, Tally(1, -50))
    assert found.difference_minor == 0


def test_a_balance_that_its_entries_do_not_make_is_the_difference() -> None:
    assert reconciled([Movement(200, 1, 1)], 1, off=-1).difference_minor == 1


def test_a_line_of_zero_is_explained_by_itself() -> None:
    found = added([line_added("2026-03", 0, is_explained=True)])["2026-03"]

    assert (found.lines, found.matched_lines) == (Tally(1, 0), Tally(1, 0))


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "26-03", "2026-3", "２０２６-03", "2026-03-01"])
def test_a_month_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_month(text)

    assert (refused.value.code, refused.value.facts["field"]) == ("invalid_month", "month")


minors = st.integers(-(10**9), 10**9).filter(bool)
places = st.none() | st.integers(0, len(MONTHS) - 1)
movements = st.lists(st.builds(Movement, minors, places, places), max_size=12)


@given(movements, st.integers(-500, 500), places)
def test_nothing_between_bank_and_books_goes_unnamed_in_any_month(
    moved: list[Movement], opening: int, missing: int | None
) -> None:
    differences = [
        reconciled(moved, month, opening=opening, missing=missing).difference_minor for month in range(len(MONTHS))
    ]

    assert differences == [0] * len(MONTHS)


@given(movements)
def test_open_items_roll_and_are_those_of_which_the_other_side_has_not_come(moved: list[Movement]) -> None:
    before = (Tally(), Tally())
    for month in range(len(MONTHS)):
        found = reconciled(moved, month)
        rolls = (found.open_lines, found.open_entries)
        sides = ([m.listed for m in moved], [m.booked for m in moved])
        for roll, carried, side in zip(rolls, before, sides, strict=True):
            there = [(m, at) for m, at in zip(moved, side, strict=True) if at is not None and at <= month]
            still = [m.minor for m, _ in there if m.pair is None or m.pair > month]
            new = [m.minor for m, at in there if at == month and (m.pair is None or m.pair > month)]
            assert roll.before == carried
            assert roll.new == Tally(len(new), sum(new))
            assert roll.now == Tally(len(still), sum(still))
            assert roll.before.plus(roll.new).less(roll.cleared) == roll.now
        before = (found.open_lines.now, found.open_entries.now)
