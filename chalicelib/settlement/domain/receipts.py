"""A receipt: one movement of a bank account that is no payout's, what of it went where, and what is left in suspense.

Money in is positive; a receipt of money out (a bank's charge, something taken back) is negative, and so are its parts.
What is left always lies in suspense, so that the suspense account is the sum of what all receipts have left.

Pure. Leaves to others: what a part books and does to its target (`chalicelib.settlement.service`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime
from enum import Enum

from chalicelib.core.errors import Conflict, Defect, InvalidInput, NotFound
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass

MAX_ALLOCATIONS = 50
"""Parts of one receipt that stand, or that the bank has taken back. The last takes all that is left. Those that were
undone count no more: the receipt keeps as many as it has room for, the journal all."""


PAIRING_UNDONE = "pairing_undone"
"""Why something of a receipt is in suspense again that had met one of the other sign."""


class Target(Enum):
    """What a part of a receipt goes to. RECEIPT: one of the other sign, with which it is paired; REVERSED: the receipt
    that this one takes back for the bank; CLAIM: a claim on the party that a bank paid without being asked to."""

    TRADE = "trade"
    CREDIT_LINE = "credit_line"
    LENDER = "lender"
    PARTY = "party"
    ACCOUNT = "account"
    RECEIPT = "receipt"
    REVERSED = "reversed"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class Stake:
    """What a part has of its trade's escrow: `units` of the money put in, in the escrow's `round` of being filled."""

    units: int
    round: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """A part of a receipt that went somewhere. `ended_minor` of it was undone or taken back by the bank since,
    `reversed_minor` by the bank. `event` is the repayment's place in its credit line's history."""

    number: int
    target: Target
    target_id: str
    minor: int
    entry_id: str
    allocated_at: datetime
    allocated_by: str
    ended_minor: int = 0
    stake: Stake | None = None
    event: str = ""
    reversed_minor: int = 0

    @property
    def standing_minor(self) -> int:
        """What of it still stands."""
        return self.minor - self.ended_minor

    @property
    def is_undone(self) -> bool:
        """Whether nothing of it stands, nor could stand again: the bank has nothing of it."""
        return not self.standing_minor and not self.reversed_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """`amount_minor` is signed, `unallocated_minor` what of it is left in suspense, and `reversed_minor` what the bank
    has taken back. The counterparty is the payer of money in; its account is masked, and sealed apart. `reason` is why
    it was not, or not wholly, used as it came. `freezes` are the trades on which it keeps as much on hold.
    `was_unmatched`: something of it has been in suspense. `is_reversal`: the bank says that it undoes another
    movement. `allocations_made` counts its parts, those too that it keeps no more."""

    receipt_id: str
    bank_id: str
    iban: str
    bank_reference: str
    currency: str
    amount_minor: int
    unallocated_minor: int
    reference: str
    booked_on: date | None
    value_on: date | None
    counterparty_name: str
    counterparty_account: str
    reason: str
    entry_id: str
    received_at: datetime
    allocations: tuple[Allocation, ...] = ()
    reversed_minor: int = 0
    end_to_end_id: str = ""
    uetr: str = ""
    original_reference: str = ""
    freezes: dict[str, int] = field(default_factory=dict)
    was_unmatched: bool = False
    is_reversal: bool = False
    allocations_made: int = 0

    def __post_init__(self) -> None:
        standing = sum(part.standing_minor for part in self.allocations)
        if self.amount_minor != standing + self.unallocated_minor + self.reversed_minor:
            raise Defect(
                f"{self.receipt_id}: {standing} allocated, {self.unallocated_minor} left of {self.amount_minor}"
            )

    @property
    def unallocated(self) -> Money:
        """What of it lies in suspense."""
        return Money(self.unallocated_minor, self.currency)

    @property
    def disposition(self) -> str:
        """`matched`, or `suspense` while something of it waits there."""
        return "suspense" if self.unallocated_minor else "matched"

    def allocation(self, number: int) -> Allocation:
        """One of its parts. Raises NotFound `allocation_not_found`."""
        found = next((part for part in self.allocations if part.number == number), None)
        if found is None:
            facts = {"receipt_id": self.receipt_id, "allocation": number}
            raise NotFound("allocation_not_found", "the receipt has no such allocation", **facts)
        return found


def receipt_id(tenant: str, entry_id: str) -> str:
    """The id of the receipt of the movement that an entry books."""
    return derived_id("rcp", tenant, entry_id)


def part_to_allocate(receipt: Receipt, amount: Money | None) -> Money:
    """What a command allocates: the amount given (of money out: as a positive one), or all that is left; signed.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`; Conflict `receipt_allocated` (nothing is left),
    `receipt_exceeded`, `too_many_allocations`.
    """
    left = receipt.unallocated
    if amount is not None and amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "the amount is more than zero", field="amount.minor")
    if amount is not None and amount.currency != receipt.currency:
        facts = {"expected": receipt.currency, "given": amount.currency}
        raise InvalidInput("currency_mismatch", "the receipt is in another currency", field="amount.currency", **facts)
    if not left.minor:
        raise Conflict("receipt_allocated", "nothing of the receipt is left", receipt_id=receipt.receipt_id)
    sign = 1 if left.minor > 0 else -1
    part = left if amount is None else left.of(sign * amount.minor)
    if abs(part.minor) > abs(left.minor):
        amounts = {"requested": abs(part.minor), "unallocated": abs(left.minor)}
        sentence = "less than that is left of the receipt"
        raise Conflict("receipt_exceeded", sentence, receipt_id=receipt.receipt_id, **amounts)
    return part


def with_allocation(receipt: Receipt, part: Allocation, *, reason: str = "") -> Receipt:
    """The receipt after a part of what is left went somewhere. Raises Conflict `too_many_allocations`."""
    left = receipt.unallocated_minor - part.minor
    counted = sum(not one.is_undone for one in receipt.allocations)
    if counted >= MAX_ALLOCATIONS or (left and counted == MAX_ALLOCATIONS - 1):
        sentence = f"the last of {MAX_ALLOCATIONS} parts takes all that is left"
        raise Conflict("too_many_allocations", sentence, maximum=MAX_ALLOCATIONS)
    return replace(
        receipt,
        allocations=(*_with_room(receipt.allocations), part),
        allocations_made=part.number,
        unallocated_minor=left,
        reason=(reason or receipt.reason) if left else "",
    )


def with_ended(
    receipt: Receipt, number: int, minor: int, *, reversed_by_bank: bool = False, reason: str = ""
) -> Receipt:
    """The receipt after `minor` of a part was undone (it lies in suspense again) or taken back by the bank."""
    before = receipt.allocation(number)
    by_bank = before.reversed_minor + (minor if reversed_by_bank else 0)
    stake = _less(before, minor)
    after = replace(before, ended_minor=before.ended_minor + minor, reversed_minor=by_bank, stake=stake)
    parts = tuple(after if part.number == number else part for part in receipt.allocations)
    if reversed_by_bank:
        return replace(receipt, allocations=parts, reversed_minor=receipt.reversed_minor + minor)
    left = receipt.unallocated_minor + minor
    return replace(receipt, allocations=parts, unallocated_minor=left, reason=reason or receipt.reason)


def as_one(parts: Sequence[Allocation]) -> Allocation:
    """What stands of parts of one target, as if it were one part; of an escrow, what they have in its latest round."""
    stakes = [part.stake for part in parts if part.stake is not None]
    latest = max((stake.round for stake in stakes), default=0)
    units = sum(stake.units for stake in stakes if stake.round == latest)
    minor = sum(part.standing_minor for part in parts)
    return replace(parts[0], minor=minor, ended_minor=0, stake=Stake(units, latest) if stakes else None)


def with_taken_back(receipt: Receipt, target: Target, target_id: str, minor: int) -> Receipt:
    """The receipt after the bank took back `minor` of its parts of a target, the latest first."""
    for part in reversed(receipt.allocations):
        if (part.target, part.target_id) != (target, target_id):
            continue
        ended = _as_much(minor, part.standing_minor)
        if ended:
            receipt = with_ended(receipt, part.number, ended, reversed_by_bank=True)
            minor -= ended
    return receipt


def with_rest_reversed(receipt: Receipt, minor: int) -> Receipt:
    """The receipt after the bank took back `minor` of what was left in suspense."""
    left = receipt.unallocated_minor - minor
    return replace(
        receipt,
        unallocated_minor=left,
        reversed_minor=receipt.reversed_minor + minor,
        reason=receipt.reason if left else "",
    )


def with_reversal_undone(receipt: Receipt, minor: int, uncovered: Mapping[int, int]) -> Receipt:
    """The receipt of which the bank did not take `minor` back after all: what targets could not give (by the number of
    a part of each) stands again, the rest lies in suspense."""
    left = receipt.unallocated_minor + minor - sum(uncovered.values())
    parts = receipt.allocations
    for number, lacking in uncovered.items():
        parts = _standing_again(parts, receipt.allocation(number), lacking)
    return replace(
        receipt,
        allocations=_less_reversed(parts, minor),
        unallocated_minor=left,
        reversed_minor=receipt.reversed_minor - minor,
        reason=PAIRING_UNDONE if left else "",
    )


def paid_to_event(receipt: Receipt, event: str) -> Allocation:
    """The part of a receipt that is a repayment at this place of its line's history."""
    return next(part for part in receipt.allocations if part.event == event)


def next_number(receipt: Receipt) -> int:
    """The number of its next part."""
    return max([receipt.allocations_made, *(part.number for part in receipt.allocations)]) + 1


def _with_room(parts: tuple[Allocation, ...]) -> tuple[Allocation, ...]:
    """The parts less the first one that was undone, where there are as many as a receipt has room for."""
    undone = next((part for part in parts if part.is_undone), None)
    return parts if len(parts) < MAX_ALLOCATIONS else tuple(part for part in parts if part is not undone)


def _less_reversed(parts: tuple[Allocation, ...], minor: int) -> tuple[Allocation, ...]:
    """The parts after the bank did not take `minor` of them back after all, the latest first."""
    after: list[Allocation] = []
    for part in reversed(parts):
        less = _as_much(minor, part.reversed_minor)
        after.append(replace(part, reversed_minor=part.reversed_minor - less))
        minor -= less
    return tuple(reversed(after))


def _standing_again(parts: tuple[Allocation, ...], of: Allocation, minor: int) -> tuple[Allocation, ...]:
    """The parts after `minor` of those of one target stands again."""
    after: list[Allocation] = []
    for part in parts:
        alike = (part.target, part.target_id) == (of.target, of.target_id)
        again = _as_much(minor, part.ended_minor) if alike else 0
        after.append(replace(part, ended_minor=part.ended_minor - again))
        minor -= again
    return tuple(after)


def _as_much(wanted: int, there: int) -> int:
    """As much of an amount as there is of its sign."""
    return min(wanted, max(there, 0)) if wanted > 0 else max(wanted, min(there, 0))


def _less(part: Allocation, minor: int) -> Stake | None:
    """What a part still has of its escrow, after `minor` of it has ended."""
    if part.stake is None:
        return None
    left = part.standing_minor - minor
    return replace(part.stake, units=part.stake.units * left // part.standing_minor if part.standing_minor else 0)
