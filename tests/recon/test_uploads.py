"""Uploads on DynamoDB Local: read, proved, stored once, matched; what is refused is kept where it is seen."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound, Refusal, TooLarge
from chalicelib.messages.proof import prove
from chalicelib.recon import store
from chalicelib.recon.chaining import chain
from chalicelib.recon.domain import Reconciled, Upload, lines_of, new_statement
from chalicelib.recon.files import File, file_id
from chalicelib.recon.formats import MOST_BYTES, MOST_LINES, check_amounts, read_statements
from chalicelib.recon.service import questions, uploads
from chalicelib.recon.service.corrections import CorrectStatement, correct_statement
from chalicelib.recon.service.loading import CHUNK, Told, store_statement
from chalicelib.recon.service.uploads import upload_statement
from chalicelib.recon.store import months
from chalicelib.storage.commit import commit
from chalicelib.storage.once import Outcome
from tests.ledger.sums import all_accounts
from tests.recon.build import (
    BANK,
    BUCKET,
    FIRST_DAY,
    IBAN,
    Line,
    Sheet,
    account_marks,
    bank_account,
    callback,
    camt,
    open_accounts,
    open_books,
    upload,
)
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

DAY = Sheet(lines=[Line(1000, "R1"), Line(-300, "R2")])


def send(raw: bytes, key: str | None = None, tenant: str = TENANT) -> Outcome:
    return upload_statement(call(key, tenant=tenant, body=sha256(raw).hexdigest()), raw)


def refused(raw: bytes, kind: type[Refusal]) -> Refusal:
    with pytest.raises(kind) as refusal:
        send(raw)
    return refusal.value


def lines(statement_id: str, tenant: str = TENANT) -> list[Reconciled]:
    """All lines of a statement, page by page."""
    found: list[Reconciled] = []
    after = None
    while True:
        page = questions.list_lines(tenant, statement_id, after=after, limit=7)
        found += page.values
        after = page.last_key
        if after is None:
            return found


def reasons(statement_id: str) -> list[str]:
    return [each.found_break.reason if each.found_break else "matched" for each in lines(statement_id)]


def files(tenant: str = TENANT) -> list[tuple[str, str]]:
    return [(file.status, file.reason) for file in questions.list_files(tenant, after=None, limit=100).values]


def statements() -> list[Any]:
    return [placed.statement for placed in questions.list_statements(TENANT, after=None, limit=100).values]


# ---- taken in


def test_a_line_is_matched_to_the_movement_a_callback_booked(books: Tables) -> None:
    callback(1000, "R1")
    callback(-300, "R2")

    (receipt,) = upload(DAY)

    assert receipt == {
        "statement_id": receipt["statement_id"],
        "bank_statement_id": "S-1",
        "iban": IBAN,
        "currency": "CNY",
        "sequence": 1,
        "status": "loaded",
        "proof": "proved",
        "reason": "",
        "continuity": "first",
        "lines": 2,
        "matched": 2,
        "breaks": 0,
    }


def test_a_line_books_nothing(books: Tables) -> None:
    upload(DAY)

    assert {account.balance for account in all_accounts(TENANT)} == {0}


def test_each_line_that_no_entry_explains_is_a_break_with_its_reason(books: Tables) -> None:
    callback(1000, "R1")
    callback(7, "R3")
    sheet = Sheet(lines=[Line(1000, "R1"), Line(5, "R2"), Line(8, "R3"), Line(6), Line(1000, "R1"), Line(0, "R9")])

    (receipt,) = upload(sheet)

    found = lines(receipt["statement_id"])
    assert (receipt["lines"], receipt["matched"], receipt["breaks"]) == (6, 2, 4)
    assert reasons(receipt["statement_id"]) == [
        "matched",
        "no_entry",
        "amount_differs",
        "no_bank_reference",
        "no_entry",
        "matched",
    ]
    assert found[4].line.movement_key != found[0].line.movement_key


def test_a_movement_stated_by_two_statements_is_explained_once(books: Tables) -> None:
    callback(1000, "R1")
    (first,) = upload(Sheet(lines=[Line(1000, "R1")]))

    (again,) = upload(Sheet(number=2, lines=[Line(1000, "R1")]))

    assert (again["continuity"], again["matched"], again["breaks"]) == ("overlap", 0, 1)
    (repeated,) = lines(again["statement_id"])
    assert repeated.found_break is not None and repeated.found_break.reason == "duplicate_line"
    assert repeated.found_break.facts["first_line_id"] == lines(first["statement_id"])[0].line.line_id


def test_a_line_of_nothing_does_not_take_another_ones_reference(books: Tables) -> None:
    callback(1000, "R1")

    (receipt,) = upload(Sheet(lines=[Line(0, "R1"), Line(1000, "R1"), Line(0, "R1")]))

    assert (receipt["matched"], receipt["breaks"]) == (3, 0)


def test_the_file_is_kept_as_it_came(books: Tables, bucket: Any) -> None:
    raw = camt(DAY)

    send(raw)

    key = f"statements/{TENANT}/{sha256(raw).hexdigest()}"
    assert bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read() == raw
    assert files() == [("accepted", "")]


def test_one_file_may_hold_statements_of_several_accounts_and_days(books: Tables) -> None:
    open_accounts(TENANT, bank_account(iban="NL35MOCK0000000012"))
    other = replace(DAY, iban="NL35MOCK0000000012", number=7)

    receipts = upload(DAY, DAY.next(Line(5, "R3")), other)

    assert [(each["iban"][-2:], each["sequence"], each["continuity"]) for each in receipts] == [
        ("11", 1, "first"),
        ("11", 2, "chained"),
        ("12", 7, "first"),
    ]


def test_a_statement_of_many_lines_is_stored_in_many_commits(books: Tables) -> None:
    count = 2 * CHUNK + 3
    for number in range(0, count, 10):
        callback(number + 1, f"R{number}")

    (receipt,) = upload(Sheet(lines=[Line(number + 1, f"R{number}") for number in range(count)]))

    assert (receipt["status"], receipt["lines"], receipt["matched"]) == ("loaded", count, len(range(0, count, 10)))
    assert [each.line.number for each in lines(receipt["statement_id"])] == list(range(1, count + 1))
    assert len(account_marks()) == count


def test_an_empty_statement_is_a_link_of_the_chain(books: Tables) -> None:
    receipts = [upload(sheet)[0] for sheet in (DAY, DAY.next(), DAY.next().next(Line(5, "R3")))]

    assert [(each["status"], each["continuity"], each["lines"]) for each in receipts] == [
        ("loaded", "first", 2),
        ("loaded", "chained", 0),
        ("loaded", "chained", 1),
    ]


def test_a_statement_that_comes_late_closes_the_gap(books: Tables) -> None:
    second = DAY.next(Line(5, "R3"))
    third = second.next(Line(6, "R4"))
    receipts = [upload(sheet)[0]["continuity"] for sheet in (DAY, third, second)]

    shown = questions.list_statements(TENANT, after=None, limit=10).values

    assert receipts == ["first", "gap", "chained"]
    assert [placed.link.continuity for placed in shown if placed.link] == ["chained", "chained", "first"]


# ---- told again


def test_the_same_call_again_is_answered_as_before(books: Tables) -> None:
    raw = camt(DAY)
    first = send(raw, "k")
    callback(1000, "R1")

    with watching() as calls:
        again = send(raw, "k")

    assert (again.item, again.replayed) == (first.item, True)
    assert calls.operations == ["dynamodb.GetItem"]


def test_the_same_statement_under_another_key_or_in_another_envelope_is_not_doubled(books: Tables) -> None:
    (first,) = upload(DAY)

    again = [upload(DAY)[0], send(camt(DAY, message_id="M-2")).item.data["statements"][0], upload(DAY, DAY)[0]]

    assert again == [first] * 3
    assert len(statements()) == 1
    assert len(account_marks()) == 2


def test_a_key_used_for_another_file_is_refused_before_anything_is_stored(books: Tables) -> None:
    send(camt(DAY), "k")

    with pytest.raises(KeyReused):
        send(camt(DAY.next()), "k")

    assert len(statements()) == 1
    assert files() == [("accepted", "")]


def test_many_calls_with_one_file_store_it_once(books: Tables) -> None:
    sheet = Sheet(lines=[Line(number, f"R{number}") for number in range(1, CHUNK + 5)])

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: attempt(camt(sheet), f"k{number}"), range(8)))

    (statement,) = statements()
    assert set(outcomes) <= {"accepted", "try_again"} and "accepted" in outcomes
    assert (statement.status, statement.stored, statement.open_breaks) == (
        "loaded",
        sheet_size := CHUNK + 4,
        sheet_size,
    )
    assert len(lines(statement.statement_id)) == len(account_marks()) == sheet_size


def test_two_files_that_tell_one_statement_otherwise_leave_one_of_them(books: Tables) -> None:
    for number in range(4):
        sheets = [Sheet(name=f"N{number}", lines=[Line(minor, f"N{number}")]) for minor in (1, 2)]
        with ThreadPoolExecutor(2) as pool:
            codes = list(pool.map(lambda sheet: attempt(camt(sheet), f"k{sheet}"[:128]), sheets))

        assert sorted(codes) == ["accepted", "statement_differs"]

    assert len(statements()) == len(account_marks()) == 4


def test_a_step_that_another_call_took_with_other_content_is_refused(books: Tables) -> None:
    first, other = (Sheet(lines=[Line(minor, "R1")]) for minor in (1, 2))
    told = {}
    for sheet in (first, other):
        message = read_statements(camt(sheet))[0]
        statement = new_statement(message, prove(message), Upload(TENANT, BANK, "f", call().now))
        told[sheet.closes_at] = Told(statement, lines_of(statement, message))
    store_statement(call(), told[1])

    with pytest.raises(Conflict) as refusal:
        store_statement(call(), told[2])

    assert refusal.value.code == "statement_differs"


def attempt(raw: bytes, key: str) -> str:
    try:
        send(raw, key)
    except Refusal as refusal:
        return refusal.code
    return "accepted"


# ---- refused, and kept


def test_a_statement_that_does_not_foot_is_kept_in_quarantine_and_counts_for_nothing(books: Tables) -> None:
    callback(1000, "R1")

    (receipt,) = upload(replace(DAY, closing=1))

    assert (receipt["status"], receipt["proof"], receipt["reason"]) == ("quarantined", "broken", "does_not_foot")
    assert (receipt["continuity"], receipt["lines"], receipt["matched"]) == (None, 2, 0)
    assert lines(receipt["statement_id"]) == []
    assert [statement.difference_minor for statement in statements()] == [699]


def test_the_corrected_statement_of_the_same_id_is_taken_in(books: Tables) -> None:
    upload(replace(DAY, closing=1))

    (receipt,) = upload(DAY)

    assert (receipt["status"], receipt["breaks"]) == ("loaded", 2)
    assert sorted(statement.status for statement in statements()) == ["loaded", "quarantined"]


def test_a_statement_of_a_known_id_that_says_something_else_is_refused(books: Tables) -> None:
    (first,) = upload(DAY)

    refusal = refused(camt(Sheet(lines=[Line(1000, "R1")])), Conflict)

    assert refusal.code == "statement_differs"
    assert refusal.facts == {"statement_id": first["statement_id"], "bank_statement_id": "S-1"}
    assert sorted(files()) == [("accepted", ""), ("quarantined", "statement_differs")]


def test_two_statements_of_one_id_in_one_file_are_refused_together(books: Tables) -> None:
    assert refused(camt(DAY, replace(DAY, opening=5)), Conflict).code == "statement_differs"
    assert statements() == []


def test_an_account_that_is_not_the_tenants_is_refused(books: Tables) -> None:
    open_books("ten_other")
    unknown = replace(DAY, iban="NL35MOCK0000000012")

    refusal = refused(camt(unknown), NotFound)

    assert refusal.code == "unknown_bank_account"
    assert refusal.facts == {"iban": "NL35MOCK0000000012", "currency": "CNY"}
    assert statements() == []
    assert refused(camt(replace(DAY, currency="EUR")), NotFound).code == "unknown_bank_account"


def test_a_file_refused_once_is_taken_in_when_its_account_is_open(books: Tables) -> None:
    raw = camt(replace(DAY, iban="NL35MOCK0000000012"))
    refused(raw, NotFound)
    seen = files()
    open_accounts(TENANT, bank_account(iban="NL35MOCK0000000012"))

    send(raw)

    assert seen == [("quarantined", "unknown_bank_account")]
    assert files() == [("accepted", "")]


NOTIFICATION = camt(DAY).replace(b"BkToCstmrStmt", b"BkToCstmrDbtCdtNtfctn").replace(b"Stmt>", b"Ntfctn>")
UNREADABLE = [
    (b"", "malformed_xml"),
    (b"<Document>", "malformed_xml"),
    (b"not xml", "malformed_xml"),
    (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "forbidden_xml"),
    (b"<Document/>", "unknown_message_type"),
    (camt(), "missing_element"),
    (camt(DAY).replace(b"10.00", b"ten"), "invalid_amount"),
    (NOTIFICATION, "not_a_statement"),
    (camt(DAY).replace(f"<IBAN>{IBAN}</IBAN>".encode(), b""), "account_missing"),
]


@pytest.mark.parametrize(("raw", "code"), UNREADABLE, ids=[code for _, code in UNREADABLE])
def test_a_file_that_cannot_be_read_is_refused_and_kept_with_the_reason(
    books: Tables, bucket: Any, raw: bytes, code: str
) -> None:
    assert refused(raw, InvalidInput).code == code
    assert refused(raw, InvalidInput).code == code

    assert files() == [("quarantined", code)]
    assert len(bucket.list_objects_v2(Bucket=BUCKET)["Contents"]) == 1


def test_many_calls_with_one_unreadable_file_keep_it_once(books: Tables) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda number: attempt(b"<Document>", f"k{number}"), range(8)))

    assert set(codes) == {"malformed_xml"}
    assert files() == [("quarantined", "malformed_xml")]


def test_a_file_taken_in_before_is_not_put_in_quarantine_by_a_stricter_reader(books: Tables) -> None:
    raw = b"<Document>"
    digest = sha256(raw).hexdigest()
    file = File(file_id(TENANT, digest), digest, len(raw), "accepted", "", ("stm_1",), "cli", MONDAY)
    commit((store.save_file(TENANT, file, None),))

    refused(raw, InvalidInput)

    assert files() == [("accepted", "")]


def test_a_file_of_more_lines_than_allowed_is_refused() -> None:
    entry = b"<Ntry><Amt Ccy='CNY'>1</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>"
    raw = camt(Sheet()).replace(b"</Stmt>", entry * (MOST_LINES + 1) + b"</Stmt>")

    with pytest.raises(TooLarge) as refusal:
        check_amounts(read_statements(raw))

    assert len(raw) < MOST_BYTES
    assert (refusal.value.code, refusal.value.facts) == ("too_many_lines", {"maximum": MOST_LINES})


def test_a_file_without_a_currency_is_refused(books: Tables) -> None:
    bare = camt(Sheet()).replace(b"<Ccy>CNY</Ccy>", b"").replace(b"<Bal>", b"<X>").replace(b"</Bal>", b"</X>")

    assert refused(bare, InvalidInput).code == "currency_missing"


def test_a_file_beyond_its_limits_is_refused(books: Tables) -> None:
    days = [Sheet()]
    for _ in range(90):
        days.append(days[-1].next())

    assert refused(b" " * (MOST_BYTES + 1), TooLarge).code == "file_too_large"
    assert refused(camt(*days), TooLarge).code == "too_many_statements"
    assert files() == [("quarantined", "too_many_statements")]


def test_the_statements_of_others_do_not_count(books: Tables) -> None:
    """A group's treasury sends one file for all its houses: 300 statements, two of them of this marketplace."""
    others = [Sheet(iban=f"NL91OTHR{i:010}") for i in range(300)]

    answer = send(camt(*others[:200], Sheet(), *others[200:], Sheet().next())).item.data

    assert [each["status"] for each in answer["statements"]] == ["loaded", "loaded"]
    assert answer["warnings"] == [
        {"code": "unknown_bank_account", "statement": 1, "through": 200, "facts": {}},
        {"code": "unknown_bank_account", "statement": 202, "through": 301, "facts": {}},
    ]


