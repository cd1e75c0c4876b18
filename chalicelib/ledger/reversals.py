"""Reversals: an entry is never changed; another takes it back, whole or in parts, and never more than there was.

Only what was booked by hand is taken back so. What a trade, a line or a payout booked follows from their state, and is
undone by their own commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, Side

ENTRY_REVERSED = "entry.reversed"
REVERSIBLE = frozenset({"entry.posted", "transfer.posted", "hold.captured"})
"""The kinds of entry that are booked by hand. A reversal is none of them: it is put right by a new entry."""

MOST_REVERSALS = 50
"""Of one entry. The last must take back all that is left."""


@dataclass(frozen=True, slots=True)
class Reversed:
    """What is taken back of one entry: minor units by account, and the entries that did it."""

    taken: dict[str, int] = field(default_factory=dict)
    entry_ids: tuple[str, ...] = ()


def remaining(postings: Sequence[Posting], state: Reversed) -> tuple[Posting, ...]:
    """What of an entry is not taken back yet: a posting for each account, on the side of the entry's own."""
    return tuple(leg for leg in _left(postings, state).values() if leg.amount.minor)


def reversal(
    kind: str, postings: Sequence[Posting], state: Reversed, parts: Sequence[Posting] | None
) -> tuple[Posting, ...]:
    """The legs that take back `parts` of an entry of this kind and these postings, or all that is left (None).

    Raises Conflict `entry_not_reversible`, `entry_fully_reversed`; for the first leg that breaks a rule InvalidInput
    `posting_not_in_entry` (no leg of the entry moved this account the other way), Conflict `reversal_exceeds_entry`;
    then Conflict `too_many_reversals`.
    """
    if kind not in REVERSIBLE:
        raise Conflict("entry_not_reversible", "only what was booked by hand is reversed by hand", kind=kind)
    left = _left(postings, state)
    rest = tuple(_turned(leg) for leg in left.values() if leg.amount.minor)
    if not rest:
        raise Conflict("entry_fully_reversed", "nothing of the entry is left to reverse")
    if parts is None:
        return rest
    after = _less(left, parts)
    if any(after.values()) and len(state.entry_ids) >= MOST_REVERSALS - 1:
        sentence = f"the last of {MOST_REVERSALS} reversals takes back all that is left"
        raise Conflict("too_many_reversals", sentence, maximum=MOST_REVERSALS)
    return tuple(parts)


def with_reversal(state: Reversed, entry_id: str, legs: Sequence[Posting]) -> Reversed:
    """The state after an entry that takes back these legs."""
    taken = dict(state.taken)
    for leg in legs:
        taken[leg.account_id] = taken.get(leg.account_id, 0) + leg.amount.minor
    return Reversed(taken, (*state.entry_ids, entry_id))


def _left(postings: Sequence[Posting], state: Reversed) -> dict[str, Posting]:
    """By account, what is left of the entry: an entry moves an account one way only, and in one currency."""
    sums: dict[str, Posting] = {}
    for leg in postings:
        earlier = sums.get(leg.account_id)
        sums[leg.account_id] = (
            leg if earlier is None else Posting(leg.account_id, leg.side, earlier.amount + leg.amount)
        )
    return {
        account_id: Posting(account_id, leg.side, leg.amount.of(leg.amount.minor - state.taken.get(account_id, 0)))
        for account_id, leg in sums.items()
    }


def _less(left: dict[str, Posting], parts: Sequence[Posting]) -> dict[str, int]:
    """What is left of each account after these parts as well."""
    after = {account_id: leg.amount.minor for account_id, leg in left.items()}
    for i, part in enumerate(parts):
        leg = left.get(part.account_id)
        facts: dict[str, object] = {"field": f"postings[{i}]", "account_id": part.account_id}
        if leg is None or leg.side is part.side or leg.amount.currency != part.amount.currency:
            raise InvalidInput("posting_not_in_entry", "the entry has no such leg on the other side", **facts)
        rest = after[part.account_id]
        if part.amount.minor > rest:
            facts |= {"requested": part.amount.minor, "remaining": rest}
            raise Conflict("reversal_exceeds_entry", "more than is left of the entry", **facts)
        after[part.account_id] = rest - part.amount.minor
    return after


def _turned(leg: Posting) -> Posting:
    side = Side.CREDIT if leg.side is Side.DEBIT else Side.DEBIT
    return Posting(leg.account_id, side, leg.amount)
