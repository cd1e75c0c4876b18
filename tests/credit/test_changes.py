"""Repayments that are known late: they count from their value date, and what came after is computed again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict
from chalicelib.credit.changes import Adjustment, Source, bounce, check_value_date, draw, is_owed_from_reversal, repay
from chalicelib.credit.domain import CreditLine, OwedFrom, accrue, position
from chalicelib.credit.history import MAX_LATER_EVENTS, EventKind, LineEvent
from chalicelib.credit.postings import (
    accrual_postings,
    adjustment_postings,
    bounce_postings,
    drawdown_postings,
    repayment_postings,
)
from chalicelib.ledger.domain import Purpose, credit
from tests.credit.lines import ESCROW, LENDER, START, Books, cny, day, line_of

LENT = 60_000_000
BANK, OWED_BACK = "acc_bank", "acc_owed_back"


@dataclass
class Ledger:
    """A line with its history and its books: each event as a command would book it."""

    line: CreditLine
    events: dict[str, LineEvent] = field(default_factory=dict)
    books: Books = field(default_factory=Books)

    def draw(self, minor: int, on: date) -> None:
        drawn = draw(self.line, cny(minor), on, self.behind(on))
        self.books.book(drawdown_postings(self.line, drawn, ESCROW))
        self.keep(drawn.line, drawn.events, drawn.adjustment)

    def repay(self, minor: int, on: date) -> int:
        """What of it was too much."""
        paid = repay(self.line, cny(minor), on, self.behind(on))
        self.books.book(repayment_postings(self.line, paid, BANK))
        self.keep(paid.line, paid.events, paid.adjustment)
        return paid.excess.minor

    def bounce(self, event: LineEvent, minor: int, on: date) -> None:
        from_reversal = is_owed_from_reversal(self.line, event, on)
        later = self.behind(on) if from_reversal else self.behind(event.on, event.number)
        bounced = bounce(self.line, event, cny(minor), on, later, source=Source(), from_reversal=from_reversal)
        self.books.book((*bounce_postings(self.line, bounced), credit(BANK, cny(minor))))
        self.keep(bounced.line, bounced.events, bounced.adjustment)

    def accrue_to(self, through: date) -> None:
        if through > self.line.accrued_through:
            accrual = accrue(self.line, through)
            self.books.book(accrual_postings(self.line, accrual))
            self.line = accrual.line

    def behind(self, on: date, number: int = 10**6) -> tuple[LineEvent, ...]:
        later = (event for event in self.events.values() if (event.on, event.number) > (on, number))
        return tuple(sorted(later, key=lambda event: event.place))

    def keep(self, line: CreditLine, events: tuple[LineEvent, ...], adjustment: Adjustment) -> None:
        owed_to = {one.event.place: OWED_BACK for one in adjustment.surplus}
        self.books.book(adjustment_postings(self.line, adjustment, owed_to))
        self.line = line
        self.events |= {event.place: event for event in events}

    def balances(self) -> dict[str, int]:
        books = self.books
        return {
            "loan": books.balance(Purpose.LOAN, self.line.line_id),
            "receivable": books.balance(Purpose.INTEREST_RECEIVABLE, self.line.line_id),
            "income": -books.balance(Purpose.INTEREST_INCOME),
            "drawn": -books.balance(Purpose.LENDER_DRAWN, LENDER),
        }


def lent(minor: int = LENT, on: date = START, **changes: object) -> Ledger:
    """A line at 12 % ACT/360 with this drawn on Monday the 2nd."""
    ledger = Ledger(replace(line_of(rate_bps=1200), **changes))  # type: ignore[arg-type]
    ledger.draw(minor, on)
    return ledger


def payoff(ledger: Ledger, on: date) -> int:
    return position(ledger.line, on).payoff.minor


# ---- worked numbers --------------------------------------------------------------------------------------------------


def test_the_payoff_of_the_12th_told_on_the_15th_pays_the_line_to_zero() -> None:
    ledger = lent()
    ledger.accrue_to(day(13))

    excess = ledger.repay(60_200_000, day(10))

    assert (excess, payoff(ledger, day(13)), payoff(ledger, day(400))) == (0, 0, 0)
    assert ledger.balances() == {"loan": 0, "receivable": 0, "income": 200_000, "drawn": 0}


def test_accruals_after_the_value_date_are_one_difference() -> None:
    ledger = lent()
    ledger.accrue_to(day(13))

    adjustment = repay(ledger.line, cny(60_200_000), day(10), ()).adjustment

    assert adjustment == Adjustment(day(10), interest_minor=-60_000, receivable_minor=-60_000)


def test_a_later_repayment_is_allocated_again() -> None:
    ledger = lent()
    ledger.accrue_to(day(10))
    ledger.repay(10_000_000, day(10))
    ledger.accrue_to(day(14))

    ledger.repay(20_000_000, day(4))

    assert payoff(ledger, day(14)) == 30_200_374
    assert ledger.balances()["loan"] + ledger.balances()["receivable"] == 30_200_374


@pytest.mark.parametrize(("owed_from", "wanted"), [(OwedFrom.VALUE_DATE, 60_360_000), (OwedFrom.REVERSAL, 60_353_600)])
def test_a_repayment_that_bounces_is_owed_again(owed_from: OwedFrom, wanted: int) -> None:
    ledger = lent(bounced_owed_from=owed_from)
    ledger.accrue_to(day(10))
    ledger.repay(5_000_000, day(10))
    ledger.accrue_to(day(14))
    [repayment] = [event for event in ledger.events.values() if event.kind is EventKind.REPAYMENT]

    ledger.bounce(repayment, 5_000_000, day(14))

    assert payoff(ledger, day(18)) == wanted
    ledger.accrue_to(day(18))
    assert ledger.balances()["loan"] + ledger.balances()["receivable"] == wanted


# ---- what is not by numbers ------------------------------------------------------------------------------------------


def test_what_a_later_payment_has_too_much_is_owed_to_who_paid_it() -> None:
    ledger = lent(1_000_000)
    ledger.repay(1_003_000, day(9))

    ledger.repay(500_000, day(3))

    assert payoff(ledger, day(9)) == 0
    assert -ledger.books.sums[OWED_BACK] == 1_503_000 - 1_000_000 - 1_000 - 1_002
    assert ledger.balances() == {"loan": 0, "receivable": 0, "income": 2_002, "drawn": 0}


def test_a_day_before_the_first_drawdown_takes_no_repayment() -> None:
    ledger = lent(on=day(5))

    with pytest.raises(Conflict) as refused:
        ledger.repay(1_000, day(4))

    assert refused.value.code == "value_date_before_drawdown"


def test_a_value_date_older_than_the_line_takes_waits_for_a_decision() -> None:
    line = replace(line_of(), backdating_days=10)
    check_value_date(line, day(0), day(10))

    with pytest.raises(Conflict) as refused:
        check_value_date(line, day(0), day(11))

    assert (refused.value.code, refused.value.facts["maximum_days"]) == ("value_date_too_old", 10)


def test_more_later_events_than_one_command_replays_are_refused() -> None:
    ledger = lent()
    for number in range(MAX_LATER_EVENTS + 1):
        ledger.repay(1_000_000, day(5 + number))

    with pytest.raises(Conflict) as refused:
        ledger.repay(1, day(1))

    assert refused.value.code == "too_many_later_events"


Told = tuple[str, int, int]
"""What happened, the amount, and how many days after the line was opened."""

told = st.tuples(st.sampled_from(["draw", "repay"]), st.integers(1, 30_000_000), st.integers(0, 40))


@given(st.lists(told, max_size=10).flatmap(lambda steps: st.tuples(st.just(steps), st.permutations(steps))))
def test_whatever_order_it_is_told_in_the_same_is_owed_and_booked(orders: tuple[list[Told], list[Told]]) -> None:
    in_order, as_told = (after(order) for order in (sorted(orders[0], key=lambda one: one[2]), orders[1]))

    assert payoff(as_told, day(50)) == payoff(in_order, day(50))
    assert as_told.balances() == in_order.balances()


def after(steps: list[Told]) -> Ledger:
    """A line after these steps, each told when the line was accrued to the latest of their days so far."""
    ledger = lent(10**9, limit_minor=10**12)
    for kind, minor, days in steps:
        getattr(ledger, kind)(minor, day(days))
        ledger.accrue_to(day(days + 3))
    ledger.accrue_to(day(50))
    assert ledger.balances()["loan"] == ledger.line.principal_minor
    assert ledger.balances()["receivable"] == ledger.line.booked_interest.minor
    return ledger