def test_a_file_that_takes_too_long_to_read_is_kept_in_quarantine(
    books: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_READ_SECONDS", 0)

    assert refused(camt(Sheet()), InvalidInput).code == "message_took_too_long"
    assert files() == [("quarantined", "message_took_too_long")]


def test_a_refused_call_leaves_its_key_free(books: Tables) -> None:
    with pytest.raises(InvalidInput):
        upload_statement(call("k"), b"<Document>")

    assert not upload_statement(call("k"), camt(DAY)).replayed


def test_another_tenants_statements_do_not_exist(books: Tables) -> None:
    (receipt,) = upload(DAY)

    with pytest.raises(NotFound) as refusal:
        questions.get_statement("ten_other", receipt["statement_id"])

    assert refusal.value.code == "statement_not_found"
    assert questions.list_statements("ten_other", after=None, limit=10).values == ()
    assert lines(receipt["statement_id"], "ten_other") == []


def test_a_statement_without_balances_is_taken_in_unproved(books: Tables) -> None:
    day = FIRST_DAY + timedelta(days=1)
    raw = camt(replace(DAY, day=day)).replace(b"OPBD", b"XXXX").replace(b"CLBD", b"YYYY")

    (receipt,) = send(raw).item.data["statements"]

    assert (receipt["status"], receipt["proof"], receipt["reason"]) == ("loaded", "unproved", "balances_missing")
    assert receipt["breaks"] == 2


def test_a_statement_without_any_day_is_the_same_one_on_another_day(books: Tables) -> None:
    raw = camt(Sheet()).replace(b"FrToDt", b"X").replace(b"<Dt><Dt>2026-03-02</Dt></Dt>", b"")

    first, again = (upload_statement(call(days=days), raw).item.data["statements"] for days in (0, 5))

    assert first == again
    assert len(statements()) == 1


# ---- ids that come again, and several of one day


def bare(raw: bytes, name: bytes = b"NL62") -> bytes:
    """The file as a bank sends it that numbers nothing and gives the account's number as each statement's id."""
    return re.sub(rb"<Id>S-\d+</Id><ElctrncSeqNb>\d+</ElctrncSeqNb>", b"<Id>" + name + b"</Id>", raw)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_two_statements_of_one_day_stand_as_their_balances_chain(books: Tables, together: bool, turned: bool) -> None:
    sheets = [Sheet(lines=[Line(1000, "A")]), Sheet(number=2, opening=1000, lines=[Line(2000, "B")])]
    sheets = sheets[::-1] if turned else sheets
    for raw in [camt(*sheets)] if together else [camt(sheet) for sheet in sheets]:
        send(bare(raw))

    shown = [questions.get_statement(TENANT, each.statement_id) for each in statements()]

    chained = {placed.statement.closing_minor: placed.link.continuity for placed in shown if placed.link}
    assert chained == {1000: "first", 3000: "chained"}
    assert chain(months.all_of_month(TENANT, BANK, "2026-03"))[-1].closing_minor == 3000


def test_an_id_that_is_the_accounts_number_every_day_names_a_statement_a_day(books: Tables) -> None:
    first = Sheet(lines=[Line(5, "R1")])
    days = [first, first.next(Line(7, "R2")), first.next(Line(7, "R2")).next()]

    receipts = [send(bare(camt(sheet))).item.data["statements"][0] for sheet in days]

    assert [each["continuity"] for each in receipts] == ["first", "chained", "chained"]


def test_an_id_that_begins_anew_with_the_year_is_taken(books: Tables) -> None:
    (first,) = upload(Sheet(lines=[Line(5, "R1")]))

    (anew,) = upload(Sheet(opening=5, lines=[Line(7, "R2")], day=FIRST_DAY + timedelta(days=365)), days=366)

    assert (first["bank_statement_id"], anew["bank_statement_id"]) == ("S-1", "S-1")
    assert (anew["continuity"], anew["status"]) == ("chained", "loaded")


# ---- what is not guessed at


@pytest.mark.parametrize(
    ("old", "new", "code", "element"),
    [
        (b"<CdtDbtInd>", b"<CdtDbtInd>CRDT</CdtDbtInd><CdtDbtInd>", "element_twice", "Bal/CdtDbtInd"),
        (b"<Acct>", b"<Acct><Id><IBAN>NL35MOCK0000000012</IBAN></Id></Acct><Acct>", "element_twice", "Stmt/Acct"),
        (b"<Ntry>", b"<Ntry><Amt Ccy='CNY'>1.00</Amt>", "element_twice", "Ntry/Amt"),
        (b"<Amt Ccy='CNY'>", b"<Amt Ccy='EUR'>", "currency_mismatch", "Bal/Amt"),
        (b"<Ntry><Amt Ccy='CNY'>", b"<Ntry><Amt Ccy='EUR'>", "currency_mismatch", "Ntry/Amt"),
    ],
)
def test_a_statement_that_can_be_read_in_two_ways_is_refused(
    books: Tables, old: bytes, new: bytes, code: str, element: str
) -> None:
    refusal = refused(camt(Sheet(lines=[Line(5, "R1")])).replace(old, new), InvalidInput)

    assert (refusal.code, refusal.facts["element"]) == (code, element)
    assert files() == [("quarantined", code)]


@pytest.mark.parametrize(
    ("old", "new", "code", "element"),
    [
        (b"12.00", b"ten", "invalid_amount", "Ntry/Amt"),
        (b"<Amt Ccy='CNY'>12.00", b"<Amt Ccy='ZZZ'>12.00", "unknown_currency", "Ntry/Amt"),
        (b"12.00</Amt><CdtDbtInd>CRDT", b"12.00</Amt><CdtDbtInd>BOTH", "invalid_direction", "Ntry/CdtDbtInd"),
    ],
)
def test_a_statement_with_an_entry_that_cannot_be_read_is_refused_with_its_place(
    books: Tables, old: bytes, new: bytes, code: str, element: str
) -> None:
    refusal = refused(camt(Sheet(lines=[Line(5, "R1"), Line(1200, "R2")])).replace(old, new), InvalidInput)

    assert (refusal.code, refusal.facts) == (code, {"element": element, "statement": 1, "entry": 2})
    assert files() == [("quarantined", code)]


BENT = {
    "an element twice": (b"<Ntry>", b"<Ntry><Amt Ccy='CNY'>1.00</Amt>", "element_twice"),
    "no account": (b"<IBAN>NL62MOCK0000000011</IBAN>", b"", "account_missing"),
    "an amount that is none": (b"0.05</Amt><CdtDbtInd>CRDT", b"ten</Amt><CdtDbtInd>CRDT", "invalid_amount"),
    "another currency": (b"<Amt Ccy='CNY'>", b"<Amt Ccy='EUR'>", "currency_mismatch"),
    "balances that differ": (b"<Bal>", b"<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp>", "element_twice"),
}


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("bent", BENT)
def test_a_statement_that_cannot_be_read_holds_up_no_other_of_its_file(books: Tables, bent: str, place: int) -> None:
    old, new, code = BENT[bent]
    first = Sheet(lines=[Line(5, "R1")])
    second = first.next(Line(5, "R2"))
    parts = [camt(each) for each in (first, second, second.next(Line(5, "R3")))]
    inside = [part[part.index(b"<Stmt>") : part.index(b"</Stmt>") + len(b"</Stmt>")] for part in parts]
    inside[place - 1] = inside[place - 1].replace(old, new)
    whole = parts[0].replace(parts[0][parts[0].index(b"<Stmt>") : parts[0].index(b"</Stmt>") + 7], b"".join(inside))

    data = send(whole).item.data

    assert [(each["statement"], each["code"]) for each in data["warnings"]] == [(place, code)]
    assert [each["status"] for each in data["statements"]] == ["loaded", "loaded"]
    assert files() == [("accepted", "")]


def test_a_statement_that_differs_holds_up_no_other_of_its_file_and_can_be_taken_from_there(books: Tables) -> None:
    first = Sheet(lines=[Line(5, "R1")])
    (stored,) = upload(first)
    right = Sheet(lines=[Line(7, "R1")])

    data = send(camt(right, right.next(Line(1, "R2")))).item.data

    (warning,) = data["warnings"]
    assert (warning["code"], warning["statement"]) == ("statement_differs", 1)
    assert warning["facts"]["statement_id"] == stored["statement_id"]
    command = CorrectStatement(stored["statement_id"], data["file_id"], "sent anew")
    assert correct_statement(call(), command).item.data["closing_minor"] == 7
    assert [file.refused for file in questions.list_files(TENANT, after=None, limit=9).values] == [(), ()]


def test_an_entry_of_an_unknown_status_is_a_warning_of_the_statement(books: Tables) -> None:
    sheet = Sheet(lines=[Line(5, "R1"), Line(7, "R2", status="DONE")], closing=5)

    (receipt,) = upload(sheet)

    (shown,) = statements()
    assert (receipt["status"], receipt["lines"], shown.warnings) == ("loaded", 1, ("status_unknown",))


def test_a_day_is_covered_by_a_statement_behind_many_that_do_not_cover_it(books: Tables) -> None:
    """A week's statement, behind 25 of one of its days; and none, while it is missing."""
    days = [Sheet(day=FIRST_DAY + timedelta(days=3), name=f"D-{i}", sequence=i + 2) for i in range(25)]
    week = camt(Sheet(day=FIRST_DAY + timedelta(days=5), name="W", sequence=99)).replace(
        f"<FrDtTm>{FIRST_DAY + timedelta(days=5)}".encode(), f"<FrDtTm>{FIRST_DAY}".encode()
    )
    send(camt(*days))
    account_id = statements()[0].bank_account_id
    assert store.statement_covering(TENANT, account_id, FIRST_DAY) is None

    send(week)

    covering = store.statement_covering(TENANT, account_id, FIRST_DAY)
    assert covering is not None
    assert covering.bank_statement_id == "W"
