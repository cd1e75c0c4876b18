"""An account's lines: what each entry did to it, the balance after, and the hashes that chain one to the one before.

A change of an account, as its two images tell of it, stands for one entry or for several (`Step`). It becomes a line
for each (`expand`); a line is chained to its predecessor (`chain`) as soon as that one is chained itself. What a
chained line says follows from the account's entries and their order alone, so whoever folds them again gets the same.

    hash = hexadecimal SHA-256 of the canonical JSON (see `documents`) of
    {
        "account": "tenant#account_id", "version", "entry_id",
        "amount", "balance", "held": minor units; amount and balance are debits less credits,
        "at", "occurred", "reference",
        "digest": hexadecimal digest of the entry's document,
        "previous": the hash of the line before; 64 zeros before the first
    }

`at`, the recorded time, is the later of the entry's and of the line before: entries are stamped by many clocks, and an
account's lines run forward all the same. `occurred` is the entry's effective time, "#" and the version in 12 digits, so
that lines sort by it. That a line was filled in later (`refilled`) and the debits so far are notes outside the hash.

Leaves to the store: where lines are, and that none is counted twice in the total of its day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from chalicelib.core.errors import Defect
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.documents import Recorded, canonical, digest
from chalicelib.ledger.reservations import held_changes

BEFORE_THE_FIRST = "0" * 64
"""What stands for the hash of the line before the first."""

VERSION_DIGITS = 12

AFTER = "$"
"""Sorts behind the "#" in a line's `occurred`: an instant with it comes after the lines of that very instant."""


@dataclass(frozen=True, slots=True)
class Line:
    """One version of an account. `amount` and `balance` are debits less credits, `held` is what holds reserve more (or,
    negative, less), `debits` all debits up to here. A line that is not chained yet has no `hash` and no `debits`, and
    its `at` may still move forward. `account` is the hash key that account and lines share."""

    account: str
    version: int
    entry_id: str
    amount: int
    balance: int
    held: int
    at: str
    occurred: str
    reference: str | None
    digest: str
    debits: int | None = None
    hash: str | None = None
    refilled: bool = False

    @property
    def occurred_at(self) -> str:
        """The effective time, as text."""
        return self.occurred.partition("#")[0]

    @property
    def day(self) -> int:
        """The day of the effective time as a number: 20260302."""
        return day_number(self.occurred)


@dataclass(frozen=True, slots=True)
class Booked:
    """What lines tell of an entry. `moved`: what it moves on each account, debits positive; `held`: what holds reserve
    more, or (negative) less."""

    entry_id: str
    recorded_at: str
    occurred_at: str
    reference: str | None
    digest: str
    moved: Mapping[str, int]
    held: Mapping[str, int]

    def touches(self, account_id: str) -> bool:
        """Whether it has a line on an account."""
        return account_id in self.moved or account_id in self.held


@dataclass(frozen=True, slots=True)
class Step:
    """A change of an account: it stood at `version` and `balance`, and moved on by `lines` versions, `amount` and
    `held`. `commit` is the journal item that did it, or the mark of a fold, which brought it to feed number `as_of`."""

    tenant: str
    account_id: str
    version: int
    lines: int
    balance: int
    amount: int
    held: int
    commit: str
    as_of: int = 0

    @property
    def account(self) -> str:
        """The hash key of the account and of its lines."""
        return f"{self.tenant}#{self.account_id}"


@dataclass(frozen=True, slots=True)
class DaySum:
    """What some lines of one day move in all, and the versions of the first and the last of them."""

    day: int
    total: int
    debits: int
    first: int
    last: int


def booked(item: Recorded) -> Booked:
    """What lines tell of a journal item."""
    moved: dict[str, int] = defaultdict(int)
    for leg in item.legs:
        moved[leg.account_id] += leg.amount
    recorded_at, occurred_at = instant_text(item.recorded_at), instant_text(item.occurred_at)
    held = held_changes(item.legs, item.data)
    return Booked(item.entry_id, recorded_at, occurred_at, item.reference, digest(item).hex(), moved, held)


def occurred_text(instant: str, version: int) -> str:
    """What a line is sorted by in effective time."""
    return f"{instant}#{version:0{VERSION_DIGITS}d}"


