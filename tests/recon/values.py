"""Statements, lines and entries as values, sound by default, for the tests of pure rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.messages import camt, model
from chalicelib.messages.proof import prove
from chalicelib.recon.domain import Reconciled, Statement, StatementLine, Upload, lines_of, new_statement, stored
from chalicelib.recon.matching import Booking, Known, reconcile_line
from tests.recon.build import BANK, Line, Sheet
from tests.recon.build import camt as file_of
from tests.support.calls import MONDAY, TENANT

NOW = MONDAY + timedelta(days=1)
UPLOAD = Upload(TENANT, BANK, "f" * 64, NOW)


def told(sheet: Sheet) -> model.Statement:
    """A statement as its message tells it."""
    return camt.read(file_of(sheet), "BkToCstmrStmt").statements[0]


def statement_of(sheet: Sheet, **changes: Any) -> Statement:
    """A statement stored whole, every line of it an open break."""
    message = told(sheet)
    made = new_statement(message, prove(message), UPLOAD)
    if made.status != "quarantined" and made.lines:
        made = stored(made, matched=0, breaks=made.lines)
    return replace(made, **changes)


def line(minor: int = 100, bank_reference: str = "R1", number: int = 1, **changes: Any) -> StatementLine:
    """A line of a statement."""
    sheet = Sheet(lines=[Line(minor, bank_reference)])
    (made,) = lines_of(statement_of(sheet), told(sheet))
    return replace(made, number=number, line_id=f"{made.line_id[:-1]}{number}", **changes)


def booking(minor: int = 100, entry_id: str = "ent_1", at: datetime = MONDAY) -> Booking:
    """An entry on the bank account."""
    return Booking(entry_id, minor, "CNY", "movement.booked", at.astimezone(UTC))


def outcome(of: StatementLine, booked: Booking | None = None, stated_by: str | None = None) -> Reconciled:
    """What becomes of a line."""
    return reconcile_line(of, Known(booked, stated_by), now=NOW)
