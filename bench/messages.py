"""Measures a bank's message of ten thousand movements: out/bench/messages.json and a table.

    python -m bench.messages

On DynamoDB Local, through the worker that is deployed, one piece after another: what it takes to cut the message and to
book its pieces, and what the slowest piece takes, which is what one invocation has to have time for. Twice: of
movements of all amounts, each with a reference of its own, and of movements that are alike in all and have none. Then
every piece is delivered a second time, as a queue may do. After each time the bank's account is compared with a sum
kept apart, and the journal with the number of movements.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import tests.conftest  # noqa: F401 (dummy credentials, set before any client is made)
from infra import progress
from infra.paths import OUT
from tests.settlement.clearing import books
from tests.settlement.desk import Desk, moved, opened_desk
from tests.settlement.market import kinds
from tests.support import dynamodb_local

FIGURES = OUT / "bench" / "messages.json"
MOVEMENTS = 10_000
MOST_PIECE_SECONDS = 50
"""The worker's function has sixty seconds."""

Entry = dict[str, Any]
Figures = dict[str, Any]


class Wrong(Exception):
    """The books are not what the message states."""


def unlike(number: int) -> Entry:
    """A movement of an amount that few others have, with a reference of its own."""
    return moved(1 + number * 137 % 9_000, f"MB-{number:06}")


def alike(number: int) -> Entry:
    """A movement that only its place in the message tells from the others."""
    return moved(5) | {"bank_reference": ""}


MEASURED: dict[str, Callable[[int], Entry]] = {"unlike": unlike, "alike": alike}


def main() -> None:
    """Measure both, write, print, and fail where a piece takes longer than its function has."""
    logging.disable(logging.ERROR)
    figures: Figures = {"movements": MOVEMENTS}
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    with dynamodb_local.running() as endpoint:
        for name, entry in MEASURED.items():
            progress.say(f"==> {MOVEMENTS:,} movements, {name}")
            tables = dynamodb_local.create_tables(endpoint, f"bench-{name}")
            with books(tables), opened_desk(tables) as desk:
                figures[name] = measured(desk, [entry(number) for number in range(MOVEMENTS)])
            FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
            progress.say("  " + ", ".join(f"{figure} {value}" for figure, value in figures[name].items()))
    slow = [name for name in MEASURED if figures[name]["slowest_piece_seconds"] > MOST_PIECE_SECONDS]
    if slow:
        sys.exit(f"A piece takes more than {MOST_PIECE_SECONDS} s: {', '.join(slow)}")


def measured(desk: Desk, entries: list[Entry]) -> Figures:
    """What a message of these movements takes, in seconds; each is booked once, however often its piece comes."""
    message = desk.take(desk.report(*entries))
    cutting = _timed(desk, message)
    pieces = desk.callbacks.taken()
    booking = _deliver(desk, pieces)
    _check(desk, entries)
    again = _deliver(desk, pieces)
    _check(desk, entries)
    return {
        "pieces": len(pieces),
        "invocations": len(booking),
        "cutting_seconds": round(cutting, 2),
        "booking_seconds": round(sum(booking), 1),
        "slowest_piece_seconds": round(max(booking), 2),
        "again_seconds": round(sum(again), 1),
        "slowest_again_seconds": round(max(again), 2),
    }


def _deliver(desk: Desk, pieces: list[dict[str, Any]]) -> list[float]:
    """What each piece takes, and each rest that a piece hands on when its time is over."""
    waiting, seconds = list(pieces), list[float]()
    while waiting:
        seconds += [_timed(desk, piece) for piece in waiting]
        waiting = desk.callbacks.taken()
    return seconds


def _timed(desk: Desk, message: dict[str, Any]) -> float:
    started = time.perf_counter()
    failed = desk.handle(message)
    if failed:
        raise Wrong(f"failed: {failed}")
    return time.perf_counter() - started


def _check(desk: Desk, entries: list[Entry]) -> None:
    """Each movement is booked once, none is in quarantine, and the bank's account is their sum."""
    booked = kinds(desk.tables, desk.place.tenant).count("movement.booked")
    found = (booked, desk.place.bank, desk.quarantine())
    stated: tuple[int, int, list[object]] = (len(entries), sum(entry["amount_minor"] for entry in entries), [])
    if found != stated:
        raise Wrong(f"{found}, and stated was {stated}")


if __name__ == "__main__":
    main()
