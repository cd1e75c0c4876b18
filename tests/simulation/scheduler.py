"""Threads that take turns: one runs at a time, and at each hand-over the seed says who goes on.

The actors run real code in real threads, so that what they have in hand stays in hand while others go first; but
nothing is left to the machine's own scheduling, so that the same seed gives the same run.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

PATIENCE_SECONDS = 60


class Stopped(BaseException):
    """Another actor has failed: this one ends where it stands."""


class Scheduler:
    """Runs actors to their end, in turns."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.turns: dict[int, threading.Lock] = {}
        self.waiting: list[int] = []
        self.current = -1
        self.failure: BaseException | None = None

    def run(self, actors: list[Callable[[], None]]) -> None:
        """Let every actor run to its end. Raises what the first that failed raised."""
        self.turns = {number: threading.Lock() for number in range(len(actors))}
        self.waiting = list(self.turns)
        self.failure = None
        for turn in self.turns.values():
            turn.acquire()
        threads = [
            threading.Thread(target=self._actor, args=(number, act), daemon=True) for number, act in enumerate(actors)
        ]
        for thread in threads:
            thread.start()
        self._next()
        for thread in threads:
            thread.join()
        if self.failure is not None:
            raise self.failure

    def hand_over(self) -> None:
        """Let somebody go on: another, or the same. To be called by the actor whose turn it is."""
        me = self.current
        chosen = self.waiting[self.chance.randrange(len(self.waiting))] if self.waiting else me
        if chosen != me:
            self.current = chosen
            self.turns[chosen].release()
            self._wait(me)

    def _actor(self, number: int, act: Callable[[], None]) -> None:
        try:
            self._wait(number)
            act()
        except Stopped:
            pass
        except BaseException as failure:
            self.failure = self.failure or failure
        self.waiting.remove(number)
        self._next()

    def _next(self) -> None:
        """Hand over for good."""
        if not self.waiting:
            return
        chosen = self.waiting[0 if self.failure else self.chance.randrange(len(self.waiting))]
        self.current = chosen
        self.turns[chosen].release()

    def _wait(self, me: int) -> None:
        if not self.turns[me].acquire(timeout=PATIENCE_SECONDS):
            self.failure = self.failure or TimeoutError("an actor kept its turn for too long")
        self.current = me
        if self.failure is not None:
            raise Stopped
