"""Many callers crediting one account: with a deferred leg that is folded in after, and as one would do it naively.

Both are run behind a proxy that refuses overlapping transactions as DynamoDB does. The measure is the same work on
accounts that nobody shares: a hot account should cost no more than its callers' own accounts do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.ledger.books import AMOUNT, Books, reached_by, transfer
from bench.ledger.overlap import in_between
from bench.ledger.streams import following
from chalicelib.core.errors import Busy
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service.accounts import get_account
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.worker.sequence import sequence

THREADS = 16
EACH = 60
ROUNDS = 3
PATIENCE_SECONDS = 60
POLL_SECONDS = 0.02


def hot_ratio(books: Books) -> dict[str, Any]:
    """Speed with one hot account, until its balance is exact, over speed with none. The best of some rounds of each,
    which alternate: what a busy machine adds is in neither."""
    with in_between(books.tables.endpoint) as proxy, reached_by(proxy):
        with following(books.tables.endpoint, books.tables.name("journal"), sequence):
            rounds = [(disjoint(books), hot(books)) for _ in range(ROUNDS)]
        naive_errors = naive(books)
    alone, shared = (min(column) for column in zip(*rounds, strict=True))
    return {
        "hot_ratio": round(alone / shared, 3),
        "hot_per_s": round(THREADS * EACH / shared),
        "disjoint_per_s": round(THREADS * EACH / alone),
        "naive_failures": naive_errors,
        "naive_attempts": THREADS * EACH,
    }


def disjoint(books: Books) -> float:
    """Seconds that every thread takes for its transfers between two accounts of its own."""
    mine = [books.accounts(2) for _ in range(THREADS)]
    started = time.perf_counter()
    failures = _at_once(lambda thread: _post(books, *mine[thread]))
    _none(failures)
    return time.perf_counter() - started


def hot(books: Books) -> float:
    """Seconds until a deferred account, credited by every thread from an account of its own, has the exact sum."""
    mine, fees = books.accounts(THREADS), books.account(Kind.INCOME, deferred=True)
    started = time.perf_counter()
    failures = _at_once(lambda thread: _post(books, mine[thread], fees))
    _none(failures)
    wanted = THREADS * EACH * AMOUNT.minor
    while get_account(books.tenant, fees).own_balance != wanted:
        if time.perf_counter() - started > PATIENCE_SECONDS:
            raise SystemExit("the folded balance does not come to the sum")
        time.sleep(POLL_SECONDS)
    return time.perf_counter() - started


def naive(books: Books) -> int:
    """How many of the same transfers fail on an account that is moved in each of them."""
    mine, fees = books.accounts(THREADS), books.account(Kind.INCOME)
    return sum(_at_once(lambda thread: _post(books, mine[thread], fees)))


def _post(books: Books, debited: str, credited: str) -> int:
    """One thread's transfers; how many were given up for contention."""
    failures = 0
    for _ in range(EACH):
        try:
            post_entry(books.call(), transfer(debited, credited))
        except Busy:
            failures += 1
    return failures


def _at_once(work: Callable[[int], int]) -> Sequence[int]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


def _none(failures: Sequence[int]) -> None:
    if any(failures):
        raise SystemExit(f"{sum(failures)} transfers failed that share nothing")
