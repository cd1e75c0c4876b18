"""The kinds of entry that settlement's commands book and its workers look for."""

from __future__ import annotations

SETTLED = "trade.settled"
RELEASED = "trade.released"
PAID_OUT_AFTER = frozenset({SETTLED, RELEASED})
"""The kinds of entry whose parties are then paid by bank."""
