"""Final settlement: worked numbers, what is too much or missing, lots, recalls, and what was released before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.ledger.exchange import Rate
from chalicelib.splits.domain.fees import Fee
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.final import final_settlement
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import (
    Ending,
    Milestone,
    PriceRule,
    QuantityMode,
    QuantityRule,
    ShareRule,
    Template,
)
from chalicelib.trades.domain.terms import Lot
from chalicelib.trades.domain.trade import Division
from tests.support.calls import MONDAY, over
from tests.trades.deals import cny, ready
from tests.trades.lives import Life, amounts, refusal_of, told
from tests.trades.papers import bill_of_lading, delivery_note, exchange_rate, recall_notice, weight_note
from tests.trades.sketches import AGREED, DEAL, ROLES
from tests.trades.standing import BY_LOT, NOTED, WEIGHED
from tests.trades.works import ARRIVED, LOTS, SHIPPED, THREE

ON_TOP = replace(WEIGHED, retention=None, deposit=None, fees=(Fee("platform", 100, 10_000),))
"""Weighed, with a fee of 1 % on top of the price."""

ADVANCED = replace(
    ON_TOP, fees=(), milestones=(replace(SHIPPED, bps=9_000, per_lot=False), replace(ARRIVED, per_lot=False))
)
"""90 % are released when the goods are shipped."""


def settled(quantity_milli: int = 498_320, *fixings: int) -> Division:
    return final_settlement(*ready(quantity_milli, *fixings), now=MONDAY)


def arrived(quantity_milli: int, template: Template = WEIGHED, **changes: Any) -> Life:
    """Funded, weighed and signed."""
    return Life(template, **changes).funded().give(weight_note(quantity_milli)).sign("arrived", "buyer")


def by_lot(template: Template = BY_LOT, **weights: int) -> Life:
    """Funded; these lots are weighed and signed."""
    life = Life(template, lots=THREE).funded()
    for lot, weight in weights.items():
        life.give(weight_note(weight, lot=lot)).sign("arrived", "buyer", lot=lot)
    return life


def test_steel_settles_as_the_worked_numbers_say() -> None:
    settlement = settled(498_320)

    assert (settlement.final_amount, settlement.refund, settlement.top_up) == (cny(181_537_976), cny(962_024), None)
    assert settlement.shares == (
        ("carrier", cny(4_250_000)),
        ("platform", cny(544_613)),
        ("mill", cny(176_743_363)),
    )
    assert (settlement.trade.state, settlement.trade.held) == (State.COMPLETED, cny(0))
    assert (settlement.trade.final_minor, settlement.trade.done) == (181_537_976, ("delivery",))


def test_steel_within_tolerance_settles_on_the_agreed_weight() -> None:
    settlement = settled(498_900)

    assert (settlement.final_amount, settlement.refund) == (cny(182_150_000), cny(350_000))


def test_a_final_amount_equal_to_what_was_paid_refunds_nothing() -> None:
    settlement = settled(500_000, 363_500)

    assert (settlement.refund, settlement.top_up, settlement.trade.state) == (cny(0), None, State.COMPLETED)


def test_the_lines_of_a_settlement_end_in_the_refund_and_the_shares() -> None:
    lines = settled().lines
    difference = lines[3]

    assert [line.step for line in lines[:5]] == ["quantity", "unit_price", "amount", "difference", "portion"]
    assert difference.inputs == {"paid_minor": 182_500_000, "owed_minor": 181_537_976}
    assert (difference.rule, difference.result) == ("refund_to_buyer", {"refund_minor": 962_024})
    assert [(line.step, line.result["minor"]) for line in lines[5:]] == [
        ("share", 4_250_000),
        ("share", 544_613),
        ("share", 176_743_363),
    ]
    assert lines[6].inputs == {"role": "platform", "bps": 30, "amount_minor": 181_537_976}


def test_a_final_amount_above_what_was_paid_asks_for_the_difference_and_releases_nothing() -> None:
    settlement = settled(510_000)

    assert (settlement.final_amount, settlement.top_up) == (cny(185_793_000), cny(3_293_000))
    assert (settlement.refund, settlement.shares, settlement.lines[-1].rule) == (cny(0), (), "top_up_from_buyer")
    assert (settlement.trade.state, settlement.trade.outstanding) == (State.TOP_UP_DUE, cny(3_293_000))
    assert (settlement.trade.held, settlement.trade.done) == (cny(182_500_000), ())


def test_once_topped_up_the_same_command_settles() -> None:
    life = arrived(110_000)
    asked = life.settle()
    life.fund(999_999)
    part = life.state
    life.fund(1)

    settlement = life.settle()

    assert (asked.top_up, part) == (cny(1_000_000), State.TOP_UP_DUE)
    assert (settlement.final_amount, settlement.refund) == (cny(11_000_000), cny(0))
    assert (life.state, life.trade.retained_minor, life.trade.final_minor) == (State.RETAINED, 330_000, 11_000_000)
    assert life.trade.due_minor == life.trade.funded_minor == 11_000_000


@pytest.mark.parametrize(
    ("line", "days", "expected"),
    [("lin_1", 3, over(3)), ("", 3, None), ("lin_1", 0, None)],
    ids=["with_line_and_days", "without_line", "without_days"],
)
def test_a_difference_is_drawn_from_the_deals_credit_line_after_the_templates_days(
    line: str, days: int, expected: datetime | None
) -> None:
    template = replace(WEIGHED, funding=replace(WEIGHED.funding, top_up_days=days))
    life = arrived(110_000, template, top_up_line_id=line)

    life.settle()

    assert life.trade.top_up_at == expected


def test_a_difference_that_was_paid_is_not_drawn_any_more() -> None:
    life = arrived(110_000, top_up_line_id="lin_1")
    life.settle()

    life.fund()

    assert (life.trade.top_up_at, life.state) == (None, State.FUNDED)


def test_the_fees_on_top_follow_the_final_price() -> None:
    heavier, lighter = arrived(110_000, ON_TOP), arrived(90_000, ON_TOP)

    asked, refunded = heavier.settle(), lighter.settle()

    assert (heavier.trade.due_minor, asked.top_up) == (11_110_000, cny(1_010_000))
    assert (refunded.refund, amounts(refunded)["platform"]) == (cny(1_010_000), 90_000)
    assert sum(amounts(refunded).values()) == 9_090_000


def test_what_was_given_back_by_agreement_is_neither_asked_for_again_nor_given_back_twice() -> None:
    heavier, lighter = arrived(110_000, ON_TOP), arrived(90_000, ON_TOP)
    heavier.refund(50_000)
    lighter.refund(50_000)

    assert heavier.settle().top_up == cny(1_010_000)
    assert lighter.settle().refund == cny(1_010_000)
    assert lighter.trade.held_minor == 0


def test_lots_settle_one_by_one_and_what_one_was_topped_up_with_stays_for_it() -> None:
    """B asks for 1,000.00. A, which settles before it, gives back its own 1,000.00 and not those."""
    life = by_lot(A=39_000, B=41_000, C=20_000)
    asked = life.settle("B")
    life.fund()

    parts = [life.settle(lot) for lot in "ABC"]

    assert asked.top_up == cny(100_000)
    assert [part.refund.minor for part in parts] == [100_000, 0, 0]
    assert life.trade.worth == {"A": 3_900_000, "B": 4_100_000, "C": 2_000_000}
    assert life.trade.final_minor == life.trade.price_minor == 10_000_000
    assert life.trade.retained_minor == 117_000 + 123_000 + 60_000


def test_each_lot_is_paid_at_what_it_came_to_and_the_last_takes_what_is_left() -> None:
    life = by_lot(A=39_000, B=40_000, C=19_000)

    parts = [amounts(life.settle(lot)) for lot in "ABC"]

    assert parts[0] == {
        "carrier": 200_000,
        "surveyor": 113_490,
        "seller": 3_783_000 - 200_000 - 113_490 - 39_000,
        "platform": 39_000,
    }
    assert (parts[1]["surveyor"], parts[1]["seller"]) == (36_510, 3_880_000 - 36_510 - 40_000)
    assert parts[2] == {"seller": 1_843_000 - 19_000, "platform": 19_000}
    assert (life.state, life.trade.held_minor) == (State.RETAINED, life.trade.retained_minor)


def test_a_milestone_after_the_settlement_of_a_lot_is_of_what_the_lot_came_to() -> None:
    paid = replace(SHIPPED, name="paid", needs=(EvidenceKind.CUSTOMS_RELEASE,), bps=1_000)
    template = replace(LOTS, milestones=(ARRIVED, paid), retention=None, fees=())
    life = by_lot(template, A=20_000)

    settled_lot = life.settle("A")

    assert settled_lot.refund == cny(2_000_000)
    assert settled_lot.released == cny(1_800_000)


def test_what_was_released_before_counts_and_the_rest_of_it_is_refunded() -> None:
    life = Life(ADVANCED).funded().give(bill_of_lading(), weight_note(95_000)).sign("arrived", "buyer")
    life.release("shipped")

    settlement = life.settle()

    assert (settlement.refund, settlement.released) == (cny(500_000), cny(500_000))
    assert (life.state, life.trade.claim_minor) == (State.COMPLETED, 0)


def test_what_was_released_beyond_what_the_goods_come_to_is_a_claim_on_the_seller() -> None:
    life = Life(ADVANCED).funded().give(bill_of_lading(), weight_note(80_000)).sign("arrived", "buyer")
    life.release("shipped")

    settlement = life.settle()

    assert (settlement.refund, settlement.shares) == (cny(1_000_000), ())
    assert (life.state, life.trade.claim_minor) == (State.COMPLETED, 1_000_000)
    [difference] = [line for line in settlement.lines if line.step == "difference"]
    assert difference.result == {"refund_minor": 1_000_000, "claim_minor": 1_000_000}


def test_goods_that_were_called_back_are_settled_at_nothing_without_documents_or_signatures() -> None:
    life = Life(WEIGHED).funded().give(recall_notice(""))

    settlement = life.settle()

    assert (settlement.final_amount, settlement.refund, settlement.shares) == (cny(0), cny(10_000_000), ())
    assert (life.state, life.trade.final_minor) == (State.REFUNDED, 0)


def test_lots_that_were_called_back_come_to_nothing_in_a_settlement_of_all() -> None:
    life = Life(WEIGHED, lots=THREE).funded()
    life.give(recall_notice("B"), weight_note(40_000, lot="A"), weight_note(20_000, lot="C")).sign("arrived", "buyer")

    settlement = life.settle()

    assert (settlement.final_amount, settlement.refund) == (cny(6_000_000), cny(4_000_000))


def test_the_rate_that_evidence_fixes_is_kept_and_paid_at() -> None:
    priced = replace(
        WEIGHED,
        price=PriceRule(currencies=("USD",)),
        milestones=(replace(WEIGHED.milestones[0], needs=(EvidenceKind.WEIGHT_NOTE, EvidenceKind.EXCHANGE_RATE)),),
    )
    life = Life(priced, price_currency="USD", rate=Rate(7, 1), unit_price_minor=10_000).funded()
    life.give(weight_note(100_000), exchange_rate(72, 10)).sign("arrived", "buyer")

    asked = life.settle()
    life.fund()
    settlement = life.settle()

    assert (asked.top_up, asked.rate) == (cny(200_000), Rate(72, 10))
    assert (settlement.final_amount, settlement.rate, life.trade.rate) == (cny(7_200_000), Rate(72, 10), Rate(72, 10))
    assert life.later(100).release_retention().rate == Rate(72, 10)


def test_refusals_of_a_final_settlement_come_in_the_order_of_their_rules() -> None:
    lots, unsigned = Life(BY_LOT, lots=THREE), Life(WEIGHED).funded().give(weight_note(100_000))
    done = by_lot(A=40_000)
    done.settle("A")
    disputed = arrived(110_000).dispute(1)
    frozen = arrived(50_000).dispute(6_000_000)
    refusals = [
        told(Life(NOTED).settle),
        told(lots.settle),
        told(Life(WEIGHED).settle, "A"),
        told(lots.settle, "D"),
        told(lots.settle, "A"),
        told(done.settle, "A"),
        told(done.settle, "B"),
        told(unsigned.settle),
        told(disputed.settle),
        told(frozen.settle),
        told(arrived(1_000).settle),
    ]

    assert refusals == [
        ("Conflict", "no_final_settlement"),
        ("InvalidInput", "lot_missing"),
        ("InvalidInput", "lot_not_wanted"),
        ("InvalidInput", "unknown_lot"),
        ("Conflict", "trade_state"),
        ("Conflict", "milestone_done"),
        ("Conflict", "evidence_missing"),
        ("Conflict", "signatures_missing"),
        ("Conflict", "top_up_in_dispute"),
        ("Conflict", "amount_disputed"),
        ("Conflict", "split_exceeds_amount"),
    ]


def test_refusals_of_a_price_are_those_of_its_rules() -> None:
    terms, trade, evidence = ready(498_320)

    refusal = refusal_of(final_settlement, replace(terms, premium_minor=-362_800), trade, evidence, now=MONDAY)

    assert (type(refusal), refusal.code) == (Conflict, "final_price_not_positive")


def test_a_settlement_in_a_dispute_leaves_what_is_frozen_and_the_arbiter_divides_that() -> None:
    life = arrived(90_000).dispute(2_000_000)

    settlement = life.settle()
    stage = life.trade.stage

    assert (settlement.refund, settlement.released) == (cny(1_000_000), cny(7_000_000 - 270_000))
    assert (life.state, stage, life.trade.held_minor) == (State.DISPUTED, State.RETAINED, 2_270_000)
    life.resolve({"seller": 1_500_000, "buyer": 500_000})
    assert (life.state, life.trade.held_minor) == (State.RETAINED, 270_000)


def test_a_lot_can_ask_for_more_after_another_has_emptied_the_escrow() -> None:
    life = _shipped_lots()

    light = life.give(weight_note(150_000, lot="A")).settle("A")
    heavy = life.give(weight_note(300_000, lot="B")).settle("B")

    assert (light.trade.state, light.trade.held_minor) == (State.RELEASING, 0)
    assert (heavy.trade.state, heavy.top_up) == (State.TOP_UP_DUE, cny(18_250_000))


def test_what_two_light_lots_owe_back_beyond_the_escrow_is_claimed_once() -> None:
    life = _shipped_lots()
    life.give(weight_note(150_000, lot="A")).settle("A")

    last = life.give(weight_note(200_000, lot="B")).settle("B").trade

    assert (last.state, last.claim_minor) == (State.COMPLETED, 18_250_000)


def _shipped_lots() -> Life:
    """Two lots of 250 t at 3,650.00, of each 80 % released at shipping, to be weighed on arrival."""
    shipping = Milestone("ship", (EvidenceKind.DELIVERY_NOTE,), Ending.RELEASE, bps=8_000, per_lot=True)
    arrival = Milestone("final", (EvidenceKind.WEIGHT_NOTE,), Ending.FINAL_SETTLEMENT, per_lot=True, after=("ship",))
    template = replace(
        AGREED,
        quantity=QuantityRule("t", mode=QuantityMode.WEIGHED),
        roles=ROLES[:2],
        split=(ShareRule("mill", ShareKind.REMAINDER),),
        milestones=(shipping, arrival),
    )
    deal = replace(DEAL, parties={"buyer": "pty_buyer", "mill": "pty_mill"}, fixed_shares={})
    life = Life(template, deal, lots=(Lot("A", 250_000), Lot("B", 250_000))).funded()
    life.give(delivery_note("A"), delivery_note("B"))
    for lot in "AB":
        life.release("ship", lot)
    return life
