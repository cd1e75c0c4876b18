"""What a simulation fails with."""

from __future__ import annotations


class Wrong(AssertionError):
    """The product and the model disagree."""
