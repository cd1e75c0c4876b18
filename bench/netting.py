"""Measures a netting window of ten thousand obligations among forty parties: out/bench/netting.json and a table.

    python -m bench.netting

On DynamoDB Local, through the services, one call after another: what it takes to add the obligations, to close the
window, and to open its trades. A process that is killed loses one step at most, so the largest step is told as well.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import tests.conftest  # noqa: F401 (dummy credentials, set before any client is made)
from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.domain.netting import Stage
from chalicelib.settlement.service import netting
from infra.paths import OUT
from tests.settlement.clearing import LATER, Clearing, Owed, books, clearing
from tests.support import dynamodb_local

FIGURES = OUT / "bench" / "netting.json"
OBLIGATIONS = 10_000
PARTIES = 40
AT_ONCE = 90
MOST_SECONDS = 60
NANOSECONDS = 1_000_000_000
MILLISECONDS = 1_000_000

Figures = dict[str, Any]


def main() -> None:
    """Measure both modes, write, print, and fail where a window takes longer than it may."""
    logging.disable(logging.INFO)
    figures: Figures = {}
    with dynamodb_local.running() as endpoint, books(dynamodb_local.create_tables(endpoint, "bench")):
        for mode in Mode:
            print(f"==> {mode.value}", flush=True)
            figures[mode.value] = measured(clearing(mode), OBLIGATIONS, PARTIES)
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    for mode_name, told in figures.items():
        print(f"{mode_name}:", ", ".join(f"{name} {value}" for name, value in told.items()))
    slow = [name for name, told in figures.items() if told["ms_in_all"] > MOST_SECONDS * 1000]
    if slow:
        sys.exit(f"Over {MOST_SECONDS} s: {', '.join(slow)}")


def measured(place: Clearing, count: int, parties: int) -> Figures:
    """What a window of so many obligations takes, in milliseconds, and what it ends with."""
    owed = list(sessions(count, parties))
    for number in range(parties):
        place.place.party(f"p{number}")
    calls = (partial(place.add, owed[at : at + AT_ONCE], first=at) for at in range(0, count, AT_ONCE))
    adding = [_timed(call) for call in calls]
    closing = [_timed(place.close)]
    steps: list[int] = []
    while place.whole().window.stage is not Stage.CLOSED:
        steps.append(_timed(lambda: netting.advance(place.tenant, place.net_id, now=LATER)))
    window = place.whole().window
    return {
        "obligations": window.obligations,
        "parties": parties,
        "settlements": window.transfers,
        "ms_adding": sum(adding) // MILLISECONDS,
        "ms_closing": sum((*closing, *steps)) // MILLISECONDS,
        "ms_longest_call": max((*adding, *closing, *steps)) // MILLISECONDS,
        "ms_in_all": sum((*adding, *closing, *steps)) // MILLISECONDS,
    }


def sessions(count: int, parties: int) -> Iterator[Owed]:
    """Charging sessions at one another's stations: who charged, whose station it was, and minor units."""
    for number in range(count):
        payer = (number * 7 + number // parties) % parties
        payee = (payer + 1 + number * 11 % (parties - 1)) % parties
        yield f"p{payer}", f"p{payee}", 1_000 + number * 137 % 9_000


def _timed(act: Callable[[], object]) -> int:
    started = time.perf_counter_ns()
    act()
    return time.perf_counter_ns() - started


if __name__ == "__main__":
    main()
