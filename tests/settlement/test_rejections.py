"""A rejection by a bank that may have debited the payout before: proved statements without its debit end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from chalicelib.banking import paying
from chalicelib.banking import service as banking
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.recon.service.uploads import upload_statement
from chalicelib.settlement.worker.due import do_due
from tests.banking.build import BANK
from tests.recon.build import FIRST_DAY, Line, Sheet, camt
from tests.settlement.desk import Desk, status
from tests.settlement.test_payouts_by_hand import only, sent
from tests.support.calls import MONDAY, call
from tests.support.faults import crash_points

MINOR = 500
PAID_IN = Line(MINOR, "MB-IN")
LAST_DAY = FIRST_DAY + timedelta(days=7)
"""Five weekdays after the Monday of the payout."""

PROVABLE = MONDAY.replace(hour=0) + timedelta(days=8, hours=-8)
"""As the day after the last one begins in Shanghai."""


def unproved(desk: Desk) -> Payout:
    """A payout of Monday that was rejected by a bank which rejects what it has debited."""
    banking.set_bank_profile(call(tenant="operator"), BANK, rejects_before_booking=False, news_days=3, debit_days=5)
    payout = sent(desk)
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))
    assert only(desk).state is State.REJECTION_UNPROVED
    return payout


def weekdays(until: date = LAST_DAY, lines: dict[date, Sequence[Line]] | None = None) -> list[Sheet]:
    """A statement of each weekday from Monday to a day, each beginning where the one before it ended; the money that is
    paid out came in on Monday."""
    given: dict[date, Sequence[Line]] = {FIRST_DAY: [PAID_IN]} | (lines or {})
    sheets = [Sheet(lines=given[FIRST_DAY])]
    while sheets[-1].day < until:
        skip = 2 if sheets[-1].day.weekday() == 4 else 0
        following = sheets[-1].next(*given.get(sheets[-1].day + timedelta(days=1 + skip), ()), skip=skip)
        sheets.append(replace(following, sequence=len(sheets) + 1))
    return sheets


def load(desk: Desk, sheets: Sequence[Sheet]) -> None:
    upload_statement(desk.place.call(days=8), camt(*sheets))


def run(desk: Desk) -> tuple[State, int]:
    """The due run once the last day is over: where the payout stands, and what its party is owed."""
    do_due(lambda: PROVABLE)
    return only(desk).state, desk.place.owed("mill")


def test_statements_of_all_days_without_the_debit_end_it(desk: Desk) -> None:
    unproved(desk)
    load(desk, weekdays())

    do_due(lambda: PROVABLE - timedelta(seconds=1))
    assert only(desk).state is State.REJECTION_UNPROVED

    assert run(desk) == (State.REJECTED, MINOR)
    assert paying.list_overdue(desk.place.tenant, after=None, limit=10).values == ()


def test_one_that_is_cancelled_by_the_bank_ends_as_cancelled(desk: Desk) -> None:
    banking.set_bank_profile(call(tenant="operator"), BANK, rejects_before_booking=False, news_days=3, debit_days=5)
    payout = sent(desk)
    desk.tell(status(payout.payout_id, "CANC"))
    load(desk, weekdays())

    assert run(desk) == (State.CANCELLED, MINOR)


def test_one_statement_of_the_whole_time_or_of_longer_is_as_good(desk: Desk) -> None:
    unproved(desk)
    before = Sheet(number=1, day=FIRST_DAY - timedelta(days=3))
    later = Sheet(number=2, lines=[PAID_IN], day=LAST_DAY + timedelta(days=1))
    period = later.xml().replace(f"<FrDtTm>{later.day}", f"<FrDtTm>{FIRST_DAY - timedelta(days=1)}")
    content = camt(before).decode().replace("</BkToCstmrStmt>", f"{period}</BkToCstmrStmt>")
    upload_statement(desk.place.call(days=8), content.encode())

    assert run(desk) == (State.REJECTED, MINOR)


def missing_end() -> list[Sheet]:
    return weekdays(LAST_DAY - timedelta(days=3))


def missing_beginning() -> list[Sheet]:
    return weekdays()[1:]


def missing_day_by_number() -> list[Sheet]:
    return [sheet for sheet in weekdays() if sheet.number != 3]


def missing_day_by_balance() -> list[Sheet]:
    sheets = weekdays(lines={FIRST_DAY + timedelta(days=2): [Line(-100, "MB-FEE", end_to_end_id="FEE")]})
    return [replace(sheet, sequence=None) for sheet in sheets if sheet.number != 3]


def one_that_does_not_foot() -> list[Sheet]:
    sheets = weekdays()
    return [*sheets[:2], replace(sheets[2], closing=sheets[2].opening + 1), *sheets[3:]]


@pytest.mark.parametrize(
    "sheets",
    [list, missing_end, missing_beginning, missing_day_by_number, missing_day_by_balance, one_that_does_not_foot],
)
def test_statements_that_do_not_show_all_days_prove_nothing(desk: Desk, sheets: type[list[Sheet]]) -> None:
    payout = unproved(desk)
    if given := sheets():
        load(desk, given)

    assert run(desk) == (State.REJECTION_UNPROVED, 0)
    assert [one.payout_id for one in paying.list_overdue(desk.place.tenant, after=None, limit=10).values] == [
        payout.payout_id
    ]


def test_what_was_not_covered_ends_when_the_missing_statements_are_there(desk: Desk) -> None:
    unproved(desk)
    load(desk, missing_end())
    assert run(desk) == (State.REJECTION_UNPROVED, 0)

    load(desk, weekdays())
    do_due(lambda: PROVABLE + timedelta(days=1))

    assert only(desk).state is State.REJECTED
    assert paying.list_overdue(desk.place.tenant, after=None, limit=10).values == ()


@pytest.mark.parametrize("named", [True, False])
def test_a_debit_that_is_or_may_be_its_own_keeps_it_open(desk: Desk, named: bool) -> None:
    payout = unproved(desk)
    debit = Line(-MINOR, "MB-OUT", end_to_end_id=payout.payout_id if named else "")
    load(desk, weekdays(lines={LAST_DAY: [debit]}))

    assert run(desk) == (State.REJECTION_UNPROVED, 0)


def test_a_debit_of_another_is_none_of_its_own(desk: Desk) -> None:
    unproved(desk)
    other = Line(-MINOR, "MB-OUT", end_to_end_id="RENT-03")
    load(desk, weekdays(lines={LAST_DAY: [other, Line(-(MINOR - 1), "MB-FEE")]}))

    assert run(desk) == (State.REJECTED, MINOR)


def test_a_run_killed_at_any_call_ends_it_once(desk: Desk) -> None:
    unproved(desk)
    load(desk, weekdays())
    for point in crash_points():
        with point:
            do_due(lambda: PROVABLE)

        assert only(desk).state in {State.REJECTION_UNPROVED, State.REJECTED}, point
    do_due(lambda: PROVABLE + timedelta(days=2))

    assert (only(desk).state, desk.place.owed("mill")) == (State.REJECTED, MINOR)
