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
from chalicelib.recon.balance import BankReconciliation
from chalicelib.recon.domain import Break, Statement
from chalicelib.recon.positions import Tally, month_of, next_month
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.breaks import ResolveBreak, resolve_break
from chalicelib.recon.service.uploads import upload_statement
from tests.recon.build import bank_account, open_accounts, project
from tests.support.calls import MONDAY, TENANT, call
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


def months(iban: str) -> list[BankReconciliation]:
    """The account reconciled month by month, from its first statement's to its last one's; each proved."""
    account_id = purpose_account_id(TENANT, Purpose.BANK, "EUR", iban)
    last = questions.reconciliation(TENANT, account_id, None, now=MONDAY)
    names = [statement.ends_on for statement in _statements(account_id)]
    found, month = [], month_of(min(names))
    while month <= last.month:
        found.append(questions.reconciliation(TENANT, account_id, month, now=MONDAY))
        month = next_month(month)
    assert {each.difference_minor for each in found} == {0}
    return found


def _statements(account_id: str) -> list[Statement]:
    page = questions.list_statements(TENANT, after=None, limit=100)
    rest = questions.list_statements(TENANT, after=page.last_key, limit=100) if page.last_key else None
    values = (*page.values, *(rest.values if rest else ()))
    return [each.statement for each in values if each.statement.bank_account_id == account_id]


def line_count(iban: str) -> int:
    return sum(each.lines.count for each in months(iban))


def open_breaks() -> list[Break]:
    found: list[Break] = []
    after = None
    for _ in range(20):
        page = breaks.list_breaks(TENANT, "open", after=after, limit=100)
        found += page.values
        after = page.last_key
        if after is None:
            break
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

    found = [*months(BUSY_IBAN), *months(QUIET_IBAN)]
    assert {(receipt["status"], receipt["proof"]) for receipt in receipts} == {("loaded", "proved_with_warnings")}
    assert [receipt["continuity"] for receipt in receipts] == ["first", "first"] + ["chained"] * (len(receipts) - 2)
    assert sum(len(each.statements.links) for each in found) == 2 * len(DAILY) == 2 * 59
    assert (sum(each.lines.count for each in found), sum(each.lines.minor for each in found)) == told(*DAILY)


def test_daily_statements_sent_again_and_backwards_are_found_and_not_doubled(euro_books: Tables) -> None:
    first = send(*DAILY[:12])
    lines = line_count(BUSY_IBAN)

    again = send(*reversed(DAILY[:12]))

    assert [receipt["statement_id"] for receipt in again] == [
        receipt["statement_id"] for day in range(11, -1, -1) for receipt in first[2 * day : 2 * day + 2]
    ]
    assert line_count(BUSY_IBAN) == lines
    assert sum(len(each.statements.links) for each in months(BUSY_IBAN)) == 12


def test_a_day_left_out_is_a_gap_of_what_it_moved(euro_books: Tables) -> None:
    days = DAILY[:5]
    send(*days[:2], *days[3:])

    links = [link for month in months(BUSY_IBAN) for link in month.statements.links]

    assert [link.continuity for link in links] == ["first", "chained", "gap", "chained"]
    assert links[2].jump_minor == told(days[2])[1]


def test_monthly_statements_without_references_chain_and_each_line_is_a_break(euro_books: Tables) -> None:
    receipts = send(*MONTHLY)

    found = months(MONTHLY_IBAN)
    assert [(receipt["continuity"], receipt["breaks"]) for receipt in receipts] == [("first", 314), ("chained", 268)]
    assert {each.reason for each in open_breaks()} == {"no_bank_reference"}
    assert (found[0].statements.between_minor, found[-1].brought_forward_minor) == (3_344_303, 3_344_303)
    assert (found[-1].statements.closing_minor, found[-1].open_lines.now.count) == (8_753_912, 314 + 268)


def test_real_lines_resolved_one_by_one_leave_bank_and_books_agreeing(euro_books: Tables) -> None:
    send(*DAILY[:4])
    bank = purpose_account_id(TENANT, Purpose.BANK, "EUR", BUSY_IBAN)
    other = str(open_account(call(), OpenAccount("clearing", Kind.LIABILITY, "EUR")).item.data["account_id"])
    before = months(BUSY_IBAN)[-1]
    for found in open_breaks():
        if found.bank_account_id == bank:
            resolve_break(call(days=301), ResolveBreak(found.break_id, other, "as the bank says"))
    brought = Money(before.brought_forward_minor + before.statements.between_minor, "EUR")
    post_entry(call(), PostEntry("entry.posted", (debit(bank, brought), credit(other, brought))))
    project(euro_books)

    after = questions.reconciliation(TENANT, bank, f"{call(days=301).now:%Y-%m}", now=MONDAY)

    assert (after.open_lines.before, after.open_lines.cleared) == (before.open_lines.now, before.open_lines.now)
    assert (after.open_lines.now, after.books.complete, after.difference_minor) == (Tally(), True, 0)
    assert after.account.balance == after.statements.closing_minor == before.statements.closing_minor
