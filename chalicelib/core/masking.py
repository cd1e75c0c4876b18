"""What may be shown of an account's number."""

from __future__ import annotations

SHOWN = 4


def masked(number: str) -> str:
    """All that may be shown of an account's number: `****0012`, and nothing of one that would be half told by that."""
    return f"****{number[-SHOWN:]}" if len(number) > 2 * SHOWN else "****"
