"""Breaks on DynamoDB Local: resolved by booking under the movement's own key, or matched when the callback has come."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound, Refusal
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service.account_life import close_period
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.store.entries import load_entry
from chalicelib.recon.domain import Break, ledger_break_id
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.breaks import ResolveBreak, rematch_break, resolve_break
from chalicelib.storage.once import Outcome
from tests.ledger.sums import own_sums
from tests.recon.build import BANK, FEES, SUSPENSE, Line, Sheet, account_marks, callback, upload
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching


def open_break(minor: int = -300, bank_reference: str = "R1") -> str:
    """The only open break of a statement with one line nobody booked."""
    upload(Sheet(lines=[Line(minor, bank_reference)]))
    return only_break().break_id


def only_break() -> Break:
    (found,) = listed("open")
    return found


def listed(status: str) -> list[Break]:
    return list(breaks.list_breaks(TENANT, status, after=None, limit=10).values)


def resolved(break_id: str, key: str | None = None, account_id: str = FEES, days: int = 2) -> Outcome:
    return resolve_break(call(key, days=days), ResolveBreak(break_id, account_id, "bank charge"))


def balances() -> dict[str, int]:
    return {account_id: get_account(TENANT, account_id).balance for account_id in (BANK, FEES, SUSPENSE)}


def counts() -> tuple[int, int]:
    (placed,) = questions.list_statements(TENANT, after=None, limit=10).values
    return placed.statement.matched, placed.statement.open_breaks


def refusal_of(act: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value


# ---- resolved


def test_money_that_went_out_is_booked_to_the_debit_of_the_account(books: Tables) -> None:
    break_id = open_break(-300)

    outcome = resolved(break_id)

    found = breaks.break_of(outcome.item.data)
    assert balances() == {BANK: -300, FEES: 300, SUSPENSE: 0}
    assert (found.status, found.reason) == ("resolved", "no_entry")
    assert found.resolution is not None
    assert (found.resolution.kind, found.resolution.account_id) == ("booked", FEES)
    assert (found.resolution.comment, found.resolution.resolved_by) == ("bank charge", "cli_test")
    assert found == breaks.get_break(TENANT, break_id)


def test_money_that_came_in_is_booked_to_the_credit_of_the_account(books: Tables) -> None:
    resolved(open_break(500))

    assert balances() == {BANK: 500, FEES: -500, SUSPENSE: 0}
    assert own_sums(TENANT) == {"CNY": 0}


def test_a_resolved_line_is_matched_to_the_entry_and_listed_as_resolved(books: Tables) -> None:
    break_id = open_break()

    found = breaks.break_of(resolved(break_id).item.data)

    (mark,) = account_marks()
    assert found.resolution is not None
    assert (mark.state, mark.entry_id) == ("matched", found.resolution.entry_id)
    assert (listed("open"), listed("resolved")) == ([], [found])
    assert counts() == (1, 0)


def test_the_entry_took_effect_on_the_day_the_bank_booked_it(books: Tables) -> None:
    found = breaks.break_of(resolved(open_break()).item.data)
    assert found.resolution is not None

    item = load_entry(TENANT, found.resolution.entry_id)

    assert (item.kind, item.reference, item.subject) == ("break.booked", "R1", found.break_id)
    assert item.occurred_at == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert item.recorded_at == call(days=2).now


def test_a_break_of_a_closed_period_is_booked_when_it_is_resolved(books: Tables) -> None:
    break_id = open_break()
    close_period(call(days=1), BANK, call(days=1).now)

    found = breaks.break_of(resolved(break_id).item.data)

    assert found.resolution is not None
    assert load_entry(TENANT, found.resolution.entry_id).occurred_at == call(days=2).now
    assert counts() == (1, 0)


def test_a_callback_that_comes_after_the_resolution_is_the_same_movement(books: Tables) -> None:
    found = breaks.break_of(resolved(open_break(-300)).item.data)
    assert found.resolution is not None

    late = callback(-300, "R1", days=3)

    assert (late.replayed, late.item.entry_id) == (True, found.resolution.entry_id)
    assert balances() == {BANK: -300, FEES: 300, SUSPENSE: 0}


def test_a_callback_of_another_amount_after_the_resolution_is_refused(books: Tables) -> None:
    resolved(open_break(-300))

    assert isinstance(refusal_of(lambda: callback(-301, "R1", days=3)), KeyReused)


def test_a_line_without_a_bank_reference_is_booked_under_its_own_id(books: Tables) -> None:
    resolved(open_break(70, ""))

    assert balances() == {BANK: 70, FEES: -70, SUSPENSE: 0}
    assert counts() == (1, 0)


def test_the_same_resolution_again_is_answered_as_before(books: Tables) -> None:
    break_id = open_break()
    first = resolved(break_id, "k")

    again = resolved(break_id, "k", days=9)

    assert (again.item, again.replayed) == (first.item, True)
    assert balances()[BANK] == -300


def test_a_resolution_is_three_calls(books: Tables) -> None:
    break_id = open_break()

    with watching() as calls:
        resolved(break_id)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_two_people_resolve_one_break_once(books: Tables) -> None:
    break_id = open_break(-300)

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: attempt(break_id), range(8)))

    assert sorted(set(codes)) in (["booked", "break_resolved"], ["booked", "break_resolved", "movement_already_booked"])
    assert codes.count("booked") == 1
    assert balances() == {BANK: -300, FEES: 300, SUSPENSE: 0}


def attempt(break_id: str) -> str:
    try:
        resolved(break_id)
    except Refusal as refusal:
        return refusal.code
    return "booked"


def test_a_callback_and_a_resolution_at_once_book_one_movement(books: Tables) -> None:
    break_ids = {}
    upload(Sheet(lines=[Line(10 + number, f"R{number}") for number in range(6)]))
    for found in listed("open"):
        break_ids[found.facts["bank_reference"]] = found.break_id

    with ThreadPoolExecutor(12) as pool:
        codes = [pool.submit(attempt, break_id) for break_id in break_ids.values()]
        told = [pool.submit(callback, 10 + number, f"R{number}", days=2) for number in range(6)]
    booked = [code.result() for code in codes]

    assert set(booked) <= {"booked", "movement_already_booked"}
    assert [outcome.result().replayed for outcome in told].count(True) == booked.count("booked")
    assert balances()[BANK] == sum(10 + number for number in range(6))


# ---- refused


def test_refusals_come_in_the_order_of_their_rules(books: Tables) -> None:
    upload(Sheet(lines=[Line(-300, "R1"), Line(-300, "R1")]))
    first, second = listed("open")

    def refused(break_id: str, account_id: str = FEES, comment: str = "why") -> tuple[type[Refusal], str]:
        refusal = refusal_of(lambda: resolve_break(call(), ResolveBreak(break_id, account_id, comment)))
        return type(refusal), refusal.code

    assert refused("brk_none", comment=" ") == (InvalidInput, "comment_missing")
    assert refused("brk_none", BANK) == (NotFound, "break_not_found")
    assert refused(first.break_id[:-1] + "7", BANK) == (NotFound, "break_not_found")
    assert refused(first.break_id, BANK) == (InvalidInput, "account_is_the_bank")
    assert refused(first.break_id, "acc_none") == (NotFound, "account_not_found")
    resolved(first.break_id)
    assert refused(first.break_id) == (Conflict, "break_resolved")
    resolved(second.break_id)


def test_a_refused_resolution_changes_nothing(books: Tables) -> None:
    euro = open_account(call(), OpenAccount("euro", Kind.EXPENSE, "EUR")).item.data["account_id"]
    break_id = open_break()
    before = breaks.get_break(TENANT, break_id)

    refusal = refusal_of(lambda: resolved(break_id, "k", euro))

    assert refusal.code == "currency_mismatch"
    assert (breaks.get_break(TENANT, break_id), balances()[BANK], counts()) == (before, 0, (0, 1))
    assert not resolved(break_id, "k").replayed


def test_a_movement_booked_meanwhile_is_refused_and_the_break_can_be_matched(books: Tables) -> None:
    break_id = open_break(-300)
    late = callback(-300, "R1", days=2)

    refusal = refusal_of(lambda: resolved(break_id))
    after = breaks.break_of(rematch_break(call(days=3), break_id).item.data)

    assert refusal.code == "movement_already_booked"
    assert refusal.facts == {"break_id": break_id, "entry_id": late.item.entry_id}
    assert after.resolution is not None
    assert (after.resolution.kind, after.resolution.entry_id) == ("matched", late.item.entry_id)
    assert balances() == {BANK: -300, FEES: 0, SUSPENSE: 300}


def test_an_entry_of_another_amount_is_not_booked_again(books: Tables) -> None:
    callback(-299, "R1")
    break_id = open_break(-300)

    assert refusal_of(lambda: resolved(break_id)).code == "movement_already_booked"


def test_another_tenants_break_does_not_exist(books: Tables) -> None:
    break_id = open_break()

    for act in (
        lambda: breaks.get_break("ten_other", break_id),
        lambda: rematch_break(call(tenant="ten_other"), break_id),
        lambda: resolve_break(call(tenant="ten_other"), ResolveBreak(break_id, FEES, "mine")),
    ):
        assert refusal_of(act).code == "break_not_found"


# ---- matched again


def test_a_break_whose_callback_came_is_matched_on_command(books: Tables) -> None:
    break_id = open_break(500)
    callback(500, "R1", days=1)

    outcome = rematch_break(call(days=2), break_id)

    found = breaks.break_of(outcome.item.data)
    assert (found.status, found.age_days(MONDAY)) == ("resolved", 1)
    assert (listed("open"), listed("resolved"), counts()) == ([], [found], (1, 0))


def test_a_break_that_stays_is_answered_with_the_reason_that_holds_now(books: Tables) -> None:
    break_id = open_break(500)
    unchanged = breaks.break_of(rematch_break(call(days=2), break_id).item.data)
    callback(499, "R1", days=2)

    changed = breaks.break_of(rematch_break(call(days=3), break_id).item.data)

    assert (unchanged.status, unchanged.reason) == ("open", "no_entry")
    assert (changed.status, changed.reason, changed.opened_at) == ("open", "amount_differs", unchanged.opened_at)
    assert (only_break(), counts()) == (changed, (0, 1))


def test_of_two_equal_lines_one_entry_explains_one(books: Tables) -> None:
    upload(Sheet(lines=[Line(5, "R1"), Line(5, "R1")]))
    callback(5, "R1")
    first, second = listed("open")

    rematch_break(call(), first.break_id)
    found = breaks.break_of(rematch_break(call(), second.break_id).item.data)

    assert (found.status, found.reason) == ("open", "no_entry")
    assert counts() == (1, 1)


def test_a_line_that_another_statement_repeats_can_be_booked_as_another(books: Tables) -> None:
    callback(5, "R1")
    upload(Sheet(lines=[Line(5, "R1")]))
    upload(Sheet(number=2, lines=[Line(5, "R1")]))
    (repeated,) = listed("open")
    assert breaks.break_of(rematch_break(call(), repeated.break_id).item.data).reason == "duplicate_line"

    resolved(repeated.break_id)

    assert (balances()[BANK], listed("open")) == (10, [])


def test_a_resolved_break_is_not_matched_again(books: Tables) -> None:
    break_id = open_break()
    resolved(break_id)

    assert refusal_of(lambda: rematch_break(call(), break_id)).code == "break_resolved"


# ---- the ledger's side


def test_an_entry_no_line_tells_of_is_a_break_until_one_does(books: Tables) -> None:
    entry_id = callback(500, "R1").item.entry_id
    break_id = ledger_break_id(entry_id, BANK)

    found = breaks.get_break(TENANT, break_id)
    upload(Sheet(lines=[Line(500, "R1")]))

    assert (found.side, found.reason, found.source_id, found.amount_minor) == ("ledger", "no_line", entry_id, 500)
    assert refusal_of(lambda: breaks.get_break(TENANT, break_id)).code == "break_not_found"


def test_a_break_of_the_ledgers_side_is_not_bookable(books: Tables) -> None:
    break_id = ledger_break_id(callback(500, "R1").item.entry_id, BANK)

    for act in (lambda: resolved(break_id), lambda: rematch_break(call(), break_id)):
        refusal = refusal_of(act)
        assert (type(refusal), refusal.code) == (Conflict, "break_not_bookable")


def test_only_an_entry_on_a_bank_account_can_be_such_a_break(books: Tables) -> None:
    entry_id = callback(500, "R1").item.entry_id

    for break_id in (
        ledger_break_id(entry_id, SUSPENSE),
        ledger_break_id(entry_id, "acc_" + "0" * 26),
        ledger_break_id("ent_" + "0" * 26, BANK),
        "brk_x",
    ):
        assert refusal_of(lambda break_id=break_id: breaks.get_break(TENANT, break_id)).code == "break_not_found"  # type: ignore[misc]
