"""Which part of an escrow is whose: in proportion, on all that has left it, whatever the order of payments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.trades.domain.lineage import units_of, unreleased_minor, with_inflow, without_units
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.trade import Trade

EMPTY = Trade("trd_1", State.FUNDING, "CNY", due_minor=10**12, price_minor=10**12)


def put_in(trade: Trade, minor: int) -> tuple[Trade, int]:
    """The trade after a payment, and the units that it got."""
    after = with_inflow(trade, replace(trade, funded_minor=trade.funded_minor + minor))
    return after, units_of(trade, after)


def let_out(trade: Trade, minor: int) -> Trade:
    return replace(trade, refunded_minor=trade.refunded_minor + minor)


def test_a_lender_and_a_buyer_by_the_worked_numbers() -> None:
    trade, lenders = put_in(EMPTY, 120_000_000)
    trade, buyers = put_in(trade, 80_000_000)
    left, went = [120_000_000], []
    for out in (70_000_001, 29_999_999, 100_000_000):
        trade = let_out(trade, out)
        left.append(unreleased_minor(trade, lenders, trade.funding_round))
        went.append(left[-2] - left[-1])

    assert went == [42_000_001, 17_999_999, 60_000_000]
    assert unreleased_minor(trade, buyers, trade.funding_round) == 0


def test_a_payment_after_a_release_has_no_part_in_it() -> None:
    trade, first = put_in(EMPTY, 1_000)
    trade, second = put_in(let_out(trade, 400), 600)

    assert unreleased_minor(trade, first, 1) == unreleased_minor(trade, second, 1) == 600


def test_what_is_taken_back_of_one_payment_leaves_the_others_part() -> None:
    trade, first = put_in(EMPTY, 600)
    trade, second = put_in(trade, 400)
    trade = let_out(trade, 500)

    trade = without_units(replace(trade, funded_minor=trade.funded_minor - 300), first)

    assert unreleased_minor(trade, second, 1) == trade.held_minor == 200


def test_an_emptied_escrow_begins_anew() -> None:
    trade, first = put_in(EMPTY, 1_000)
    trade, second = put_in(let_out(trade, 1_000), 5)

    assert (unreleased_minor(trade, first, 1), unreleased_minor(trade, second, 2)) == (0, 5)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**9)), min_size=1, max_size=12))
def test_the_parts_of_all_payments_are_what_is_held_but_for_rounding(steps: list[tuple[bool, int]]) -> None:
    trade, payments = EMPTY, list[tuple[int, int]]()
    for comes, minor in steps:
        if comes:
            trade, units = put_in(trade, minor)
            payments.append((units, trade.funding_round))
        else:
            trade = let_out(trade, min(minor, trade.held_minor))

    parts = [unreleased_minor(trade, units, funding_round) for units, funding_round in payments]
    assert sum(parts) == pytest.approx(trade.held_minor, abs=len(parts))
    assert all(0 <= part <= trade.held_minor for part in parts)
