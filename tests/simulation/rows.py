"""One table in memory: its items by key, its partitions in sort order, and its indexes, which may lag behind."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.simulation.expressions import Invalid, Item, Value, plain

Sort = Any
"""The content of a sort key: text, or a whole number."""
Address = tuple[str, Sort]
"""Where an item lives: the hash key's text, and the sort key's content (None where the table has none)."""
Change = tuple[Item | None, Item | None]
Shown = tuple[Item, Item]
"""What a query shows of a place: its keys, as a page's last key has them, and the item."""


@dataclass
class Order:
    """What stands under one hash value, in sort order. `spot` is the place that a start key names."""

    sort_name: str | None
    part: list[Any]
    sort_of: Callable[[Any], Sort]
    spot: Callable[[Item], Any]
    shown: Callable[[Any], Shown]

    def places(self, between: tuple[Value, Value] | None, start: Item | None, *, forward: bool) -> Iterable[Any]:
        """The places between two values of the sort key, both included, that come after the start."""
        low, high = 0, len(self.part)
        if between is not None:
            first, last = (plain(bound)[1] for bound in between)
            low = bisect_left(self.part, first, key=self.sort_of)
            high = bisect_right(self.part, last, key=self.sort_of)
        if start is not None and forward:
            low = max(low, bisect_right(self.part, self.spot(start)))
        elif start is not None:
            high = min(high, bisect_left(self.part, self.spot(start)))
        numbers = range(low, high)
        return (self.part[i] for i in (numbers if forward else reversed(numbers)))


@dataclass
class Index:
    """A secondary index: for each hash value the places in sort order. Changes wait in `pending` until they arrive."""

    name: str
    hash_name: str
    sort_name: str
    whole: bool
    address_of: Callable[[Item], Address]
    keys_of: Callable[[Item], Item]
    parts: dict[Any, list[tuple[Sort, Address]]] = field(default_factory=dict)
    copies: dict[Address, Item] = field(default_factory=dict)
    pending: deque[tuple[Address, Item | None]] = field(default_factory=deque)

    def arrive(self, most: int) -> None:
        """Let the oldest changes in."""
        for _ in range(min(most, len(self.pending))):
            self._take(*self.pending.popleft())

    def in_order(self, hash_value: Any) -> Order:
        """What the index lists under a hash value."""
        part = self.parts.get(hash_value, [])
        return Order(self.sort_name, part, lambda place: place[0], lambda key: self._place(key)[1], self._shown)

    def _take(self, address: Address, after: Item | None) -> None:
        before = self.copies.pop(address, None)
        if before is not None:
            hash_value, place = self._place(before)
            part = self.parts[hash_value]
            del part[bisect_left(part, place)]
        if after is not None and self.hash_name in after and self.sort_name in after:
            self.copies[address] = after
            hash_value, place = self._place(after)
            insort(self.parts.setdefault(hash_value, []), place)

    def _place(self, item: Item) -> tuple[Any, tuple[Sort, Address]]:
        return plain(item[self.hash_name])[1], (plain(item[self.sort_name])[1], self.address_of(item))

    def _shown(self, place: tuple[Sort, Address]) -> Shown:
        copy = self.copies[place[1]]
        keys = {self.hash_name: copy[self.hash_name], self.sort_name: copy[self.sort_name]} | self.keys_of(copy)
        return keys, copy if self.whole else keys


class Table:
    """The items of one table. An item is never changed in place, so that whoever has read it keeps what was read."""

    def __init__(self, definition: dict[str, Any]) -> None:
        kinds = {each["AttributeName"]: each["AttributeType"] for each in definition["AttributeDefinitions"]}
        keys = [each["AttributeName"] for each in definition["KeySchema"]]
        self.name: str = definition["TableName"]
        self.kinds = {name: kinds[name] for name in keys}
        self.index_kinds = {name: kind for name, kind in kinds.items() if name not in keys}
        self.hash_name, self.sort_name = keys[0], keys[1] if len(keys) > 1 else None
        self.items: dict[Address, Item] = {}
        self.parts: dict[str, list[Sort]] = {}
        self.indexes = {each["IndexName"]: self._index(each) for each in definition.get("GlobalSecondaryIndexes", [])}
        self.streamed = "StreamSpecification" in definition
        self.stream: list[Change] = []

    def address(self, key: Item, *, whole: bool = False) -> Address:
        """Where a key leads. `whole`: it is an item, or an index's key, which have other attributes too."""
        if not whole and len(key) != len(self.kinds):
            raise Invalid("the provided key element does not match the schema")
        for name, kind in self.kinds.items():
            if kind not in key.get(name, {}):
                raise Invalid(f"the key {name} is missing or of another type than {kind}")
            if not key[name][kind]:
                raise Invalid(f"the key {name} is empty")
        sort = None if self.sort_name is None else plain(key[self.sort_name])[1]
        return key[self.hash_name]["S"], sort

    def key(self, item: Item) -> Item:
        """The key attributes of an item."""
        return {name: item[name] for name in self.kinds}

    def check(self, item: Item) -> Item:
        """The item, if the table and its indexes can take it."""
        self.address(item, whole=True)
        for name, kind in self.index_kinds.items():
            if name in item and not item[name].get(kind):
                raise Invalid(f"the index key {name} is empty or of another type than {kind}")
        return item

    def write(self, address: Address, after: Item | None) -> Change:
        """Put an item, or remove it (None). The change, as the stream has it."""
        before = self.items.get(address)
        part = self.parts.setdefault(address[0], [])
        if before is None and after is not None:
            insort(part, address[1])
        if before is not None and after is None:
            part.remove(address[1])
        if after is None:
            self.items.pop(address, None)
        else:
            self.items[address] = after
        if before != after:
            self._tell(address, before, after)
        return before, after

    def in_order(self, pk: Any) -> Order:
        """What the table has under a hash key."""
        part = self.parts.get(pk, [])
        return Order(self.sort_name, part, lambda sort: sort, self._sort, lambda sort: self._shown((pk, sort)))

    def _tell(self, address: Address, before: Item | None, after: Item | None) -> None:
        for index in self.indexes.values():
            index.pending.append((address, after))
        if self.streamed:
            self.stream.append((before, after))

    def _sort(self, key: Item) -> Sort:
        return self.address(key)[1]

    def _shown(self, address: Address) -> Shown:
        item = self.items[address]
        return self.key(item), item

    def _index(self, definition: dict[str, Any]) -> Index:
        hash_name, sort_name = (each["AttributeName"] for each in definition["KeySchema"])
        whole = definition["Projection"]["ProjectionType"] == "ALL"
        address_of = partial(self.address, whole=True)
        return Index(definition["IndexName"], hash_name, sort_name, whole, address_of, self.key)


def size(value: Value) -> int:
    """About the bytes that a value takes of an item's 400 KB."""
    [(kind, content)] = value.items()
    if kind in {"S", "N", "B"}:
        return len(content)
    if kind == "M":
        return sum(len(name) + size(inner) for name, inner in content.items())
    return sum(map(size, content)) if kind == "L" else 1
