"""Files of many lines: answered before they are loaded, loaded by a queue's worker, and gone on with after a
crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.recon.files import File
from chalicelib.recon.service import questions, uploads
from chalicelib.recon.service.loading import CHUNK
from chalicelib.recon.service.uploads import load_on, upload_statement
from chalicelib.recon.worker import statements as worker
from chalicelib.settlement.worker.follow_ups import ask_for_all, undone
from chalicelib.storage.once import Outcome
from tests.banking.build import Cloud
from tests.recon.build import IBAN, Line, Sheet, bank_account, callback, camt, open_accounts, open_books
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.events import queue_event
from tests.support.faults import crash_points

OTHER = "NL35MOCK0000000012"
LINES = 2 * CHUNK + 3


def sheet(lines: int = LINES, **changes: object) -> Sheet:
    return Sheet(lines=[Line(number + 1, f"R{number}") for number in range(lines)], **changes)  # type: ignore[arg-type]


def upload(tenant: str, content: bytes, key: str = "file-1") -> Outcome:
    return upload_statement(call(key, tenant=tenant), content)


def file_of(tenant: str) -> File:
    (file,) = questions.list_files(tenant, after=None, limit=10).values
    return file


def load_rest(tenant: str) -> int:
    """Turns of the worker until nothing is left, one step each."""
    stored: int | None = 0
    for turn in range(100):
        before, stored = stored, load_on(tenant, file_of(tenant).file_id, now=MONDAY, is_over=lambda: True)
        if stored is None:
            return turn
        assert stored > (before or 0)
    raise AssertionError("it is never loaded")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of more than ten lines is answered before it is loaded."""
    monkeypatch.setattr(uploads, "MOST_AT_ONCE", 10)


@pytest.mark.usefixtures("bucket", "later")
def test_a_file_of_many_lines_is_answered_first_and_loaded_in_pieces(tables: Tables) -> None:
    open_books("ten_1")
    callback(1, "R0", tenant="ten_1")

    answer = upload("ten_1", camt(sheet())).item.data

    (statement,) = answer["statements"]
    assert (answer["status"], statement["status"], statement["lines"]) == ("loading", "loading", LINES)
    assert (file_of("ten_1").status, file_of("ten_1").lines) == ("loading", LINES)
    assert load_rest("ten_1") > 1
    file, statements = questions.get_file("ten_1", file_of("ten_1").file_id)
    assert (file.status, sum(each.stored for each in statements)) == ("accepted", LINES)
    assert [(each.status, each.matched, each.open_breaks) for each in statements] == [("loaded", 1, LINES - 1)]


@pytest.mark.usefixtures("bucket", "later")
def test_the_same_call_is_answered_as_before_while_and_after_it_loads(tables: Tables) -> None:
    open_books("ten_1")
    first = upload("ten_1", camt(sheet()))
    load_on("ten_1", file_of("ten_1").file_id, now=MONDAY, is_over=lambda: True)

    again = upload("ten_1", camt(sheet()))
    load_rest("ten_1")
    last = upload("ten_1", camt(sheet()))

    assert (again.replayed, last.replayed) == (True, True)
    assert first.item.data == again.item.data == last.item.data


