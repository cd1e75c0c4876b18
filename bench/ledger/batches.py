"""Batches over single entries: the same transfers, sent one by one and many at a time."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable

from bench.ledger.books import Books, pairs, transfer
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.service.batches import post_batch
from chalicelib.ledger.service.entries import post_entry

ACCOUNTS = 20
TRANSFERS = 200
ROUNDS = 5
SIZES = (2, 50)


def speedups(books: Books) -> dict[str, float]:
    """How many times faster batches of each size book 200 transfers over 20 accounts. Rounds alternate; medians."""
    accounts = books.accounts(ACCOUNTS)
    commands = [transfer(*pair) for pair in pairs(accounts, TRANSFERS)]
    work: dict[str, Callable[[], None]] = {"singles": lambda: _singles(books, commands)}
    for size in SIZES:
        work[f"batch{size}"] = lambda size=size: _batches(books, commands, size)  # type: ignore[misc]
    rounds = [{name: _seconds(act) for name, act in work.items()} for _ in range(ROUNDS)]
    medians = {name: statistics.median(times[name] for times in rounds) for name in work}
    figures = {f"batch{size}_speedup": round(medians["singles"] / medians[f"batch{size}"], 2) for size in SIZES}
    per_second = {f"{name}_entries_per_s": round(TRANSFERS / seconds) for name, seconds in medians.items()}
    return figures | per_second


def _singles(books: Books, commands: list[PostEntry]) -> None:
    for command in commands:
        post_entry(books.call(), command)


def _batches(books: Books, commands: list[PostEntry], size: int) -> None:
    for start in range(0, len(commands), size):
        post_batch(books.call(), [Keyed(str(uuid.uuid4()), command) for command in commands[start : start + size]])


def _seconds(act: Callable[[], None]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
