"""Deferred accounts: what a run of numbered entries comes to on them.

An account that everybody books on (fees, clearing) would make every commit wait for every other. A deferred account is
not moved by the commit: the entry stands in the journal, gets its number in the feed, and a fold adds the legs of a run
of numbers to the balance at once. Leaves to the store: that a run is folded exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import is_deferred

MOST_ACCOUNTS = 99
"""How many accounts one fold moves: a commit has at most 100 writes, and one is the position's."""

_MARK = "feed:"


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry with its number in the feed: what it moves on each account (minor units, debits positive), and when it
    was recorded (as text)."""

    number: int
    moved: Mapping[str, int]
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Sum:
    """What a fold moves on one account: the amount, how many entries it stands for, and when the last was recorded."""

    amount: int
    lines: int
    last_at: str


@dataclass(frozen=True, slots=True)
class Fold:
    """What the entries numbered from `after` + 1 to `upto` come to, by account."""

    after: int
    upto: int
    sums: Mapping[str, Sum]


def fold_mark(after: int) -> str:
    """What stands as an account's last commit when a fold moved it on from a position: no entry's id."""
    return f"{_MARK}{after}"


def folded_after(last_commit: str) -> int | None:
    """The position that a fold went on from, by the last commit of an account; None where an entry moved it."""
    return int(last_commit.removeprefix(_MARK)) if last_commit.startswith(_MARK) else None


def fold(after: int, entries: Sequence[Numbered]) -> Fold:
    """What a run of entries, numbered from `after` + 1 without a gap, comes to on deferred accounts.

    It ends before the entry that would bring in more accounts than one commit moves.
    """
    upto = after
    sums: dict[str, Sum] = {}
    for entry in entries:
        if entry.number != upto + 1:
            raise Defect(f"a fold goes on at {upto + 1}, not at {entry.number}")
        moved = {account_id: amount for account_id, amount in entry.moved.items() if is_deferred(account_id)}
        if len(sums.keys() | moved.keys()) > MOST_ACCOUNTS:
            break
        sums |= {account_id: _added(sums.get(account_id), amount, entry) for account_id, amount in moved.items()}
        upto = entry.number
    return Fold(after, upto, sums)


def _added(earlier: Sum | None, amount: int, entry: Numbered) -> Sum:
    if earlier is None:
        return Sum(amount, 1, entry.recorded_at)
    return Sum(earlier.amount + amount, earlier.lines + 1, max(earlier.last_at, entry.recorded_at))
