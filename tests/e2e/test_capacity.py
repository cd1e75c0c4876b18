"""What DynamoDB bills for the commands that every trade is made of, counted on the deployed data stack."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from infra.paths import OUT, ROOT, STACK_PYTHON
from tests.conftest import cannot_run


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    """The figures of `make bench`, counted anew."""
    if not STACK_PYTHON.exists():
        cannot_run("the local stack is not installed: make stack-env")
    command = [sys.executable, "-m", "bench.capacity"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads((OUT / "bench" / "capacity.json").read_text()))


@pytest.mark.parametrize(
    ("operation", "write_units", "read_units", "calls"),
    [
        ("transfer", 6, 0, {"dynamodb.TransactWriteItems": 1}),
        ("entry of six postings", 14, 0, {"dynamodb.TransactWriteItems": 1}),
        ("release to five parties", 16, 3, {"dynamodb.BatchGetItem": 1, "dynamodb.TransactWriteItems": 1}),
    ],
)
def test_a_command_costs_what_was_promised(
    operation: str, write_units: int, read_units: int, calls: dict[str, int], figures: dict[str, Any]
) -> None:
    figure = figures["operations"][operation]

    assert figure["write_units"] <= write_units
    assert figure["read_units"] <= read_units
    assert figure["calls"] == calls


ONE_READ = (
    "agree to a trade",
    "sign a milestone",
    "open a dispute",
    "release a retention",
    "settle a claim",
    "link two trades",
    "fund a trade by account",
    "split among 80 receivers",
    "add 90 obligations",
)
TWO_READS = (
    "decide a dispute",
    "refund from the escrow",
    "cancel a trade",
    "final settlement with a refund",
    "release into another trade",
)
"""These ask besides which line funded the trade, or what stands in the trade that it funds."""
FOUR_READS = ("refund from the receivers",)
"""It asks besides which payouts are not made yet, and what the receivers have."""
READS = [(one, reads) for reads, names in ((1, ONE_READ), (2, TWO_READS), (4, FOUR_READS)) for one in names]


@pytest.mark.parametrize(("operation", "reads"), READS)
def test_a_command_is_one_commit_after_one_read_or_two(operation: str, reads: int, figures: dict[str, Any]) -> None:
    calls = figures["operations"][operation]["calls"]

    assert calls == {"dynamodb.BatchGetItem": reads, "dynamodb.TransactWriteItems": 1}


def test_a_replay_is_one_round_trip(figures: dict[str, Any]) -> None:
    replays = {name: figure for name, figure in figures["operations"].items() if "replay" in name}

    assert replays
    assert all(figure["round_trips"] == 1 for figure in replays.values())


def test_every_price_of_a_million_settlements_is_named(figures: dict[str, Any]) -> None:
    million = figures["million_settlements"]

    assert "us-east-1" in figures["prices"]["source"]
    assert set(million["usd"]) <= set(figures["prices"])
    assert million["total"] == pytest.approx(sum(million["usd"].values()))
    assert min(million["usd"].values()) >= 0
