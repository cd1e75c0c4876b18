"""Batches: entries in a row that are booked all or none, as if each had come after the one before it.

The updates of an account that several entries move are one write: it moves the sum, and it needs the room that the
highest point on the way needs. So a batch is booked exactly where its entries, sent one after the other, would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate

from chalicelib.core.call import Call, caller_key, fingerprint
from chalicelib.core.errors import InvalidInput, TooLarge, about
from chalicelib.core.values import dataclass
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.conditions import MOST_ITEMS, Condition
from chalicelib.ledger.domain import Entry, is_deferred


@dataclass(frozen=True, slots=True)
class Keyed:
    """One entry of a batch, and the idempotency key that is its own."""

    key: str
    command: PostEntry


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry of a batch that may be booked, with the call it is booked under and its conditions."""

    call: Call
    entry: Entry
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one entry of a batch asks of one account: the amount (minor units, debits positive; 0: it asks for the
    balance only) and the conditions on the balance before it."""

    index: int
    amount: int
    occurred_at: datetime
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """All that a batch asks of one account, in order. `currency` is empty where no entry moves it."""

    account_id: str
    currency: str
    steps: tuple[Step, ...]

    @property
    def lines(self) -> int:
        """How many entries move the account."""
        return sum(1 for step in self.steps if step.amount)

    @property
    def amount(self) -> int:
        """What they move in all."""
        return sum(step.amount for step in self.steps)

    @property
    def priors(self) -> tuple[int, ...]:
        """What the entries before each step move."""
        return tuple(accumulate((step.amount for step in self.steps[:-1]), initial=0))

    @property
    def peaks(self) -> tuple[int, int]:
        """The most that they need of the room for debits, and of the room for credits, on the way."""
        reached = list(accumulate(step.amount for step in self.steps))
        return max(0, *reached), max(0, *(-amount for amount in reached))

    @property
    def earliest(self) -> datetime:
        """The earliest instant at which one of them took effect."""
        return min(step.occurred_at for step in self.steps if step.amount)


def bookings_of(call: Call, batch: Sequence[Keyed]) -> tuple[Booking, ...]:
    """The entries of a batch, each under a call of its own.

    Raises InvalidInput `too_few_entries`, TooLarge `batch_too_large`, and of the first entry that breaks a rule its
    refusal with its place: of its key (`duplicate_key_in_batch`, also where it is the batch's own), then of the entry.
    """
    if not batch:
        raise InvalidInput("too_few_entries", "a batch has one entry at least", field="entries", minimum=1)
    _check_items(1 + len(batch))
    taken = {call.key}
    bookings: list[Booking] = []
    for index, keyed in enumerate(batch):
        with about("entries", index):
            bookings.append(_booking(call, keyed, taken))
        taken.add(bookings[-1].call.key)
    return tuple(bookings)


def _booking(call: Call, keyed: Keyed, taken: set[str]) -> Booking:
    key = caller_key(keyed.key, "idempotency_key")
    if key in taken:
        sentence = "each entry of a batch, and the batch itself, has a key of its own"
        raise InvalidInput("duplicate_key_in_batch", sentence, field="idempotency_key")
    mark = fingerprint("BATCH", keyed.key, call.fingerprint)
    entry = keyed.command.entry(now=call.now)
    return Booking(replace(call, key=key, fingerprint=mark), entry, keyed.command.conditions)


def runs_of(bookings: Sequence[Booking]) -> tuple[Run, ...]:
    """What the entries ask of each account, in the order the accounts first appear. Deferred accounts have no run.

    Raises InvalidInput `account_in_two_currencies` with the place of the second, and TooLarge `batch_too_large`.
    """
    currencies: dict[str, str] = {}
    steps: dict[str, list[Step]] = {}
    for index, booking in enumerate(bookings):
        for account_id, step in _steps(index, booking, currencies).items():
            steps.setdefault(account_id, []).append(step)
    _check_items(1 + len(bookings) + len(steps))
    return tuple(Run(account_id, currencies.get(account_id, ""), tuple(run)) for account_id, run in steps.items())


def _steps(index: int, booking: Booking, currencies: dict[str, str]) -> dict[str, Step]:
    """What one entry asks of each account; the currency of each is added to those that are known."""
    amounts: dict[str, int] = {}
    for i, posting in enumerate(booking.entry.postings):
        account_id, currency = posting.account_id, posting.amount.currency
        if currencies.setdefault(account_id, currency) != currency:
            facts = {"field": f"postings[{i}].account_id", "account_id": account_id}
            with about("entries", index):
                raise InvalidInput("account_in_two_currencies", "account in two currencies", **facts)
        amounts[account_id] = amounts.get(account_id, 0) + posting.signed
    asked: dict[str, list[Condition]] = {account_id: [] for account_id in amounts if not is_deferred(account_id)}
    for condition in booking.conditions:
        asked.setdefault(condition.account_id, []).append(condition)
    return {
        account_id: Step(index, amounts.get(account_id, 0), booking.entry.occurred_at, tuple(conditions))
        for account_id, conditions in asked.items()
    }


def _check_items(items: int) -> None:
    if items > MOST_ITEMS:
        sentence = f"a batch is at most {MOST_ITEMS} items: itself, its entries, and the accounts they move or ask for"
        raise TooLarge("batch_too_large", sentence, items=items, maximum=MOST_ITEMS)
