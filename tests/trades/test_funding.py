"""Money that comes for a trade: in parts, by deposit, over, short, in another currency, too late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.errors import Defect
from chalicelib.trades.domain.funding import fund, takes_money
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import FundingRule, Stray
from tests.support.calls import MONDAY, over
from tests.trades.deals import cny, eur
from tests.trades.lives import Life, amounts
from tests.trades.papers import certificate, delivery_note, weight_note
from tests.trades.standing import WEIGHED
from tests.trades.works import WORKS

DUE = 10_050_000
DEPOSIT = 2_000_000
TOLERANT = replace(WORKS, funding=FundingRule(Stray.ACCEPT, over_tolerance_bps=10, short_tolerance_bps=10))
"""10 bps of what is due are 10,050."""


def test_parts_come_to_the_deposit_and_then_to_all_that_is_due() -> None:
    life = Life()
    states = []
    for minor in (DEPOSIT - 1, 1, DUE - DEPOSIT - 1, 1):
        funding = life.fund(minor)
        assert (funding.accepted, funding.excess, funding.returned) == (cny(minor), cny(0), cny(0))
        states.append(life.state)

    assert states == [State.FUNDING, State.DEPOSITED, State.DEPOSITED, State.FUNDED]
    assert (life.trade.held, life.trade.outstanding) == (cny(DUE), cny(0))


def test_without_a_deposit_parts_are_only_parts() -> None:
    life = Life(replace(WORKS, deposit=None))

    life.fund(DUE - 1)

    assert life.state is State.FUNDING


def test_a_trade_that_is_funded_has_the_time_of_its_performance() -> None:
    life = Life()
    assert life.trade.expires_at == over(10)

    life.later(2).fund()

    assert life.trade.expires_at == over(62)


def test_what_is_more_than_due_waits_or_goes_back_as_the_template_says() -> None:
    holding = Life().fund(DUE + 1)
    returning = Life(replace(WORKS, funding=FundingRule(over=Stray.RETURN))).fund(DUE + 1)

    assert (holding.accepted, holding.excess, holding.returned) == (cny(DUE), cny(1), cny(0))
    assert (returning.accepted, returning.excess, returning.returned) == (cny(DUE), cny(0), cny(1))


def test_another_currency_is_never_taken_and_always_waits() -> None:
    life = Life(replace(WORKS, funding=FundingRule(Stray.RETURN, Stray.RETURN)))
    before = life.trade

    funding = life.fund(5, "EUR")

    assert (funding.trade, funding.accepted, funding.excess, funding.returned) == (before, eur(0), eur(5), eur(0))


@pytest.mark.parametrize(("late", "excess", "returned"), [(Stray.HOLD, 7, 0), (Stray.RETURN, 0, 7)])
def test_money_after_the_end_goes_by_the_rule_for_late_money(late: Stray, excess: int, returned: int) -> None:
    life = Life(replace(WORKS, funding=FundingRule(over=Stray.ACCEPT, late=late))).later(400)
    life.expire()

    funding = life.fund(7)

    assert (funding.accepted, funding.excess, funding.returned) == (cny(0), cny(excess), cny(returned))
    assert life.state is State.EXPIRED


def test_a_trade_takes_money_until_the_schedule_has_ended_it() -> None:
    life = Life().later(400)

    assert life.fund(DUE).accepted == cny(DUE)
    assert life.state is State.FUNDED


@pytest.mark.parametrize(
    ("minor", "accepted", "excess"), [(DUE + 10_050, DUE + 10_050, 0), (DUE + 10_051, DUE, 10_051)]
)
def test_a_payment_over_by_no_more_than_the_tolerance_is_taken_whole(minor: int, accepted: int, excess: int) -> None:
    life = Life(TOLERANT)

    funding = life.fund(minor)

    assert (funding.accepted, funding.excess, life.state) == (cny(accepted), cny(excess), State.FUNDED)
    assert (life.trade.held, life.trade.outstanding) == (cny(accepted), cny(0))


def test_what_was_accepted_over_goes_with_the_last_milestone() -> None:
    life = Life(replace(TOLERANT, retention=None))
    life.fund(DUE + 10_000)
    life.give(delivery_note(), certificate()).release("start")

    last = life.sign("acceptance", "buyer", "surveyor").release("acceptance")

    assert amounts(last) == {"seller": 6_975_000, "platform": 70_000}
    assert (life.state, life.trade.refunded_minor) == (State.COMPLETED, 0)


def test_what_was_accepted_over_is_refunded_by_a_final_settlement() -> None:
    life = Life(replace(WEIGHED, funding=TOLERANT.funding))
    life.fund(10_000_000 + 10_000)

    settled = life.give(weight_note(100_000)).sign("arrived", "buyer").settle()

    assert settled.refund == cny(10_000)


def test_one_short_by_no_more_than_the_tolerance_counts_as_exact_and_the_rest_is_conceded() -> None:
    short, exact = Life(TOLERANT), Life(TOLERANT)

    short.fund(DUE - 10_051)
    exact.fund(DUE - 10_050)

    assert (short.state, short.trade.outstanding) == (State.DEPOSITED, cny(10_051))
    assert (exact.state, exact.trade.outstanding, exact.trade.conceded_minor) == (State.FUNDED, cny(0), 10_050)


def test_what_was_conceded_is_not_asked_for_again_by_a_final_settlement() -> None:
    life = Life(replace(WEIGHED, funding=TOLERANT.funding))
    life.fund(10_000_000 - 10_000)
    life.give(weight_note(100_000)).sign("arrived", "buyer")

    settled = life.settle()

    assert (settled.top_up, settled.refund) == (None, cny(0))
    assert (life.state, life.trade.retained_minor) == (State.RETAINED, 299_700)


def test_money_is_asked_for_where_something_is_outstanding() -> None:
    life = Life()
    asked = takes_money(life.trade)
    life.fund()

    assert (asked, takes_money(life.trade), takes_money(Life(draft=True).trade)) == (True, False, False)


def test_a_payment_of_nothing_is_our_defect() -> None:
    life = Life()
    with pytest.raises(Defect):
        fund(life.terms, life.trade, cny(0), now=MONDAY)
