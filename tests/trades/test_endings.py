"""Refunds, unwinding, cancellation, expiry, forfeited deposits and claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.money import Money
from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain import claims
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import DepositKind, DepositRule, Fault, PriceRule, Template
from tests.support.calls import over
from tests.trades.deals import cny
from tests.trades.lives import Life, amounts, refusal_of, told
from tests.trades.papers import certificate, delivery_note, weight_note
from tests.trades.standing import BY_LOT, NOTED, WEIGHED
from tests.trades.works import THREE, WORKS

REFUNDABLE = replace(WORKS, deposit=DepositRule(DepositKind.REFUNDABLE, 2_000))


def paid(minor: int | None, template: Template = WORKS) -> Life:
    life = Life(template)
    life.fund(minor)
    return life


def started(template: Template = WORKS) -> Life:
    """30 % of 100,000.00 are released, with half of the fee of it on top."""
    life = Life(template).funded().give(delivery_note(), certificate())
    life.release("start")
    return life


# Refunds that the parties agree on


def test_a_refund_gives_back_what_is_free_and_lowers_what_is_owed() -> None:
    life = paid(None)

    division = life.refund(50_000)

    assert (division.refund, division.shares, life.state) == (cny(50_000), (), State.FUNDED)
    assert (life.trade.held, life.trade.conceded_minor, life.trade.outstanding) == (cny(10_000_000), 50_000, cny(0))


def test_a_refund_while_money_is_still_to_come_leaves_what_is_outstanding() -> None:
    life = paid(3_000_000)

    life.refund(1_000_000)

    assert (life.state, life.trade.held, life.trade.outstanding) == (State.DEPOSITED, cny(2_000_000), cny(7_050_000))


def test_a_refund_of_all_ends_the_trade() -> None:
    nothing_released, part_released = paid(None), started(replace(WORKS, retention=None))

    nothing_released.refund(10_050_000)
    part_released.refund(part_released.trade.free_minor)

    assert (nothing_released.state, part_released.state) == (State.REFUNDED, State.COMPLETED)
    assert nothing_released.trade.expires_at is None


def test_refunds_are_refused_in_the_order_of_their_rules() -> None:
    life = paid(None).dispute(10_000_000)

    refusals = [
        refusal_of(Life().refund, 0, "EUR"),
        refusal_of(Life().refund, 1, "EUR"),
        refusal_of(Life().refund, 1),
        refusal_of(life.refund, 50_001),
    ]

    assert [one.code for one in refusals] == [
        "amount_not_positive",
        "currency_mismatch",
        "trade_state",
        "refund_exceeds_escrow",
    ]
    assert refusals[3].facts == {"requested": 50_001, "free": 50_000}


# Refunds that are taken back from those who were paid


def test_a_refund_of_what_was_released_is_taken_from_each_in_proportion_to_what_it_still_has() -> None:
    """Carrier 2,000.00, seller 27,850.00, platform 300.00: of 3,015.00 each gives a tenth."""
    life = started()

    unwound = life.unwind(301_500)

    assert unwound.parts == (("carrier", cny(20_000)), ("seller", cny(278_500)), ("platform", cny(3_000)))
    assert life.trade.got["seller"].back_minor == 278_500
    assert (life.trade.released_minor, life.trade.held_minor) == (3_015_000, 7_035_000)


def test_parts_of_such_refunds_add_up_to_all_that_was_received_and_to_no_more() -> None:
    life = started()
    for minor in (1, 999_999, 2_000_000, 15_000):
        life.unwind(minor)

    assert all(one.back_minor == one.minor for one in life.trade.got.values())
    assert refusal_of(life.unwind, 1).facts == {"requested": 1, "left": 0, "currency": "CNY"}


def test_such_refunds_do_not_change_what_the_escrow_asks_or_gives_back() -> None:
    life = Life(BY_LOT, lots=THREE).funded().give(weight_note(40_000, lot="A"), weight_note(30_000, lot="B"))
    life.sign("arrived", "buyer", lot="A").sign("arrived", "buyer", lot="B").settle("A")
    life.unwind(500_000)

    assert life.settle("B").refund == cny(1_000_000)


def test_such_refunds_are_refused_in_the_order_of_their_rules() -> None:
    abroad = replace(
        WEIGHED,
        price=PriceRule(currencies=("USD",)),
        roles=tuple(replace(role, paid_in_price_currency=role.name == "seller") for role in WEIGHED.roles),
    )
    sold = Life(abroad, price_currency="USD", rate=Rate(7, 1), fixed_shares={"carrier": 0}).funded()
    sold.dispute(7, "seller").resolve({"seller": 7}, "platform")
    life = started()

    refusals = [
        told(Life().unwind, 0, "EUR"),
        told(Life().unwind, 1, "EUR"),
        told(Life().unwind, 1),
        told(sold.unwind, 1),
        told(life.unwind, 3_015_001),
    ]

    assert refusals == [
        ("InvalidInput", "amount_not_positive"),
        ("InvalidInput", "currency_mismatch"),
        ("Conflict", "trade_state"),
        ("Conflict", "refund_in_two_currencies"),
        ("Conflict", "refund_exceeds_received"),
    ]


# Cancellation and deposits


@pytest.mark.parametrize(
    ("fault", "forfeited", "refund", "claim"),
    [
        (Fault.NONE, 0, 10_050_000, 0),
        (Fault.BUYER, 2_000_000, 8_050_000, 0),
        (Fault.SELLER, 0, 10_050_000, 2_000_000),
    ],
)
def test_a_forfeitable_deposit_is_lost_by_a_buyer_and_owed_double_by_a_seller_in_default(
    fault: Fault, forfeited: int, refund: int, claim: int
) -> None:
    life = paid(None)

    ended = life.cancel(fault)

    assert (amounts(ended), ended.refund) == ({"seller": forfeited} if forfeited else {}, cny(refund))
    assert (life.state, life.trade.claim_minor, life.trade.held) == (State.CANCELLED, claim, cny(0))
    [line] = ended.lines
    assert line.inputs == {"fault": fault.value, "deposit_minor": 2_000_000}
    assert line.result == {"forfeited_minor": forfeited, "refund_minor": refund, "claim_minor": claim}


@pytest.mark.parametrize("fault", Fault)
def test_an_advance_is_returned_whoever_is_in_default(fault: Fault) -> None:
    life = paid(None, REFUNDABLE)

    ended = life.cancel(fault)

    assert (ended.shares, ended.refund, life.trade.claim_minor) == ((), cny(10_050_000), 0)


def test_no_more_of_a_deposit_is_lost_than_has_been_paid() -> None:
    bought, sold = paid(1_500_000), paid(1_500_000)

    lost, returned = bought.cancel(Fault.BUYER), sold.cancel(Fault.SELLER)

    assert (amounts(lost), lost.refund) == ({"seller": 1_500_000}, cny(0))
    assert (returned.refund, sold.trade.claim_minor) == (cny(1_500_000), 1_500_000)


def test_of_a_trade_performed_in_part_only_so_much_of_the_deposit_is_at_stake_as_is_open() -> None:
    """70 % of the price are open, so 70 % of the 20,000.00."""
    bought, sold = started(), started()

    lost, returned = bought.cancel(Fault.BUYER), sold.cancel(Fault.SELLER)

    assert (amounts(lost), lost.refund) == ({"seller": 1_400_000}, cny(5_635_000))
    assert (returned.refund, sold.trade.claim_minor) == (cny(7_035_000), 1_400_000)
    assert bought.state is sold.state is State.CANCELLED


def test_a_draft_and_a_trade_without_money_just_end() -> None:
    draft, agreed = Life(draft=True), Life()

    for life in (draft, agreed):
        assert life.cancel(Fault.BUYER).refund == cny(0)
        assert (life.state, life.trade.outstanding, life.trade.expires_at) == (State.CANCELLED, cny(0), None)


def test_a_trade_that_waits_for_a_difference_may_be_cancelled_by_the_buyers_default() -> None:
    life = Life(WEIGHED).give(weight_note(110_000)).sign("arrived", "buyer").funded()
    life.settle()

    ended = life.cancel(Fault.BUYER)

    assert (amounts(ended), ended.refund) == ({"seller": 1_000_000}, cny(9_000_000))
    assert (life.state, life.trade.top_up_at) == (State.CANCELLED, None)


def test_what_has_been_performed_or_is_in_dispute_is_not_cancelled() -> None:
    performed = Life(NOTED).funded().give(delivery_note()).sign("start", "buyer")
    performed.release("start")

    assert told(performed.cancel) == ("Conflict", "trade_state")
    assert told(paid(None).dispute(1).cancel) == ("Conflict", "trade_state")
    assert told(paid(None).dispute(1).later(400).expire) == ("Conflict", "trade_state")


# Expiry


def test_a_trade_expires_at_its_instant_and_not_before() -> None:
    life = paid(2_500_000)
    assert life.trade.expires_at == over(10)

    early = refusal_of(life.later(10, hours=14, minutes=59).expire)
    ended = life.later(minutes=1).expire()

    assert (early.code, early.facts) == ("not_due", {"trade_id": life.trade.trade_id})
    assert (amounts(ended), ended.refund, life.state) == ({"seller": 2_000_000}, cny(500_000), State.EXPIRED)


@pytest.mark.parametrize(
    ("life", "fault"),
    [
        (Life(draft=True), "none"),
        (Life(), "buyer"),
        (paid(1), "buyer"),
        (paid(2_000_000), "buyer"),
        (paid(None), "seller"),
        (paid(None).give(delivery_note()), "seller"),
    ],
    ids=["draft", "agreed", "funding", "deposited", "funded", "performing"],
)
def test_who_is_in_default_is_said_by_the_template_for_each_stage(life: Life, fault: str) -> None:
    if life.state is State.PERFORMING:
        life.release("start")
    [line] = life.later(400).expire().lines

    assert (line.rule, line.inputs["fault"]) == ("expire", fault)


def test_a_trade_that_waits_for_a_difference_does_not_expire_since_its_goods_are_there() -> None:
    life = Life(WEIGHED).give(weight_note(110_000)).sign("arrived", "buyer").funded()
    life.settle()

    assert told(life.later(900).expire) == ("Conflict", "trade_state")
    assert life.due() is None


def test_a_trade_that_is_performed_but_for_its_release_does_not_expire() -> None:
    life = Life(NOTED).funded().give(delivery_note()).sign("start", "buyer").later(400)

    refusal = refusal_of(life.expire)

    assert (refusal.code, refusal.facts) == ("milestone_reached", {"milestone": "start"})


# Claims


def test_a_claim_on_the_seller_is_settled_in_parts_and_never_beyond() -> None:
    life = paid(None)
    life.cancel(Fault.SELLER)

    life.settle_claim(1_500_000)
    refusal = refusal_of(life.settle_claim, 500_001)
    life.settle_claim(500_000)

    assert (refusal.code, refusal.facts) == ("claim_exceeded", {"requested": 500_001, "claim": 500_000})
    assert (life.trade.claim_minor, life.state) == (0, State.CANCELLED)


def test_claims_are_refused_in_the_order_of_their_rules() -> None:
    life = paid(None)

    codes = [
        told(claims.parts_of, life.trade, Money(0, "EUR")),
        told(claims.parts_of, life.trade, Money(1, "EUR")),
        told(claims.parts_of, life.trade, Money(1, "CNY")),
    ]
    life.cancel(Fault.NONE)

    assert codes == [
        ("InvalidInput", "amount_not_positive"),
        ("InvalidInput", "currency_mismatch"),
        ("Conflict", "trade_state"),
    ]
    assert told(life.settle_claim, 1) == ("Conflict", "claim_exceeded")


def test_a_claim_outlives_the_retention_of_a_trade_that_ended_early() -> None:
    life = Life(BY_LOT, lots=THREE).funded().give(weight_note(40_000, lot="A")).sign("arrived", "buyer", lot="A")
    life.settle("A")
    life.cancel(Fault.SELLER)
    life.later(90).release_retention()

    assert (life.state, life.trade.claim_minor) == (State.COMPLETED, 600_000)
    assert life.settle_claim(600_000).trade.claim_minor == 0