def line_of(entry: Booked, account: str, *, version: int, amount: int, balance: int, held: int) -> Line:
    """The line of an entry on an account, not chained yet."""
    return Line(
        account=account,
        version=version,
        entry_id=entry.entry_id,
        amount=amount,
        balance=balance,
        held=held,
        at=entry.recorded_at,
        occurred=occurred_text(entry.occurred_at, version),
        reference=entry.reference,
        digest=entry.digest,
    )


def expand(step: Step, entries: Sequence[Booked]) -> tuple[Line, ...]:
    """A line for each entry that a step stands for, in their order, not chained yet. What a line moves is what its
    entry says, whatever the account itself says (see `is_explained`).

    Raises Defect where the entries are not as many, or do not hold as much, as the step says.
    """
    held = [entry.held.get(step.account_id, 0) for entry in entries] if step.lines > 1 else [step.held]
    if len(entries) != step.lines or sum(held) != step.held:
        counted = f"{len(entries)} entries that hold {sum(held)}"
        raise Defect(f"{step.account} moved by {step.lines} entries that hold {step.held}, and found {counted}")
    lines: list[Line] = []
    balance = step.balance
    for version, (entry, reserved) in enumerate(zip(entries, held, strict=True), start=step.version + 1):
        amount = entry.moved.get(step.account_id, 0)
        balance += amount
        lines.append(line_of(entry, step.account, version=version, amount=amount, balance=balance, held=reserved))
    return tuple(lines)


def is_explained(step: Step, entries: Iterable[Booked]) -> bool:
    """Whether an account moved by what the entries of the step say, and by nothing else."""
    return step.amount == sum(entry.moved.get(step.account_id, 0) for entry in entries)


def chain(previous: Line | None, lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines that follow each other, chained on behind a chained one (None: they begin with the first)."""
    chained: list[Line] = []
    for line in lines:
        previous = _chained(previous, line)
        chained.append(previous)
    return tuple(chained)


def loose(previous: Line | None, lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines whose predecessor is missing, or not chained itself: their `at` runs forward, and they have no hash."""
    at = "" if previous is None else previous.at
    found: list[Line] = []
    for line in lines:
        at = max(at, line.at)
        found.append(replace(line, at=at))
    return tuple(found)


def _chained(previous: Line | None, line: Line) -> Line:
    version = 0 if previous is None else previous.version
    if line.version != version + 1 or (previous is not None and previous.hash is None):
        raise Defect(f"{line.account}: version {line.version} cannot be chained behind {version}")
    balance, debits, at, before = line.amount, max(line.amount, 0), line.at, BEFORE_THE_FIRST
    if previous is not None:
        balance, debits = previous.balance + balance, (previous.debits or 0) + debits
        at, before = max(previous.at, at), str(previous.hash)
    found = _hash(line, at=at, balance=balance, previous=before)
    return replace(line, balance=balance, debits=debits, at=at, hash=found)


def _hash(line: Line, *, at: str, balance: int, previous: str) -> str:
    content = {
        "account": line.account,
        "version": line.version,
        "entry_id": line.entry_id,
        "amount": line.amount,
        "balance": balance,
        "held": line.held,
        "at": at,
        "occurred": line.occurred,
        "reference": line.reference,
        "digest": line.digest,
        "previous": previous,
    }
    return sha256(canonical(content)).hexdigest()


def check_chain(lines: Iterable[Line], *, previous: Line | None = None) -> int | None:
    """The first version at which lines that should follow each other (behind `previous`; None: from the first) do not;
    None where they do. Where a version is missing, it is that one. That a line's digest is its entry's, whoever has the
    entries checks."""
    for line in lines:
        version = 1 if previous is None else previous.version + 1
        if line.version != version:
            return version
        if line != _chained(previous, line):
            return version
        previous = line
    return None


def day_number(instant: str) -> int:
    """The day of an instant's text as a number: 20260302."""
    return int(instant[:4] + instant[5:7] + instant[8:10])


def day_sums(lines: Iterable[Line]) -> tuple[DaySum, ...]:
    """What lines come to by day. Those that move nothing are left out."""
    days: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        if line.amount:
            days[line.day].append(line)
    return tuple(_day_sum(day, found) for day, found in days.items())


def _day_sum(day: int, lines: Sequence[Line]) -> DaySum:
    versions = [line.version for line in lines]
    total, debits = sum(line.amount for line in lines), sum(max(line.amount, 0) for line in lines)
    return DaySum(day, total, debits, min(versions), max(versions))
