"""What a simulation fails with."""

from __future__ import annotations


class Wrong(BaseException):
    """The product and the model disagree. No `except Exception` of a worker's takes it for a failure of one record."""
