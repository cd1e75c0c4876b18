"""Uploads and resolutions under a killed process and lost answers: nothing lost, nothing twice, at every point."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import InvalidInput
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.store.accounts import load_account
from chalicelib.recon.chaining import chain
from chalicelib.recon.domain import Statement
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.breaks import ResolveBreak, rematch_break, resolve_break
from chalicelib.recon.service.loading import CHUNK
from chalicelib.recon.service.uploads import upload_statement
from chalicelib.recon.store import months
from tests.recon.build import FEES, IBAN, Line, Sheet, account_marks, callback, camt, open_books
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points

LINES = CHUNK + 3
FILE = camt(
    Sheet(lines=[Line(number + 1, f"R{number}") for number in range(LINES)]),
    Sheet(number=2, opening=LINES * (LINES + 1) // 2),
)


def bank(tenant: str) -> str:
    return purpose_account_id(tenant, Purpose.BANK, "CNY", IBAN)


def account_statements(tenant: str) -> list[Statement]:
    """All statements of the account, in order."""
    return months.all_of_month(tenant, bank(tenant), "2026-03")


def prepared(number: int) -> str:
    """A tenant of its own with two of the movements booked."""
    tenant = f"ten_{number}"
    open_books(tenant)
    callback(1, "R0", tenant=tenant)
    callback(LINES, f"R{LINES - 1}", tenant=tenant)
    return tenant


def check_stored_whole(tenant: str, point: object) -> None:
    """Two statements, every line once, two of them matched, nothing booked."""
    links = chain(account_statements(tenant))
    first, second = (link.statement for link in links)
    lines = questions.list_lines(tenant, first.statement_id, after=None, limit=1000).values
    marks = account_marks(tenant, bank(tenant))
    listed = breaks.list_breaks(tenant, "open", after=None, limit=100).values
    (file,) = questions.list_files(tenant, after=None, limit=10).values
    assert [each.line.number for each in lines] == list(range(1, LINES + 1)), point
    assert (len(marks), len({mark.line_id for mark in marks})) == (LINES, LINES), point
    assert (first.matched, first.open_breaks, second.lines) == (2, LINES - 2, 0), point
    assert len(listed) == LINES - 2, point
    assert (file.status, len(file.statement_ids)) == ("accepted", 2), point
    assert load_account(tenant, bank(tenant)).version == 2, point


def test_a_process_killed_at_any_call_of_an_upload_is_finished_by_the_same_call(books: Tables) -> None:
    for number, point in enumerate(crash_points()):
        tenant = prepared(number)
        command = call(tenant=tenant)
        with point:
            upload_statement(command, FILE)

        upload_statement(command, FILE)

        check_stored_whole(tenant, point)


def test_a_process_killed_at_any_call_of_an_upload_is_finished_by_another_call(books: Tables) -> None:
    for number, point in enumerate(crash_points(only="dynamodb.TransactWriteItems")):
        tenant = prepared(number)
        with point:
            upload_statement(call(tenant=tenant), FILE)

        outcome = upload_statement(call(tenant=tenant, days=4), FILE)

        assert not outcome.replayed, point
        check_stored_whole(tenant, point)


def test_a_half_stored_statement_is_seen_as_loading_and_its_lines_to_come_are_named(books: Tables) -> None:
    seen = set()
    for number, point in enumerate(crash_points(only="dynamodb.TransactWriteItems")):
        tenant = prepared(number)
        with point:
            upload_statement(call(tenant=tenant), FILE)

        statuses = {each.status for each in account_statements(tenant)}
        seen |= statuses
        if "loading" in statuses:
            found = questions.reconciliation(tenant, bank(tenant), None, now=MONDAY)
            assert (found.statements.uncounted_minor != 0, found.difference_minor) == (True, 0)

    assert seen == {"loading", "loaded"}


def test_lost_answers_of_an_upload_are_absorbed(books: Tables) -> None:
    for number, point in enumerate(lost_points()):
        tenant = prepared(number)

        with point:
            outcome = upload_statement(call(tenant=tenant), FILE)

        assert [each["matched"] for each in outcome.item.data["statements"]] == [2, 0], point
        check_stored_whole(tenant, point)


def test_a_process_killed_while_refusing_a_file_has_kept_it_after_a_retry(books: Tables) -> None:
    for number, point in enumerate(crash_points()):
        tenant = f"ten_{number}"

        def refused(tenant: str = tenant) -> None:
            with pytest.raises(InvalidInput):
                upload_statement(call(tenant=tenant), b"<Document>")

        with point:
            refused()
        refused()

        (file,) = questions.list_files(tenant, after=None, limit=10).values
        assert (file.status, file.reason) == ("quarantined", "malformed_xml"), point


def one_break(number: int) -> tuple[Call, str]:
    tenant = f"ten_{number}"
    open_books(tenant)
    upload_statement(call(tenant=tenant), camt(Sheet(lines=[Line(-300, "R1")])))
    (found,) = breaks.list_breaks(tenant, "open", after=None, limit=10).values
    return call(tenant=tenant, days=1), found.break_id


def check_resolved(tenant: str, break_id: str, kind: str, point: object) -> None:
    found = breaks.get_break(tenant, break_id)
    (statement,) = account_statements(tenant)
    assert found.resolution is not None and found.resolution.kind == kind, point
    assert (statement.matched, statement.open_breaks) == (1, 0), point
    assert load_account(tenant, bank(tenant)).balance == -300, point
    assert load_account(tenant, bank(tenant)).version == 1, point


def test_a_process_killed_at_any_call_of_a_resolution_leaves_one_booking_after_a_retry(books: Tables) -> None:
    for number, point in enumerate(crash_points()):
        command, break_id = one_break(number)
        order = ResolveBreak(break_id, FEES, "bank charge")
        with point:
            resolve_break(command, order)

        resolve_break(replace(command, serial="0" * 26), order)

        assert callback(-300, "R1", tenant=command.tenant).replayed, point
        check_resolved(command.tenant, break_id, "booked", point)


def test_lost_answers_of_a_resolution_are_absorbed(books: Tables) -> None:
    for number, point in enumerate(lost_points()):
        command, break_id = one_break(number)

        with point:
            outcome = resolve_break(command, ResolveBreak(break_id, FEES, "bank charge"))

        assert not outcome.replayed, point
        check_resolved(command.tenant, break_id, "booked", point)


def test_a_process_killed_at_any_call_of_a_rematch_leaves_one_match_after_a_retry(books: Tables) -> None:
    for number, point in enumerate(crash_points()):
        command, break_id = one_break(number)
        callback(-300, "R1", tenant=command.tenant)
        with point:
            rematch_break(command, break_id)

        rematch_break(command, break_id)

        check_resolved(command.tenant, break_id, "matched", point)
