"""The exports gathered on DynamoDB Local, and the journal before an independent checker."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path
from threading import Event, Thread

import pytest

from chalicelib.core.errors import Busy, TooLarge
from chalicelib.recon.service import breaks, exports
from chalicelib.recon.service.breaks import ResolveBreak, resolve_break
from tests.recon.beancheck import problems
from tests.recon.build import FEES, IBAN, Line, Sheet, callback, project, upload
from tests.support.calls import TENANT, call
from tests.support.dynamodb_local import Tables

DAY = Sheet(lines=[Line(1000, "R1", "RF18", "=HYPERLINK(1)"), Line(-300, "R2"), Line(7, "R3")])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def story(books: Tables) -> Tables:
    """Three lines: one matched, one resolved, one open; an entry no line tells of; history up to date."""
    callback(1000, "R1")
    callback(20, "R9")
    upload(DAY, DAY.next())
    open_breaks = breaks.list_breaks(TENANT, "open", after=None, limit=10).values
    charge = next(found for found in open_breaks if found.amount_minor == -300)
    resolve_break(call(days=2), ResolveBreak(charge.break_id, FEES, "bank charge"))
    project(books)
    return books


def test_the_reconciliation_is_one_row_for_each_bank_account(story: Tables) -> None:
    (row,) = rows(exports.export_reconciliation(TENANT))

    assert (row["iban"], row["statements"], row["lines"], row["matched"]) == (IBAN, "2", "3", "2")
    assert (row["opening"], row["closing"], row["ledger_balance"]) == ("0.00", "7.07", "7.20")
    assert (row["line_breaks_amount"], row["ledger_breaks_amount"], row["difference"]) == ("0.07", "0.20", "0.00")


def test_every_line_is_a_row_in_the_banks_order(story: Tables) -> None:
    found = rows(exports.export_matches(TENANT))

    assert [(row["line"], row["amount"], row["outcome"], row["rule"]) for row in found] == [
        ("1", "10.00", "matched", "bank_reference_and_amount"),
        ("2", "-3.00", "matched", "resolution"),
        ("3", "0.07", "break", ""),
    ]
    assert (found[0]["reference"], found[0]["description"]) == ("RF18", "'=HYPERLINK(1)")
    assert (found[1]["comment"], found[2]["reason"]) == ("bank charge", "no_entry")


def test_the_journal_holds_every_entry_and_is_accepted(story: Tables, tmp_path: Path) -> None:
    text = exports.export_journal(TENANT)

    assert text.count(" ^ent_") == 3
    assert problems(text, tmp_path) == []


def test_the_journal_with_half_a_cent_more_is_refused(story: Tables, tmp_path: Path) -> None:
    text = exports.export_journal(TENANT)
    assert "  3.00 CNY\n" in text

    said = problems(text.replace("  3.00 CNY\n", "  3.005 CNY\n", 1), tmp_path)

    assert any("Transaction does not balance" in each for each in said)


def test_a_journal_is_refused_while_an_accounts_lines_are_behind(story: Tables) -> None:
    callback(5, "R10")

    with pytest.raises(Busy) as refused:
        exports.export_journal(TENANT)

    assert refused.value.code == "history_behind"


def test_a_journal_written_down_while_the_books_move_is_whole_or_refused(story: Tables, tmp_path: Path) -> None:
    moving = Event()

    def move() -> None:
        for number in range(16):
            callback(number + 1, f"M{number}")
            if number % 4 == 3:
                project(story)
        moving.set()

    mover = Thread(target=move)
    mover.start()
    texts = []
    while not moving.is_set():
        with contextlib.suppress(Busy):
            texts.append(exports.export_journal(TENANT))
    mover.join()
    texts.append(exports.export_journal(TENANT))

    assert texts[-1].count(" ^ent_") == 19
    for text in (texts[0], texts[len(texts) // 2], texts[-1]):
        assert problems(text, tmp_path) == []


def test_what_another_tenant_exports_is_its_own(story: Tables) -> None:
    assert rows(exports.export_matches("ten_other")) == rows(exports.export_reconciliation("ten_other")) == []
    assert " ^ent_" not in exports.export_journal("ten_other")


def test_more_than_one_answer_holds_is_refused(story: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST_LINES", 2)
    monkeypatch.setattr(exports, "MOST_ENTRIES", 2)

    codes = []
    for export in (exports.export_matches, exports.export_journal):
        with pytest.raises(TooLarge) as refused:
            export(TENANT)
        codes.append(refused.value.code)

    assert codes == ["export_too_large", "export_too_large"]
