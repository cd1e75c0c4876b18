"""The bank's balance against the books': which items lie between the two, and that nothing else does.

closing balance of the last statement
  - what the first one brought forward, and what lies between statements that do not chain
  - lines that no entry stands for
  + entries that no line tells of
  = balance of the bank account in the books
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

from chalicelib.core.errors import Conflict
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.recon.chaining import Link
from chalicelib.recon.domain import Break
from chalicelib.recon.matching import Booking, ledger_break


@dataclass(frozen=True, slots=True)
class Mark:
    """A line in short. `entry_id` is the entry its movement is, or would be, booked as; `state` whether that stands."""

    line_id: str
    statement_id: str
    number: int
    entry_id: str
    amount_minor: int
    state: Literal["matched", "open"]


@dataclass(frozen=True, slots=True)
class Books:
    """A bank account as the ledger has it: its balance, and what each entry moved on it, debits positive."""

    account: Account
    moved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Position:
    """One bank account reconciled, in minor units of its currency.

    `brought_forward_minor` is the first statement's opening balance, `jumps_minor` what lies between statements that do
    not chain. `earlier_minor` and `later_minor` sum entries outside the period that no line tells of; those within it
    are `ledger_breaks`. `difference_minor` is what all of that leaves unexplained: 0, or something is wrong.
    """

    account: Account
    links: tuple[Link, ...]
    lines: int
    matched: int
    matched_minor: int
    brought_forward_minor: int
    jumps_minor: int
    closing_minor: int
    line_breaks: tuple[Break, ...]
    ledger_breaks: tuple[Break, ...]
    earlier_minor: int
    later_minor: int
    difference_minor: int

    @property
    def period(self) -> tuple[date, date] | None:
        """First and last day of the statements; None without any."""
        return _period(self.links)

    @property
    def lines_minor(self) -> int:
        """The sum of all lines."""
        return sum(link.statement.booked_minor for link in self.links)

    @property
    def line_breaks_minor(self) -> int:
        """The sum of lines that no entry stands for."""
        return _total(self.line_breaks)

    @property
    def ledger_breaks_minor(self) -> int:
        """The sum of entries of the period that no line tells of."""
        return _total(self.ledger_breaks)


def check_loaded(links: Iterable[Link]) -> None:
    """Raises Conflict `statement_loading` where lines are still to be stored: sending the file again finishes it."""
    for link in links:
        if link.statement.status == "loading":
            facts = {"statement_id": link.statement.statement_id}
            raise Conflict("statement_loading", "a statement is not stored whole: send its file again", **facts)


def unexplained(books: Books, marks: Iterable[Mark]) -> tuple[str, ...]:
    """The entries on the bank account that no line is matched to, by id."""
    explained = {mark.entry_id for mark in marks if mark.state == "matched"}
    return tuple(entry_id for entry_id in books.moved if entry_id not in explained)


def position(
    books: Books,
    links: Sequence[Link],
    marks: Sequence[Mark],
    *,
    line_breaks: Sequence[Break],
    untold: Sequence[Booking],
) -> Position:
    """One bank account reconciled. `line_breaks` are the open marks' breaks, `untold` the entries of `unexplained`."""
    matched = [mark.amount_minor for mark in marks if mark.state == "matched"]
    before, within, after = _by_period(untold, _period(links))
    ledger_breaks = tuple(ledger_break(booking, books.account.account_id) for booking in within)
    brought_forward = links[0].jump_minor if links else 0
    jumps = sum(link.jump_minor for link in links[1:])
    closing = links[-1].closing_minor if links else 0
    expected = closing - brought_forward - jumps - _total(line_breaks) + sum(b.amount_minor for b in untold)
    return Position(
        account=books.account,
        links=tuple(links),
        lines=len(marks),
        matched=len(matched),
        matched_minor=sum(matched),
        brought_forward_minor=brought_forward,
        jumps_minor=jumps,
        closing_minor=closing,
        line_breaks=tuple(line_breaks),
        ledger_breaks=ledger_breaks,
        earlier_minor=sum(booking.amount_minor for booking in before),
        later_minor=sum(booking.amount_minor for booking in after),
        difference_minor=expected - books.account.balance,
    )


def _by_period(
    bookings: Iterable[Booking], period: tuple[date, date] | None
) -> tuple[list[Booking], list[Booking], list[Booking]]:
    """Those before, within and after the period; without one, all are after it."""
    before: list[Booking] = []
    within: list[Booking] = []
    after: list[Booking] = []
    for booking in bookings:
        day = booking.occurred_at.date()
        if period is None or day > period[1]:
            after.append(booking)
        elif day < period[0]:
            before.append(booking)
        else:
            within.append(booking)
    return before, within, after


def _period(links: Sequence[Link]) -> tuple[date, date] | None:
    return (links[0].statement.starts_on, links[-1].statement.ends_on) if links else None


def _total(breaks: Iterable[Break]) -> int:
    return sum(each.amount_minor for each in breaks)
