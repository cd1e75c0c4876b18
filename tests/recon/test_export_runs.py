"""Exports made by runs of any length on DynamoDB Local and S3 by moto; the journal before an independent checker."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from chalicelib.core.errors import Busy, Conflict, InvalidInput, NotFound
from chalicelib.recon.export_jobs import Export, Kind
from chalicelib.recon.service import breaks, exports, feed_sources
from chalicelib.recon.service.breaks import ResolveBreak, resolve_break
from chalicelib.recon.service.export_runs import Task, fail_export, run_export
from chalicelib.recon.service.exports import RequestExport, download_link, get_export, request_export, rerun_export
from chalicelib.storage import uploads
from tests.recon.beancheck import problems
from tests.recon.build import BANK, FEES, IBAN, SUSPENSE, Line, Sheet, callback, number, project, upload
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

MARCH = (date(2026, 3, 1), date(2026, 3, 31))
APRIL = (date(2026, 4, 1), date(2026, 4, 30))
LATER = 90
"""Days after which all is asked for."""

DAY = Sheet(lines=[Line(1000, "R1", "RF18", "=HYPERLINK(1)"), Line(-300, "R2"), Line(7, "R3")])


def task(tenant: str, kind: Kind, period: tuple[date, date]) -> Task:
    """An export that is asked for."""
    item = request_export(call(tenant=tenant, days=LATER), RequestExport(kind, *period)).item
    return Task(tenant, item.data["export_id"], 1, item.entry_id)


def run(of: Task, *, steps: int = 10**6) -> Export:
    """An export brought to its end by runs of so many steps each."""
    for _ in range(1000):
        left = iter(range(steps))
        if run_export(of, now=call(days=LATER).now, is_over=lambda left=left: next(left, None) is None) is None:
            return get_export(of.tenant, of.export_id)
    raise AssertionError("the export has no end")


def exported(
    books: Tables, kind: Kind, period: tuple[date, date] = MARCH, *, steps: int = 10**6, tenant: str = TENANT
) -> tuple[Export, str]:
    """An export of a period, and its file."""
    asked = task(tenant, kind, period)
    number(books, tenant)
    export = run(asked, steps=steps)
    return export, text_of(export)


def text_of(export: Export) -> str:
    content = uploads.read(export.key)
    assert content is not None
    assert (export.state, export.bytes, export.sha256) == ("done", len(content), sha256(content).hexdigest())
    return content.decode()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def story(books: Tables) -> Tables:
    """Three lines: one matched, one resolved, one open; an entry no line tells of; an entry of April."""
    callback(1000, "R1")
    callback(20, "R9")
    upload(DAY, DAY.next())
    open_breaks = breaks.list_breaks(TENANT, "open", after=None, limit=10).values
    charge = next(found for found in open_breaks if found.amount_minor == -300)
    resolve_break(call(days=2), ResolveBreak(charge.break_id, FEES, "bank charge"))
    callback(400, "R4", days=31)
    project(books)
    return books


@pytest.mark.parametrize("steps", [1, 2, 10**6])
def test_a_month_of_the_journal_is_accepted_by_itself(story: Tables, tmp_path: Path, steps: int) -> None:
    march, march_text = exported(story, "journal", steps=steps)
    april, april_text = exported(story, "journal", APRIL, steps=steps)

    assert (march.rows, april.rows) == (3, 1)
    assert march_text.count(" ^ent_") == 3 and april_text.count(" ^ent_") == 1
    assert problems(march_text, tmp_path) == problems(april_text, tmp_path) == []
    assert march_text.count('"carried forward"') == 0 and april_text.count('"carried forward"') == 3


def test_a_period_of_any_days_carries_what_was_before_its_first(story: Tables, tmp_path: Path) -> None:
    _, text = exported(story, "journal", (date(2026, 3, 3), date(2026, 4, 1)))

    assert text.count(" ^ent_") == 0
    assert problems(text, tmp_path) == []
    assert text.count('"carried forward"') == 3


def test_the_journal_with_half_a_cent_more_is_refused(story: Tables, tmp_path: Path) -> None:
    _, text = exported(story, "journal")
    assert "  3.00 CNY\n" in text

    said = problems(text.replace("  3.00 CNY\n", "  3.005 CNY\n", 1), tmp_path)

    assert any("Transaction does not balance" in each for each in said)


def test_postings_are_a_row_each_and_sum_to_the_trial_balance(story: Tables) -> None:
    export, text = exported(story, "postings", (MARCH[0], APRIL[1]))
    _, trial = exported(story, "trial_balance", (MARCH[0], APRIL[1]))

    moved: dict[str, int] = defaultdict(int)
    for row in rows(text):
        moved[row["account_id"]] += cents(row["amount"])
    assert export.rows == len(rows(text)) == 8
    assert {row["account_id"]: cents(row["movement"]) for row in rows(trial)} == moved
    assert moved == {BANK: 1120, SUSPENSE: -1420, FEES: 300}


def test_the_trial_balance_carries_each_account_into_the_month_and_sums_to_nothing(story: Tables) -> None:
    export, text = exported(story, "trial_balance", APRIL)

    found = {row["account_id"]: (row["opening"], row["movement"], row["closing"]) for row in rows(text)}
    assert export.rows == 3
    assert found == {
        BANK: ("7.20", "4.00", "11.20"),
        SUSPENSE: ("-10.20", "-4.00", "-14.20"),
        FEES: ("3.00", "0.00", "3.00"),
    }


def test_the_reconciliation_is_a_row_for_each_bank_account_and_month(story: Tables) -> None:
    export, text = exported(story, "reconciliation", (MARCH[0], APRIL[1]), steps=3)

    march, april = rows(text)
    assert export.rows == 2
    assert (march["iban"], march["month"], march["statements"], march["lines"], march["matched"]) == (
        IBAN,
        "2026-03",
        "2",
        "3",
        "2",
    )
    assert (march["bank_closing"], march["books_closing"], march["difference"]) == ("7.07", "7.20", "0.00")
    assert (march["open_lines_now_amount"], march["open_entries_now_amount"]) == ("0.07", "0.20")
    assert (april["open_entries_before"], april["open_entries_new"], april["open_entries_now"]) == ("1", "1", "2")


def test_every_line_of_the_period_is_a_row_in_the_banks_order(story: Tables) -> None:
    upload(replace(DAY.next(Line(5, "R8")), name="S-9", day=APRIL[0]))

    export, text = exported(story, "statement_lines", steps=2)

    found = rows(text)
    assert export.rows == 3
    assert [(row["line"], row["amount"], row["outcome"], row["rule"]) for row in found] == [
        ("1", "10.00", "matched", "bank_reference_and_amount"),
        ("2", "-3.00", "matched", "resolution"),
        ("3", "0.07", "break", ""),
    ]
    assert (found[0]["reference"], found[0]["description"]) == ("RF18", "'=HYPERLINK(1)")
    assert (found[1]["comment"], found[2]["reason"]) == ("bank charge", "no_entry")


def test_an_export_of_many_parts_is_the_file_that_one_run_makes(
    books: Tables, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for each in range(130):
        callback(each + 1, f"R{each}", days=each // 4)
    monkeypatch.setattr(uploads, "LEAST_PART", 2000)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
    first, second = task(TENANT, "journal", MARCH), task(TENANT, "journal", MARCH)
    number(books)

    whole, parts = run(first), run(second, steps=1)

    assert text_of(whole) == text_of(parts)
    assert (whole.saves, parts.saves > 5, parts.feed_number) == (1, True, whole.feed_number)
    assert problems(text_of(parts), tmp_path) == []


def test_an_export_under_traffic_stands_at_its_feed_number(books: Tables, tmp_path: Path) -> None:
    moving = Event()

    def move() -> None:
        for each in range(24):
            callback(each + 1, f"M{each}", days=each)
        moving.set()

    mover = Thread(target=move)
    mover.start()
    found = []
    while not moving.is_set():
        found.append(exported(books, "journal", (MARCH[0], APRIL[1])))
    mover.join()
    found.append(exported(books, "journal", (MARCH[0], APRIL[1])))

    assert found[-1][0].rows == 24
    assert [export.feed_number for export, _ in found] == sorted(export.feed_number for export, _ in found)
    for _, text in (found[0], found[len(found) // 2], found[-1]):
        assert problems(text, tmp_path) == []


def test_what_is_recorded_late_is_in_the_next_export_of_its_month(story: Tables) -> None:
    first, _ = exported(story, "trial_balance")
    callback(50, "R5", days=1)

    second, text = exported(story, "trial_balance")

    bank = next(row for row in rows(text) if row["account_id"] == BANK)
    assert (bank["closing"], second.feed_number > first.feed_number) == ("7.70", True)


def test_the_next_export_folds_only_what_is_new(story: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_sources, "KEPT_AFTER", 1)
    first, _ = exported(story, "trial_balance", APRIL)
    for each in range(5):
        callback(1, f"N{each}", days=32)
    read: list[int] = []
    run_after = feed_sources.feed.run_after

    def seen(tenant: str, after: int, **kind: Any) -> Any:
        read.append(after)
        return run_after(tenant, after, **kind)

    monkeypatch.setattr(feed_sources.feed, "run_after", seen)
    _, text = exported(story, "trial_balance", APRIL)

    assert read[0] == first.feed_number
    bank = next(row for row in rows(text) if row["account_id"] == BANK)
    assert bank["closing"] == "11.25"


def test_what_another_tenant_exports_is_its_own(story: Tables) -> None:
    for kind in ("reconciliation", "statement_lines", "postings", "trial_balance"):
        export, text = exported(story, kind, tenant="ten_other")
        assert (export.rows, rows(text)) == (0, [])
    assert " ^ent_" not in exported(story, "journal", tenant="ten_other")[1]
    with pytest.raises(NotFound):
        get_export("ten_other", exported(story, "journal")[0].export_id)


def test_a_run_killed_at_any_call_is_finished_by_the_next(story: Tables) -> None:
    texts = set()
    for point in crash_points():
        asked = task(TENANT, "trial_balance", MARCH)
        number(story)
        with point:
            run(asked, steps=3)

        texts.add(text_of(run(asked, steps=3)))

    assert len(texts) == 1


def test_an_export_that_has_failed_says_why_and_is_run_again(story: Tables) -> None:
    asked = task(TENANT, "journal", MARCH)
    fail_export(asked, "export_fault", now=MONDAY)
    assert (get_export(TENANT, asked.export_id).state, get_export(TENANT, asked.export_id).reason) == (
        "failed",
        "export_fault",
    )

    item = rerun_export(call(days=LATER), asked.export_id).item
    number(story)
    again = Task(TENANT, asked.export_id, item.data["attempt"], item.entry_id)
    assert run_export(asked, now=MONDAY, is_over=lambda: False) is None
    export = run(again)

    assert (export.state, export.attempt, export.reason, export.rows) == ("done", 2, "", 3)
    with pytest.raises(Conflict) as refused:
        rerun_export(call(days=LATER), asked.export_id)
    assert refused.value.code == "export_running"
    expired = call(days=LATER + 31)
    assert download_link(export, now=expired.now) is None
    assert rerun_export(expired, asked.export_id).item.data["attempt"] == 3


def test_a_request_that_the_feed_does_not_show_yet_waits(story: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.recon.service.export_runs.pause", lambda attempt: None)
    asked = task(TENANT, "journal", MARCH)

    with pytest.raises(Busy) as refused:
        run(asked)

    assert refused.value.code == "feed_behind"


def test_a_link_reads_the_file_under_its_name(story: Tables) -> None:
    export, _ = exported(story, "postings")

    link = download_link(export, now=call(days=LATER).now)

    assert link is not None and "postings-2026-03-01-2026-03-31.csv" in link and "X-Amz-Signature=" in link


@pytest.mark.parametrize(
    ("period", "code"),
    [((APRIL[0], MARCH[0]), "invalid_period"), ((MARCH[0], date(2027, 1, 1)), "period_in_future")],
)
def test_a_period_that_is_none_is_refused(books: Tables, period: tuple[date, date], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        request_export(call(days=LATER), RequestExport("journal", *period))

    assert refused.value.code == code


def test_a_period_may_end_today(books: Tables) -> None:
    today = (MONDAY + timedelta(days=LATER)).date()

    assert request_export(call(days=LATER), RequestExport("journal", today, today)).item.data["attempt"] == 1


def test_exports_are_listed_newest_first(story: Tables) -> None:
    first = request_export(call(days=LATER), RequestExport("journal", *MARCH)).item.data["export_id"]
    second = request_export(call(days=LATER + 1), RequestExport("postings", *MARCH)).item.data["export_id"]

    page = exports.list_exports(TENANT, after=None, limit=1)
    rest = exports.list_exports(TENANT, after=page.last_key, limit=1)

    assert [each.export_id for each in (*page.values, *rest.values)] == [second, first]


def cents(text: str) -> int:
    return int(text.replace(".", ""))
