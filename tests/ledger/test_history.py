"""An account's past by either clock: what is told of it is what its lines, gone through one by one, come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInput, NotFound
from chalicelib.core.instants import instant_text
from chalicelib.ledger.lines import Line, booked, chain, line_of
from chalicelib.ledger.service.history import (
    Clock,
    History,
    Period,
    balance_at,
    check_instant,
    history,
    period,
    statement,
)
from chalicelib.ledger.store import projection
from chalicelib.ledger.store.history import account_of
from chalicelib.storage.commit import write_item
from chalicelib.storage.journal import journal_item
from chalicelib.storage.tables import AccountItem, Item
from tests.ledger.past import Books, stage
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

LATER = MONDAY + timedelta(days=30)
ALWAYS = Period()
RECORDED, OCCURRED = Clock.RECORDED, Clock.OCCURRED


@dataclass(frozen=True)
class Fact:
    """What an entry moves (debits positive), the seconds until it is recorded, and the hours it took effect before."""

    amount: int
    seconds: int = 10
    hours: int = 0


facts = st.builds(Fact, st.integers(-9, 9), st.integers(-5, 40), st.sampled_from([0, 0, 0, 1, 5, 24, 31, 72]))


class Past(Books):
    """Books whose mill has lines without a journal: as many as a test wants, written at once."""

    def live(
        self, told: Sequence[Fact], *, missing: Sequence[int] = (), ahead: int = 0, **attributes: Any
    ) -> list[Line]:
        """The mill lived through these facts. Lines of `missing` versions are not there, and those behind the first of
        them lie loose; the account is `ahead` versions further than history."""
        lines = list(chain(None, self._raw(told)))
        whole = [line for line in lines if not missing or line.version < missing[0]]
        projection.write_chained(whole)
        loose = (replace(line, hash=None, debits=None) for line in lines[len(whole) :] if line.version not in missing)
        projection.write_loose(loose)
        balance = str(sum(fact.amount for fact in told))
        sums = {"version": {"N": str(len(lines) + ahead)}, "balance": {"N": balance}}
        write_item(AccountItem, self.image() | sums | attributes)
        return lines

    def _raw(self, told: Sequence[Fact]) -> Iterator[Line]:
        at = MONDAY
        for version, fact in enumerate(told, start=1):
            at += timedelta(seconds=fact.seconds)
            here = call(tenant=self.tenant, now=at)
            entry = booked(journal_item(here, "entry.posted", occurred_at=at - timedelta(hours=fact.hours)))
            account = account_of(self.tenant, self.mill)
            yield line_of(entry, account, version=version, amount=fact.amount, balance=0, held=0)

    def history(
        self, within: Period = ALWAYS, *, limit: int = 100, after: Item | None = None, newest: bool = False
    ) -> History:
        return history(self.tenant, self.mill, after=after, limit=limit, within=within, newest_first=newest)

    def at(self, instant: datetime, clock: Clock = RECORDED, *, now: datetime = LATER) -> tuple[int, int, bool]:
        """Balance, version and whether they stay so."""
        told = balance_at(self.tenant, self.mill, instant, clock=clock, now=now)
        return told.balance, told.version, told.final


@pytest.fixture
def past(session_tables: Tables) -> Iterator[Past]:
    with stage(session_tables):
        yield Past(session_tables)


def paged(ask: Callable[[Item | None], Any]) -> Iterator[Any]:
    """Every page of a list."""
    after: Item | None = None
    for _ in range(50):
        page = ask(after)
        yield page
        after = page.page.last_key
        if after is None:
            return
    raise AssertionError("the list does not end")


def told_by(line: Line, clock: Clock) -> str:
    return line.at if clock is RECORDED else line.occurred_at


def order_of(lines: Sequence[Line], clock: Clock) -> list[Line]:
    return list(lines) if clock is RECORDED else sorted(lines, key=lambda line: (line.occurred_at, line.version))


def within(lines: Sequence[Line], span: Period) -> list[Line]:
    """The lines of a period, gone through one by one."""
    first, last = span.start or "", span.end or "~"
    return [line for line in order_of(lines, span.clock) if first <= told_by(line, span.clock) < last]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(facts, max_size=25), st.data())
def test_whatever_is_asked_is_what_the_lines_come_to(
    session_tables: Tables, told: list[Fact], data: st.DataObject
) -> None:
    with stage(session_tables):
        past = Past(session_tables)
        lines = past.live(told)
        instants = st.sampled_from(
            [told_by(line, clock) for line in lines for clock in Clock] or [instant_text(MONDAY)]
        )
        nudged = st.builds(
            lambda text, micro: datetime.fromisoformat(text) + timedelta(microseconds=micro),
            instants,
            st.integers(-1, 1),
        )
        clock, start, end = data.draw(st.sampled_from(Clock)), data.draw(nudged), data.draw(nudged)
        span = period(clock, min(start, end), max(start, end), now=LATER)
        expected = within(lines, span)
        limit, newest = data.draw(st.integers(1, 7)), data.draw(st.booleans())

        pages = list(paged(lambda after: past.history(span, limit=limit, after=after, newest=newest)))
        sheets = list(paged(lambda after: statement(past.tenant, past.mill, span, after=after, limit=limit)))

        shown = [line for page in pages for line in page.page.lines]
        assert shown == (expected[::-1] if newest else expected)
        assert all(page.complete for page in [*pages, *sheets])
        until = [line for line in lines if told_by(line, clock) <= instant_text(start)]
        assert past.at(start, clock)[0] == sum(line.amount for line in until)
        opening = sum(line.amount for line in lines if told_by(line, clock) < str(span.start))
        _check_sheets(sheets, opening, expected)


def _check_sheets(sheets: list[Any], opening: int, expected: list[Line]) -> None:
    """Opening balance and the sum of all lines are the closing balance, on every page and over all."""
    running = opening
    for sheet in sheets:
        assert (sheet.opening, sheet.brought_forward) == (opening, running)
        for line in sheet.page.lines:
            running += line.amount
            assert line.balance == running
        assert sheet.closing == opening + sum(line.amount for line in expected)
        assert sheet.debits == sum(max(line.amount, 0) for line in expected)
    assert running == sheets[-1].closing


def test_the_balance_at_an_instant_has_that_instants_entries(past: Past) -> None:
    past.live([Fact(5), Fact(-2), Fact(4, seconds=0), Fact(1)])
    second = MONDAY + timedelta(seconds=20)

    assert past.at(second - timedelta(microseconds=1)) == (5, 1, True)
    assert past.at(second) == (7, 3, True)
    assert past.at(MONDAY) == (0, 0, True)
    assert past.at(MONDAY + timedelta(hours=1)) == (8, 4, True)


def test_an_entry_that_comes_late_counts_from_when_it_took_effect(past: Past) -> None:
    past.live([Fact(5), Fact(-2, hours=48), Fact(4)])
    yesterday = MONDAY - timedelta(days=1)

    assert past.at(yesterday)[0] == 0
    assert past.at(yesterday, OCCURRED)[0] == -2
    assert past.at(MONDAY + timedelta(seconds=10), OCCURRED)[0] == 3


@pytest.mark.parametrize(("seconds", "final"), [(0, False), (59, False), (60, True), (3600, True)], ids=str)
def test_the_last_minute_of_the_recorded_clock_is_not_final(past: Past, seconds: int, final: bool) -> None:
    past.live([Fact(5)])
    instant = MONDAY + timedelta(hours=1)

    assert past.at(instant, now=instant + timedelta(seconds=seconds)) == (5, 1, final)


def test_nothing_is_final_while_lines_are_missing_before_it(past: Past) -> None:
    past.live([Fact(1), Fact(2), Fact(3), Fact(4)], missing=[3], ahead=1)
    seconds = [past.at(MONDAY + timedelta(seconds=seconds)) for seconds in (10, 20, 30, 40)]

    assert [final for _, _, final in seconds] == [True, False, False, False]
    assert [balance for balance, _, _ in seconds[:2]] == [1, 3]


def test_on_a_deferred_account_what_has_no_line_behind_it_is_not_final(past: Past) -> None:
    past.live([Fact(1), Fact(2)], as_of={"N": "2"})

    assert [past.at(MONDAY + timedelta(seconds=seconds))[2] for seconds in (5, 15, 25)] == [True, True, False]


def test_the_past_by_effect_is_final_only_where_the_account_is_closed(past: Past) -> None:
    past.live([Fact(1, hours=24), Fact(2)], closed_until={"S": instant_text(MONDAY)})

    assert past.at(MONDAY, OCCURRED) == (1, 2, True)
    assert past.at(MONDAY + timedelta(seconds=1), OCCURRED) == (1, 2, False)


def test_on_a_deferred_account_the_past_by_effect_is_never_final(past: Past) -> None:
    past.live([Fact(1)], as_of={"N": "1"}, closed_until={"S": instant_text(MONDAY)})

    assert past.at(MONDAY, OCCURRED)[2] is False


def test_the_past_by_effect_is_not_final_while_lines_are_missing(past: Past) -> None:
    past.live([Fact(1), Fact(2)], ahead=1, closed_until={"S": instant_text(LATER)})

    assert past.at(LATER, OCCURRED) == (3, 2, False)


def test_an_account_that_nothing_moved_was_always_empty(past: Past) -> None:
    sheets = [statement(past.tenant, past.mill, Period(clock), after=None, limit=5) for clock in Clock]

    assert [past.at(MONDAY, clock)[:2] for clock in Clock] == [(0, 0), (0, 0)]
    assert [(sheet.opening, sheet.closing, sheet.debits, sheet.complete) for sheet in sheets] == [(0, 0, 0, True)] * 2
    assert [past.history(Period(clock)).complete for clock in Clock] == [True, True]


@pytest.mark.parametrize("clock", Clock)
def test_a_period_without_ends_is_all_there_is(past: Past, clock: Clock) -> None:
    lines = past.live([Fact(5, hours=3), Fact(-2), Fact(4, hours=99)])

    sheet = statement(past.tenant, past.mill, Period(clock), after=None, limit=5)

    assert (sheet.opening, sheet.closing, sheet.debits, sheet.complete) == (0, 7, 9, True)
    assert [line.version for line in sheet.page.lines] == [line.version for line in order_of(lines, clock)]


@pytest.mark.parametrize("clock", Clock)
@pytest.mark.parametrize("broken", [{"missing": [2]}, {"ahead": 1}], ids=str)
def test_what_lacks_a_line_says_so(past: Past, clock: Clock, broken: dict[str, Any]) -> None:
    past.live([Fact(1), Fact(2), Fact(3)], **broken)

    sheet = statement(past.tenant, past.mill, Period(clock), after=None, limit=5)

    assert (sheet.complete, past.history(Period(clock)).complete) == (False, False)
    assert past.history(Period(clock), newest=True).complete is False


def test_a_period_before_a_gap_is_complete_by_the_recorded_clock(past: Past) -> None:
    past.live([Fact(1), Fact(2), Fact(3), Fact(4)], missing=[4], ahead=1)
    ends = [period(RECORDED, None, MONDAY + timedelta(seconds=seconds), now=LATER) for seconds in (25, 35)]

    sheets = [statement(past.tenant, past.mill, span, after=None, limit=9) for span in ends]

    assert [sheet.complete for sheet in sheets] == [True, False]
    assert [past.history(span).complete for span in ends] == [True, False]


def test_an_instant_is_found_in_few_reads_however_long_the_account(past: Past) -> None:
    past.live([Fact(1, seconds=1)] * 300)

    with watching() as calls:
        found = past.at(MONDAY + timedelta(seconds=77))

    assert found == (77, 77, True)
    assert len(calls.operations) <= 12


def test_a_page_takes_two_calls_however_long_the_account(past: Past) -> None:
    past.live([Fact(1, seconds=1)] * 60)

    with watching() as calls:
        past.history(limit=20, newest=True)

    assert calls.operations == ["dynamodb.GetItem", "dynamodb.Query"]


def test_instants_beyond_a_minute_ahead_are_refused() -> None:
    ahead = MONDAY + timedelta(seconds=60)
    assert check_instant(ahead, now=MONDAY, field="at") == instant_text(ahead)

    asked: dict[str, Callable[[datetime], object]] = {
        "at": lambda late: check_instant(late, now=MONDAY, field="at"),
        "from": lambda late: period(RECORDED, late, None, now=MONDAY),
        "to": lambda late: period(RECORDED, MONDAY, late, now=MONDAY),
    }
    for field, ask in asked.items():
        with pytest.raises(InvalidInput) as refused:
            ask(ahead + timedelta(microseconds=1))
        assert (refused.value.code, refused.value.facts) == ("instant_in_future", {"field": field})


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        period(OCCURRED, MONDAY, MONDAY - timedelta(microseconds=1), now=MONDAY)

    assert refused.value.code == "invalid_period"
    assert period(OCCURRED, MONDAY, MONDAY, now=MONDAY).start == instant_text(MONDAY)


def test_the_past_of_no_account_is_not_found(past: Past) -> None:
    asked: list[Callable[[], object]] = [
        lambda: history(past.tenant, "acc_none", after=None, limit=1),
        lambda: balance_at(past.tenant, "acc_none", MONDAY, clock=RECORDED, now=LATER),
        lambda: statement("ten_other", past.mill, Period(), after=None, limit=1),
    ]

    for ask in asked:
        with pytest.raises(NotFound):
            ask()


@pytest.mark.parametrize(
    "occurred", ["5x", "2026-13-01T00:00:00.000000Z#1", "2026-W10-1T00:00:00.000000Z#1", "2026-03-01"]
)
def test_a_cursor_that_was_made_up_is_refused(past: Past, occurred: str) -> None:
    past.live([Fact(1), Fact(2)])
    key = {"pk": {"S": account_of(past.tenant, past.mill)}, "version": {"N": "1"}, "occurred": {"S": occurred}}

    with pytest.raises(InvalidInput) as refused:
        statement(past.tenant, past.mill, Period(OCCURRED), after=key, limit=5)

    assert refused.value.code == "invalid_cursor"
