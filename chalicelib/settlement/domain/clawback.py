"""Where a refund from receivers comes from: payouts not made yet, then what is free on the receiver's account; what
neither has is a claim on it. Never from money that is set aside for anything else, nor from another party's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Clawback:
    """What of an amount (minor units) is taken back from one receiver: by how much each payout is `lowered`, by id, how
    much comes `from_balance`, and what is `lacking`."""

    lowered: Mapping[str, int]
    from_balance: int
    lacking: int

    @property
    def let_go(self) -> int:
        """By how much less is reserved on the receiver's account."""
        return sum(self.lowered.values())

    @property
    def taken(self) -> int:
        """What is taken back."""
        return self.let_go + self.from_balance


def claw_back(minor: int, payouts: Sequence[tuple[str, int]], free: int) -> Clawback:
    """Take an amount back from a receiver whose unpaid payouts (by id, in the order in which they are lowered) and free
    balance are these."""
    left = minor
    lowered: dict[str, int] = {}
    for payout_id, reserved in payouts:
        if part := min(left, reserved):
            lowered[payout_id] = part
            left -= part
    from_balance = min(left, max(free, 0))
    return Clawback(lowered, from_balance, left - from_balance)


def by_role(parts: Sequence[tuple[str, int]], taken: int) -> dict[str, int]:
    """How what was taken back of one receiver counts for its roles, in their order; roles without any are left out."""
    counted: dict[str, int] = {}
    for role, minor in parts:
        if part := min(minor, taken):
            counted[role] = part
            taken -= part
    return counted
