"""The ledger is the model, whatever strikes it and whoever goes first; and a ledger that is not is found out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.errors import Defect
from chalicelib.ledger.store import folding, moves
from chalicelib.ledger.store import projection as lines
from chalicelib.storage import once, records
from chalicelib.storage.commit import Write
from tests.simulation.run import Run, in_memory
from tests.simulation.scheduler import Scheduler
from tests.simulation.wrong import Wrong

STEPS = 5_000
A_ROUND = 1_000
SEEDS = range(1, 11)
ENOUGH_TO_TELL = 4_000


def simulated(seed: int, steps: int, *, loses: float = 0, trades: bool = False) -> Run:
    """A whole run, of which the product's own proof says at its end what the model says."""
    run = Run(seed, loses=loses, trades=trades)
    with in_memory(run.world):
        run.begin()
        while run.steps < steps:
            run.go(min(A_ROUND, steps - run.steps))
        run.prove()
    return run


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ledger_is_the_model_whatever_strikes_it(seed: int) -> None:
    run = simulated(seed, STEPS)

    assert run.steps >= STEPS
    assert run.world.faults > STEPS // 10


def test_what_the_streams_lose_for_good_is_put_right_by_the_nightly_proof() -> None:
    counts = simulated(21, 1_500, loses=0.02).world.counts

    assert counts["numbered"] > 0
    assert counts["refilled"] > 0


def test_the_same_seed_is_the_same_run() -> None:
    one, other, third = (simulated(seed, 600) for seed in (99, 99, 100))

    assert (list(one.world.log), one.world.feed) == (list(other.world.log), other.world.feed)
    assert one.world.feed != third.world.feed


def test_every_kind_of_command_is_done_and_refused() -> None:
    counts = simulated(7, 3_000).world.counts
    kinds = {told.partition(":")[0] for told in counts if ": " in told} - {"fx_accounts"}

    assert {kind for kind in kinds if f"{kind}: done" not in counts} == set()
    assert len([kind for kind in kinds if f"{kind}: replayed" in counts]) >= 12
    assert len([kind for kind in kinds if any(f"{kind}: {why}" in counts for why in WHYS)]) >= 12


WHYS = ("Conflict", "InvalidInput", "NotFound", "KeyReused")


def unlimited(genuine: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """The conditions of a move without its rooms; what they would have used is dropped with them."""

    def conditions(move: Any, occurred_at: str, by_hand: bool, values: dict[str, Any]) -> list[str]:
        kept = [text for text in genuine(move, occurred_at, by_hand, values) if "_room" not in text]
        values.pop(":debit_need", None)
        values.pop(":credit_need", None)
        return kept

    return conditions


def unconditional(genuine: Callable[..., Write]) -> Callable[..., Write]:
    """A write whose condition is left out."""

    def write(*arguments: Any, **named: Any) -> Write:
        made = genuine(*arguments, **named)
        [(kind, body)] = made.action.items()
        dropped = body.get("ConditionExpression", "")
        values = {
            name: value
            for name, value in body.get("ExpressionAttributeValues", {}).items()
            if name not in dropped or name in body.get("UpdateExpression", "")
        }
        kept = {name: value for name, value in body.items() if name not in {"ConditionExpression"}}
        return replace(made, action={kind: kept | ({"ExpressionAttributeValues": values} if values else {})})

    return write


def forgiving(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A replay that does not look at what was asked."""
    return lambda call, earlier: genuine(replace(call, fingerprint=earlier.fingerprint), earlier)


def forgetful(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """Something that does not happen every third time."""
    calls = itertools.count()
    return lambda *arguments: None if next(calls) % 3 == 0 else genuine(*arguments)


def once_too_much(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """A fold of one unit too much."""

    def write(tenant: str, account_id: str, total: Any, folded: Any) -> Any:
        return genuine(tenant, account_id, replace(total, amount=total.amount + 1), folded)

    return write


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (moves, "_conditions", unlimited),
        (once, "journal_write", unconditional),
        (once, "_replay", forgiving),
        (records, "update", unconditional),
        (lines, "write_items", forgetful),
        (folding, "_sum_write", once_too_much),
    ],
    ids=["limits", "keys", "fingerprints", "versions", "history", "folds"],
)
def test_a_broken_ledger_is_found_out(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, broken: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(module, name, broken(getattr(module, name)))

    with pytest.raises((Wrong, Defect)):
        simulated(11, ENOUGH_TO_TELL)


def test_an_actors_failure_is_the_runs() -> None:
    def fails() -> None:
        raise Wrong("as it should")

    scheduler = Scheduler(Run(1).chance)

    with pytest.raises(Wrong, match="as it should"):
        scheduler.run([fails, fails, lambda: None])
