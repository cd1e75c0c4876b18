"""Disputes: what they freeze, what goes on beside them, and divisions that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from chalicelib.splits.domain.fees import Fee
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.disputes import OpenDispute, Resolution, dispute, resolve
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import ShareRule
from tests.support.calls import MONDAY
from tests.trades.deals import cny
from tests.trades.lives import Life, amounts, refusal_of, told
from tests.trades.papers import certificate, delivery_note, weight_note
from tests.trades.standing import BY_LOT, KEEPING, WEIGHED, bare
from tests.trades.works import LOTS, THREE, WORKS

PLAIN = replace(WORKS, retention=None, fees=(), deposit=None)


def started(template: object = WORKS) -> Life:
    """The start is released, and for the acceptance everything is there: 70,350.00 are held."""
    life = Life(template).funded().give(delivery_note(), certificate())
    life.release("start")
    return life.sign("acceptance", "buyer", "surveyor")


# Opening


def test_a_dispute_freezes_its_amount_and_no_more() -> None:
    life = started().dispute(2_000_000)

    assert (life.state, life.trade.stage) == (State.DISPUTED, State.RELEASING)
    assert (life.trade.frozen_minor, life.trade.free_minor) == (2_000_000, 5_035_000)
    assert life.trade.dispute is not None
    assert (life.trade.dispute.role, life.trade.dispute.opened_at) == ("buyer", MONDAY)


def test_the_rest_releases_while_a_part_is_in_dispute() -> None:
    """All but the 20,000.00 in dispute and the retention goes; the fees are of what was released."""
    life = started().dispute(2_000_000)

    released = life.release("acceptance")

    assert amounts(released) == {"seller": 5_035_000 - 25_000 - 500_000 - 25_000, "platform": 50_000}
    assert (life.state, life.trade.stage) == (State.DISPUTED, State.RETAINED)
    assert (life.trade.held_minor, life.trade.retained_minor, life.trade.charged_minor) == (
        2_500_000,
        500_000,
        8_000_000,
    )


def test_disputes_are_refused_in_the_order_of_their_rules() -> None:
    none = Life(replace(WORKS, dispute=None))
    life, funded = Life(), started()
    cases: list[tuple[Life, OpenDispute]] = [
        (none, OpenDispute("carrier", "pty_other", 0)),
        (life, OpenDispute("carrier", "pty_other", 0)),
        (life, OpenDispute("buyer", "pty_other", 0)),
        (life, OpenDispute("buyer", "pty_buyer", 0)),
        (life, OpenDispute("buyer", "pty_buyer", 1)),
        (funded, OpenDispute("buyer", "pty_buyer", 7_035_001)),
        (funded, OpenDispute("buyer", "pty_buyer", 1, of_retention=True)),
    ]

    codes = [told(dispute, one.terms, one.trade, command, dispute_id="dsp_1", now=MONDAY) for one, command in cases]

    assert codes == [
        ("Conflict", "no_disputes"),
        ("InvalidInput", "not_a_disputant"),
        ("InvalidInput", "signer_without_role"),
        ("InvalidInput", "amount_not_positive"),
        ("Conflict", "trade_state"),
        ("Conflict", "dispute_exceeds_escrow"),
        ("Conflict", "dispute_exceeds_escrow"),
    ]
    assert refusal_of(funded.dispute, 7_035_001).facts == {"requested": 7_035_001, "available": 7_035_000}
    assert refusal_of(life.dispute, 1, "carrier").facts == {"field": "role", "allowed": ["buyer", "seller"]}


def test_there_is_one_dispute_at_a_time() -> None:
    life = started().dispute(1_000)

    refusal = refusal_of(life.dispute, 1_000, "seller")

    assert (refusal.code, refusal.facts) == ("trade_state", {"state": "disputed", "command": "dispute"})


def test_a_trade_that_waits_for_a_difference_can_be_disputed_and_paid_all_the_same() -> None:
    life = Life(bare(WEIGHED)).give(weight_note(110_000)).sign("arrived", "buyer").funded()
    life.settle()
    life.dispute(10_000_000, "seller").fund(400_000)
    paid = (life.state, life.trade.stage, life.trade.outstanding)

    resolved = life.resolve({"seller": 10_000_000})

    assert paid == (State.DISPUTED, State.TOP_UP_DUE, cny(600_000))
    assert (resolved.refund, life.state, life.trade.free_minor) == (cny(0), State.TOP_UP_DUE, 400_000)


def test_a_difference_that_is_paid_in_a_dispute_lets_the_trade_go_on_after_it() -> None:
    life = Life(bare(WEIGHED)).give(weight_note(110_000)).sign("arrived", "buyer").funded()
    life.settle()
    life.dispute(1_000).fund()
    stage = life.trade.stage

    life.resolve({"kept": 1_000})

    assert (stage, life.state) == (State.FUNDED, State.FUNDED)
    assert life.settle().released == cny(11_000_000)


# Resolving


@pytest.mark.parametrize(
    ("division", "shares", "refund"),
    [
        ({"buyer": 2_000_000}, {}, 2_000_000),
        ({"seller": 2_000_000}, {"seller": 2_000_000}, 0),
        (
            {"seller": 1_200_000, "buyer": 700_000, "carrier": 100_000},
            {"seller": 1_200_000, "carrier": 100_000},
            700_000,
        ),
        ({"kept": 2_000_000}, {}, 0),
        ({"kept": 1_500_000, "platform": 500_000, "buyer": 0}, {"platform": 500_000}, 0),
    ],
    ids=["to_the_buyer", "to_the_seller", "among_three", "as_it_was", "kept_and_platform"],
)
def test_an_arbiter_divides_the_amount_in_any_way_that_adds_up(
    division: Mapping[str, int], shares: Mapping[str, int], refund: int
) -> None:
    life = started().dispute(2_000_000)

    resolved = life.resolve(division)

    assert (amounts(resolved), resolved.refund, life.state) == (shares, cny(refund), State.RELEASING)
    assert life.trade.dispute is None
    assert (life.trade.conceded_minor, life.trade.frozen_minor) == (refund, 0)


def test_what_was_decided_bears_no_fees_and_the_rest_bears_its_own() -> None:
    """Of 100,000.00 the buyer got 10,000.00 back and the seller 10,000.00 by decision: fees are of 80,000.00."""
    life = started(replace(WORKS, retention=None, fees=(Fee("platform", 100),)))
    life.dispute(2_000_000).resolve({"seller": 1_000_000, "buyer": 1_000_000})

    last = life.release("acceptance")

    assert amounts(last) == {"seller": 5_000_000 - 50_000, "platform": 50_000}
    assert (life.state, life.trade.got["platform"].minor) == (State.COMPLETED, 80_000)


def test_what_is_kept_goes_on_at_once_where_the_last_milestone_was_released_meanwhile() -> None:
    """The 20,000.00 go as the acceptance would have let them go: with the fees of them, and no second retention."""
    life = started().dispute(2_000_000)
    life.release("acceptance")

    resolved = life.resolve({"kept": 2_000_000}, "buyer")

    assert amounts(resolved) == {"seller": 2_000_000 - 10_000 - 10_000, "platform": 20_000}
    assert (life.state, life.trade.held_minor, life.trade.charged_minor) == (State.RETAINED, 500_000, 10_000_000)
    assert {role: one.minor for role, one in life.trade.got.items()} == {
        "carrier": 200_000,
        "seller": 9_250_000,
        "platform": 100_000,
    }


def test_what_an_arbiter_gives_and_what_goes_on_come_in_one_division() -> None:
    life = started(PLAIN).dispute(2_000_000)
    life.release("acceptance")

    resolved = life.resolve({"kept": 500_000, "seller": 300_000, "buyer": 1_200_000})

    assert (amounts(resolved), resolved.refund) == ({"seller": 800_000}, cny(1_200_000))
    assert life.state is State.COMPLETED


def test_what_a_split_keeps_in_the_end_is_divided_by_the_arbiter_or_stays() -> None:
    """A fifth is kept. What the arbiter leaves of it is not released, since it was not to be before the dispute."""
    kept = (ShareRule("kept", ShareKind.BPS, bps=2_000), ShareRule("seller", ShareKind.REMAINDER))
    template = replace(bare(KEEPING), split=kept)
    life = Life(template, fixed_shares={}).funded().give(delivery_note())
    life.release("start")
    life.dispute(1_500_000)

    resolved = life.resolve({"kept": 1_000_000, "seller": 500_000})

    assert amounts(resolved) == {"seller": 500_000}
    assert (life.state, life.trade.held_minor) == (State.RETAINED, 1_500_000)


def test_a_decision_over_all_that_is_held_ends_the_trade() -> None:
    refunded, completed = (Life(PLAIN).funded().dispute(10_000_000) for _ in range(2))

    refunded.resolve({"buyer": 10_000_000})
    completed.resolve({"buyer": 9_999_999, "seller": 1})

    assert (refunded.state, completed.state) == (State.REFUNDED, State.COMPLETED)


def test_a_decision_before_anything_was_released_leaves_the_state_that_it_interrupted() -> None:
    funded, performing = (Life(PLAIN).funded() for _ in range(2))
    performing.give(delivery_note())
    paid = Life(PLAIN).funded().dispute(5)

    funded.dispute(5).resolve({"buyer": 5})
    performing.dispute(5).resolve({"kept": 5})
    paid.resolve({"seller": 5})

    assert [life.state for life in (funded, performing, paid)] == [State.FUNDED, State.PERFORMING, State.RELEASING]


def test_who_raised_a_dispute_may_give_it_up_and_nothing_else() -> None:
    life = started().dispute(2_000_000, "seller")

    assert told(life.resolve, {"kept": 2_000_000}, "buyer") == ("InvalidInput", "arbiter_required")
    assert told(life.resolve, {"seller": 2_000_000}, "seller") == ("InvalidInput", "arbiter_required")
    assert life.resolve({"kept": 2_000_000}, "seller").shares == ()
    assert life.state is State.RELEASING


def test_a_marketplace_that_is_the_arbiter_decides_without_a_party() -> None:
    life = Life(LOTS, lots=THREE).funded().dispute(5)

    resolved = resolve(life.terms, life.trade, Resolution("platform", "", {"buyer": 5}), now=MONDAY)

    assert resolved.refund == cny(5)


def test_resolutions_are_refused_in_the_order_of_their_rules() -> None:
    none, calm, life = Life(replace(WORKS, dispute=None)), started(), started().dispute(5)
    cases: list[tuple[Life, Resolution]] = [
        (none, Resolution("buyer", "pty_other", {"judge": -1})),
        (life, Resolution("buyer", "pty_other", {"judge": -1})),
        (life, Resolution("arbiter", "pty_other", {"judge": -1})),
        (life, Resolution("arbiter", "pty_arbiter", {"judge": -1})),
        (life, Resolution("arbiter", "pty_arbiter", {"arbiter": 5})),
        (life, Resolution("arbiter", "pty_arbiter", {"seller": -1, "buyer": 6})),
        (calm, Resolution("arbiter", "pty_arbiter", {"seller": 5})),
        (life, Resolution("arbiter", "pty_arbiter", {"seller": 4})),
        (life, Resolution("arbiter", "pty_arbiter", {})),
    ]

    codes = [told(resolve, one.terms, one.trade, command, now=MONDAY) for one, command in cases]

    assert codes == [
        ("Conflict", "no_disputes"),
        ("InvalidInput", "arbiter_required"),
        ("InvalidInput", "signer_without_role"),
        ("InvalidInput", "unknown_role"),
        ("InvalidInput", "unknown_role"),
        ("InvalidInput", "amount_negative"),
        ("Conflict", "trade_state"),
        ("Conflict", "resolution_does_not_add_up"),
        ("Conflict", "resolution_does_not_add_up"),
    ]
    assert refusal_of(life.resolve, {"seller": 4}).facts == {"disputed": 5, "divided": 4}


def test_the_lines_of_a_resolution_say_what_was_decided() -> None:
    life = started().dispute(10)

    lines = life.resolve({"seller": 4, "buyer": 6}).lines

    assert [(line.step, line.rule, line.inputs, line.result) for line in lines] == [
        ("decision", "share", {"role": "seller"}, {"minor": 4}),
        ("decision", "refund", {}, {"refund_minor": 6}),
    ]


def test_a_lot_goes_on_after_a_dispute_at_its_own_worth() -> None:
    life = Life(bare(BY_LOT), lots=THREE).funded().give(weight_note(40_000, lot="A")).sign("arrived", "buyer", lot="A")
    life.dispute(1_000_000).resolve({"buyer": 1_000_000})

    settled = life.settle("A")

    assert settled.released == cny(4_000_000)
    assert (life.trade.held_minor, life.trade.conceded_minor) == (5_000_000, 1_000_000)
