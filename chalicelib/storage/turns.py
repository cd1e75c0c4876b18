"""Where a schedule that walks over a long list is: a run that stops goes on, in the next one, where it stopped.

A walk has one record, so that a list may grow without end while each run takes a part of it.
"""

from __future__ import annotations

from chalicelib.core.values import dataclass
from chalicelib.storage import records
from chalicelib.storage.commit import Write, write_if
from chalicelib.storage.reads import get
from chalicelib.storage.records import Versioned, take
from chalicelib.storage.tables import Item, Key


@dataclass(frozen=True, slots=True)
class Turn:
    """The key that the next run goes on after; None: it begins at the beginning."""

    after: Item | None = None


def find_turn(key: Key) -> Versioned[Turn]:
    """Where the last run ended, read strongly; version 0: there was none."""
    item = get(key)
    return (None if item is None else take({key: item}, key, Turn)) or Versioned(Turn(), 0)


def save_turn(key: Key, before: Versioned[Turn], after: Item | None) -> None:
    """Keep where a run ended. Where another has ended meanwhile, that is as good.

    condition: there is none yet, or its version is the one that was read
    """
    if before.value.after == after:
        return
    turn = Turn(after)
    write_if(records.replace(key, turn, version=before.version) if before.version else _first(key, turn))


def _first(key: Key, turn: Turn) -> Write:
    return records.create(key, turn, exists="turn_exists")
