"""What an entry reserves on accounts, told by its journal item alone: money set aside for a payout that comes later.

Three forms stand in an item's data, and the account's own update moves by the same numbers (`balance_writes`):

    held_account_id, held_minor         a hold's step: so much more, or (negative) less
    reserved_legs: [1, 2]               the entry reserves all that these legs credit
    held_by_account: {"acc_...": -90}   the entry reserves so much more, or less, of each account
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from chalicelib.ledger.domain import Posting, Side

RESERVED_LEGS = "reserved_legs"


class CreditLeg(Protocol):
    """A leg of a journal item: `storage.journal.Leg` has this shape."""

    @property
    def account_id(self) -> str:
        """Which account it moves."""

    @property
    def amount(self) -> int:
        """Minor units, debits positive."""


def reserving_facts(postings: Sequence[Posting], account_ids: Collection[str]) -> dict[str, Any]:
    """What the journal item of an entry keeps where it reserves all that it credits to these accounts."""
    legs = [
        i for i, one in enumerate(postings) if one.side is Side.CREDIT and one.account_id in account_ids and one.signed
    ]
    return {RESERVED_LEGS: legs} if legs else {}


def held_facts(changes: Mapping[str, int]) -> dict[str, Any]:
    """What a journal item keeps where it reserves more, or (negative) less, of accounts."""
    held = {account_id: change for account_id, change in changes.items() if change}
    return {"held_by_account": held} if held else {}


def reserves(data: Mapping[str, Any]) -> bool:
    """Whether an entry reserves what it credits."""
    return bool(data.get(RESERVED_LEGS))


def reserved_by_account(legs: Sequence[CreditLeg], data: Mapping[str, Any]) -> dict[str, int]:
    """What an entry reserves of what it credits, by account, in minor units."""
    return {legs[i].account_id: -legs[i].amount for i in data.get(RESERVED_LEGS, ())}


def held_changes(legs: Sequence[CreditLeg], data: Mapping[str, Any]) -> dict[str, int]:
    """By how much a journal item reserves more, or (negative) less, of each account, in minor units."""
    changes: dict[str, int] = defaultdict(int, reserved_by_account(legs, data))
    for account_id, change in data.get("held_by_account", {}).items():
        changes[account_id] += change
    if "held_account_id" in data:
        changes[data["held_account_id"]] += data["held_minor"]
    return dict(changes)
