"""Netting as arithmetic: what is owed one way and the other becomes few payments that leave each party as it was.

Parties are numbers here: their places in a window's roster. Amounts are minor units of the window's one currency.
Leaves to others: what an obligation must be and when a window takes it (`netting.py`), the trades that payments become.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import field
from enum import Enum

from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass


class Mode(Enum):
    """Bilateral: one payment at most for each two parties, of the difference between what they owe each other.
    Multilateral: each party pays or gets what it owes all others less what they owe it, in few payments."""

    BILATERAL = "bilateral"
    MULTILATERAL = "multilateral"


@dataclass(frozen=True, slots=True)
class Transfer:
    """What one party pays another once all is netted."""

    payer: int
    payee: int
    minor: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What one party owes another, and in how many obligations."""

    payer: int
    payee: int
    count: int
    minor: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What obligations come to so far, for each payer and payee (`3>17`): their number, and their amount. Kept in one
    document, so it is short: two numbers for each two parties that have dealt."""

    flows: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many obligations have been summed."""
        return sum(count for count, _ in self.flows.values())

    @property
    def minor(self) -> int:
        """What they come to."""
        return sum(minor for _, minor in self.flows.values())

    def listed(self) -> tuple[Flow, ...]:
        """The sums one by one, by payer and payee."""
        flows = (Flow(*_ends(way), *sums) for way, sums in self.flows.items())
        return tuple(sorted(flows, key=lambda flow: (flow.payer, flow.payee)))

    def and_also(self, owed: Iterable[Transfer]) -> Sums:
        """The sums with more obligations."""
        flows = dict(self.flows)
        for one in owed:
            way = f"{one.payer}>{one.payee}"
            count, minor = flows.get(way, (0, 0))
            flows[way] = (count + 1, minor + one.minor)
        return Sums(flows)


@dataclass(frozen=True, slots=True)
class Position:
    """What a party owes all others, and what they owe it."""

    party: int
    owes: int = 0
    owed: int = 0

    @property
    def net(self) -> int:
        """What it gets (negative: pays) in all."""
        return self.owed - self.owes


def positions(sums: Sums) -> tuple[Position, ...]:
    """The position of each party that owes or is owed, by party."""
    owes: dict[int, int] = defaultdict(int)
    owed: dict[int, int] = defaultdict(int)
    for flow in sums.listed():
        owes[flow.payer] += flow.minor
        owed[flow.payee] += flow.minor
    return tuple(Position(party, owes[party], owed[party]) for party in sorted({*owes, *owed}))


def netted_by(mode: Mode, sums: Sums) -> tuple[Transfer, ...]:
    """The payments that settle these sums, each more than nothing. Each party gets in all what it would have got
    without netting: anything else is a Defect."""
    transfers = _bilateral(sums) if mode is Mode.BILATERAL else _multilateral(sums)
    before = {position.party: position.net for position in positions(sums) if position.net}
    after = {party: net for party, net in _nets(transfers).items() if net}
    if before != after or any(one.minor < 1 for one in transfers):
        raise Defect(f"netting has changed what parties get: {before} became {after}")
    return transfers


def _bilateral(sums: Sums) -> tuple[Transfer, ...]:
    between: dict[tuple[int, int], int] = defaultdict(int)
    for flow in sums.listed():
        first, second = sorted((flow.payer, flow.payee))
        between[first, second] += flow.minor if flow.payer == first else -flow.minor
    return tuple(_one_way(first, second, minor) for (first, second), minor in sorted(between.items()) if minor)


def _one_way(first: int, second: int, minor: int) -> Transfer:
    return Transfer(first, second, minor) if minor > 0 else Transfer(second, first, -minor)


def _multilateral(sums: Sums) -> tuple[Transfer, ...]:
    """The largest debt is paid to the largest claim, as far as that goes, and so on: each payment brings one party at
    least to nothing, and the last brings two, so that there is one payment less than parties at most."""
    left = {position.party: position.net for position in positions(sums) if position.net}
    transfers: list[Transfer] = []
    for _ in range(len(left)):
        if not left:
            break
        payer = min(left, key=lambda party: (left[party], party))
        payee = max(left, key=lambda party: (left[party], -party))
        minor = min(-left[payer], left[payee])
        transfers.append(Transfer(payer, payee, minor))
        moved = {payer: left[payer] + minor, payee: left[payee] - minor}
        left = {party: net for party, net in (left | moved).items() if net}
    return tuple(transfers)


def _nets(transfers: Iterable[Transfer]) -> dict[int, int]:
    nets: dict[int, int] = defaultdict(int)
    for one in transfers:
        nets[one.payer] -= one.minor
        nets[one.payee] += one.minor
    return nets


def _ends(way: str) -> tuple[int, int]:
    payer, _, payee = way.partition(">")
    return int(payer), int(payee)
