"""What finance takes away: reconciliation and matches as CSV. Pure: figures in, text out.

CSV as RFC 4180 has it (CRLF, quotes doubled). Amounts are decimals in the currency's exponent. A text that a
spreadsheet would take for a formula is led by an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.recon.balance import Position
from chalicelib.recon.domain import Break, Facts, Match, Reconciled, Statement

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

RECONCILIATION = (
    "bank_account_id iban currency statements from to opening lines lines_amount matched matched_amount line_breaks"
    " line_breaks_amount ledger_breaks ledger_breaks_amount between_statements entries_before entries_after closing"
    " ledger_balance difference"
).split()
MATCHES = (
    "iban currency statement sequence line line_id booked_on valued_on amount bank_reference reference description"
    " outcome rule entry_id why break_id reason break_status opened_at resolved_at account_id comment"
).split()


class Number(str):
    """A cell that is a number already: its sign is no formula."""


def reconciliation_csv(positions: Iterable[Position]) -> str:
    """One row for each bank account: from the statements' opening balance to the balance in the books."""
    return _csv(RECONCILIATION, (_position_row(position) for position in positions))


def matches_csv(lines: Iterable[tuple[Statement, Reconciled]]) -> str:
    """One row for each statement line, with its match and why, or its break."""
    return _csv(MATCHES, (_line_row(statement, reconciled) for statement, reconciled in lines))


def _position_row(position: Position) -> list[str]:
    currency = position.account.currency
    period = position.period

    def amount(minor: int) -> Number:
        return Number(Money(minor, currency).text())

    return [
        position.account.account_id,
        position.account.owner or "",
        currency,
        Number(len(position.links)),
        str(period[0]) if period else "",
        str(period[1]) if period else "",
        amount(position.brought_forward_minor),
        Number(position.lines),
        amount(position.lines_minor),
        Number(position.matched),
        amount(position.matched_minor),
        Number(len(position.line_breaks)),
        amount(position.line_breaks_minor),
        Number(len(position.ledger_breaks)),
        amount(position.ledger_breaks_minor),
        amount(position.jumps_minor),
        amount(position.earlier_minor),
        amount(position.later_minor),
        amount(position.closing_minor),
        amount(position.account.balance),
        amount(position.difference_minor),
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


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(text: str) -> str:
    if isinstance(text, Number) or not text.startswith(FORMULA):
        return text
    return f"'{text}"
