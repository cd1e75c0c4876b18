"""How a reader that takes too long is stopped. The caller measures the time: nothing here has a clock."""

from __future__ import annotations

from collections.abc import Callable

Watch = Callable[[], None]
"""Called every so often by a reader; it raises when the reader has had its time."""


def unwatched() -> None:
    """The default: a reader that may take as long as it needs."""
