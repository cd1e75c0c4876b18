"""Accrual on DynamoDB Local: missed days, overlapping runs, runs that break off, lines that fail; races on one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.core.call import entry_id
from chalicelib.core.errors import Busy, Conflict, KeyReused, NotFound, Refusal
from chalicelib.credit import service, store
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.postings import line_accounts
from chalicelib.credit.service import AccrualRun, accrual_call, accrue_due, accrue_line
from chalicelib.ledger.domain import Purpose
from chalicelib.ledger.store.entries import load_entry
from chalicelib.storage.commit import write_item
from chalicelib.storage.tables import RecordItem, journal_key
from tests.credit.lines import START, day, line_of
from tests.credit.stored import (
    balance,
    draw_stored,
    forge_stored,
    item_bytes,
    open_accounts,
    open_books,
    open_stored,
)
from tests.ledger.sums import own_sums
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import Asked, Point, Result, crash_points, fault, lost_points, watching

DRAWN = 82_500_000


def at(days: int) -> datetime:
    return MONDAY + timedelta(days=days)


def drawn(line: CreditLine | None = None, minor: int = DRAWN) -> CreditLine:
    """A stored line with money drawn on it."""
    opened = open_stored(line)
    draw_stored(opened, minor)
    return opened


def after_lines(count: int) -> Callable[[], bool]:
    """Time that is up after so many lines: a run asks before each line, and before each page."""
    asked = 0

    def is_over() -> bool:
        nonlocal asked
        asked += 1
        return asked > count + 1

    return is_over


def interest_booked(line: CreditLine) -> int:
    """What the line's receivable stands at: the line's own figure and the income must be the same."""
    booked = balance(line, Purpose.INTEREST_RECEIVABLE, line.line_id)
    assert service.get_line(line.tenant, line.line_id).booked_interest.minor == booked
    return booked


def accrued_through(line: CreditLine) -> date:
    return service.get_line(line.tenant, line.line_id).accrued_through


# ---- one line, one day ---------------------------------------------------------------------------------------------


def test_a_day_is_booked_at_its_start_under_a_key_of_its_own(tables: Tables) -> None:
    open_books()
    line = drawn()

    outcome = accrue_line(accrual_call(line, day(1), now=at(1)), line, day(1))

    item = load_entry(TENANT, entry_id(TENANT, "w:accrue:crl_one:2026-03-03"))
    assert item == outcome.item
    assert (item.kind, item.subject, item.reference) == ("interest.accrued", "crl_one", "QT-crl_one")
    assert item.occurred_at == datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert [leg.amount for leg in item.legs] == [13_750, -13_750]
    assert item.data == {
        "line_id": "crl_one",
        "through": "2026-03-03",
        "interest": 13_750,
        "principal": DRAWN,
        "currency": "CNY",
    }


def test_the_same_day_again_is_a_replay(tables: Tables) -> None:
    open_books()
    line = drawn()
    accrue_line(accrual_call(line, day(1), now=at(1)), line, day(1))

    again = accrue_line(accrual_call(line, day(1), now=at(2)), line, day(1))

    assert (again.replayed, interest_booked(line)) == (True, 13_750)


def test_a_day_that_a_draw_has_passed_is_refused(tables: Tables) -> None:
    open_books()
    line = drawn()
    draw_stored(line, 100, by=call(days=3))

    with pytest.raises(Conflict) as refused:
        accrue_line(accrual_call(line, day(2), now=at(3)), line, day(2))

    assert refused.value.code == "already_accrued"


def test_a_day_without_interest_books_no_entry_and_moves_on(tables: Tables) -> None:
    open_books()
    line = drawn(minor=1)

    outcome = accrue_line(accrual_call(line, day(1), now=at(1)), line, day(1))

    assert (outcome.item.legs, interest_booked(line), accrued_through(line)) == ((), 0, day(1))


def test_a_line_of_another_tenant_does_not_exist(tables: Tables) -> None:
    open_books()
    line = drawn()

    with pytest.raises(NotFound) as refused:
        service.get_line("ten_other", line.line_id)
    assert refused.value.code == "credit_line_not_found"


def test_the_id_of_something_else_finds_no_line(tables: Tables) -> None:
    write_item(RecordItem, RecordItem(pk=f"{TENANT}#trd_one", sk="state", version=1, doc="{}").serialize())

    with pytest.raises(NotFound):
        service.get_line(TENANT, "trd_one")


def test_a_line_is_created_once(tables: Tables) -> None:
    open_stored()

    with pytest.raises(Conflict) as refused:
        open_stored(without_accounts=True)

    assert refused.value.code == "credit_line_exists"


def test_lines_are_listed_by_tenant_in_pages(tables: Tables) -> None:
    for line_id in ("crl_a", "crl_b", "crl_c"):
        open_stored(line_of(line_id=line_id))
    open_stored(line_of(tenant="ten_other"))

    first = service.list_lines(TENANT, after=None, limit=2)
    second = service.list_lines(TENANT, after=first.last_key, limit=2)

    assert [line.line_id for line in (*first.values, *second.values)] == ["crl_a", "crl_b", "crl_c"]
    assert second.last_key is None


# ---- every line, every missed day ----------------------------------------------------------------------------------


def test_missed_days_are_caught_up_one_by_one(tables: Tables) -> None:
    open_books()
    line = drawn()

    run = accrue_due(at(27))

    assert run == AccrualRun(lines=1, days=27)
    assert (interest_booked(line), accrued_through(line)) == (371_250, day(27))
    assert balance(line, Purpose.INTEREST_INCOME) == 371_250
    assert load_entry(TENANT, entry_id(TENANT, "w:accrue:crl_one:2026-03-11")).data["through"] == "2026-03-11"


def test_a_second_run_of_a_day_does_nothing(tables: Tables) -> None:
    open_books()
    line = drawn()
    accrue_due(at(2))

    assert (accrue_due(at(2)).days, interest_booked(line)) == (0, 27_500)


def test_every_tenants_lines_are_accrued(tables: Tables) -> None:
    lines = []
    for tenant in (TENANT, "ten_other"):
        open_books(tenant)
        lines += [drawn(line_of(tenant=tenant, line_id=name)) for name in ("crl_one", "crl_two")]

    run = accrue_due(at(1))

    assert (run.lines, run.days, run.failures) == (4, 4, ())
    assert [interest_booked(line) for line in lines] == [13_750] * 4


def test_a_line_with_nothing_drawn_is_left_as_it_is(tables: Tables) -> None:
    open_books()
    line = open_stored()

    assert (accrue_due(at(9)), accrued_through(line)) == (AccrualRun(lines=1, days=0), START)


def test_a_long_outage_is_caught_up_over_several_runs(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_DAYS", 3)
    open_books()
    line = drawn()

    days = [accrue_due(at(8)).days for _ in range(4)]

    assert (days, interest_booked(line)) == ([3, 3, 2, 0], 8 * 13_750)


def test_more_lines_than_one_page_are_all_looked_at(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAGE", 2)
    open_books()
    for i in range(5):
        drawn(line_of(line_id=f"crl_{i}"))

    assert accrue_due(at(1)) == AccrualRun(lines=5, days=5)


def test_each_line_is_booked_at_its_own_instant_however_long_the_run_takes(tables: Tables) -> None:
    open_books()
    for line_id in ("crl_a", "crl_b"):
        drawn(line_of(line_id=line_id))
    instants = [at(1), at(1) + timedelta(minutes=5)]

    accrue_due(at(1), ask=iter(instants).__next__)

    keys = [f"w:accrue:{line_id}:{day(1).isoformat()}" for line_id in ("crl_a", "crl_b")]
    assert sorted(load_entry(TENANT, entry_id(TENANT, key)).recorded_at for key in keys) == instants


def test_runs_whose_time_is_up_go_on_where_the_one_before_stopped(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE", 2)
    open_books()
    lines = [drawn(line_of(line_id=f"crl_{i}")) for i in range(5)]

    runs = [accrue_due(at(1), is_over=after_lines(2)) for _ in range(3)]

    assert [(run.lines, run.days) for run in runs] == [(2, 2), (2, 2), (1, 1)]
    assert [interest_booked(line) for line in lines] == [13_750] * 5


def test_a_run_that_stops_within_a_page_leaves_nothing_of_it_out(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_DAYS", 1)
    open_books()
    lines = [drawn(line_of(line_id=f"crl_{i}")) for i in range(3)]

    first = accrue_due(at(1), is_over=after_lines(2))
    second = accrue_due(at(1))

    assert ((first.lines, first.days), (second.lines, second.days)) == ((2, 2), (3, 1))
    assert [interest_booked(line) for line in lines] == [13_750] * 3


def test_after_its_last_line_the_accrual_begins_again(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PAGE", 1)
    open_books()
    for line_id in ("crl_a", "crl_b"):
        drawn(line_of(line_id=line_id))

    accrue_due(at(1), is_over=after_lines(1))
    rest, next_day = accrue_due(at(1)), accrue_due(at(2))

    assert ((rest.lines, rest.days), (next_day.lines, next_day.days)) == ((1, 1), (2, 2))


def test_a_line_that_fails_does_not_stop_the_others(tables: Tables) -> None:
    open_books()
    broken = open_stored(line_of(line_id="crl_a"), without_accounts=True)
    loan, receivable = line_accounts(broken)
    open_accounts(TENANT, loan)
    draw_stored(broken, DRAWN)
    sound = drawn(line_of(line_id="crl_b"))

    run = accrue_due(at(2))

    assert (run.lines, run.days, interest_booked(sound)) == (2, 2, 27_500)
    (failure,) = run.failures
    assert (failure.line_id, failure.day) == ("crl_a", day(1))
    assert isinstance(failure.error, NotFound)

    assert accrue_due(at(2)).lines == 1
    open_accounts(TENANT, receivable)
    assert (accrue_due(at(3)).failures, interest_booked(broken), interest_booked(sound)) == ((), 41_250, 41_250)


def test_a_key_that_something_else_holds_is_a_failure_of_its_line(tables: Tables) -> None:
    open_books()
    line = drawn()
    draw_stored(line, 1, by=replace(call(), key=accrual_call(line, day(1), now=at(1)).key))

    (failure,) = accrue_due(at(1)).failures

    assert isinstance(failure.error, KeyReused)


# ---- exactly once --------------------------------------------------------------------------------------------------


def test_runs_at_the_same_time_book_each_day_once(tables: Tables) -> None:
    open_books()
    lines = [drawn(line_of(line_id=f"crl_{i}")) for i in range(3)]

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: accrue_due(at(5)), range(4)))

    assert sum(run.days for run in runs) == 15
    assert [run.failures for run in runs] == [()] * 4
    assert [interest_booked(line) for line in lines] == [68_750] * 3
    assert own_sums(TENANT) == {"CNY": 0}


def test_a_draw_that_comes_between_leaves_the_run_nothing_to_book(tables: Tables) -> None:
    open_books()
    line = drawn()

    def drawn_meanwhile(asked: Asked, send: Callable[[], Result]) -> Result:
        draw_stored(line, 100, by=call(days=2))
        return send()

    with fault(drawn_meanwhile, at=2, only="dynamodb.BatchGetItem"):  # the first one lists, the second decides
        run = accrue_due(at(2))

    assert run == AccrualRun(lines=1, days=0)
    assert (interest_booked(line), accrued_through(line)) == (27_500, day(2))


@pytest.mark.parametrize("points", [crash_points, lost_points])
def test_a_run_that_is_struck_at_any_call_books_each_day_once(
    tables: Tables, points: Callable[[], Iterator[Point]]
) -> None:
    open_books()
    lines = [drawn(line_of(line_id=name)) for name in ("crl_a", "crl_b")]

    for days, point in enumerate(points(), start=1):
        with point:
            accrue_due(at(days))
        run = accrue_due(at(days))

        assert run.failures == (), point
        assert [interest_booked(line) for line in lines] == [days * 13_750] * 2, point
        assert balance(lines[0], Purpose.INTEREST_INCOME) == days * 27_500, point


# ---- races on one line ---------------------------------------------------------------------------------------------


def drawn_at_last(line: CreditLine, minor: int) -> str:
    """How a draw ends for a caller who retries with the same key while told to."""
    mine = call()
    for _ in range(50):
        try:
            draw_stored(line, minor, by=mine)
        except Busy:
            continue
        except Refusal as refusal:
            return refusal.code
        return "drawn"
    raise AssertionError("50 retries of one key")


def test_sixteen_threads_never_draw_more_than_the_limit(tables: Tables) -> None:
    open_books()
    line = open_stored(line_of(1000))

    with ThreadPoolExecutor(16) as pool:
        ends = list(pool.map(lambda _: drawn_at_last(line, 140), range(16)))

    assert ends.count("drawn") == 7
    assert ends.count("credit_limit_exceeded") == 9
    assert service.get_line(TENANT, line.line_id).principal_minor == 980
    assert balance(line, Purpose.LOAN, line.line_id) == 980


def test_a_state_that_lies_about_the_limit_still_meets_it_in_the_write(tables: Tables) -> None:
    open_books()
    line = drawn(line_of(1000), 900)
    forge_stored(line_of(10**9), version=2)

    with pytest.raises(Conflict) as refused:
        draw_stored(line, 101)

    assert (refused.value.code, refused.value.facts["remaining"]) == ("ceiling_reached", 100)


def test_a_lines_item_and_its_accruals_stay_within_a_kilobyte(tables: Tables) -> None:
    tenant, line_id = "ten_" + "0" * 26, "crl_" + "0" * 26
    open_books(tenant)
    line = drawn(line_of(tenant=tenant, line_id=line_id))

    with watching() as calls:
        outcome = accrue_line(accrual_call(line, day(1), now=at(1)), line, day(1))

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert item_bytes(store.line_key(tenant, line_id)) < 1024
    assert item_bytes(journal_key(tenant, outcome.item.entry_id)) < 1024
