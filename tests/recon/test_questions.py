"""Statements and bank accounts asked after on DynamoDB Local: chains, pages, the bank's balance against the books."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.core.errors import NotFound
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.recon.balance import BankReconciliation
from chalicelib.recon.domain import Break
from chalicelib.recon.positions import Tally
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.breaks import ResolveBreak, rematch_break, resolve_break
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
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables

DAY = Sheet(lines=[Line(1000, "R1"), Line(-300, "R2")])
OTHER_IBAN = "NL35MOCK0000000012"


NOW = MONDAY
MARCH, APRIL = "2026-03", "2026-04"


def month(month: str | None = MARCH) -> BankReconciliation:
    return questions.reconciliation(TENANT, BANK, month, now=NOW)


def position(books: Tables) -> BankReconciliation:
    """This month, with history up to date."""
    project(books)
    return month()


def all_accounts(iban: str | None = None, tenant: str = TENANT) -> tuple[BankReconciliation, ...]:
    return questions.reconciliations(tenant, iban, None, now=NOW, after=None, limit=100).values


def open_at(month: str) -> list[tuple[str, int, str | None]]:
    """What was open at the end of a month: side, amount, and the month that cleared it since."""
    found: list[tuple[str, int, str | None]] = []
    after = None
    for _ in range(50):
        page = questions.list_open_items(TENANT, BANK, month, now=NOW, after=after, limit=2)
        found += [(each.side, each.amount_minor, each.cleared_in) for each in page.values]
        after = page.last_key
        if after is None:
            return sorted(found, key=str)
    raise AssertionError("the list has no end")


def summary(found: BankReconciliation) -> dict[str, int]:
    return {
        "closing": found.statements.closing_minor,
        "ledger": found.books_closing_minor,
        "matched": found.matched.count,
        "open lines": found.open_lines.now.minor,
        "open entries": found.open_entries.now.minor,
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
        "open lines": 0,
        "open entries": 0,
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
        "open lines": -300,
        "open entries": 45,
        "difference": 0,
    }
    assert open_at(MARCH) == [("ledger", 40, None), ("ledger", 5, None), ("line", -300, None)]


def test_a_resolution_closes_the_item_it_books(books: Tables) -> None:
    callback(1000, "R1")
    upload(DAY)
    (found,) = open_breaks()

    resolve_break(call(days=2), ResolveBreak(found.break_id, FEES, "bank charge"))

    after = position(books)
    assert (after.statements.closing_minor, after.books_closing_minor, after.difference_minor) == (700, 700, 0)
    assert (after.open_lines.now, after.matched, open_at(MARCH)) == (Tally(), Tally(2, 700), [])


def test_a_gap_between_statements_is_an_item_of_its_own(books: Tables) -> None:
    upload(replace(DAY, opening=50))
    upload(replace(DAY, opening=50).next(Line(9, "R3")).next(Line(1, "R4")))

    found = position(books)

    assert (found.statements.opening_minor, found.statements.between_minor) == (0, 59)
    assert (found.statements.closing_minor, [link.continuity for link in found.statements.links]) == (
        760,
        ["first", "gap"],
    )
    assert found.difference_minor == 0


def test_a_statement_in_quarantine_counts_for_nothing(books: Tables) -> None:
    upload(DAY)
    upload(replace(DAY.next(Line(9, "R3")), closing=1))

    found = position(books)

    assert (found.statements.closing_minor, found.lines.count, len(found.statements.links)) == (700, 2, 1)


def test_duplicates_of_an_overlap_cancel_with_it(books: Tables) -> None:
    callback(1000, "R1")
    callback(-300, "R2")
    upload(DAY)
    upload(replace(DAY, number=2))

    found = position(books)

    assert (found.statements.between_minor, found.open_lines.now.minor, found.difference_minor) == (-700, 700, 0)
    assert {each.reason for each in open_breaks()} == {"duplicate_line"}


def test_every_bank_account_is_reconciled_or_the_one_asked_for(books: Tables) -> None:
    open_accounts(TENANT, bank_account(iban=OTHER_IBAN))
    upload(replace(DAY, iban=OTHER_IBAN))
    month()

    found = {each.account.owner: each.lines.count for each in all_accounts()}

    assert found == {IBAN: 0, OTHER_IBAN: 2}
    assert [each.account.owner for each in all_accounts(OTHER_IBAN)] == [OTHER_IBAN]
    with pytest.raises(NotFound) as refused:
        all_accounts("NL08MOCK0000000013")
    assert refused.value.code == "unknown_bank_account"
    assert all_accounts(tenant="ten_other") == ()


@pytest.mark.parametrize("account_id", ["acc_none", FEES])
def test_what_is_no_bank_account_has_no_reconciliation(books: Tables, account_id: str) -> None:
    for ask in (questions.list_open_items, questions.list_month_lines):
        with pytest.raises(NotFound) as refused:
            ask(TENANT, account_id, MARCH, now=NOW, after=None, limit=1)
        assert refused.value.code == "unknown_bank_account"
    with pytest.raises(NotFound):
        questions.reconciliation(TENANT, account_id, MARCH, now=NOW)


def test_an_answer_stands_at_the_version_that_history_has(books: Tables) -> None:
    callback(1000, "R1")
    project(books)
    callback(-300, "R2")

    found = month()

    assert (found.books.version, found.books.complete, found.books_closing_minor) == (1, False, 1000)
    assert (found.open_entries.now, found.difference_minor) == (Tally(1, 1000), 0)
    assert position(books).books.complete


def test_a_line_whose_entry_history_does_not_show_yet_is_open_until_it_does(books: Tables) -> None:
    callback(1000, "R1")
    upload(Sheet(lines=[Line(1000, "R1")]))

    behind = month()

    assert (behind.open_lines.now, behind.books_closing_minor, behind.difference_minor) == (Tally(1, 1000), 0, 0)
    assert open_at(MARCH) == [("line", 1000, None)]
    found = position(books)
    assert (found.open_lines.now, found.matched, open_at(MARCH)) == (Tally(), Tally(1, 1000), [])


def test_a_balance_that_its_entries_do_not_make_is_shown_as_the_difference(books: Tables) -> None:
    callback(1000, "R1")
    project(books)
    books.client.update_item(
        TableName=books.name("accounts"),
        Key={"pk": {"S": f"{TENANT}#{BANK}"}},
        UpdateExpression="SET balance = balance - :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    assert month().difference_minor == 1


def test_a_long_history_is_followed_a_bounded_part_at_a_time(books: Tables) -> None:
    for number in range(103):
        callback(1, f"R{number}")

    first, second = position(books), month()

    assert (first.books.version, first.books_closing_minor, first.open_entries.now) == (75, 75, Tally(75, 75))
    assert (second.books.version, second.books_closing_minor, second.difference_minor) == (103, 103, 0)


def test_a_long_chain_is_read_to_its_end(books: Tables) -> None:
    sheets = [Sheet()]
    for number in range(24):
        sheets.append(sheets[-1].next(Line(1, f"R{number}")))
    upload(*sheets)

    found = position(books)

    assert (len(found.statements.links), found.lines.count, found.statements.closing_minor) == (25, 24, 24)
    assert {link.continuity for link in found.statements.links[1:]} == {"chained"}


def test_a_month_without_statements_carries_the_balances_of_the_one_before(books: Tables) -> None:
    callback(1000, "R1")
    callback(40, "R9")
    upload(DAY)
    project(books)

    march, april = month(), month(APRIL)

    assert (april.statements.links, april.lines, april.entries) == ((), Tally(), Tally())
    assert april.statements.opening_minor == april.statements.closing_minor == march.statements.closing_minor == 700
    assert april.books_opening_minor == april.books_closing_minor == march.books_closing_minor == 1040
    assert (april.open_lines.before, april.open_entries.before) == (march.open_lines.now, march.open_entries.now)
    assert april.difference_minor == 0


def test_without_a_month_the_last_one_with_a_statement_is_shown_or_todays(books: Tables) -> None:
    assert month(None).month == MARCH

    upload(replace(DAY, day=date(2026, 2, 27)))

    assert month(None).month == "2026-02"


def test_an_item_that_the_next_month_clears_is_in_the_list_of_the_first_only(books: Tables) -> None:
    callback(1000, "R1")
    callback(25, "R5")
    first = Sheet(lines=[Line(-300, "R2")])
    upload(first)
    upload(replace(first.next(Line(1000, "R1")), day=date(2026, 4, 2)))
    callback(-300, "R2", days=31)
    (found,) = open_breaks()
    rematch_break(call(days=32), found.break_id)
    project(books)

    march, april = month(), month(APRIL)

    assert open_at(MARCH) == [("ledger", 1000, APRIL), ("ledger", 25, None), ("line", -300, APRIL)]
    assert open_at(APRIL) == [("ledger", 25, None)]
    assert (march.open_lines.now, march.open_entries.now) == (Tally(1, -300), Tally(2, 1025))
    assert (april.open_lines.cleared, april.open_entries.cleared) == (Tally(1, -300), Tally(1, 1000))
    assert (april.open_entries.now, april.matched) == (Tally(1, 25), Tally(1, 1000))
    assert (march.difference_minor, april.difference_minor) == (0, 0)


def test_a_months_lines_are_listed_page_by_page_over_its_statements(books: Tables) -> None:
    second = DAY.next(Line(7, "R3"), Line(8, "R4"), Line(9, "R5"))
    upload(DAY, second, second.next(), replace(second.next(Line(1, "R6")), name="S-9", day=date(2026, 4, 1)))

    shown, after = [], None
    for _ in range(10):
        page = questions.list_month_lines(TENANT, BANK, MARCH, now=NOW, after=after, limit=2)
        assert len(page.values) <= 2
        shown += [(each.statement.bank_statement_id, each.reconciled.line.amount_minor) for each in page.values]
        after = page.last_key
        if after is None:
            break

    assert shown == [("S-1", 1000), ("S-1", -300), ("S-2", 7), ("S-2", 8), ("S-2", 9)]


def test_a_statement_stored_before_positions_were_kept_is_counted_when_it_is_asked_after(books: Tables) -> None:
    callback(1000, "R1")
    upload(DAY)
    forget_positions(books)
    (charge,) = open_breaks()
    resolve_break(call(days=2), ResolveBreak(charge.break_id, FEES, "bank charge"))
    project(books)

    month()
    found = month()

    assert summary(found) == {
        "closing": 700,
        "ledger": 700,
        "matched": 2,
        "open lines": 0,
        "open entries": 0,
        "difference": 0,
    }
    assert open_at(MARCH) == []


def forget_positions(books: Tables) -> None:
    """Leave the store as it was before positions were kept."""
    for item in books.client.scan(TableName=books.name("records"))["Items"]:
        key = {"pk": item["pk"], "sk": item["sk"]}
        if item["sk"]["S"].startswith(("month#", "item#", "positions")):
            books.client.delete_item(TableName=books.name("records"), Key=key)
        if item["sk"]["S"].startswith("statement#"):
            doc = json.loads(item["doc"]["S"])
            kept = {name: value for name, value in doc.items() if not name.startswith("counted")}
            books.client.put_item(TableName=books.name("records"), Item=item | {"doc": {"S": json.dumps(kept)}})


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

    month()
    found = {each.account.currency: each.lines.count for each in all_accounts(IBAN)}

    assert found == {"CNY": 0, "EUR": 2}
    assert purpose_account_id(TENANT, Purpose.BANK, "EUR", IBAN) != BANK


def open_breaks() -> list[Break]:
    return list(breaks.list_breaks(TENANT, "open", after=None, limit=100).values)


def test_the_month_of_an_account_without_statements_is_the_one_it_is_where_its_currency_is_settled(
    books: Tables,
) -> None:
    """The last evening of February by UTC is March in Shanghai."""
    evening = datetime(2026, 2, 28, 17, tzinfo=UTC)

    assert questions.reconciliation(TENANT, BANK, None, now=evening).month == "2026-03"