@pytest.mark.usefixtures("bucket", "later")
def test_a_file_whose_loading_is_killed_at_any_call_is_loaded_by_the_next_turn(tables: Tables) -> None:
    for number, point in enumerate(crash_points()):
        tenant = f"ten_{number}"
        open_books(tenant)
        content = camt(sheet(CHUNK + 1))
        with point:
            upload(tenant, content)
            load_on(tenant, file_of(tenant).file_id, now=MONDAY, is_over=lambda: False)

        upload(tenant, content)
        load_rest(tenant)

        file, statements = questions.get_file(tenant, file_of(tenant).file_id)
        assert (file.status, [each.stored for each in statements]) == ("accepted", [CHUNK + 1]), point


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("limit", [10, 500])
def test_a_statement_of_an_account_that_is_not_ours_is_left_out_with_a_warning(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(uploads, "MOST_AT_ONCE", limit)
    open_books("ten_1")

    answer = upload("ten_1", camt(sheet(3, iban=OTHER), sheet(20))).item.data
    load_rest("ten_1")

    assert answer["warnings"] == [{"code": "unknown_bank_account", "statement": 1, "through": 1, "facts": {}}]
    assert [each["iban"] for each in answer["statements"]] == [IBAN]
    file, statements = questions.get_file("ten_1", file_of("ten_1").file_id)
    assert (file.status, [one.statement for one in file.refused], [each.iban for each in statements]) == (
        "accepted",
        [1],
        [IBAN],
    )


@pytest.mark.usefixtures("bucket")
def test_a_statement_that_was_left_out_is_loaded_when_its_account_is_open(tables: Tables) -> None:
    open_books("ten_1")
    content = camt(sheet(3, iban=OTHER), sheet(4))
    upload("ten_1", content)
    open_accounts("ten_1", bank_account("ten_1", iban=OTHER))

    answer = upload("ten_1", content, key="file-2").item.data

    assert (answer["warnings"], len(answer["statements"])) == ([], 2)
    assert (file_of("ten_1").refused, len(file_of("ten_1").statement_ids)) == ((), 2)


@pytest.mark.usefixtures("bucket", "later")
def test_what_cannot_be_loaded_any_more_is_kept_with_the_reason(tables: Tables) -> None:
    open_books("ten_1")
    upload("ten_1", camt(sheet()))
    other = sheet(3)
    upload("ten_1", camt(other), key="file-2")

    for each in questions.list_files("ten_1", after=None, limit=10).values:
        load_on("ten_1", each.file_id, now=MONDAY, is_over=lambda: False)

    told = sorted((each.status, each.reason) for each in questions.list_files("ten_1", after=None, limit=10).values)
    assert told == [("accepted", ""), ("quarantined", "statement_differs")]


@pytest.fixture
def queue(bucket: object, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The statements' queue."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="statements.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    monkeypatch.setenv("QUITTANCE_STATEMENT_QUEUE_URL", url)
    return Cloud(s3=bucket, sqs=sqs, queue_url=url)


def work(message: dict[str, Any]) -> list[object]:
    """What the worker answers to a message: the ones that failed."""
    failed: list[object] = worker.statements(queue_event((message["file_id"], message)), None)["batchItemFailures"]
    return failed


@pytest.mark.usefixtures("later")
def test_a_message_of_the_queue_stores_lines_while_it_has_time_and_asks_for_the_rest(
    tables: Tables, queue: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message is delivered twice, as a queue may do."""
    open_books("ten_1")
    item = upload("ten_1", camt(sheet())).item
    ask_for_all(item)
    monkeypatch.setattr(worker, "WORKS_FOR", timedelta(seconds=-1))
    messages = 0
    while waiting := queue.taken():
        messages += len(waiting)
        for message in waiting:
            assert [work(message), work(message)] == [[], []]

    assert messages > 1
    file, statements = questions.get_file("ten_1", file_of("ten_1").file_id)
    assert (file.status, [each.stored for each in statements]) == ("accepted", [LINES])


@pytest.mark.usefixtures("later")
def test_a_file_is_asked_for_until_all_its_lines_are_stored(tables: Tables, queue: Cloud) -> None:
    open_books("ten_1")
    item = upload("ten_1", camt(sheet())).item
    small = upload("ten_1", camt(sheet(3, name="small")), key="file-2").item
    assert [[one.name for one in undone(each)] for each in (item, small)] == [["statement_file"], []]

    load_on("ten_1", str(item.subject), now=MONDAY, is_over=lambda: True)
    assert [one.name for one in undone(item)] == ["statement_file"]
    load_on("ten_1", str(item.subject), now=MONDAY, is_over=lambda: False)

    assert undone(item) == ()
