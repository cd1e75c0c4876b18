"""One month of a bank account reconciled: the bank's closing balance against the books', and nothing unnamed between.

closing balance of the month's last statement
  - brought forward: what statements before the month do not explain (the first opening balance, earlier gaps)
  - what lies between statements of the month that do not chain
  - lines of its statements that are still to be stored
  - lines that are open at its end
  + entries that are open at its end
  = balance of the bank account in the books at its end, by effective time
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.recon.chaining import Link
from chalicelib.recon.domain import Reconciled, Statement
from chalicelib.recon.positions import (
    MonthTotals,
    Roll,
    Tally,
    after,
    before,
    entry_roll,
    line_roll,
)


@dataclass(frozen=True, slots=True)
class Books:
    """A bank account's balance as of a version of its history, and whether that is the newest there is."""

    account: Account
    version: int
    balance_minor: int

    @property
    def complete(self) -> bool:
        """Whether every entry on the account is in it."""
        return self.version == self.account.version


@dataclass(frozen=True, slots=True)
class Statements:
    """A month's statements in their chain, and the closing balance of the one before them (0 before the first)."""

    links: tuple[Link, ...]
    opening_minor: int

    @property
    def closing_minor(self) -> int:
        """The bank's balance at the end of the month."""
        return self.links[-1].closing_minor if self.links else self.opening_minor

    @property
    def between_minor(self) -> int:
        """What lies between statements that do not chain, before an account's first statement among it."""
        return sum(link.jump_minor for link in self.links)

    @property
    def uncounted_minor(self) -> int:
        """What the lines that are still to be stored or counted come to."""
        return sum(link.statement.booked_minor - link.statement.counted_minor for link in self.links)

    @property
    def days(self) -> tuple[date, date] | None:
        """First and last day of the statements; None without any."""
        if not self.links:
            return None
        return min(link.statement.starts_on for link in self.links), self.links[-1].statement.ends_on


@dataclass(frozen=True, slots=True)
class MonthLine:
    """A line with the statement that lists it."""

    statement: Statement
    reconciled: Reconciled


@dataclass(frozen=True, slots=True)
class BankReconciliation:
    """A month of one bank account, in minor units of its currency. `lines` and `entries` are the month's own, `matched`
    those of the lines that were explained within it. `difference_minor` is what is left unexplained: 0, or something
    is wrong."""

    books: Books
    month: str
    statements: Statements
    lines: Tally
    entries: Tally
    matched: Tally
    open_lines: Roll
    open_entries: Roll
    brought_forward_minor: int
    books_opening_minor: int
    books_closing_minor: int

    @property
    def account(self) -> Account:
        """The bank account."""
        return self.books.account

    @property
    def difference_minor(self) -> int:
        """The bank's closing balance less all that is named, less the books'."""
        explained = self.brought_forward_minor + self.statements.between_minor + self.statements.uncounted_minor
        expected = self.statements.closing_minor - explained - self.open_lines.now.minor + self.open_entries.now.minor
        return expected - self.books_closing_minor


def reconcile_month(
    books: Books, statements: Statements, months: Mapping[str, MonthTotals], month: str
) -> BankReconciliation:
    """A month of a bank account, from all its months' figures."""
    earlier, own, later = before(months, month), months.get(month, MonthTotals()), after(months, month)
    closing = books.balance_minor - later.entries.minor
    return BankReconciliation(
        books=books,
        month=month,
        statements=statements,
        lines=own.lines,
        entries=own.entries,
        matched=own.matched_lines,
        open_lines=line_roll(earlier, own),
        open_entries=entry_roll(earlier, own),
        brought_forward_minor=statements.opening_minor - earlier.lines.minor,
        books_opening_minor=closing - own.entries.minor,
        books_closing_minor=closing,
    )
