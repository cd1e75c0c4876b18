"""The one place where the time is asked. Commands get it passed down as `now`.

The local package, and no other, holds `chalicelib/sandbox.py`, whose clock can be moved so that days pass in seconds.
Tokens, signature windows and AWS calls never use it: they take `wall_clock`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

try:
    from chalicelib import sandbox
except ImportError:  # every stage but local: the build leaves the module out
    sandbox = None  # type: ignore[assignment]


def wall_clock() -> datetime:
    """The real instant."""
    return datetime.now(UTC)


def now() -> datetime:
    """The instant that business rules see: the real one, moved by the sandbox's offset on the local stage."""
    if sandbox is None or os.environ.get("QUITTANCE_STAGE") != "local":
        return wall_clock()
    return wall_clock() + timedelta(seconds=sandbox.offset_seconds())
