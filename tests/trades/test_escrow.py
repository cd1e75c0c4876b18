"""The escrow: whatever the commands and evidence, what came in is released, refunded or still held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Defect, Refusal
from chalicelib.core.money import Money
from chalicelib.trades.domain import State, add_evidence, final_settlement, fund, release
from chalicelib.trades.domain.evidence import Evidence
from tests.trades.deals import THURSDAY, cny, index_fixings, opened, piece, weight_note

STEEL_DUE = 182_500_000


@pytest.mark.parametrize(
    "changes",
    [
        {"funded_minor": -1},
        {"funded_minor": 1},
        {"state": State.FUNDING, "funded_minor": 5, "released_minor": 3, "refunded_minor": 3},
        {"state": State.FUNDING, "funded_minor": STEEL_DUE + 1},
        {"state": State.FUNDED, "funded_minor": STEEL_DUE - 1},
        {"state": State.COMPLETED, "funded_minor": STEEL_DUE, "released_minor": 1},
        {"state": State.FUNDED, "funded_minor": STEEL_DUE, "released_minor": -1, "refunded_minor": 1},
    ],
)
def test_a_trade_whose_amounts_do_not_add_up_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(Defect):
        replace(opened()[1], **changes)


def amounts() -> st.SearchStrategy[int]:
    return st.one_of(st.integers(1, 10**9), st.just(STEEL_DUE), st.integers(1, 10**5))


def steps() -> st.SearchStrategy[tuple[str, int]]:
    """A command with its number: an amount paid, a weight, a fixing."""
    return st.one_of(
        st.tuples(st.just("fund"), amounts()),
        st.tuples(st.just("note"), st.integers(450_000, 550_000)),
        st.tuples(st.just("fixings"), st.integers(300_000, 420_000)),
        st.tuples(st.sampled_from(["settle", "release"]), st.just(0)),
    )


class Escrow:
    """A steel trade under any commands, with the money counted beside it."""

    def __init__(self) -> None:
        self.terms, self.trade = opened()
        self.evidence: tuple[Evidence, ...] = ()
        self.taken = self.paid_out = self.refunded = 0

    def take(self, step: str, number: int) -> None:
        if step == "fund":
            self.pay(cny(number))
        elif step in {"note", "fixings"}:
            document = weight_note(number) if step == "note" else index_fixings(number)
            added = piece(document, f"evd_{step}")
            self.trade, self.evidence = add_evidence(self.terms, self.trade, self.evidence, added, now=THURSDAY)
        elif step == "settle":
            settlement = final_settlement(self.terms, self.trade, self.evidence)
            self.trade = settlement.trade
            self.paid_out += sum(share.minor for _, share in settlement.shares)
            self.refunded += settlement.refund.minor
        else:
            self.trade = release(self.terms, self.trade, "delivery").trade

    def pay(self, amount: Money) -> None:
        funding = fund(self.trade, amount)
        assert funding.accepted + funding.excess == amount
        self.trade = funding.trade
        self.taken += funding.accepted.minor


@given(st.lists(steps(), max_size=25))
def test_what_came_into_the_escrow_is_released_refunded_or_held_whatever_the_commands(
    commands: list[tuple[str, int]],
) -> None:
    escrow = Escrow()
    for step, number in [*commands, ("fund", STEEL_DUE), ("settle", 0), ("fund", 10**9), ("settle", 0)]:
        try:
            escrow.take(step, number)
        except Refusal:
            continue
        trade = escrow.trade
        assert (trade.funded_minor, trade.released_minor) == (escrow.taken, escrow.paid_out)
        assert trade.refunded_minor == escrow.refunded
        assert trade.held_minor == escrow.taken - escrow.paid_out - escrow.refunded >= 0
    if len(escrow.evidence) == 2:
        assert escrow.trade.state is State.COMPLETED
        assert escrow.paid_out == escrow.trade.final_minor
