"""Money that leaves an escrow as if it had never come: what goes first, where that leaves the trade, and its clocks."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import Conflict, Defect
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.unfunding import held_back, lifted
from tests.trades.lives import Life, refusal_of
from tests.trades.papers import delivery_note
from tests.trades.standing import NOTED, bare


def ready() -> Life:
    """All the money is there, and the buyer's silence becomes acceptance."""
    return Life(bare(NOTED)).give(delivery_note()).funded()


def test_money_in_dispute_goes_after_what_is_free() -> None:
    life = ready()
    held = life.trade.held_minor
    life.dispute(held - 5)

    life.unfund(7)

    assert (life.state, life.trade.stage) == (State.DISPUTED, State.TOP_UP_DUE)
    assert (life.trade.frozen_minor, life.trade.free_minor) == (held - 7, 0)


def test_a_trade_in_dispute_takes_the_money_again_and_is_decided() -> None:
    life = ready()
    life.dispute(5)
    life.unfund(7)

    life.fund(7)
    life.resolve({"kept": 5})

    assert life.trade.outstanding.minor == 0
    assert life.state in {State.FUNDED, State.RELEASING}


def test_silence_is_no_acceptance_while_money_is_missing() -> None:
    life = ready()
    [clock] = life.trade.progress.values()
    assert clock.deemed_at is not None

    life.unfund(7)
    [still] = life.trade.progress.values()
    life.later(1).fund(7)
    [running] = life.trade.progress.values()

    assert (still.deemed_at, still.accepted) == (None, False)
    assert running.deemed_at is not None
    assert running.deemed_at > clock.deemed_at


def test_the_buyer_has_its_days_again() -> None:
    life = ready()

    life.unfund(life.trade.held_minor)

    days = life.terms.template.expiry.funding_days
    assert (life.trade.expires_at is not None) == bool(days)
    assert (life.state, life.trade.outstanding.minor) == (State.AGREED, life.trade.due_minor)


def test_nothing_is_taken_out_of_a_trade_that_can_hold_nothing() -> None:
    assert refusal_of(Life().unfund, 1).code == "trade_state"
    with pytest.raises(Defect):
        ready().unfund(10**15)


def test_what_is_on_hold_does_not_leave_and_the_rest_does() -> None:
    life = ready()
    life.trade, minor = held_back(life.trade, life.trade.held_minor - 5)

    life.refund(5)
    with pytest.raises(Conflict) as refused:
        life.refund(1)

    assert (minor, refused.value.code) == (life.trade.held_minor, "amount_on_hold")
    life.trade = lifted(life.trade, minor)
    assert life.refund(1).refund.minor == 1
