"""A tenant's totals: debits and credits of every kind of account in each currency, up to a number of the feed and up to
an effective instant.

They are cumulative and kept by blocks of 100 numbers, so that a total at any number is a block's total and at most 99
entries more. For the effective clock each currency has a tree of periods (all years, a year's months, a month's days, a
day's hours, an hour's minutes): what took effect before an instant is a sum over five nodes, however long the books.

    2026-03-02T09:30:00Z  =  years before 2026 + months before 03 + days before 02 + hours before 09 + minutes before 30

A minute has two parts, its first instant (`30`) and the rest of it (`30+`): what is dated by a day takes effect at the
first instant of a minute, however many entries of however many blocks that are.

A block's totals follow from the entries up to its last number alone: written again, they are the same. Leaves to the
store: reading entries and the kinds of accounts, and where totals are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Kind

BLOCK = 100
"""How many numbers a block has: as many entries as one batch reads."""

MISSING = "missing"
"""The kind under which legs are counted whose account does not exist: no sound books have any."""

KINDS = (*(kind.value for kind in Kind), MISSING)

LEVELS = 5
"""Years, months, days, hours, minutes."""

_DIGITS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16))
"""Where an instant's text has them."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Debits and credits, in minor units."""

    debits: int = 0
    credits: int = 0

    def __add__(self, other: Moved) -> Moved:
        return Moved(self.debits + other.debits, self.credits + other.credits)

    @property
    def net(self) -> int:
        """Debits less credits."""
        return self.debits - self.credits


NOTHING = Moved()

Sums = dict[tuple[str, str], Moved]
"""Totals by kind of account and currency."""

Children = dict[str, dict[str, Moved]]
"""Totals by kind of account, for each part of a period (`03` of a year, `30` of an hour)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One leg of an entry: kind and currency of the account, amount (minor units, debits positive), and when the entry
    took effect, as text."""

    kind: str
    currency: str
    amount: int
    occurred_at: str

    @property
    def moved(self) -> Moved:
        """As debit or as credit."""
        return Moved(self.amount, 0) if self.amount > 0 else Moved(0, -self.amount)


def block_end(number: int) -> int:
    """The last number of the newest block that ends at or before a number; 0 before the first."""
    return number // BLOCK * BLOCK


def sums(effects: Iterable[Effect]) -> Sums:
    """What effects come to, by kind and currency."""
    found: Sums = defaultdict(Moved)
    for effect in effects:
        found[effect.kind, effect.currency] += effect.moved
    return dict(found)


def added(one: Mapping[tuple[str, str], Moved], other: Mapping[tuple[str, str], Moved]) -> Sums:
    """Both together."""
    return {key: one.get(key, NOTHING) + other.get(key, NOTHING) for key in sorted(one.keys() | other.keys())}


def by_period(effects: Iterable[Effect]) -> dict[tuple[str, str], Children]:
    """What effects come to, by currency and period, each with its parts: all five levels."""
    found: dict[tuple[str, str], Children] = defaultdict(lambda: defaultdict(lambda: defaultdict(Moved)))
    for effect in effects:
        for period, part in path(effect.occurred_at):
            found[effect.currency, period][part][effect.kind] += effect.moved
    return {key: {part: dict(kinds) for part, kinds in parts.items()} for key, parts in found.items()}


def merged(one: Mapping[str, Mapping[str, Moved]], other: Mapping[str, Mapping[str, Moved]]) -> Children:
    """A period's parts with more added to them."""
    return {
        part: {
            kind: one.get(part, {}).get(kind, NOTHING) + other.get(part, {}).get(kind, NOTHING)
            for kind in sorted(one.get(part, {}).keys() | other.get(part, {}).keys())
        }
        for part in sorted(one.keys() | other.keys())
    }


def path(instant: str) -> tuple[tuple[str, str], ...]:
    """The periods that an instant lies in, from all years to its hour, each with the part of it: the last is the first
    instant of a minute, or the rest of it."""
    parts = [instant[start:end] for start, end in _DIGITS]
    if not begins_minute(instant):
        parts[-1] += "+"
    return tuple(("".join(parts[:level]), parts[level]) for level in range(LEVELS))


def begins_minute(instant: str) -> bool:
    """Is an instant's text the first instant of its minute?"""
    return instant.endswith(":00.000000Z")


def before(children: Mapping[str, Mapping[str, Moved]], part: str, currency: str) -> Sums:
    """What the parts of a period that come before one of them come to."""
    found: Sums = defaultdict(Moved)
    for each, kinds in children.items():
        if each < part:
            for kind, moved in kinds.items():
                found[kind, currency] += moved
    return dict(found)


def depth(end: str) -> int:
    """How many levels a cut goes down before an instant: fewer where it is the first of its month, or of a year."""
    if not begins_minute(end):
        return LEVELS
    rest = ("-01-01T00:00", "-01T00:00", "T00:00", ":00")
    for level, text in enumerate(rest, start=1):
        if end[:16].endswith(text):
            return level
    return LEVELS


def differences(found: Mapping[tuple[str, str], Moved]) -> dict[str, int]:
    """Debits less credits over all kinds, by currency."""
    nets: dict[str, int] = defaultdict(int)
    for (_, currency), moved in found.items():
        nets[currency] += moved.net
    return dict(sorted(nets.items()))


def encoded(children: Mapping[str, Mapping[str, Moved]]) -> dict[str, dict[str, Sequence[int]]]:
    """Totals as a JSON value: `{part: {kind: [debits, credits]}}`."""
    return {part: {kind: [m.debits, m.credits] for kind, m in kinds.items()} for part, kinds in children.items()}


def decoded(value: Mapping[str, Mapping[str, Sequence[int]]]) -> Children:
    """Totals as `encoded` gave them."""
    return {part: {kind: Moved(*moved) for kind, moved in kinds.items()} for part, kinds in value.items()}
