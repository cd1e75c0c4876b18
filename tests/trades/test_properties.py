"""What holds of every trade, whatever the commands and the evidence: drawn walks, and a book kept beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Defect
from chalicelib.splits.domain.fees import charge
from chalicelib.storage.records import encode
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.states import ENDED, State
from chalicelib.trades.domain.trade import Division, Trade
from chalicelib.trades.domain.worth import paid_minor
from tests.trades.lives import Life
from tests.trades.walks import Walk
from tests.trades.works import LOTS, THREE

STEPS = 60
MOST_ACTS = 40
MOST_BYTES = 2500
"""Three lots with everything that can happen to them. One delivery to five parties is below a kilobyte."""
seeds = st.integers(0, 2**32 - 1)
walks = st.builds(lambda seed: Walk(Random(seed)).run(STEPS), seeds)
"""By seeds: chance that Hypothesis itself draws keeps to the short ways, on which nothing meets."""


@given(walks)
def test_what_came_into_the_escrow_is_released_refunded_or_held(walk: Walk) -> None:
    trade = walk.trade

    assert (trade.funded_minor, trade.refunded_minor) == (walk.paid, walk.refunded)
    assert {role: one.minor for role, one in trade.got.items()} == dict(+walk.got)
    assert trade.held_minor == walk.paid - walk.refunded - sum(walk.got.values()) >= 0
    assert trade.released_minor == sum(walk.got.values())


def by_line(lines: tuple[Line, ...]) -> Counter[str]:
    """What each role should get, added up from the lines alone."""
    sums: Counter[str] = Counter()
    for line in lines:
        if line.step in {"share", "decision"} and line.inputs.get("role") not in {None, "kept"}:
            sums[str(line.inputs["role"])] += line.result["minor"]
        if line.step == "fee":
            sums[str(line.inputs["role"])] += line.result["on_top_minor"] + line.result["taken_minor"]
            sums[str(line.inputs["borne_by"])] -= line.result["taken_minor"]
        if line.step == "ending":
            sums["seller"] += line.result["forfeited_minor"]
    return Counter({role: minor for role, minor in sums.items() if minor})


def total(lines: tuple[Line, ...], name: str) -> int:
    return sum(line.result.get(name, 0) for line in lines)


@given(walks)
def test_the_lines_of_a_division_recompute_to_its_amounts(walk: Walk) -> None:
    for division in (one for one in walk.life.divisions if one.lines):
        assert by_line(division.lines) == {role: part.minor for role, part in division.shares}
        assert total(division.lines, "refund_minor") == division.refund.minor
        assert total(division.lines, "top_up_minor") == (division.top_up.minor if division.top_up else 0)


def split_of(walk: Walk, step: str, name: str) -> int:
    """What splits gave to a role in all (`share`), or what fees came to in all (`fee`)."""
    lines = [line for division in walk.life.divisions for line in division.lines if line.step == step]
    if step == "fee":
        return sum(line.result[name] for line in lines)
    return sum(line.result["minor"] for line in lines if line.inputs["role"] == name)


@given(walks)
def test_nobody_gets_more_than_the_template_allows_however_many_parts_it_is_released_in(walk: Walk) -> None:
    terms, trade = walk.life.terms, walk.trade
    charged = [charge(fee, terms.provisional_price.of(trade.charged_minor)) for fee in terms.template.fees]

    assert split_of(walk, "share", "carrier") <= terms.fixed_shares.get("carrier", 0)
    assert split_of(walk, "share", "surveyor") <= 150_000
    assert split_of(walk, "fee", "on_top_minor") <= sum(one.on_top.minor for one in charged)
    assert split_of(walk, "fee", "taken_minor") <= sum(one.taken.minor for one in charged)
    assert trade.retained_minor <= max(trade.price_minor, terms.provisional_price.minor) * 500 // 10_000


@given(walks)
def test_refunds_of_what_was_released_unwind_to_nothing(walk: Walk) -> None:
    life, rng = walk.life, walk.rng
    trade = life.trade
    still = sum(one.minor - one.back_minor for one in trade.got.values())
    left = min(still, paid_minor(trade) - trade.given_back_minor - trade.claims_paid_minor)
    if life.state not in ENDED or life.state is State.REFUNDED:
        return
    while left:
        part = min(left, rng.randrange(1, left + 1) if rng.random() < 0.8 else left)
        parts = life.unwind(part).parts
        assert sum(one.minor for _, one in parts) == part
        left -= part

    assert life.trade.given_back_minor + life.trade.claims_paid_minor <= paid_minor(life.trade)
    assert life.trade.overpaid_claim_minor == 0 or still
    assert life.trade.claims_paid_minor or all(one.back_minor == one.minor for one in life.trade.got.values())


@given(seeds)
def test_the_same_commands_give_the_same_divisions(seed: int) -> None:
    first, again = (Walk(Random(seed)).run(STEPS) for _ in range(2))

    assert first.life.divisions == again.life.divisions
    assert first.trade == again.trade


@given(walks)
def test_time_comes_to_rest_and_what_it_did_is_not_due_again(walk: Walk) -> None:
    life = walk.life.later(1000)
    acts = [life.pass_time() for _ in range(MOST_ACTS)]

    assert acts[-1] is None
    assert len({(act.deed, act.key, act.at) for act in acts if act}) == len([act for act in acts if act])


def ended(life: Life) -> Trade:
    """The trade after the plainest way out of whatever state it is in."""
    if life.state is State.DISPUTED:
        life.resolve({"buyer": life.trade.frozen_minor})
    if life.state in ENDED:
        return life.trade
    if life.state is not State.RETAINED:
        life.cancel()
    if life.state is State.RETAINED and life.trade.free_minor:
        life.refund(life.trade.free_minor)
    if life.state is State.RETAINED:
        life.later(1000).release_retention()
    return life.trade


@given(walks)
def test_money_is_never_stuck_every_trade_can_be_ended(walk: Walk) -> None:
    trade = ended(walk.life)

    assert trade.stage in ENDED
    assert (trade.held_minor, trade.outstanding.minor) == (0, 0)


@given(walks)
def test_a_trade_is_read_back_as_it_was(walk: Walk) -> None:
    stored = encode(walk.trade)

    assert msgspec.json.decode(stored, type=Trade) == walk.trade
    assert len(stored) < MOST_BYTES


DUE = 10_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"funded_minor": -1},
        {"stage": State.FUNDING, "funded_minor": 5, "refunded_minor": 6},
        {"stage": State.FUNDING, "funded_minor": DUE + 1},
        {"stage": State.FUNDED, "funded_minor": DUE, "retained_minor": DUE + 1},
        {"stage": State.COMPLETED, "funded_minor": DUE, "refunded_minor": DUE - 1},
        {"stage": State.DISPUTED, "funded_minor": DUE},
        {"stage": State.FUNDED, "funded_minor": DUE, "released_minor": 1},
        {"claim_minor": -1},
        {"conceded_minor": -1},
    ],
)
def test_a_trade_whose_amounts_do_not_add_up_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(Defect):
        replace(Life(LOTS, lots=THREE).trade, **changes)


def test_a_division_says_what_it_releases_in_all() -> None:
    life = Life().funded()

    assert Division(life.trade, (), life.trade.held).released.minor == 0
