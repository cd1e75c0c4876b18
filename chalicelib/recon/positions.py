"""What a bank account's months come to, and how open items roll from one month to the next. Pure.

A statement line belongs to the month in which its statement ends, an entry to the month in which it took effect. A line
and the entry that explains it clear one another in the later of their two months, whenever they were matched. So what
is open at the end of a month follows from the lines, the entries and the matches alone, and for every month

    open before + new - cleared = open now

also where an entry is recorded late, or a line is matched a month later. Each figure is a sum that is only added to:
the position at the end of a month is the sum of the months up to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Literal

from chalicelib.core.errors import InvalidInput
from chalicelib.core.values import dataclass

Side = Literal["line", "ledger"]
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items, and what they sum to in minor units."""

    count: int = 0
    minor: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.count + other.count, self.minor + other.minor)

    def less(self, other: Tally) -> Tally:
        """These without the others."""
        return Tally(self.count - other.count, self.minor - other.minor)


NONE = Tally()


@dataclass(frozen=True, slots=True)
class MonthTotals:
    """One month of a bank account. `matched_*` are the month's own items that were explained within it, `cleared_*` are
    items of earlier months whose other side is of this one."""

    lines: Tally = NONE
    entries: Tally = NONE
    matched_lines: Tally = NONE
    matched_entries: Tally = NONE
    cleared_lines: Tally = NONE
    cleared_entries: Tally = NONE

    def plus(self, other: MonthTotals) -> MonthTotals:
        """Both together."""
        return MonthTotals(*(getattr(self, f.name).plus(getattr(other, f.name)) for f in fields(self)))


Changes = Mapping[str, MonthTotals]
"""What is to be added to each month (`2026-03`)."""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A line or an entry on a bank account whose other side has not been seen. `opened_in` is its month; `cleared_in`
    is the month in which the other side cleared it (None: it is open)."""

    side: Side
    source_id: str
    bank_account_id: str
    amount_minor: int
    currency: str
    opened_on: date
    cleared_in: str | None = None

    @property
    def opened_in(self) -> str:
        """The month it belongs to."""
        return month_of(self.opened_on)

    @property
    def amount(self) -> Tally:
        """It, as one item of its amount."""
        return Tally(1, self.amount_minor)


@dataclass(frozen=True, slots=True)
class Roll:
    """Open items of one side over a month: before + new - cleared = now."""

    before: Tally
    new: Tally
    cleared: Tally

    @property
    def now(self) -> Tally:
        """What is open at the end of the month."""
        return self.before.plus(self.new).less(self.cleared)


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
class Progress:
    """How far the positions of a bank account follow its books: every line of the account's history up to `version` is
    counted. `statements_after` is the place of the last statement that was counted after the fact (None: all are)."""

    bank_account_id: str
    tenant: str
    iban: str
    currency: str
    version: int = 0
    statements_after: str | None = ""


def month_of(day: date) -> str:
    """`2026-03`."""
    return f"{day.year:04}-{day.month:02}"


def next_month(month: str) -> str:
    """The month after one."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def check_month(text: str) -> str:
    """The month a text names. Raises InvalidInput `invalid_month`."""
    if not _MONTH.fullmatch(text):
        raise InvalidInput("invalid_month", "month is a year and a month: 2026-03", field="month")
    return text


def added(changes: Iterable[tuple[str, MonthTotals]]) -> dict[str, MonthTotals]:
    """Changes summed by month."""
    months: dict[str, MonthTotals] = {}
    for month, totals in changes:
        months[month] = months[month].plus(totals) if month in months else totals
    return months


def line_added(month: str, amount_minor: int, *, is_explained: bool) -> tuple[str, MonthTotals]:
    """A line is counted. One that needs no entry (of zero, or set off with another) is explained at once."""
    one = Tally(1, amount_minor)
    return month, MonthTotals(lines=one, matched_lines=one if is_explained else NONE)


def line_set_off(item: OpenItem, *, again: bool = False) -> tuple[str, MonthTotals]:
    """An open line is set off with another one of its month; `again`: it is open once more."""
    amount = NONE.less(item.amount) if again else item.amount
    return item.opened_in, MonthTotals(matched_lines=amount)


def entry_added(month: str, amount_minor: int) -> tuple[str, MonthTotals]:
    """An entry is counted."""
    return month, MonthTotals(entries=Tally(1, amount_minor))


def pair_cleared(*, line: tuple[str, Tally], entry: tuple[str, Tally]) -> tuple[str, MonthTotals]:
    """A line and an entry clear one another; each by its month and amount."""
    (line_month, line_amount), (entry_month, entry_amount) = line, entry
    later = max(line_month, entry_month)
    return later, MonthTotals(
        matched_lines=line_amount if line_month == later else NONE,
        cleared_lines=line_amount if line_month < later else NONE,
        matched_entries=entry_amount if entry_month == later else NONE,
        cleared_entries=entry_amount if entry_month < later else NONE,
    )


def before(months: Mapping[str, MonthTotals], month: str) -> MonthTotals:
    """The sum of the months before one."""
    return _sum(totals for each, totals in months.items() if each < month)


def after(months: Mapping[str, MonthTotals], month: str) -> MonthTotals:
    """The sum of the months after one."""
    return _sum(totals for each, totals in months.items() if each > month)


def line_roll(earlier: MonthTotals, month: MonthTotals) -> Roll:
    """The open lines of a month, behind the sum of the months before it."""
    opened = earlier.lines.less(earlier.matched_lines).less(earlier.cleared_lines)
    return Roll(opened, month.lines.less(month.matched_lines), month.cleared_lines)


def entry_roll(earlier: MonthTotals, month: MonthTotals) -> Roll:
    """The open entries of a month, behind the sum of the months before it."""
    opened = earlier.entries.less(earlier.matched_entries).less(earlier.cleared_entries)
    return Roll(opened, month.entries.less(month.matched_entries), month.cleared_entries)


def _sum(totals: Iterable[MonthTotals]) -> MonthTotals:
    summed = MonthTotals()
    for each in totals:
        summed = summed.plus(each)
    return summed
