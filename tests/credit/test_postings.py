"""What a line books, in figures and after any sequence of draws, accruals and repayments on rising dates."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.daycount import DayCount, year_fraction
from chalicelib.core.errors import Refusal
from chalicelib.credit.changes import draw, repay
from chalicelib.credit.domain import Component, CreditLine, accrue, interest_due
from chalicelib.credit.postings import (
    accrual_postings,
    drawdown_postings,
    lender_accounts,
    line_accounts,
    repayment_postings,
)
from chalicelib.ledger.domain import Purpose
from tests.credit.lines import ESCROW, LENDER, START, Books, cny, day, line_of
from tests.support.calls import TENANT

LIMIT = 5_000_000


def balances(books: Books, line: CreditLine) -> dict[str, int]:
    """Each balance on its account's own side."""
    return {
        "loan": books.balance(Purpose.LOAN, line.line_id),
        "receivable": books.balance(Purpose.INTEREST_RECEIVABLE, line.line_id),
        "income": -books.balance(Purpose.INTEREST_INCOME),
        "undrawn": -books.balance(Purpose.LENDER_UNDRAWN, LENDER),
        "drawn": -books.balance(Purpose.LENDER_DRAWN, LENDER),
        "escrow": -books.sums[ESCROW],
    }


def test_a_draw_a_refund_days_and_the_rest_book_the_worked_numbers() -> None:
    books, line = Books(), line_of()
    drawdown = draw(line, cny(82_500_000), START)
    books.book(drawdown_postings(line, drawdown, ESCROW))
    assert balances(books, line) == {
        "loan": 82_500_000,
        "receivable": 0,
        "income": 0,
        "undrawn": -82_500_000,
        "drawn": 82_500_000,
        "escrow": 82_500_000,
    }

    refund = repay(drawdown.line, cny(962_024), day(3))
    books.book(repayment_postings(line, refund, ESCROW))
    accrual = accrue(refund.line, day(29))
    books.book(accrual_postings(line, accrual))
    assert balances(books, line)["receivable"] == 353_510

    rest = repay(accrual.line, cny(81_946_333), day(30))
    books.book(repayment_postings(line, rest, ESCROW))
    assert balances(books, line) == {
        "loan": 0,
        "receivable": 0,
        "income": 408_357,
        "undrawn": 0,
        "drawn": 0,
        "escrow": 82_500_000 - 962_024 - 81_946_333,
    }


def test_interest_left_unpaid_after_the_principal_is_a_claim_still() -> None:
    books, line = Books(), line_of(order=(Component.PRINCIPAL, Component.INTEREST))
    drawdown = draw(line, cny(82_500_000), START)
    books.book(drawdown_postings(line, drawdown, ESCROW))

    repayment = repay(drawdown.line, cny(82_500_100), day(3))
    books.book(repayment_postings(line, repayment, ESCROW))

    assert balances(books, line) | {"escrow": 0} == {
        "loan": 0,
        "receivable": 41_150,
        "income": 41_250,
        "undrawn": 0,
        "drawn": 0,
        "escrow": 0,
    }


def test_a_draw_books_the_interest_that_no_accrual_has() -> None:
    books, line = Books(), line_of()
    first = draw(line, cny(82_500_000), START)
    books.book(drawdown_postings(line, first, ESCROW))

    books.book(drawdown_postings(line, draw(first.line, cny(1), day(3)), ESCROW))

    assert (balances(books, line)["receivable"], balances(books, line)["income"]) == (41_250, 41_250)


def test_a_lines_accounts_bound_what_is_owed() -> None:
    loan, receivable = line_accounts(line_of(LIMIT))

    assert (loan.purpose, loan.owner, loan.floor, loan.ceiling) == (Purpose.LOAN, "crl_one", 0, LIMIT)
    assert (receivable.purpose, receivable.floor, receivable.ceiling) == (Purpose.INTEREST_RECEIVABLE, 0, None)


def test_a_lenders_money_never_falls_below_zero() -> None:
    undrawn, drawn = lender_accounts(TENANT, LENDER, "CNY", "Harbour Credit")

    assert [(a.purpose, a.owner, a.floor) for a in (undrawn, drawn)] == [
        (Purpose.LENDER_UNDRAWN, LENDER, 0),
        (Purpose.LENDER_DRAWN, LENDER, 0),
    ]


steps = st.lists(
    st.tuples(
        st.sampled_from(["draw", "accrue", "repay"]),
        st.integers(0, 40),
        st.integers(1, 2 * LIMIT) | st.integers(1, 20_000),
    ),
    max_size=25,
)


@given(
    steps=steps,
    order=st.sampled_from(list(permutations(Component))),
    day_count=st.sampled_from(DayCount),
    rate_bps=st.sampled_from([0, 1, 600, 3650]),
)
def test_any_sequence_keeps_line_and_books_together(
    steps: list[tuple[str, int, int]], order: tuple[Component, ...], day_count: DayCount, rate_bps: int
) -> None:
    line = line_of(LIMIT, rate_bps=rate_bps, day_count=day_count, order=order)
    books, on, earned = Books(), START, 0

    for kind, days, amount in steps:
        on += timedelta(days=days)
        before = line
        try:
            line = taken(books, line, kind, amount, on)
        except Refusal as refusal:
            assert refusal.code in {"credit_limit_exceeded", "already_accrued"}
        if line.principal != before.principal:
            earned += exact_interest(before, on)

        now = balances(books, line)
        assert 0 <= line.principal_minor <= LIMIT
        assert now["loan"] == now["drawn"] == -now["undrawn"] == line.principal_minor
        assert now["receivable"] == line.booked_interest.minor >= 0
        assert interest_due(line, line.accrued_through) == line.booked_interest
        assert now["income"] == earned + exact_interest(line, line.accrued_through)


def taken(books: Books, line: CreditLine, kind: str, amount: int, on: date) -> CreditLine:
    """The line after one step, booked."""
    if kind == "draw":
        drawdown = draw(line, cny(amount), on)
        books.book(drawdown_postings(line, drawdown, ESCROW))
        return drawdown.line
    if kind == "accrue":
        accrual = accrue(line, on)
        books.book(accrual_postings(line, accrual))
        return accrual.line
    held = books.sums[ESCROW]
    repayment = repay(line, cny(amount), on)
    books.book(repayment_postings(line, repayment, ESCROW))
    assert repayment.interest + repayment.principal + repayment.excess == cny(amount)
    assert repayment.accrued_part + repayment.unaccrued_part == repayment.interest
    assert books.sums[ESCROW] - held == amount - repayment.excess.minor
    return repayment.line


def exact_interest(line: CreditLine, on: date) -> int:
    """Interest since the principal last changed, by fractions and Python's own rounding."""
    part = Fraction(*year_fraction(line.day_count, line.principal_since, on))
    return round(line.principal_minor * Fraction(line.rate_bps, 10_000) * part)
