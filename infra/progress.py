"""Says on the terminal what is being done and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce a step, and its seconds once it is done."""
    started = time.monotonic()
    print(f"==> {what} ...", end="", flush=True)
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    print(f" {time.monotonic() - started:.1f} s", flush=True)


def say(line: str) -> None:
    """One line for whoever watches."""
    print(line, flush=True)


def fail(sentence: str) -> None:
    """End the program with a sentence that helps."""
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(1)
