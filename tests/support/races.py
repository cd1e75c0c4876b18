"""Commands at one instant, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from chalicelib.core.errors import Busy, Refusal
from chalicelib.storage.once import Outcome

MOST_TRIES = 50
Result = Outcome | Refusal


def race(acts: Sequence[Callable[[], Outcome]]) -> list[Result]:
    """What each of these came to, all begun at one instant; contention that outlasted the tries is tried again, as its
    caller would."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], Outcome]) -> Result:
        barrier.wait()
        for _ in range(MOST_TRIES):
            try:
                return act()
            except Busy:
                continue
            except Refusal as refusal:
                return refusal
        raise AssertionError("contention that does not end")

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
