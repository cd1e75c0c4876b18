"""Repayments of a credit line by bank that are known late: from their value date, with one entry of the difference."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.core.calendars import today_in
from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.service import account_life
from chalicelib.storage.journal import JournalItem
from tests.settlement.market import Line, Market, day, journal_of, market, trial_balance
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables

LENT = 60_000_000


def in_debt(place: Market, minor: int = LENT, *, days: int = 0) -> Line:
    """A line at 12 % ACT/360 with this drawn so many days after Monday the 2nd."""
    place.lend()
    line = place.line(rate_bps=1200)
    place.draw(line, place.deal(), minor, days=days)
    return line


def accrued(place: Market, days: int) -> None:
    assert accrue_due(place.call(days=days).now).failures == ()


def pay_off(place: Market, line: Line, minor: int, *, on: int, told: int) -> None:
    place.pay(line.reference, minor, days=told, booked_on=day(on), value_on=day(on))


def payoff(place: Market, line: Line) -> tuple[int, int, int]:
    """The loan, the interest receivable, and the interest income of all time."""
    return (
        place.balance(Purpose.LOAN, line.line_id),
        place.balance(Purpose.INTEREST_RECEIVABLE, line.line_id),
        place.balance(Purpose.INTEREST_INCOME),
    )


def adjustments(tables: Tables, place: Market) -> list[JournalItem]:
    return [item for item in journal_of(tables, place.tenant) if item.kind == "interest.adjusted"]


def test_a_payoff_that_is_told_three_days_late_pays_the_line_to_zero(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)
    accrued(steel, 13)

    pay_off(steel, line, 60_200_000, on=10, told=13)

    assert payoff(steel, line) == (0, 0, 200_000)
    assert steel.suspense == 0
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_the_accruals_after_the_value_date_are_taken_back_by_one_entry(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)
    accrued(steel, 13)

    pay_off(steel, line, 60_200_000, on=10, told=13)

    [adjustment] = adjustments(tables, steel)
    income = purpose_account_id(steel.tenant, Purpose.INTEREST_INCOME, "CNY")
    assert {leg.account_id: leg.amount for leg in adjustment.legs}[income] == 60_000
    assert adjustment.occurred_at == steel.call(days=13).now
    assert (adjustment.subject, adjustment.data["value_on"]) == (line.line_id, "2026-03-12")
    assert (adjustment.data["interest_minor"], adjustment.data["closed_interest_minor"]) == (-60_000, 0)


def test_a_repayment_is_booked_on_its_booking_day_and_counts_from_its_value_date(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)

    item = steel.pay(line.reference, 60_200_000, days=13, booked_on=day(11), value_on=day(10)).item

    assert today_in("CNY", item.occurred_at) == day(11)
    assert payoff(steel, line) == (0, 0, 200_000)


def test_a_closed_month_keeps_its_income(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)
    accrued(steel, 12)
    income = purpose_account_id(steel.tenant, Purpose.INTEREST_INCOME, "CNY")
    account_life.close_period(steel.call(days=12), income, steel.call(days=8).now)

    pay_off(steel, line, 60_140_000, on=7, told=12)

    [adjustment] = adjustments(tables, steel)
    assert payoff(steel, line) == (0, 0, 140_000)
    assert adjustment.data["interest_minor"] == -100_000
    assert (adjustment.data["closed_through"], adjustment.data["closed_interest_minor"]) == ("2026-03-10", -20_000)


def test_a_later_payment_is_allocated_again(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)
    accrued(steel, 10)
    pay_off(steel, line, 10_000_000, on=10, told=10)
    accrued(steel, 14)

    pay_off(steel, line, 20_000_000, on=4, told=14)

    loan, receivable, _ = payoff(steel, line)
    assert loan + receivable == 30_200_374
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_what_a_later_payment_has_too_much_then_waits_as_what_is_left_of_its_receipt(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel, 1_000_000)
    later = str(steel.pay(line.reference, 1_003_000, days=9, booked_on=day(9)).item.data["receipt_id"])

    pay_off(steel, line, 500_000, on=3, told=9)

    receipt = steel.receipt(later)
    assert payoff(steel, line)[:2] == (0, 0)
    assert (receipt.unallocated_minor, receipt.reason) == (500_998, "more_than_expected")
    assert steel.suspense == 500_998
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_a_value_date_a_few_days_ahead_bears_interest_until_then(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)

    steel.pay(line.reference, 60_080_000, days=1, booked_on=day(1), value_on=day(4))

    assert payoff(steel, line) == (0, 0, 80_000)


@pytest.mark.parametrize(
    ("on", "reason"),
    [(2, "value_date_before_drawdown"), (-1, "value_date_before_drawdown"), (-200, "value_date_too_old")],
)
def test_a_repayment_of_no_lawful_day_waits_in_suspense(tables: Tables, on: int, reason: str) -> None:
    steel = market()
    line = in_debt(steel, days=5)
    accrued(steel, 8)

    steel.pay(line.reference, 1_000_000, days=8, booked_on=day(8), value_on=MONDAY.date() + timedelta(days=on))

    assert [(receipt.reason, receipt.unallocated_minor) for receipt in steel.unmatched()] == [(reason, 1_000_000)]
    assert payoff(steel, line)[0] == LENT
