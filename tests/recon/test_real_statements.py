"""Daily and monthly statements that a central bank published: they chain, they foot, and no line is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, Purpose, credit, debit, purpose_account_id
from chalicelib.ledger.service.accounts import OpenAccount, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.messages import detect
from chalicelib.messages.model import AccountReport
from chalicelib.recon.balance import Position
from chalicelib.recon.service import questions
from chalicelib.recon.service.breaks import ResolveBreak, resolve_break
from chalicelib.recon.service.uploads import upload_statement
from tests.recon.build import bank_account, open_accounts, project
from tests.support.calls import TENANT, call
from tests.support.dynamodb_local import Tables

FOLDER = Path(__file__).parents[3] / "shared" / "statements" / "central-bank" / "example-files" / "CAMT"
DAILY = sorted((FOLDER / "LT625883379695428516" / "CAMT_053").glob("*.xml"))
MONTHLY = [FOLDER / "Other" / name for name in ("account_statement-3.xml", "BE68793230773034-202411.xml")]
BUSY_IBAN, QUIET_IBAN, MONTHLY_IBAN = "LT625883379695428516", "LT414319056143772570", "BE68793230773034"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="NOT TESTED: the real bank files are not beside this repo")


@pytest.fixture
def euro_books(books: Tables) -> Tables:
    """Bank accounts in euro for the files' accounts."""
    open_accounts(TENANT, *(bank_account(iban=iban, currency="EUR") for iban in (BUSY_IBAN, QUIET_IBAN, MONTHLY_IBAN)))
    return books


def send(*paths: Path) -> list[dict[str, object]]:
    """Upload files one after another; what the answers say of each statement."""
    return [
        receipt
        for path in paths
        for receipt in upload_statement(call(days=300), path.read_bytes()).item.data["statements"]
    ]


def position(iban: str) -> Position:
    (found,) = questions.reconciliation(TENANT, iban)
    return found


def told(*paths: Path) -> tuple[int, int]:
    """How many lines the files list, and their sum."""
    amounts = []
    for path in paths:
        report = detect.read(path.read_bytes())
        assert isinstance(report, AccountReport)
        amounts += [entry.amount_minor for statement in report.statements for entry in statement.entries]
    return len(amounts), sum(amounts)


def test_daily_statements_of_two_accounts_chain_and_foot(euro_books: Tables) -> None:
    receipts = send(*DAILY)

    busy, quiet = position(BUSY_IBAN), position(QUIET_IBAN)
    assert {(receipt["status"], receipt["proof"]) for receipt in receipts} == {("loaded", "proved_with_warnings")}
    assert [receipt["continuity"] for receipt in receipts] == ["first", "first"] + ["chained"] * (len(receipts) - 2)
    assert (len(busy.links), len(quiet.links)) == (len(DAILY), len(DAILY)) == (59, 59)
    assert (busy.lines + quiet.lines, busy.lines_minor + quiet.lines_minor) == told(*DAILY)
    assert (busy.jumps_minor, busy.difference_minor, quiet.difference_minor) == (0, 0, 0)


def test_daily_statements_sent_again_and_backwards_are_found_and_not_doubled(euro_books: Tables) -> None:
    first = send(*DAILY[:12])
    lines = position(BUSY_IBAN).lines

    again = send(*reversed(DAILY[:12]))

    assert [receipt["statement_id"] for receipt in again] == [
        receipt["statement_id"] for day in range(11, -1, -1) for receipt in first[2 * day : 2 * day + 2]
    ]
    assert (position(BUSY_IBAN).lines, len(position(BUSY_IBAN).links)) == (lines, 12)


def test_a_day_left_out_is_a_gap_of_what_it_moved(euro_books: Tables) -> None:
    days = DAILY[:5]
    send(*days[:2], *days[3:])

    found = position(BUSY_IBAN)

    assert [link.continuity for link in found.links] == ["first", "chained", "gap", "chained"]
    assert found.jumps_minor == told(days[2])[1]
    assert found.difference_minor == 0


def test_monthly_statements_without_references_chain_and_each_line_is_a_break(euro_books: Tables) -> None:
    receipts = send(*MONTHLY)

    found = position(MONTHLY_IBAN)
    assert [(receipt["continuity"], receipt["breaks"]) for receipt in receipts] == [("first", 314), ("chained", 268)]
    assert {each.reason for each in found.line_breaks} == {"no_bank_reference"}
    assert (found.brought_forward_minor, found.closing_minor, found.difference_minor) == (3_344_303, 8_753_912, 0)


def test_real_lines_resolved_one_by_one_leave_bank_and_books_agreeing(euro_books: Tables) -> None:
    send(*DAILY[:4])
    bank = purpose_account_id(TENANT, Purpose.BANK, "EUR", BUSY_IBAN)
    other = str(open_account(call(), OpenAccount("clearing", Kind.LIABILITY, "EUR")).item.data["account_id"])
    before = position(BUSY_IBAN)
    for found in before.line_breaks:
        resolve_break(call(days=301), ResolveBreak(found.break_id, other, "as the bank says"))
    brought = Money(before.brought_forward_minor, "EUR")
    post_entry(call(), PostEntry("entry.posted", (debit(bank, brought), credit(other, brought))))
    project(euro_books)

    after = position(BUSY_IBAN)

    assert (after.lines, after.matched, after.line_breaks) == (before.lines, before.lines, ())
    assert after.account.balance == after.closing_minor == before.closing_minor
    assert after.difference_minor == 0
