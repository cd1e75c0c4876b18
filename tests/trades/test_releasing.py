"""What a milestone lets go: its part of the price, fees on top and taken, shares over several parts, lots, recalls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.splits.domain.fees import Fee
from chalicelib.splits.domain.waterfall import ShareKind, Tier
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.releasing import release
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Ending, Milestone, ShareRule
from chalicelib.trades.domain.terms import OpenTrade
from tests.support.calls import MONDAY
from tests.trades.deals import cny, deliverable, eur
from tests.trades.lives import Life, amounts, refusal_of, told
from tests.trades.papers import bill_of_lading, certificate, delivery_note, recall_notice
from tests.trades.standing import KEEPING, RELEASED_BY_LOT
from tests.trades.works import ACCEPTANCE, DEAL, LOTS, START, THREE, WORKS

PLAIN = replace(WORKS, retention=None, fees=(), deposit=None)


def started(template: object = WORKS, **changes: object) -> Life:
    """Funded, its start released, all evidence and signatures there for the acceptance."""
    life = Life(template, **changes).funded().give(delivery_note(), certificate())
    life.release("start")
    return life.sign("acceptance", "buyer", "surveyor")


def test_a_fixed_price_is_released_to_five_once_delivered() -> None:
    terms, trade = deliverable()

    released = release(terms, trade, "delivery", now=MONDAY)

    assert released.shares == (
        ("carrier", eur(40_000)),
        ("inspector", eur(15_000)),
        ("warehouse", eur(8_050)),
        ("platform", eur(15_000)),
        ("seller", eur(2_921_950)),
    )
    assert (released.released, released.refund, released.top_up, released.rate) == (eur(3_000_000), eur(0), None, None)
    assert (released.trade.state, released.trade.done) == (State.COMPLETED, ("delivery",))
    assert (released.trade.released_minor, released.trade.held, released.trade.final_minor) == (3_000_000, eur(0), None)
    assert released.trade.by_split == {}


def test_parts_charge_their_fees_and_the_last_takes_what_is_left_but_the_retention() -> None:
    """30 % of 100,000.00 with half of its fee of 1 % on top; then 70 % less a retention of 5 % of the whole."""
    life = started()
    first = life.divisions[0]

    last = life.release("acceptance")

    assert amounts(first) == {"carrier": 200_000, "seller": 3_000_000 - 200_000 - 15_000, "platform": 30_000}
    assert amounts(last) == {"seller": 7_000_000 - 500_000 - 35_000, "platform": 70_000}
    assert (life.state, life.trade.held, life.trade.retained_minor) == (State.RETAINED, cny(500_000), 500_000)
    assert life.trade.charged_minor == 10_000_000


def test_fees_are_of_the_whole_price_however_small_the_parts() -> None:
    """1 bps of 30.03 and of 100.10 are nothing and 1: the second part is charged what the whole comes to."""
    template = replace(PLAIN, fees=(Fee("platform", 1),))
    life = started(template, quantity_milli=100_100, unit_price_minor=100, fixed_shares={"carrier": 0})

    last = life.release("acceptance")

    assert "platform" not in amounts(life.divisions[0])
    assert amounts(last) == {"seller": 7_006, "platform": 1}


@pytest.mark.parametrize(
    ("payer_bps", "seller", "platform", "due"),
    [
        (0, 9_700_000, 100_000, 10_000_000),
        (10_000, 9_800_000, 100_000, 10_100_000),
        (3_333, 9_733_330, 100_000, 10_033_330),
    ],
)
def test_a_fee_is_taken_from_its_bearer_but_for_what_the_buyer_pays_on_top(
    payer_bps: int, seller: int, platform: int, due: int
) -> None:
    life = started(replace(PLAIN, fees=(Fee("platform", 100, payer_bps),)))
    life.release("acceptance")

    assert life.trade.due_minor == due
    assert {role: one.minor for role, one in life.trade.got.items()} == {
        "carrier": 200_000,
        "seller": seller,
        "platform": platform,
    }


def test_a_fee_may_be_borne_by_another_than_the_seller() -> None:
    life = Life(replace(PLAIN, milestones=(replace(START, bps=0),), fees=(Fee("platform", 100, 0, "carrier"),)))

    released = life.funded().give(delivery_note()).release("start")

    assert amounts(released) == {"carrier": 100_000, "seller": 9_800_000, "platform": 100_000}


def test_a_fixed_share_is_paid_once_and_a_capped_one_up_to_its_cap_over_all_parts() -> None:
    split = (
        ShareRule("carrier", ShareKind.FIXED),
        ShareRule("surveyor", ShareKind.CAPPED, bps=300, cap_minor=150_000),
        ShareRule("seller", ShareKind.REMAINDER),
    )
    life = started(replace(PLAIN, split=split))

    last = life.release("acceptance")

    assert amounts(life.divisions[0]) == {"carrier": 200_000, "surveyor": 90_000, "seller": 2_710_000}
    assert amounts(last) == {"surveyor": 60_000, "seller": 6_940_000}


def test_a_cap_agreed_by_deal_holds_over_all_parts() -> None:
    split = (ShareRule("surveyor", ShareKind.CAPPED, bps=5_000), ShareRule("seller", ShareKind.REMAINDER))
    life = started(replace(PLAIN, split=split), fixed_shares={"surveyor": 1_600_000})

    last = life.release("acceptance")

    assert amounts(life.divisions[0]) == {"surveyor": 1_500_000, "seller": 1_500_000}
    assert amounts(last) == {"surveyor": 100_000, "seller": 6_900_000}


def test_tiers_go_on_where_the_price_stands() -> None:
    """5 % of the first 40,000.00 and 3 % of the rest: 30,000.00 at 5 %, then 10,000.00 at 5 % and 60,000.00 at 3 %."""
    split = (
        ShareRule("carrier", ShareKind.TIERED, tiers=(Tier(4_000_000, 500), Tier(None, 300))),
        ShareRule("seller", ShareKind.REMAINDER),
    )
    life = started(replace(PLAIN, split=split), fixed_shares={})

    last = life.release("acceptance")

    assert amounts(life.divisions[0]) == {"carrier": 150_000, "seller": 2_850_000}
    assert amounts(last) == {"carrier": 50_000 + 180_000, "seller": 6_770_000}


def test_a_cap_on_a_group_is_of_all_that_its_roles_got() -> None:
    inner = (ShareRule("carrier", ShareKind.BPS, bps=5_000), ShareRule("surveyor", ShareKind.BPS, bps=5_000))
    split = (
        ShareRule("logistics", ShareKind.CAPPED, bps=1_000, cap_minor=400_000, shares=inner),
        ShareRule("seller", ShareKind.REMAINDER),
    )
    life = started(replace(PLAIN, split=split), fixed_shares={})

    last = life.release("acceptance")

    assert amounts(life.divisions[0]) == {"carrier": 150_000, "surveyor": 150_000, "seller": 2_700_000}
    assert amounts(last) == {"carrier": 50_000, "surveyor": 50_000, "seller": 6_900_000}


def test_a_milestone_with_a_split_of_its_own_divides_by_that() -> None:
    own = (ShareRule("surveyor", ShareKind.BPS, bps=1_000), ShareRule("seller", ShareKind.REMAINDER))
    life = started(replace(PLAIN, milestones=(replace(START, split=own), ACCEPTANCE)))

    last = life.release("acceptance")

    assert amounts(life.divisions[0]) == {"surveyor": 300_000, "seller": 2_700_000}
    assert amounts(last) == {"carrier": 200_000, "seller": 6_800_000}


def test_milestones_without_an_order_leave_each_other_their_part() -> None:
    """The one that takes the rest takes 70 %, also where it comes first; the last of all takes what is left."""
    life = Life(replace(PLAIN, milestones=(START, replace(ACCEPTANCE, after=()))), fixed_shares={"carrier": 0})
    life.funded().give(certificate()).sign("acceptance", "buyer", "arbiter")

    first = life.release("acceptance")
    last = life.give(delivery_note()).release("start")

    assert (amounts(first), amounts(last)) == ({"seller": 7_000_000}, {"seller": 3_000_000})


def test_parts_that_all_have_a_ratio_lose_nothing_to_rounding_and_the_last_retains() -> None:
    thirds = tuple(
        Milestone(name, (kind,), Ending.RELEASE, bps=bps)
        for name, kind, bps in (
            ("one", EvidenceKind.DELIVERY_NOTE, 3333),
            ("two", EvidenceKind.QUALITY_CERTIFICATE, 3333),
            ("three", EvidenceKind.BILL_OF_LADING, 3334),
        )
    )
    template = replace(WORKS, milestones=thirds, fees=(), deposit=None)
    life = Life(template, quantity_milli=1_000, unit_price_minor=1_001, fixed_shares={"carrier": 0})
    life.funded().give(delivery_note(), certificate(), bill_of_lading())

    parts = [amounts(life.release(name)) for name in ("one", "two", "three")]

    assert parts == [{"seller": 333}, {"seller": 333}, {"seller": 335 - 50}]
    assert life.trade.retained_minor == 50


def test_what_a_split_keeps_stays_in_the_escrow_until_the_last_milestone_and_then_until_it_is_asked_for() -> None:
    kept = (ShareRule("kept", ShareKind.BPS, bps=2_000), ShareRule("seller", ShareKind.REMAINDER))
    life = Life(replace(PLAIN, split=kept), fixed_shares={}).funded().give(delivery_note(), certificate())

    life.release("start")
    after_start = (life.trade.held, life.trade.charged_minor)
    life.sign("acceptance", "buyer", "arbiter").release("acceptance")

    assert after_start == (cny(7_600_000), 3_000_000)
    assert (life.state, life.trade.held, life.trade.retained_minor) == (State.RETAINED, cny(1_520_000), 0)
    assert life.refund(1_520_000).trade.state is State.COMPLETED


def test_refusals_of_a_release_come_in_the_order_of_their_rules() -> None:
    lots, works = Life(LOTS, lots=THREE), Life()
    paid = Life().funded()
    refusals = [
        told(lots.release, "installed"),
        told(lots.release, "shipped"),
        told(works.release, "start", "A"),
        told(lots.release, "shipped", "D"),
        told(lots.release, "arrived", "A"),
        told(works.release, "start"),
        told(paid.release, "acceptance"),
        told(paid.release, "start"),
    ]
    life = started()
    life.sign("acceptance", "arbiter")
    refusals += [told(life.release, "start"), told(unsigned().release, "acceptance")]

    assert refusals == [
        ("InvalidInput", "unknown_milestone"),
        ("InvalidInput", "lot_missing"),
        ("InvalidInput", "lot_not_wanted"),
        ("InvalidInput", "unknown_lot"),
        ("Conflict", "needs_final_settlement"),
        ("Conflict", "trade_state"),
        ("Conflict", "milestone_before_missing"),
        ("Conflict", "evidence_missing"),
        ("Conflict", "milestone_done"),
        ("Conflict", "signatures_missing"),
    ]


def unsigned() -> Life:
    life = Life().funded().give(delivery_note(), certificate())
    life.release("start")
    return life


def test_a_release_that_is_not_covered_is_refused_by_what_stands_in_its_way() -> None:
    disputed = Life().funded().give(delivery_note()).dispute(8_000_000)
    frozen = started().dispute(started().trade.free_minor)
    greedy = Life(fixed_shares={"carrier": 3_000_000}).funded().give(delivery_note())
    greedy.refund(8_000_000)
    starved = Life(replace(WORKS, fees=(Fee("platform", 9_000, 0, "surveyor"),))).funded().give(delivery_note())

    refusals = [
        refusal_of(disputed.release, "start"),
        refusal_of(frozen.release, "acceptance"),
        refusal_of(greedy.release, "start"),
        refusal_of(starved.release, "start"),
    ]

    assert [one.code for one in refusals] == [
        "amount_disputed",
        "amount_disputed",
        "split_exceeds_amount",
        "fee_exceeds_share",
    ]
    assert refusals[0].facts == {"requested": 3_000_000, "free": 2_050_000, "disputed": 8_000_000}
    assert refusals[3].facts == {"role": "platform", "borne_by": "surveyor", "fee": 2_700_000}


def test_a_second_release_is_refused_and_so_is_one_when_nothing_is_left() -> None:
    done = started()
    done.release("acceptance")
    given_back = Life(replace(LOTS, milestones=(replace(START, per_lot=True),)), lots=THREE).funded()
    given_back.give(delivery_note("A"), delivery_note("B")).release("start", "A")
    given_back.refund(given_back.trade.free_minor)

    assert told(done.release, "acceptance") == ("Conflict", "trade_state")
    assert given_back.state is State.RETAINED
    assert told(given_back.release, "start", "B") == ("Conflict", "trade_state")


def test_what_was_refunded_by_agreement_is_missing_from_the_last_milestone_and_bears_no_fee() -> None:
    """After 1,000.00 went back: 30 % of the price as agreed, then all that is left, with the fees of 99,000.00."""
    life = Life(replace(WORKS, retention=None)).funded().give(delivery_note(), certificate())
    life.refund(100_000)
    life.release("start")
    life.sign("acceptance", "buyer", "surveyor").release("acceptance")

    assert {role: one.minor for role, one in life.trade.got.items()} == {
        "carrier": 200_000,
        "seller": 10_050_000 - 100_000 - 99_000 - 200_000,
        "platform": 99_000,
    }


def test_a_part_that_is_not_there_any_more_after_refunds_takes_what_is_left() -> None:
    life = Life(PLAIN, fixed_shares={"carrier": 0}).funded().give(delivery_note())
    life.refund(8_000_000)

    released = life.release("start")

    assert amounts(released) == {"seller": 2_000_000}
    assert released.trade.state is State.COMPLETED


def test_each_lot_is_released_at_its_own_price_and_the_last_takes_what_is_left() -> None:
    life = Life(RELEASED_BY_LOT, lots=THREE).funded().give(*(delivery_note(lot) for lot in "ABC"))
    for lot in "ABC":
        life.sign("start", "buyer", lot=lot)

    parts = [amounts(life.release("start", lot)) for lot in "CAB"]

    assert parts == [
        {"carrier": 200_000, "seller": 2_000_000 - 100_000 - 200_000 - 10_000, "platform": 20_000},
        {"seller": 4_000_000 - 200_000 - 20_000, "platform": 40_000},
        {"seller": 4_000_000 - 200_000 - 20_000, "platform": 40_000},
    ]
    assert (life.state, life.trade.retained_minor) == (State.RETAINED, 500_000)


def test_money_for_a_lot_that_was_called_back_goes_to_the_buyer_with_the_fees_on_top_of_it() -> None:
    life = Life(RELEASED_BY_LOT, lots=THREE).funded().give(delivery_note("A"), recall_notice("B"))
    life.sign("start", "buyer", lot="A").release("start", "A")

    recalled = life.release("start", "B")

    assert (recalled.shares, recalled.refund) == ((), cny(4_020_000))
    assert (life.state, life.trade.price_minor, life.trade.worth) == (State.RELEASING, 6_000_000, {"B": 0})
    last = life.give(delivery_note("C")).sign("start", "buyer", lot="C").release("start", "C")
    assert amounts(last) == {"seller": 2_000_000 - 100_000 - 10_000, "platform": 20_000}
    assert life.trade.held_minor == life.trade.retained_minor == 300_000


def test_a_lot_that_was_called_back_is_done_at_all_its_milestones_and_what_it_got_is_set_off() -> None:
    """20 % of A have been released when it is called back: 40,000.00 go back, out of what is held for others too."""
    life = Life(replace(LOTS, retention=None), lots=THREE).funded().give(bill_of_lading(lot="A"))
    life.release("shipped", "A")

    recalled = life.give(recall_notice("A")).settle("A")

    assert recalled.refund == cny(4_000_000)
    assert life.trade.done == ("shipped/A", "arrived/A")
    assert (life.trade.held, life.trade.price_minor) == (cny(10_000_000 - 800_000 - 4_000_000), 6_000_000)


def test_a_lot_that_was_called_back_before_anything_is_done_at_once_at_all_its_milestones() -> None:
    life = Life(LOTS, lots=THREE).funded().give(recall_notice("B"))

    recalled = life.release("shipped", "B")

    assert (recalled.refund, life.trade.done) == (cny(4_000_000), ("shipped/B", "arrived/B"))
    assert told(life.settle, "B") == ("Conflict", "milestone_done")


def test_what_was_released_of_goods_that_are_called_back_is_a_claim_on_the_seller() -> None:
    life = Life().funded().give(delivery_note())
    life.release("start")

    recalled = life.give(recall_notice("")).release("acceptance")

    assert (recalled.shares, recalled.refund) == ((), cny(10_050_000 - 3_015_000))
    assert (life.state, life.trade.claim_minor) == (State.COMPLETED, 3_015_000)
    assert life.trade.done == ("start", "acceptance")
    assert life.settle_claim(3_015_000).trade.claim_minor == 0


def test_goods_that_are_called_back_before_anything_was_released_are_refunded() -> None:
    life = Life().funded().give(recall_notice(""))

    recalled = life.release("start")

    assert (recalled.refund, life.state, life.trade.claim_minor) == (cny(10_050_000), State.REFUNDED, 0)


def test_a_milestone_of_all_lots_leaves_out_those_that_were_called_back() -> None:
    whole = replace(START, bps=0)
    life = Life(replace(PLAIN, milestones=(whole,)), lots=THREE, fixed_shares={"carrier": 0}).funded()

    released = life.give(recall_notice("B"), delivery_note()).release("start")

    assert (amounts(released), released.refund) == ({"seller": 6_000_000}, cny(4_000_000))
    assert released.trade.state is State.COMPLETED


def test_a_recall_in_a_dispute_waits_for_what_is_frozen() -> None:
    life = Life().funded().dispute(1).give(recall_notice(""))

    refusal = refusal_of(life.release, "start")

    assert (refusal.code, refusal.facts) == ("amount_disputed", {"requested": 10_050_000, "free": 10_049_999})


def test_lots_release_in_a_dispute_as_long_as_what_is_free_reaches() -> None:
    life = Life(RELEASED_BY_LOT, lots=THREE).funded().give(*(delivery_note(lot) for lot in "ABC"))
    for lot in "ABC":
        life.sign("start", "buyer", lot=lot)
    life.dispute(5_000_000)

    life.release("start", "A")

    assert (life.state, life.trade.stage, life.trade.done) == (State.DISPUTED, State.RELEASING, ("start/A",))
    assert told(life.release, "start", "B") == ("Conflict", "amount_disputed")


def test_the_lines_of_a_release_show_part_shares_fee_and_retention_with_their_inputs() -> None:
    life = started()
    first, last = life.divisions[0].lines, life.release("acceptance").lines

    assert first[0] == Line("portion", "part_of_price", {"worth_minor": 10_000_000, "bps": 3_000}, {"minor": 3_000_000})
    assert [line.step for line in last] == ["portion", "retention", "share", "share", "fee"]
    assert last[0].inputs == {"free_minor": 7_035_000, "on_top_minor": 35_000}
    assert (last[1].inputs, last[1].result) == ({"portion_minor": 7_000_000}, {"minor": 500_000})
    assert last[2] == Line("share", "fixed", {"role": "carrier", "most_minor": 0, "had_minor": 200_000}, {"minor": 0})
    assert last[4].inputs == {
        "role": "platform",
        "borne_by": "seller",
        "bps": 100,
        "payer_bps": 5_000,
        "charged_before_minor": 3_000_000,
        "charged_upto_minor": 10_000_000,
    }
    assert last[4].result == {"on_top_minor": 35_000, "taken_minor": 35_000}


def test_a_deal_of_one_unit_is_released_like_any_other() -> None:
    tiny: OpenTrade = replace(DEAL, quantity_milli=1_000, unit_price_minor=1, fixed_shares={"carrier": 0})
    life = Life(replace(WORKS, milestones=(replace(START, bps=0),)), tiny)

    released = life.funded().give(delivery_note()).release("start")

    assert amounts(released) == {"seller": 1}


def test_what_a_split_keeps_in_the_end_stays_beside_the_retention() -> None:
    life = Life(KEEPING).funded().give(delivery_note())

    released = life.release("start")

    assert amounts(released) == {"carrier": 200_000}
    assert (life.state, life.trade.retained_minor, life.trade.held_minor) == (State.RETAINED, 500_000, 9_800_000)
