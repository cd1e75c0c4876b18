"""A statement that its bank has corrected: what both versions state keeps its matches, what is stated no more is taken
back in sight, and the account's months come to what the corrected version says. The earlier file undoes it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from chalicelib.core.errors import Conflict, NotFound, Refusal
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.recon.domain import Reconciled
from chalicelib.recon.files import file_id
from chalicelib.recon.positions import Tally
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.breaks import ResolveBreak, resolve_break
from chalicelib.recon.service.corrections import CorrectStatement, correct_statement
from chalicelib.recon.service.following import follow
from chalicelib.recon.service.uploads import upload_statement
from chalicelib.storage.once import Outcome
from tests.recon.build import BANK, FEES, IBAN, Line, Sheet, callback, camt, open_books, project, upload
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

DAY = Sheet(lines=[Line(1000, "R1"), Line(500, "R2"), Line(-20, "R3")])


def kept(sheet: Sheet, tenant: str = TENANT) -> str:
    """The id of the file that has a version of a statement: it is refused where another one is stored."""
    raw = camt(sheet)
    try:
        upload_statement(call(tenant=tenant), raw)
    except Conflict as refused:
        assert refused.code == "statement_differs"
    return file_id(tenant, sha256(raw).hexdigest())


def correct(statement_id: str, sheet: Sheet, *, key: str | None = None, tenant: str = TENANT) -> Outcome:
    command = CorrectStatement(statement_id, kept(sheet, tenant), "the bank has sent it anew")
    return correct_statement(call(key, tenant=tenant) if key else call(tenant=tenant), command)


def lines_of(statement_id: str, tenant: str = TENANT) -> Sequence[Reconciled]:
    return questions.list_lines(tenant, statement_id, after=None, limit=500).values


def stated(statement_id: str) -> Counter[int]:
    """What a statement comes to, amount by amount: its lines less those that take one back, and those again."""
    found = [each.line for each in lines_of(statement_id)]
    by_id = {line.line_id: line for line in found}
    total: Counter[int] = Counter()
    for line in found:
        takes_back = bool(line.withdraws) and not by_id[line.withdraws].withdraws
        total[-line.amount_minor if takes_back else line.amount_minor] += -1 if takes_back else 1
    return +total


def reasons(tenant: str = TENANT) -> list[tuple[str, int]]:
    page = breaks.list_breaks(tenant, "open", after=None, limit=100)
    return sorted((each.reason, each.amount_minor) for each in page.values)


def month(tenant: str = TENANT, account_id: str = BANK) -> Any:
    follow(tenant, account_id, steps=50)
    return questions.reconciliation(tenant, account_id, "2026-03", now=MONDAY)


def refusal(act: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value


def test_what_both_versions_state_keeps_its_match_and_the_rest_is_seen(books: Tables) -> None:
    callback(1000, "R1")
    callback(-20, "R3")
    (first,) = upload(DAY)
    callback(700, "R4")

    outcome = correct(first["statement_id"], replace(DAY, lines=[Line(1000, "R1"), Line(700, "R4")]))

    assert (outcome.item.data["added"], outcome.item.data["closing_minor"]) == (3, 1700)
    assert reasons() == [("line_withdrawn", 20)]
    placed = questions.get_statement(TENANT, first["statement_id"])
    assert (placed.statement.status, placed.statement.lines, placed.statement.corrections) == ("loaded", 6, 1)
    assert stated(first["statement_id"]) == Counter({1000: 1, 700: 1})
    project(books)
    found = month()
    assert (found.difference_minor, found.lines, found.open_lines.now) == (0, Tally(6, 1700), Tally(1, 20))
    assert found.statements.closing_minor == 1700


def test_the_next_statement_follows_the_corrected_one(books: Tables) -> None:
    (first,) = upload(DAY)
    right = replace(DAY, lines=[Line(1000, "R1")])
    correct(first["statement_id"], right)

    (following,) = upload(right.next(Line(1, "R9")), days=2)

    assert following["continuity"] == "chained"


def test_the_earlier_file_undoes_a_correction(books: Tables) -> None:
    callback(1000, "R1")
    (first,) = upload(DAY)
    correct(first["statement_id"], replace(DAY, lines=[Line(700, "R4")]))
    assert reasons() == [("line_withdrawn", -1000), ("no_entry", 700)]

    correct(first["statement_id"], DAY)

    assert reasons() == [("no_entry", -20), ("no_entry", 500)]
    assert stated(first["statement_id"]) == Counter({1000: 1, 500: 1, -20: 1})
    assert lines_of(first["statement_id"])[0].match is not None
    project(books)
    found = month()
    assert (found.difference_minor, found.lines.minor, found.open_lines.now) == (0, 1480, Tally(2, 480))


def test_a_line_that_was_taken_back_and_booked_so_is_stated_again_as_a_new_one(books: Tables) -> None:
    callback(1000, "R1")
    (first,) = upload(Sheet(lines=[Line(1000, "R1")]))
    correct(first["statement_id"], Sheet(lines=[]))
    (found,) = breaks.list_breaks(TENANT, "open", after=None, limit=5).values
    resolve_break(call(), ResolveBreak(found.break_id, FEES, "the bank never had it"))

    correct(first["statement_id"], Sheet(lines=[Line(1000, "R1")]))

    assert reasons() == [("amount_differs", 1000)]
    project(books)
    assert month().difference_minor == 0


def test_equal_lines_are_taken_back_by_count_the_unexplained_first(books: Tables) -> None:
    callback(5, "R1")
    (first,) = upload(Sheet(lines=[Line(5, "R1"), Line(5, "R1"), Line(5, "R1")]))

    correct(first["statement_id"], Sheet(lines=[Line(5, "R1")]))

    assert (reasons(), stated(first["statement_id"])) == ([], Counter({5: 1}))


def test_the_same_file_taken_twice_or_uploaded_again_changes_nothing(books: Tables) -> None:
    (first,) = upload(DAY)
    right = replace(DAY, lines=[Line(1000, "R1")])
    correct(first["statement_id"], right, key="k")
    before = lines_of(first["statement_id"])

    again = correct(first["statement_id"], right, key="k")
    correct(first["statement_id"], right)
    (receipt,) = upload(right)

    assert (again.replayed, receipt["status"], lines_of(first["statement_id"])) == (True, "loaded", before)
    assert refusal(lambda: upload_statement(call(), camt(replace(DAY, lines=[])))).code == "statement_differs"


@pytest.mark.parametrize("seed", range(4))
def test_months_come_to_the_last_version_however_often_it_is_corrected(books: Tables, seed: int) -> None:
    chance = random.Random(seed)
    pool = [Line(chance.randrange(1, 900) * chance.choice((1, -1)), f"R{number}") for number in range(8)]
    sheet = Sheet(lines=chance.sample(pool, 4))
    for line in chance.sample(pool, 4):
        callback(line.minor, line.bank_reference)
    (first,) = upload(sheet)
    for turn in range(6):
        sheet = replace(sheet, lines=chance.choices(pool, k=chance.randrange(6)))
        correct(first["statement_id"], sheet)
        if chance.random() < 0.5:
            project(books)
            month()
        if turn % 2 and reasons():
            found = chance.choice(breaks.list_breaks(TENANT, "open", after=None, limit=100).values)
            assert (
                refusal(lambda found=found: resolve_break(call(), ResolveBreak(found.break_id, BANK, "x"))).code
                == "account_is_the_bank"
            )

    project(books)
    found = month()
    placed = questions.get_statement(TENANT, first["statement_id"]).statement
    assert stated(first["statement_id"]) == Counter(line.minor for line in sheet.lines)
    assert (found.difference_minor, found.lines.minor) == (0, sum(line.minor for line in sheet.lines))
    assert found.open_lines.now == Tally(len(reasons()), sum(minor for _, minor in reasons()))
    assert (placed.open_breaks, placed.matched + placed.open_breaks) == (len(reasons()), placed.lines)


def test_a_correction_killed_at_any_call_is_finished_by_the_next(books: Tables) -> None:
    right = replace(DAY, lines=[Line(1000, "R1"), Line(700, "R4")])
    for number, point in enumerate(crash_points()):
        tenant = f"ten_c{number}"
        open_books(tenant)
        callback(1000, "R1", tenant=tenant)
        callback(-20, "R3", tenant=tenant)
        (first,) = upload(DAY, tenant=tenant)
        command = CorrectStatement(first["statement_id"], kept(right, tenant), "anew")
        with point:
            correct_statement(call("k", tenant=tenant), command)

        correct_statement(call("k", tenant=tenant), command)

        project(books)
        found = month(tenant, purpose_account_id(tenant, Purpose.BANK, "CNY", IBAN))
        assert reasons(tenant) == [("line_withdrawn", 20), ("no_entry", 700)], point
        assert (found.difference_minor, found.lines) == (0, Tally(6, 1700)), point


def test_what_cannot_be_corrected_is_refused(books: Tables) -> None:
    (first,) = upload(DAY)
    other, broken = replace(DAY, day=DAY.next().day, number=7), replace(DAY, lines=[], closing=9)
    unknown = CorrectStatement(first["statement_id"], "stf_unknown", "x")

    codes = [
        refusal(lambda: correct(first["statement_id"], other)).code,
        refusal(lambda: correct(first["statement_id"], broken)).code,
        refusal(lambda: correct_statement(call(), unknown)).code,
        refusal(lambda: correct_statement(call(), replace(unknown, comment=" "))).code,
        refusal(lambda: correct_statement(call(), replace(unknown, statement_id="stm_" + "0" * 26))).code,
    ]

    assert codes == [
        "no_corrected_statement",
        "no_corrected_statement",
        "statement_file_not_found",
        "comment_missing",
        "statement_not_found",
    ]
    assert isinstance(refusal(lambda: correct_statement(call(), unknown)), NotFound)
