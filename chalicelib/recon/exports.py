"""What finance takes away as CSV: postings, trial balance, reconciliation, statement lines. Pure: figures in, text out.

CSV as RFC 4180 has it (CRLF, quotes doubled). Amounts are decimals in the currency's exponent. A text that a
spreadsheet would take for a formula is led by an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account
from chalicelib.recon.balance import BankReconciliation, MonthLine
from chalicelib.recon.beancount import AccountPosition, Booked
from chalicelib.recon.domain import Break, Facts, Match, Reconciled, Statement
from chalicelib.recon.positions import Tally

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

ROLL = ("before", "new", "cleared", "now")
RECONCILIATION = [
    *"bank_account_id iban currency month books_version complete statements from to bank_opening".split(),
    *"lines lines_amount matched matched_amount between_statements uncounted bank_closing".split(),
    *"brought_forward books_opening entries entries_amount books_closing".split(),
    *(f"open_{side}_{part}{end}" for side in ("lines", "entries") for part in ROLL for end in ("", "_amount")),
    "difference",
]
POSTINGS = (
    "feed_number entry_id kind occurred_at recorded_at subject reference account_id account currency amount"
).split()
TRIAL_BALANCE = "account_id name kind purpose owner currency opening movement closing".split()
MATCHES = (
    "iban currency statement sequence line line_id booked_on valued_on amount bank_reference reference description"
    " outcome rule entry_id why break_id reason break_status opened_at resolved_at account_id comment"
).split()


class Number(str):
    """A cell that is a number already: its sign is no formula."""


def head(columns: Sequence[str]) -> str:
    """The first row."""
    return _csv([columns])


def reconciliation_rows(months: Iterable[BankReconciliation]) -> str:
    """One row for each month of a bank account: from its opening balance to the difference."""
    return _csv(_month_row(found) for found in months)


def line_rows(lines: Iterable[MonthLine]) -> str:
    """One row for each statement line, with its match and why, or its break."""
    return _csv(_line_row(line.statement, line.reconciled) for line in lines)


def posting_rows(number: int, entry: Booked, accounts: Mapping[str, Account]) -> str:
    """One row for each posting of an entry, debits positive; `accounts` has those of its postings."""
    facts = [
        Number(number),
        entry.entry_id,
        entry.kind,
        instant_text(entry.occurred_at),
        instant_text(entry.recorded_at),
        entry.subject or "",
        entry.reference or "",
    ]
    return _csv(
        [*facts, account_id, accounts[account_id].name, amount.currency, Number(amount.text())]
        for account_id, amount in entry.legs
    )


def trial_balance_rows(positions: Iterable[AccountPosition]) -> str:
    """One row for each account: its balance at the beginning of the period, what moved it, its balance at the end."""
    return _csv(_trial_row(position) for position in positions)


def _trial_row(position: AccountPosition) -> list[str]:
    account = position.account
    figures = (
        position.opening_minor,
        position.closing_minor - position.opening_minor,
        position.closing_minor,
    )
    amounts = (Number(Money(minor, account.currency).text()) for minor in figures)
    names = [account.account_id, account.name, account.kind.value, account.purpose.value, account.owner or ""]
    return [*names, account.currency, *amounts]


def _month_row(found: BankReconciliation) -> list[str]:
    currency = found.account.currency
    days = found.statements.days

    def amount(minor: int) -> Number:
        return Number(Money(minor, currency).text())

    def tally(figure: Tally) -> list[str]:
        return [Number(figure.count), amount(figure.minor)]

    rolls = (found.open_lines, found.open_entries)
    return [
        found.account.account_id,
        found.account.owner or "",
        currency,
        found.month,
        Number(found.books.version),
        "yes" if found.books.complete else "no",
        Number(len(found.statements.links)),
        str(days[0]) if days else "",
        str(days[1]) if days else "",
        amount(found.statements.opening_minor),
        *tally(found.lines),
        *tally(found.matched),
        amount(found.statements.between_minor),
        amount(found.statements.uncounted_minor),
        amount(found.statements.closing_minor),
        amount(found.brought_forward_minor),
        amount(found.books_opening_minor),
        *tally(found.entries),
        amount(found.books_closing_minor),
        *(cell for roll in rolls for part in (roll.before, roll.new, roll.cleared, roll.now) for cell in tally(part)),
        amount(found.difference_minor),
    ]


def _line_row(statement: Statement, reconciled: Reconciled) -> list[str]:
    line = reconciled.line
    return [
        statement.iban,
        line.currency,
        statement.bank_statement_id,
        Number("" if statement.sequence is None else statement.sequence),
        Number(line.number),
        line.line_id,
        str(line.booked_on or ""),
        str(line.valued_on or ""),
        Number(Money(line.amount_minor, line.currency).text()),
        line.bank_reference,
        line.reference,
        line.description,
        "matched" if reconciled.match else "break",
        *_match_cells(reconciled.match),
        *_break_cells(reconciled.found_break),
    ]


def _match_cells(match: Match | None) -> list[str]:
    return ["", "", ""] if match is None else [match.rule, match.entry_id, _why(match.why)]


def _break_cells(found: Break | None) -> list[str]:
    if found is None:
        return [""] * 7
    cells = [found.break_id, found.reason, found.status, instant_text(found.opened_at)]
    if found.resolution is None:
        return [*cells, "", "", ""]
    resolution = found.resolution
    return [*cells, instant_text(resolution.resolved_at), resolution.account_id, resolution.comment]


def _why(facts: Facts) -> str:
    return "; ".join(f"{name}={value}" for name, value in facts.items())


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(text: str) -> str:
    if isinstance(text, Number) or not text.startswith(FORMULA):
        return text
    return f"'{text}"
