"""How much time one message may take of its worker, and one run of its schedule."""

from __future__ import annotations

import time

from chalicelib.core.errors import InvalidInput

NANOSECONDS = 1_000_000_000


class Budget:
    """Seconds of CPU time of this thread, counted from now on. Waiting for AWS does not count: calls have timeouts."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._ends = time.thread_time_ns() + seconds * NANOSECONDS

    def check(self) -> None:
        """Raises InvalidInput `message_took_too_long` once the time is used."""
        if time.thread_time_ns() >= self._ends:
            sentence = f"reading it takes more than {self._seconds} seconds"
            raise InvalidInput("message_took_too_long", sentence, maximum=self._seconds)


class Deadline:
    """When a run takes up nothing more, in seconds from now on. What is left is for the next run."""

    def __init__(self, seconds: int) -> None:
        self._ends = time.monotonic() + seconds

    def has_passed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._ends
