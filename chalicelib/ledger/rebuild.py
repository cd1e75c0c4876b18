"""The books again, from the journal alone: what its entries come to on each account, and how that differs from what
the accounts say.

It takes the entries in the order of the feed, adds them up, and knows nothing of how the balances were written. The
lines of an account have no order that the journal could tell, so a sum of hashes, in any order, says whether they are
made of the same entries (`mark`). Leaves to the service: reading, and what to do with a difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime
from hashlib import sha256
from typing import Any

from chalicelib.core.values import dataclass
from chalicelib.ledger.documents import Recorded
from chalicelib.ledger.domain import Account, is_deferred, rooms
from chalicelib.ledger.holds import CAPTURED, EXPIRED, PLACED, VOIDED, Status
from chalicelib.ledger.lines import Line
from chalicelib.ledger.reservations import held_changes

_MARKS = 2**256


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be: `kind` is a stable code, `subject` the account, entry or checkpoint."""

    kind: str
    subject: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Total:
    """What entries come to on one account: the balance (debits positive) and what is held, in minor units; how many
    they are, and their mark. `currencies` are those of their legs: one, or the journal is wrong."""

    amount: int = 0
    held: int = 0
    lines: int = 0
    mark: int = 0
    currencies: frozenset[str] = frozenset()

    def __add__(self, other: Total) -> Total:
        return Total(
            amount=self.amount + other.amount,
            held=self.held + other.held,
            lines=self.lines + other.lines,
            mark=(self.mark + other.mark) % _MARKS,
            currencies=self.currencies | other.currencies,
        )


NOTHING = Total()


@dataclass(frozen=True, slots=True)
class Proven:
    """How far an account was proved: what its entries numbered up to `upto` come to (`total`), and up to which version
    its lines were held against them, with what those come to and the hash of the last. `open_since`: the number behind
    which entries are that were not; None where there are none."""

    upto: int = 0
    total: Total = NOTHING
    version: int = 0
    lines: Total = NOTHING
    hash: str = ""
    open_since: int | None = None


UNPROVED = Proven()


@dataclass(frozen=True, slots=True)
class Stood:
    """An account as it was read, with what its conditions compare, and when it was last moved (as text)."""

    account: Account
    debit_room: int
    credit_room: int
    last_at: str


class Totals:
    """What the entries of a feed come to, by account, up to the number taken last.

    A deferred account stands at a number of its own, `folded` or a later one: what comes after `folded` is kept by
    number, to be summed up to there. With `since`, the entries come after that number, and all are kept so: each
    account goes on from a base of its own.
    """

    def __init__(self, folded: int, *, since: int | None = None) -> None:
        self._folded = folded
        self._since = since
        self._sums: dict[str, Total] = {}
        self._behind: dict[str, list[tuple[int, Total]]] = defaultdict(list)

    def take(self, number: int, item: Recorded, digest: bytes) -> None:
        """Add the entry of a number, greater than any before."""
        for account_id, effect in effects(item, digest).items():
            if self._since is not None or (is_deferred(account_id) and number > self._folded):
                self._behind[account_id].append((number, effect))
            else:
                self._sums[account_id] = self._sums.get(account_id, NOTHING) + effect

    def of(self, account_id: str, *, as_of: int | None = None, base: Proven = UNPROVED) -> Total:
        """What was taken comes to on an account, with what it came to before (`base`); of a deferred one up to
        `as_of`."""
        total = base.total + self._sums.get(account_id, NOTHING)
        for number, effect in self._behind.get(account_id, ()):
            counts = not is_deferred(account_id) if as_of is None else number <= as_of
            if number > base.upto and counts:
                total += effect
        return total

    def accounts(self) -> Iterator[str]:
        """Every account that some entry touches."""
        return iter(sorted(self._sums.keys() | self._behind.keys()))


class OpenHolds:
    """The holds that entries have placed and none of them has closed, in whatever order the entries come."""

    def __init__(self) -> None:
        self._placed: dict[str, datetime] = {}
        self._closed: set[str] = set()

    def take(self, item: Recorded) -> None:
        """Add an entry."""
        hold_id = item.subject or ""
        if item.kind == PLACED:
            self._placed[hold_id] = item.recorded_at
        elif item.kind in {CAPTURED, VOIDED, EXPIRED} and item.data["status"] != Status.PENDING.value:
            self._closed.add(hold_id)
        if hold_id in self._placed and hold_id in self._closed:
            del self._placed[hold_id]
            self._closed.remove(hold_id)

    def placed_before(self, instant: datetime) -> list[str]:
        """The ids of those that were placed before an instant."""
        return sorted(hold_id for hold_id, placed_at in self._placed.items() if placed_at < instant)


def effects(item: Recorded, digest: bytes) -> dict[str, Total]:
    """What one entry does to each account: a line on each that it moves or reserves on. `digest` is its document's."""
    amounts: dict[str, int] = defaultdict(int)
    currencies: dict[str, set[str]] = defaultdict(set)
    for leg in item.legs:
        amounts[leg.account_id] += leg.amount
        currencies[leg.account_id].add(leg.currency)
    held = held_changes(item.legs, item.data)
    return {
        account_id: Total(
            amount=amounts.get(account_id, 0),
            held=held.get(account_id, 0),
            lines=1,
            mark=_mark(item.entry_id, amounts.get(account_id, 0), digest.hex()),
            currencies=frozenset(currencies.get(account_id, ())),
        )
        for account_id in dict.fromkeys((*amounts, *held))
    }


def total_of_lines(lines: Iterable[Line]) -> Total:
    """What lines of an account say its entries come to."""
    total = NOTHING
    for line in lines:
        total += Total(line.amount, line.held, 1, _mark(line.entry_id, line.amount, line.digest))
    return total


def imbalance(item: Recorded) -> dict[str, int]:
    """By how much the legs of an entry fail to balance, by currency: nothing, or the journal is wrong."""
    sums: dict[str, int] = defaultdict(int)
    for leg in item.legs:
        sums[leg.currency] += leg.amount
    return {currency: difference for currency, difference in sums.items() if difference}


def differences(stood: Stood, total: Total) -> tuple[Difference, ...]:
    """How an account differs from what the journal comes to, of which it counts as many entries."""
    account = stood.account
    lowered = (0, account.held) if account.kind.debit_normal else (account.held, 0)
    debit_room, credit_room = (room - held for room, held in zip(rooms(account), lowered, strict=True))
    compared = (
        ("balance_differs", account.balance, total.amount),
        ("held_differs", account.held, total.held),
        ("debit_room_differs", stood.debit_room, debit_room),
        ("credit_room_differs", stood.credit_room, credit_room),
    )
    found = [
        Difference(kind, account.account_id, {"account": stands, "journal": comes_to})
        for kind, stands, comes_to in compared
        if stands != comes_to
    ]
    if account.status == "closed" and (account.balance or account.held):
        left = {"balance": account.balance, "held": account.held}
        found.append(Difference("closed_not_zero", account.account_id, left))
    if total.currencies - {account.currency}:
        facts = {"account": account.currency, "journal": sorted(total.currencies)}
        found.append(Difference("currency_differs", account.account_id, facts))
    return tuple(found)


def _mark(entry_id: str, amount: int, digest: str) -> int:
    return int.from_bytes(sha256(f"{entry_id} {amount} {digest}".encode()).digest(), "big")
