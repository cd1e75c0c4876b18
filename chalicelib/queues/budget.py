"""How much time one message may take of its worker, so that no message takes that of another."""

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
