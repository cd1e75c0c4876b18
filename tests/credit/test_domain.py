"""Credit lines by the worked numbers, their refusals in order, and what holds after any sequence of commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.daycount import DayCount, year_fraction
from chalicelib.core.errors import Conflict, Defect, InvalidInput, Refusal
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.credit.changes import draw, repay
from chalicelib.credit.domain import (
    INTEREST_FIRST,
    Component,
    CreditLine,
    Terms,
    accrue,
    interest_due,
    open_line,
    position,
)
from tests.credit.lines import START, accrued_daily, cny, day, line_of

PRINCIPAL_FIRST = (Component.PRINCIPAL, Component.INTEREST)
DRAWN = 82_500_000


def drawn_line(
    amount: int = DRAWN, *, limit: int = 200_000_000, order: tuple[Component, ...] = INTEREST_FIRST
) -> CreditLine:
    return draw(line_of(limit, order=order), cny(amount), START).line


# ---- worked numbers ------------------------------------------------------------------------------------------------


def test_three_days_of_six_percent_on_825_000() -> None:
    assert interest_due(drawn_line(), day(3)) == cny(41_250)


def test_a_refund_pays_interest_first_and_then_principal() -> None:
    repayment = repay(drawn_line(), cny(962_024), day(3))

    assert (repayment.interest, repayment.principal, repayment.excess) == (cny(41_250), cny(920_774), cny(0))
    assert (repayment.accrued_part, repayment.unaccrued_part) == (cny(0), cny(41_250))
    assert repayment.line.principal == cny(81_579_226)
    assert repayment.line.booked_interest == cny(0)


def test_twenty_seven_days_booked_one_by_one_do_not_drift() -> None:
    line = repay(drawn_line(), cny(962_024), day(3)).line

    line, booked = accrued_daily(line, day(30))

    assert booked == 367_107
    assert (interest_due(line, day(30)), line.booked_interest) == (cny(367_107), cny(367_107))


def test_the_rest_and_its_interest_bring_the_line_to_zero() -> None:
    line, _ = accrued_daily(repay(drawn_line(), cny(962_024), day(3)).line, day(30))

    repayment = repay(line, cny(81_946_333), day(30))

    assert (repayment.interest, repayment.principal, repayment.excess) == (cny(367_107), cny(81_579_226), cny(0))
    assert (repayment.accrued_part, repayment.unaccrued_part) == (cny(367_107), cny(0))
    assert position(repayment.line, day(40)).payoff == cny(0)
    assert repayment.line.available == cny(200_000_000)


# ---- how it behaves ------------------------------------------------------------------------------------------------


def test_what_exceeds_the_debt_is_excess() -> None:
    repayment = repay(drawn_line(1000), cny(1500), START)

    assert (repayment.principal, repayment.excess, repayment.line.principal_minor) == (cny(1000), cny(500), 0)


def test_a_line_that_owes_nothing_gives_all_of_it_back() -> None:
    assert repay(line_of(), cny(700), day(5)).excess == cny(700)


def test_a_part_of_the_interest_leaves_principal_and_segment_as_they_are() -> None:
    line = accrue(drawn_line(), day(2)).line

    repayment = repay(line, cny(30_000), day(3))

    assert (repayment.accrued_part, repayment.unaccrued_part, repayment.recognised) == (
        cny(27_500),
        cny(2_500),
        cny(13_750),
    )
    assert (repayment.line.principal_since, repayment.line.booked_interest) == (START, cny(11_250))
    assert interest_due(repayment.line, day(6)) == cny(82_500 - 30_000)


def test_principal_first_leaves_the_interest_standing_without_interest_on_it() -> None:
    repayment = repay(drawn_line(order=PRINCIPAL_FIRST), cny(DRAWN), day(3))

    assert (repayment.interest, repayment.principal) == (cny(0), cny(DRAWN))
    assert repayment.line.carried_interest_minor == 41_250
    assert interest_due(repayment.line, day(300)) == cny(41_250)


def test_a_second_draw_fixes_the_interest_so_far() -> None:
    drawdown = draw(accrue(drawn_line(), day(2)).line, cny(1_000_000), day(3))

    assert drawdown.recognised == cny(13_750)
    assert (drawdown.line.carried_interest_minor, drawdown.line.accrued_minor) == (41_250, 0)
    assert interest_due(drawdown.line, day(3)) == cny(41_250)


def test_a_draw_after_idle_years_earns_from_its_own_day() -> None:
    line = draw(line_of(), cny(DRAWN), day(1000)).line

    assert interest_due(line, day(1003)) == cny(41_250)


def test_a_day_without_a_whole_unit_of_interest_still_moves_on() -> None:
    accrual = accrue(drawn_line(1), day(1))

    assert (accrual.amount, accrual.line.accrued_through) == (cny(0), day(1))


def test_a_position_is_never_older_than_the_accrual() -> None:
    line = accrue(drawn_line(), day(3)).line

    assert position(line, day(2)) == position(line, day(3))
    assert (position(line, day(4)).payoff, position(line, day(4)).booked_interest) == (cny(82_555_000), cny(41_250))


def test_the_state_is_a_small_document_that_reads_back_the_same() -> None:
    longest = replace(
        drawn_line(limit=MAX_MINOR, order=PRINCIPAL_FIRST),
        tenant="ten_" + "z" * 26,
        line_id="crl_" + "z" * 26,
        lender_party_id="pty_" + "z" * 26,
        borrower_party_id="pty_" + "y" * 26,
        reference="Q" * 35,
        principal_minor=MAX_MINOR,
        carried_interest_minor=-MAX_MINOR,
        accrued_minor=MAX_MINOR,
    )

    document = msgspec.json.encode(longest)

    assert len(document) < 700
    assert msgspec.json.decode(document, type=CreditLine) == longest


# ---- refusals, in their order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "borrower", "code"),
    [
        (Terms(cny(0), -1, DayCount.ACT_360, ()), "pty_lender", "limit_not_positive"),
        (Terms(cny(1), -1, DayCount.ACT_360, ()), "pty_lender", "invalid_rate"),
        (Terms(cny(1), 100_001, DayCount.ACT_360, ()), "pty_lender", "invalid_rate"),
        (Terms(cny(1), 0, DayCount.ACT_360, ()), "pty_lender", "invalid_repayment_order"),
        (Terms(cny(1), 0, DayCount.ACT_360, (*INTEREST_FIRST, *INTEREST_FIRST)), "b", "invalid_repayment_order"),
        (Terms(cny(1), 0, DayCount.ACT_360), "pty_lender", "lender_is_borrower"),
    ],
)
def test_opening_is_refused_in_this_order(terms: Terms, borrower: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        open_line(
            terms,
            tenant="t",
            line_id="l",
            lender_party_id="pty_lender",
            borrower_party_id=borrower,
            reference="r",
            on=START,
        )

    assert refused.value.code == code


def test_a_draw_is_refused_in_this_order() -> None:
    frozen = replace(accrue(drawn_line(), day(3)).line, status="frozen")
    accrued = replace(frozen, status="active")
    too_much = cny(200_000_000)

    assert refusal(lambda: draw(frozen, Money(0, "EUR"), START)).code == "currency_mismatch"
    assert refusal(lambda: draw(frozen, cny(0), START)).code == "amount_not_positive"
    assert refusal(lambda: draw(frozen, too_much, START)).code == "credit_line_not_active"
    assert refusal(lambda: draw(accrued, too_much, day(3))).code == "credit_limit_exceeded"


def test_a_draw_over_the_limit_says_what_is_left() -> None:
    refused = refusal(lambda: draw(drawn_line(), cny(117_500_001), START))

    assert isinstance(refused, Conflict)
    assert refused.facts == {"line_id": "crl_one", "requested": 117_500_001, "available": 117_500_000}
    assert draw(drawn_line(), cny(117_500_000), START).line.available == cny(0)


def test_a_repayment_is_refused_in_this_order() -> None:
    line = accrue(drawn_line(), day(3)).line

    assert refusal(lambda: repay(line, Money(0, "EUR"), START)).code == "currency_mismatch"
    assert refusal(lambda: repay(line, cny(-1), START)).code == "amount_not_positive"


@pytest.mark.parametrize("through", [day(2), day(3)])
def test_a_day_already_accrued_is_refused(through: date) -> None:
    line = accrue(drawn_line(), day(3)).line

    assert refusal(lambda: accrue(line, through)).code == "already_accrued"


def test_interest_before_the_principal_last_changed_is_a_defect() -> None:
    with pytest.raises(Defect):
        interest_due(drawn_line(), START - timedelta(days=1))


# ---- what always holds ---------------------------------------------------------------------------------------------


@given(
    day_count=st.sampled_from(DayCount),
    principal=st.integers(1, 10**12),
    rate_bps=st.integers(0, 5000),
    start=st.dates(date(2023, 1, 1), date(2025, 1, 1)),
    days=st.integers(1, 120),
)
def test_daily_accruals_add_up_to_the_rounded_exact_interest(
    day_count: DayCount, principal: int, rate_bps: int, start: date, days: int
) -> None:
    line = replace(
        line_of(10**12, rate_bps=rate_bps, day_count=day_count), principal_since=start, accrued_through=start
    )
    line = draw(line, cny(principal), start).line
    end = start + timedelta(days=days)

    after, booked = accrued_daily(line, end)

    exact = Fraction(principal * rate_bps, 10_000) * Fraction(*year_fraction(day_count, start, end))
    assert booked == round(exact) == accrue(line, end).amount.minor
    assert after == accrue(line, end).line


def refusal(act: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value
