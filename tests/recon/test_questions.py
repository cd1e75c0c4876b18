"""Statements and bank accounts asked after on DynamoDB Local: chains, pages, the bank's balance against the books."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import Busy, NotFound, TooLarge
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.store.accounts import load_account
from chalicelib.recon.balance import Position
from chalicelib.recon.domain import Break
from chalicelib.recon.service import books as books_module
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.books import read_books
from chalicelib.recon.service.breaks import ResolveBreak, resolve_break
from chalicelib.recon.service.uploads import upload_statement
from tests.recon.build import (
    BANK,
    FEES,
    IBAN,
    Line,
    Sheet,
    bank_account,
    callback,
    camt,
    open_accounts,
    project,
    upload,
)
from tests.support.calls import TENANT, call
from tests.support.dynamodb_local import Tables

DAY = Sheet(lines=[Line(1000, "R1"), Line(-300, "R2")])
OTHER_IBAN = "NL35MOCK0000000012"


def position(books: Tables) -> Position:
    project(books)
    (found,) = questions.reconciliation(TENANT, IBAN)
    return found


def summary(found: Position) -> dict[str, int]:
    return {
        "closing": found.closing_minor,
        "ledger": found.account.balance,
        "matched": found.matched,
        "line breaks": found.line_breaks_minor,
        "ledger breaks": found.ledger_breaks_minor,
        "later": found.later_minor,
        "difference": found.difference_minor,
    }


def test_an_account_whose_callbacks_all_came_agrees_with_its_bank(books: Tables) -> None:
    callback(1000, "R1")
    callback(-300, "R2")
    upload(DAY)

    assert summary(position(books)) == {
        "closing": 700,
        "ledger": 700,
        "matched": 2,
        "line breaks": 0,
        "ledger breaks": 0,
        "later": 0,
        "difference": 0,
    }


def test_open_items_of_both_sides_explain_the_rest(books: Tables) -> None:
    callback(1000, "R1")
    callback(40, "R3")
    callback(5, "R4", days=1)
    upload(DAY)

    found = position(books)

    assert summary(found) == {
        "closing": 700,
        "ledger": 1045,
        "matched": 1,
        "line breaks": -300,
        "ledger breaks": 40,
        "later": 5,
        "difference": 0,
    }
    assert [each.age_days(call(days=4).now) for each in (*found.line_breaks, *found.ledger_breaks)] == [3, 4]


def test_a_resolution_closes_the_item_it_books(books: Tables) -> None:
    callback(1000, "R1")
    upload(DAY)
    (found,) = open_breaks()

    resolve_break(call(days=2), ResolveBreak(found.break_id, FEES, "bank charge"))

    after = position(books)
    assert (after.closing_minor, after.account.balance, after.line_breaks, after.difference_minor) == (700, 700, (), 0)


def test_a_gap_between_statements_is_an_item_of_its_own(books: Tables) -> None:
    upload(replace(DAY, opening=50))
    upload(replace(DAY, opening=50).next(Line(9, "R3")).next(Line(1, "R4")))

    found = position(books)

    assert (found.brought_forward_minor, found.jumps_minor, found.closing_minor) == (50, 9, 760)
    assert [link.continuity for link in found.links] == ["first", "gap"]
    assert found.difference_minor == 0


def test_a_statement_in_quarantine_counts_for_nothing(books: Tables) -> None:
    upload(DAY)
    upload(replace(DAY.next(Line(9, "R3")), closing=1))

    found = position(books)

    assert (found.closing_minor, found.lines, len(found.links)) == (700, 2, 1)


def test_duplicates_of_an_overlap_cancel_with_it(books: Tables) -> None:
    callback(1000, "R1")
    callback(-300, "R2")
    upload(DAY)
    upload(replace(DAY, number=2))

    found = position(books)

    assert (found.jumps_minor, found.line_breaks_minor, found.difference_minor) == (-700, 700, 0)
    assert {each.reason for each in found.line_breaks} == {"duplicate_line"}


def test_every_bank_account_is_reconciled_or_the_one_asked_for(books: Tables) -> None:
    open_accounts(TENANT, bank_account(iban=OTHER_IBAN))
    upload(replace(DAY, iban=OTHER_IBAN))

    found = {each.account.owner: each.lines for each in questions.reconciliation(TENANT)}

    assert found == {IBAN: 0, OTHER_IBAN: 2}
    with pytest.raises(NotFound) as refused:
        questions.reconciliation(TENANT, "NL08MOCK0000000013")
    assert refused.value.code == "unknown_bank_account"
    assert questions.reconciliation("ten_other") == []


def test_books_whose_history_is_behind_are_refused(books: Tables) -> None:
    callback(1000, "R1")

    with pytest.raises(Busy) as refused:
        questions.reconciliation(TENANT)

    assert refused.value.code == "history_behind"
    assert refused.value.facts == {"account_id": BANK, "version": 1, "lines": 0}


def test_a_balance_that_its_entries_do_not_make_is_shown_as_the_difference(books: Tables) -> None:
    callback(1000, "R1")
    project(books)
    books.client.update_item(
        TableName=books.name("accounts"),
        Key={"pk": {"S": f"{TENANT}#{BANK}"}},
        UpdateExpression="SET balance = balance - :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    (found,) = questions.reconciliation(TENANT)

    assert found.difference_minor == 1


def test_more_than_one_answer_holds_is_refused(books: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(101):
        callback(1, f"R{number}")
    project(books)
    monkeypatch.setattr(books_module, "MOST_ENTRIES", 100)
    with pytest.raises(TooLarge) as many_entries:
        questions.reconciliation(TENANT)
    monkeypatch.setattr(books_module, "MOST_ACCOUNTS", -1)
    with pytest.raises(TooLarge) as many_accounts:
        questions.reconciliation(TENANT)

    assert (many_entries.value.code, many_accounts.value.code) == ("too_many_entries", "too_many_accounts")


def test_history_beyond_the_version_that_was_read_is_left_out(books: Tables) -> None:
    callback(1000, "R1")
    account = load_account(TENANT, BANK)
    callback(1, "R2")
    project(books)

    assert list(read_books(TENANT, account).moved.values()) == [1000]


def test_a_long_history_is_read_to_its_end(books: Tables) -> None:
    for number in range(103):
        callback(1, f"R{number}")

    assert summary(position(books))["later"] == 103


def test_a_long_chain_is_read_to_its_end(books: Tables) -> None:
    sheets = [Sheet()]
    for number in range(24):
        sheets.append(sheets[-1].next(Line(1, f"R{number}")))
    upload(*sheets)

    found = position(books)

    assert (len(found.links), found.lines, found.closing_minor) == (25, 24, 24)
    assert {link.continuity for link in found.links[1:]} == {"chained"}


def test_statements_are_listed_newest_first_page_by_page_with_their_links(books: Tables) -> None:
    second = DAY.next()
    upload(DAY, second, second.next(Line(5, "R3")), replace(DAY, number=9, closing=1))

    first_page = questions.list_statements(TENANT, after=None, limit=2)
    rest = questions.list_statements(TENANT, after=first_page.last_key, limit=2)

    shown = [
        (each.statement.sequence, each.link and each.link.continuity) for each in (*first_page.values, *rest.values)
    ]
    assert shown == [(3, "chained"), (2, "chained"), (9, None), (1, "first")]


def test_a_statement_after_one_without_balances_is_chained_to_what_that_one_comes_to(books: Tables) -> None:
    second, bare = DAY.next(Line(5, "R3")), b"<Bal>"
    raw = camt(second)
    start, end = raw.index(bare), raw.rindex(b"</Bal>") + len(b"</Bal>")
    upload(DAY)
    upload_statement(call(), raw[:start] + raw[end:])

    (receipt,) = upload(second.next(Line(6, "R4")))

    link = questions.get_statement(TENANT, receipt["statement_id"]).link
    assert link is not None
    assert (link.continuity, link.jump_minor, link.closing_minor) == ("chained", 0, 711)
    assert position(books).difference_minor == 0


def test_a_statement_that_is_none_is_not_found(books: Tables) -> None:
    for statement_id in ("stm_" + "0" * 26, "stm_short", "acc_fees"):
        with pytest.raises(NotFound) as refused:
            questions.get_statement(TENANT, statement_id)
        assert refused.value.code == "statement_not_found"


def test_breaks_are_listed_oldest_first_page_by_page(books: Tables) -> None:
    upload(DAY.next(Line(7, "R7")), days=3)
    upload(DAY, days=1)

    page = breaks.list_breaks(TENANT, "open", after=None, limit=2)
    rest = breaks.list_breaks(TENANT, "open", after=page.last_key, limit=2)

    assert {each.amount_minor for each in page.values} == {1000, -300}
    assert [each.amount_minor for each in rest.values] == [7]
    assert rest.values[0].opened_at - page.values[0].opened_at == timedelta(days=2)


def test_an_account_of_another_currency_with_the_same_iban_is_its_own(books: Tables) -> None:
    open_accounts(TENANT, bank_account(currency="EUR"))
    upload(replace(DAY, currency="EUR"))

    found = {each.account.currency: each.lines for each in questions.reconciliation(TENANT, IBAN)}

    assert found == {"CNY": 0, "EUR": 2}
    assert purpose_account_id(TENANT, Purpose.BANK, "EUR", IBAN) != BANK


def open_breaks() -> list[Break]:
    return list(breaks.list_breaks(TENANT, "open", after=None, limit=100).values)
