"""CSV as finance takes it away: quoted, exact, and no formula of a stranger's in it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.money import Money
from chalicelib.recon.balance import Books, MonthLine, Statements, reconcile_month
from chalicelib.recon.beancount import AccountPosition, Booked
from chalicelib.recon.chaining import chain
from chalicelib.recon.domain import Reconciled, Resolution
from chalicelib.recon.exports import (
    MATCHES,
    POSTINGS,
    RECONCILIATION,
    TRIAL_BALANCE,
    head,
    line_rows,
    posting_rows,
    reconciliation_rows,
    trial_balance_rows,
)
from chalicelib.recon.matching import resolve
from chalicelib.recon.positions import added, entry_added, line_added
from tests.recon.build import BANK, IBAN, Line, Sheet, bank_account
from tests.recon.values import NOW, booking, line, outcome, statement_of

STATEMENT = statement_of(Sheet(lines=[Line(100, "R1")]))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def row(reconciled: Reconciled) -> dict[str, str]:
    (only,) = rows(head(MATCHES) + line_rows([MonthLine(STATEMENT, reconciled)]))
    return only


def test_a_matched_line_says_what_joined_it() -> None:
    shown = row(outcome(line(-100), booking(-100)))

    assert (shown["iban"], shown["statement"], shown["sequence"], shown["line"]) == (IBAN, "S-1", "1", "1")
    assert (shown["amount"], shown["currency"], shown["booked_on"]) == ("-1.00", "CNY", "2026-03-02")
    assert (shown["outcome"], shown["rule"], shown["entry_id"]) == ("matched", "bank_reference_and_amount", "ent_1")
    assert shown["why"] == "bank_reference=R1; amount_minor=-100"
    assert shown["break_id"] == shown["reason"] == ""


def test_a_break_says_its_reason_and_a_resolved_one_how_it_ended() -> None:
    found = outcome(line())
    after = resolve(found, Resolution("booked", "ent_9", "acc_fees", "bank charge", "cli", NOW + timedelta(days=1)))

    assert (row(found)["outcome"], row(found)["reason"], row(found)["break_status"]) == ("break", "no_entry", "open")
    assert row(found)["opened_at"] == "2026-03-03T09:00:00.000000Z"
    shown = row(after)
    assert (shown["outcome"], shown["rule"], shown["break_status"]) == ("matched", "resolution", "resolved")
    assert (shown["resolved_at"], shown["account_id"]) == ("2026-03-04T09:00:00.000000Z", "acc_fees")
    assert shown["comment"] == "bank charge"


def test_a_month_of_a_bank_account_is_one_row_from_opening_to_difference() -> None:
    statement = statement_of(Sheet(opening=1000, lines=[Line(-305, "R1")]))
    statement = replace(statement, counted=1, counted_minor=-305)
    books = Books(replace(bank_account(), balance=200, version=1), 1, 200)
    totals = added([line_added("2026-03", -305, is_explained=False), entry_added("2026-03", 200)])

    found = reconcile_month(books, Statements(chain([statement]), 0), totals, "2026-03")
    (shown,) = rows(head(RECONCILIATION) + reconciliation_rows([found]))

    assert (shown["bank_account_id"], shown["iban"], shown["from"], shown["to"]) == (
        BANK,
        IBAN,
        "2026-03-02",
        "2026-03-02",
    )
    assert (shown["bank_opening"], shown["between_statements"], shown["bank_closing"]) == ("0.00", "10.00", "6.95")
    assert (shown["open_lines_now"], shown["open_lines_now_amount"]) == ("1", "-3.05")
    assert (shown["open_entries_now"], shown["open_entries_now_amount"]) == ("1", "2.00")
    assert (shown["complete"], shown["books_closing"], shown["difference"]) == ("yes", "2.00", "0.00")


def test_a_month_without_statements_has_no_days() -> None:
    found = reconcile_month(Books(bank_account(), 0, 0), Statements((), 0), {}, "2026-03")
    (shown,) = rows(head(RECONCILIATION) + reconciliation_rows([found]))

    assert (shown["from"], shown["to"], shown["bank_closing"], shown["difference"]) == ("", "", "0.00", "0.00")


def test_every_row_has_the_columns_of_its_head() -> None:
    mill = replace(bank_account(), name="=Mill")
    entry = Booked("ent_1", "k", NOW, NOW, ((mill.account_id, Money(-5, "CNY")),), subject="+s")

    for columns, text in (
        (POSTINGS, posting_rows(7, entry, {mill.account_id: mill})),
        (TRIAL_BALANCE, trial_balance_rows([AccountPosition(mill, 100, 95)])),
    ):
        (shown,) = rows(head(columns) + text)
        assert None not in shown and None not in shown.values()
        assert "'=Mill" in shown.values()
    assert (shown["opening"], shown["movement"], shown["closing"]) == ("1.00", "-0.05", "0.95")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_begins_like_a_formula_is_led_by_an_apostrophe(text: str) -> None:
    assert row(outcome(line(description=text)))["description"] == f"'{text}"


def test_rows_end_and_cells_are_quoted_as_rfc_4180_has_it() -> None:
    found = outcome(line(description='say "1,2"\nand go'))
    text = head(MATCHES) + line_rows([MonthLine(STATEMENT, found)])

    assert text.startswith(",".join(MATCHES) + "\r\n") and text.endswith("\r\n")
    assert '"say ""1,2""\nand go"' in text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_a_text_comes_back_as_it_was_but_for_the_apostrophe(text: str) -> None:
    shown = row(outcome(line(description=text)))["description"]

    assert shown in (text, f"'{text}")
    assert not shown.startswith(("=", "+", "-", "@"))
