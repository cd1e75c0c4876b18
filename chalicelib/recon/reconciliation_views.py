"""Months of bank accounts as answers show them. Amounts are signed minor units: money in, and debits of the bank
account, are positive."""

from __future__ import annotations

from datetime import datetime

import msgspec

from chalicelib.recon.balance import BankReconciliation, MonthLine
from chalicelib.recon.domain import ledger_break_id, line_break_id
from chalicelib.recon.positions import OpenItem, Roll
from chalicelib.recon.views import StatementLineView, day_text, line_view


class RollView(msgspec.Struct, frozen=True):
    """Open items of one side over a month: before + new - cleared = now, in number and in amount."""

    before: int
    before_minor: int
    new: int
    new_minor: int
    cleared: int
    cleared_minor: int
    now: int
    now_minor: int


class BankReconciliationView(msgspec.Struct, frozen=True):
    """One month of a bank account:

    bank_closing - brought_forward - between_statements - uncounted - open_lines.now + open_entries.now = books_closing
    + difference, and the difference is 0.

    A line belongs to the month its statement ends in, an entry to the month it took effect in; they clear one another
    in the later of the two. `books_version` is the version of the account's history that the answer stands at;
    `complete` whether that is the newest. `lines` and `entries` are the month's, `matched` those of the lines
    explained within it. `brought_forward` is what statements before the month do not explain, `uncounted` are lines
    still to be stored.
    """

    bank_account_id: str
    iban: str
    currency: str
    month: str
    books_version: int
    complete: bool
    statements: int
    starts_on: str | None
    ends_on: str | None
    bank_opening_minor: int
    bank_closing_minor: int
    books_opening_minor: int
    books_closing_minor: int
    lines: int
    lines_minor: int
    entries: int
    entries_minor: int
    matched: int
    matched_minor: int
    open_lines: RollView
    open_entries: RollView
    brought_forward_minor: int
    between_statements_minor: int
    uncounted_minor: int
    difference_minor: int


class ReconciliationPage(msgspec.Struct, frozen=True):
    """A month of each bank account, one page of accounts by IBAN."""

    accounts: list[BankReconciliationView]
    next_cursor: str | None


class OpenItemView(msgspec.Struct, frozen=True):
    """A line or an entry that was open at the end of a month; `break_id` names it. `cleared_in` is the month in which
    its other side came; None while it is open."""

    side: str
    source_id: str
    break_id: str
    bank_account_id: str
    amount_minor: int
    currency: str
    opened_on: str
    opened_in: str
    cleared_in: str | None


class OpenItemPage(msgspec.Struct, frozen=True):
    """One page of open items: those that are open still, the oldest first, then those that were cleared later. A page
    may be short, or empty, and not be the last."""

    items: list[OpenItemView]
    next_cursor: str | None


class MonthLineView(msgspec.Struct, frozen=True):
    """A statement's line, with the statement that lists it."""

    statement_id: str
    line: StatementLineView


class MonthLinePage(msgspec.Struct, frozen=True):
    """One page of the lines of a month's statements, in the order of the statements and of the bank."""

    lines: list[MonthLineView]
    next_cursor: str | None


def reconciliation_view(found: BankReconciliation) -> BankReconciliationView:
    """A month of a bank account as answers show it."""
    days = found.statements.days
    return BankReconciliationView(
        bank_account_id=found.account.account_id,
        iban=found.account.owner or "",
        currency=found.account.currency,
        month=found.month,
        books_version=found.books.version,
        complete=found.books.complete,
        statements=len(found.statements.links),
        starts_on=day_text(days[0] if days else None),
        ends_on=day_text(days[1] if days else None),
        bank_opening_minor=found.statements.opening_minor,
        bank_closing_minor=found.statements.closing_minor,
        books_opening_minor=found.books_opening_minor,
        books_closing_minor=found.books_closing_minor,
        lines=found.lines.count,
        lines_minor=found.lines.minor,
        entries=found.entries.count,
        entries_minor=found.entries.minor,
        matched=found.matched.count,
        matched_minor=found.matched.minor,
        open_lines=_roll_view(found.open_lines),
        open_entries=_roll_view(found.open_entries),
        brought_forward_minor=found.brought_forward_minor,
        between_statements_minor=found.statements.between_minor,
        uncounted_minor=found.statements.uncounted_minor,
        difference_minor=found.difference_minor,
    )


def open_item_view(item: OpenItem) -> OpenItemView:
    """An open item as answers show it."""
    is_line = item.side == "line"
    return OpenItemView(
        side=item.side,
        source_id=item.source_id,
        break_id=line_break_id(item.source_id) if is_line else ledger_break_id(item.source_id, item.bank_account_id),
        bank_account_id=item.bank_account_id,
        amount_minor=item.amount_minor,
        currency=item.currency,
        opened_on=item.opened_on.isoformat(),
        opened_in=item.opened_in,
        cleared_in=item.cleared_in,
    )


def month_line_view(found: MonthLine, now: datetime) -> MonthLineView:
    """A line of a month as answers show it."""
    return MonthLineView(found.statement.statement_id, line_view(found.reconciled, now))


def _roll_view(roll: Roll) -> RollView:
    return RollView(
        before=roll.before.count,
        before_minor=roll.before.minor,
        new=roll.new.count,
        new_minor=roll.new.minor,
        cleared=roll.cleared.count,
        cleared_minor=roll.cleared.minor,
        now=roll.now.count,
        now_minor=roll.now.minor,
    )
