"""The tables' streams, handed on as badly as they may be: late, in any order, some records twice, batches again."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from tests.simulation.rows import Change, Table
from tests.support.events import stream_event

MOST_AT_ONCE = 12
REMEMBERED = 60
LATE = 40
"""How far from the head of what waits a batch may be taken."""


@dataclass
class Stream:
    """What one shard of a stream has told nobody yet, and what it told lately. All changes of an item are in one
    shard, which has one reader at a time: `busy` while it reads. What it `loses` it never tells."""

    table: Table
    shard: int = 0
    shards: int = 1
    busy: bool = False
    loses: Callable[[], bool] = lambda: False
    taken: int = 0
    waiting: list[Change] = field(default_factory=list)
    lately: list[Change] = field(default_factory=list)

    def batch(self, chance: random.Random) -> list[Change]:
        """Some records that wait, as a rule the oldest in order, with some that were told before."""
        self._take()
        chosen: list[Change] = []
        for _ in range(min(len(self.waiting), chance.randint(1, MOST_AT_ONCE))):
            near = chance.randrange(min(LATE, len(self.waiting))) if chance.random() < 0.25 else 0
            chosen.append(self.waiting.pop(near))
        if self.lately and chance.random() < 0.3:
            chosen += chance.sample(self.lately, min(len(self.lately), chance.randint(1, 4)))
        if chance.random() < 0.2:
            chance.shuffle(chosen)
        return chosen

    def rest(self, most: int) -> list[Change]:
        """The oldest records that wait, in order."""
        self._take()
        chosen, self.waiting = self.waiting[:most], self.waiting[most:]
        return chosen

    def told(self, batch: list[Change]) -> None:
        """The batch was taken."""
        self.lately = (self.lately + batch)[-REMEMBERED:]

    def failed(self, batch: list[Change]) -> None:
        """The batch was not taken: it comes again."""
        self.waiting[:0] = batch

    def _take(self) -> None:
        new = self.table.stream[self.taken :]
        own = [change for change in new if _shard(change, self.shards) == self.shard]
        self.waiting += [change for change in own if not self.loses()]
        self.taken = len(self.table.stream)


def _shard(change: Change, shards: int) -> int:
    image = change[1] or change[0] or {}
    return crc32(image["pk"]["S"].encode()) % shards


def event(batch: list[Change], *, both: bool) -> dict[str, Any]:
    """The batch as a function gets it. `both`: with the images before, too."""
    return stream_event(*((_image(before) if both else None, _image(after)) for before, after in batch))


def _image(item: dict[str, Any] | None) -> dict[str, Any] | None:
    """An image in JSON: binary attributes in base 64."""
    if item is None:
        return None
    return {
        name: {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value for name, value in item.items()
    }
