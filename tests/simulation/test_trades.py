"""Trades are the model's, whatever strikes them, whoever goes first and however long nobody looks; and a rule of trades
that is broken is found out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.errors import Defect
from chalicelib.settlement.domain import back_to_back
from chalicelib.settlement.service import due as tasks
from chalicelib.settlement.service import netting
from chalicelib.trades import store
from chalicelib.trades.domain import endings, funding, milestones, portion, releasing
from tests.simulation.test_simulation import simulated
from tests.simulation.wrong import Wrong

STEPS = 2_500
SEEDS = range(1, 5)
ENOUGH_TO_TELL = 3_000
SEEDS_TO_TELL = (11, 12)

ALWAYS_DONE = (
    *("open", "agree", "link", "fund", "paper", "sign", "release", "settle", "retention"),
    *("dispute", "resolve", "refund", "unwind", "cancel"),
)
BY_TIME = ("due accept", "due release", "due expire", "net_close", "net_trade", "net_closed")


@pytest.mark.parametrize("seed", SEEDS)
def test_trades_are_the_model_whatever_strikes_them(seed: int) -> None:
    run = simulated(seed, STEPS, trades=True)
    counts = {told.strip() for told in run.world.counts}

    assert run.world.faults > STEPS // 10
    assert [what for what in ALWAYS_DONE if f"trade_{what}: done" not in counts] == []
    assert [what for what in BY_TIME if f"by time {what}" not in counts] == []
    assert "one trade funds another" in counts


def test_the_same_seed_is_the_same_trades() -> None:
    one, other = (simulated(99, 500, trades=True) for _ in range(2))

    assert (list(one.world.log), one.world.feed) == (list(other.world.log), other.world.feed)


def nothing_to_see(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A check that checks nothing."""
    return lambda *arguments: None


def yes(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A question that is always answered with yes."""
    return lambda *arguments: True


def zero(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A number that is lost."""
    return lambda *arguments: 0


def refund_not_counted(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """Money that leaves the escrow for the buyer, and still counts as held."""
    return lambda trade, command, shares, refund, **named: genuine(trade, command, shares, refund.of(0), **named)


def nothing_given_back(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A refund that forgets what was taken back before."""
    return lambda received, given_back, amount: genuine(received, {}, amount)


def counted_twice(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """Every third obligation counts twice."""
    calls = itertools.count()

    def owed(*arguments: Any) -> Any:
        one = genuine(*arguments)
        return replace(one, minor=2 * one.minor) if next(calls) % 3 == 0 else one

    return owed


def from_the_beginning(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """Fees that are charged for what was let go before once more."""
    return lambda terms, trade, upto: genuine(terms, replace(trade, charged_minor=0), upto)


def not_taken(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """Money for an upstream escrow, which the upstream trade knows nothing of."""

    def fund(terms: Any, trade: Any, amount: Any, *, now: Any) -> Any:
        return replace(genuine(terms, trade, amount, now=now), trade=trade)

    return fund


def kept_open(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """What was settled stays to be done."""
    return lambda trade, *arguments, **named: genuine(trade, *arguments, **named | {"done": trade.done})


def never_due(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A deadline that no schedule finds."""
    return lambda trade: None


def not_looked_at(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A trade that a pass takes for done."""
    return lambda *arguments: None


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (milestones, "check_not_done", nothing_to_see),
        (milestones, "is_signed", yes),
        (endings, "let_go", refund_not_counted),
        (portion, "_retained", zero),
        (endings, "_deposit_at_stake", zero),
        (endings, "unwind_shares", nothing_given_back),
        (portion, "fees_due", from_the_beginning),
        (releasing, "let_go", kept_open),
        (back_to_back, "fund", not_taken),
        (funding, "clocked", lambda genuine: lambda terms, trade, now: trade),
        (netting, "_owed", counted_twice),
        (store, "next_at", never_due),
        (tasks, "due", not_looked_at),
    ],
    ids=[
        "released-twice",
        "signatures",
        "refund-not-counted",
        "retention-lost",
        "forfeit-to-the-buyer",
        "taken-back-twice",
        "fees-twice",
        "not-done",
        "upstream-not-funded",
        "no-clock",
        "netted-twice",
        "no-deadline",
        "not-done-by-time",
    ],
)
def test_a_broken_rule_of_trades_is_found_out(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, broken: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(module, name, broken(getattr(module, name)))

    with pytest.raises((Wrong, Defect)):
        for seed in SEEDS_TO_TELL:
            simulated(seed, ENOUGH_TO_TELL, trades=True)
