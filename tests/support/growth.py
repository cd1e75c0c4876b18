"""How the work of a reader grows with its input: CPU time at a size and at twice that size, the best of several."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress

from chalicelib.core.errors import Refusal

MOST_RATIO = 2.5
"""What twice the input may cost. Linear work costs 2, quadratic 4."""

LEAST_SECONDS = 0.01
"""Below this a measurement tells more of the machine than of the reader."""

ROUNDS = 2
TRIES = 5

Read = Callable[[bytes], object]


def ratio(make: Callable[[int], bytes], read: Read, *, most_bytes: int = 1024 * 1024) -> float:
    """How many times as long `make(2n)` takes to read as `make(n)`.

    `n` grows until reading takes long enough to be measured, or the input has `most_bytes`. A refusal is an answer like
    any other. A busy machine only ever adds to a time, so the least of several is taken, and a bad ratio is measured
    again, over two doublings: one alone can fall together with a cache that no longer holds the input. What the process
    holds already is frozen, so that tidying up before each measurement does not walk all of it.
    """
    gc.collect()
    gc.freeze()
    try:
        return _ratio(make, read, most_bytes)
    finally:
        gc.unfreeze()


def _ratio(make: Callable[[int], bytes], read: Read, most_bytes: int) -> float:
    size = 250
    while len(make(4 * size)) <= most_bytes and _seconds(read, make(size)) < LEAST_SECONDS:
        size *= 2
    inputs = [make(size), make(2 * size)]
    found = []
    for _ in range(TRIES):
        rounds = [[_seconds(read, one) for one in inputs] for _ in range(ROUNDS)]
        times = [min(of_one) for of_one in zip(*rounds, strict=True)]
        found.append((times[-1] / times[0]) ** (1 / (len(times) - 1)))
        if found[-1] <= MOST_RATIO or times[-1] < LEAST_SECONDS:
            return min(found[-1], MOST_RATIO)
        inputs = [*inputs[:2], make(4 * size)]
    return min(found)


def _seconds(read: Read, content: bytes) -> float:
    gc.collect()
    gc.disable()
    started = time.thread_time()
    with suppress(Refusal):
        read(content)
    spent = time.thread_time() - started
    gc.enable()
    return spent
