"""The retention: kept against defects, its day, its defects claim, its division."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Fault, RetentionRule, ShareRule
from tests.trades.deals import cny
from tests.trades.lives import Life, amounts, refusal_of, told
from tests.trades.papers import certificate, delivery_note, weight_note
from tests.trades.standing import BY_LOT, KEEPING, NOTED
from tests.trades.works import THREE, WORKS

DAY = date(2027, 3, 2)


def performed(rule: RetentionRule | None = None) -> Life:
    """All is released but a retention of 5,000.00, which has 365 days."""
    template = replace(NOTED, retention=rule) if rule else NOTED
    life = Life(template).funded().give(delivery_note()).sign("start", "buyer")
    life.release("start")
    return life


def one_lot() -> Life:
    life = Life(BY_LOT, lots=THREE).funded().give(weight_note(40_000, lot="A")).sign("arrived", "buyer", lot="A")
    life.settle("A")
    return life


def test_the_retention_is_of_the_price_and_its_day_is_counted_from_the_last_milestone() -> None:
    life = performed()

    assert (life.state, life.trade.retained_minor, life.trade.retained_until) == (State.RETAINED, 500_000, DAY)
    assert life.trade.held == cny(500_000)


def test_on_its_day_it_goes_to_the_seller_without_fees() -> None:
    life = performed()

    early = refusal_of(life.later(364, hours=14).release_retention)
    released = life.later(hours=1).release_retention()

    assert (early.code, early.facts) == ("retention_not_due", {"retained_until": "2027-03-02"})
    assert (amounts(released), released.refund) == ({"seller": 500_000}, cny(0))
    assert (life.state, life.trade.held) == (State.COMPLETED, cny(0))


def test_it_is_divided_where_the_template_says_so() -> None:
    split = (ShareRule("carrier", ShareKind.FIXED), ShareRule("surveyor", ShareKind.BPS, bps=1_000))
    life = performed(RetentionRule(500, 365, (*split, ShareRule("seller", ShareKind.REMAINDER))))

    released = life.later(365).release_retention()

    assert amounts(released) == {"surveyor": 50_000, "seller": 450_000}
    assert life.trade.got["carrier"].minor == 200_000


def test_lots_retain_each_their_part_and_have_one_day_after_the_last() -> None:
    life = one_lot()
    between = (life.trade.retained_minor, life.trade.retained_until, told(life.later(400).release_retention))
    for lot, weight in (("B", 40_000), ("C", 20_000)):
        life.give(weight_note(weight, lot=lot)).sign("arrived", "buyer", lot=lot).settle(lot)

    assert between == (120_000, None, ("Conflict", "trade_state"))
    assert (life.trade.retained_minor, life.trade.retained_until) == (300_000, date(2027, 7, 5))


def test_a_trade_that_ends_early_keeps_the_retention_of_what_was_performed_and_its_day_begins() -> None:
    life = one_lot().later(10)

    ended = life.cancel(Fault.NONE)

    assert (ended.refund, life.state) == (cny(6_000_000), State.RETAINED)
    assert (life.trade.retained_minor, life.trade.retained_until) == (120_000, date(2026, 6, 10))
    assert amounts(life.later(90).release_retention()) == {"seller": 120_000}
    assert life.state is State.COMPLETED


def test_a_refund_of_all_the_rest_leaves_the_retention_which_has_its_day_then() -> None:
    life = one_lot()

    life.refund(6_000_000)

    assert (life.state, life.trade.retained_until) == (State.RETAINED, date(2026, 5, 31))


def test_a_defect_is_claimed_by_a_dispute_over_the_retention_and_the_rest_of_it_goes_on_its_day() -> None:
    life = performed().later(100).dispute(200_000, of_retention=True)

    on_its_day = life.later(265).release_retention()
    resolved = life.resolve({"buyer": 150_000, "kept": 50_000})
    last = life.release_retention()

    assert amounts(on_its_day) == {"seller": 300_000}
    assert (resolved.refund, amounts(resolved)) == (cny(150_000), {})
    assert amounts(last) == {"seller": 50_000}
    assert (life.state, life.trade.held) == (State.COMPLETED, cny(0))


def test_a_dispute_does_not_move_the_day_of_the_retention() -> None:
    life = performed().later(100).dispute(200_000, of_retention=True)
    life.later(100).resolve({"kept": 200_000})

    assert (life.trade.retained_minor, life.trade.retained_until) == (500_000, DAY)


def test_all_of_a_retention_may_be_in_dispute() -> None:
    life = performed().dispute(500_000, of_retention=True).later(400)

    refusal = refusal_of(life.release_retention)

    assert (refusal.code, refusal.facts) == ("amount_disputed", {"disputed": 500_000})


def test_what_is_kept_beside_the_retention_stays_when_that_goes() -> None:
    life = Life(KEEPING).funded().give(delivery_note())
    life.release("start")

    life.later(365).release_retention()

    assert (life.state, life.trade.held_minor, life.trade.retained_minor) == (State.RETAINED, 9_300_000, 0)
    assert told(life.release_retention) == ("Conflict", "nothing_retained")


def test_a_retention_that_takes_more_than_there_is_takes_what_is_there() -> None:
    life = Life(replace(WORKS, retention=RetentionRule(9_000, 30)), fixed_shares={"carrier": 0}).funded()
    life.give(delivery_note()).release("start")
    life.refund(6_000_000)
    life.give(certificate()).sign("acceptance", "buyer", "surveyor").release("acceptance")

    assert (life.state, life.trade.retained_minor) == (State.RETAINED, 1_035_000 - 10_000)
    assert life.trade.got["seller"].minor == 2_985_000


@pytest.mark.parametrize("stage", ["agreed", "funded", "releasing"])
def test_nothing_is_released_of_it_before_all_is_performed(stage: str) -> None:
    life = {"agreed": Life, "funded": lambda: Life().funded(), "releasing": one_lot}[stage]()

    assert told(life.later(900).release_retention) == ("Conflict", "trade_state")
