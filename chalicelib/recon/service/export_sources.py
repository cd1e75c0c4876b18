"""Where an export's text comes from: a source gives it in steps, and can be put down between two steps and taken up by
another process."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a step gives: text, how many rows of the export's that is, and whether it was the last."""

    text: str = ""
    rows: int = 0
    is_last: bool = False


class Source(Protocol):
    """The text of one export."""

    def step(self) -> Chunk:
        """Go on a bounded step."""

    def state(self) -> bytes:
        """All that another process needs to go on from here."""
