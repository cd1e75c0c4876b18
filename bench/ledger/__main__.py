"""Measures the ledger and holds it to its bounds: out/bench/ledger.json and a table on the terminal.

    python -m bench.ledger

What is over a bound is measured again, since a busy machine makes anything slower and nothing faster. Ratios compare
what ran in turn in one process on one machine; figures of capacity are counted, not timed.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import app
import tests.conftest  # noqa: F401 (dummy credentials, set before any client is made)
from bench.ledger.batches import speedups
from bench.ledger.books import AMOUNT, Books, books
from bench.ledger.hot import hot_ratio
from bench.ledger.pages import page_ratio
from bench.ledger.processor import cpu_ratio, cpu_shares, http_cpu, pure_entries_per_s
from bench.ledger.projector import project_per_s
from bench.ledger.units import units
from infra.paths import OUT
from tests.support.api import Api, Reply, signing, token_for

FIGURES = OUT / "bench" / "ledger.json"
TRIES = 3
AT_MOST = {
    "wcu_two_leg": 6,
    "wcu_six_postings": 14,
    "wcu_release_five": 16,
    "wcu_deferred": 4,
    "wcu_hold": 4,
    "cpu_ratio_vs_boto3": 1.35,
    "http_cpu_us": 2_000,
    "history_page_ratio": 1.2,
}
AT_LEAST = {"hot_ratio": 0.9, "naive_failures": 1, "batch50_speedup": 7, "pure_entries_per_s": 150_000}
ONE_ROUND_TRIP = ("transfer", "entry", "batch", "hold")

Figures = dict[str, Any]
Measure = Callable[[Books], Figures]


def main() -> None:
    """Measure all, write, print, and fail where a bound is passed."""
    logging.disable(logging.INFO)
    figures: Figures = {}
    with books() as here:
        for name, measure in MEASURES.items():
            print(f"==> {name}", flush=True)
            figures |= _measured(measure, here)
    print("==> capacity units and round trips", flush=True)
    figures |= units()
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    _print(figures)
    if over := _over(figures):
        sys.exit(f"Over the bound: {', '.join(over)}")


def _measured(measure: Measure, here: Books) -> Figures:
    for _ in range(TRIES):
        figures = measure(here)
        if not _over(figures):
            break
    return figures


def _batches(here: Books) -> Figures:
    with signing():
        api = Api(app.app, token_for(here.tenant))
        return speedups(here, lambda path, body: _created(api.post(path, body, key=str(uuid.uuid4()))))


def _created(reply: Reply) -> Reply:
    if reply.status != HTTPStatus.CREATED:
        raise SystemExit(f"a request that is measured was answered {reply}")
    return reply


def _http(here: Books) -> Figures:
    debited, credited = here.accounts(2)
    amount = {"minor": AMOUNT.minor, "currency": AMOUNT.currency}
    body = {"debit_account_id": debited, "credit_account_id": credited, "amount": amount}
    with signing():
        api = Api(app.app, token_for(here.tenant))
        return {"http_cpu_us": http_cpu(api, "/v1/transfers", body)}


MEASURES: dict[str, Measure] = {
    "CPU of a transfer over the bare call": cpu_ratio,
    "where that CPU goes": cpu_shares,
    "CPU of a whole request": _http,
    "decisions of the rules alone": lambda _: {"pure_entries_per_s": pure_entries_per_s()},
    "batches over singles": _batches,
    "a hot account": hot_ratio,
    "stream records projected": project_per_s,
    "pages of a long history": page_ratio,
}


def _over(figures: Figures) -> list[str]:
    """The names of what passes its bound."""
    over = [name for name, bound in AT_MOST.items() if figures.get(name, bound) > bound]
    over += [name for name, bound in AT_LEAST.items() if figures.get(name, bound) < bound]
    trips = figures.get("round_trips_per_command", {})
    return over + [f"round_trips_per_command: {name}" for name in ONE_ROUND_TRIP if trips.get(name, 1) != 1]


def _print(figures: Figures) -> None:
    bounds = {name: f"at most {bound:,}" for name, bound in AT_MOST.items()}
    bounds |= {name: f"at least {bound:,}" for name, bound in AT_LEAST.items()}
    for name, value in figures.items():
        if name != "capacity":
            print(f"  {name:34} {_text(value):>60}   {bounds.get(name, '')}".rstrip())


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return f"{value:,}"


if __name__ == "__main__":
    main()
