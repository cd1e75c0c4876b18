"""A movement that may be one the books have already: kept aside until a statement or a person decides.

open -> confirmed    it is a movement of its own, and is booked
open -> dismissed    it is the one that the books have
dismissed -> open    undone
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from chalicelib.banking.movements import Movement
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import derived_id
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass

Status = Literal["open", "confirmed", "dismissed"]
STATEMENT = "stm_"


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """`entry_id` is the entry it is, or would be, booked as, `doubted_entry_id` the one of the movement that it may be,
    which is booked under `doubted_key`. `decided_by` is a person's client, or the statement that decided."""

    duplicate_id: str
    movement: Movement
    entry_id: str
    doubted_entry_id: str
    doubted_key: str
    message_id: str
    created_at: datetime
    status: Status = "open"
    decided_by: str = ""
    comment: str = ""
    decided_at: datetime | None = None


def duplicate_id(tenant: str, movement_key: str) -> str:
    """The id of a possible duplicate: from the key of its movement, so that it is kept once."""
    return derived_id("dup", tenant, movement_key)


def decide(found: PossibleDuplicate, status: Status, *, by: str, comment: str, at: datetime) -> PossibleDuplicate:
    """The possible duplicate as confirmed or dismissed. A statement that shows the movement outranks an earlier one
    that did not. Raises Conflict `possible_duplicate_decided`."""
    outranked = found.status == "dismissed" and status == "confirmed" and found.decided_by.startswith(STATEMENT)
    if found.status != "open" and not (outranked and by.startswith(STATEMENT)):
        raise _decided(found)
    return replace(found, status=status, decided_by=by, comment=comment, decided_at=at)


def reopen(found: PossibleDuplicate) -> PossibleDuplicate:
    """A dismissed one as it was before. Raises Conflict `possible_duplicate_decided` where it is open, or is booked:
    money that a bank has moved is taken back by the bank alone."""
    if found.status != "dismissed":
        raise _decided(found)
    return replace(found, status="open", decided_by="", comment="", decided_at=None)


def duplicate_facts(found: PossibleDuplicate) -> dict[str, Any]:
    """What is journalled and shown of a possible duplicate."""
    movement = found.movement
    return {
        "duplicate_id": found.duplicate_id,
        "status": found.status,
        "bank_id": movement.account.bank_id,
        "iban": movement.account.iban,
        "bank_reference": movement.bank_reference,
        "amount_minor": movement.amount.minor,
        "currency": movement.amount.currency,
        "booked_on": movement.booked_on.isoformat() if movement.booked_on else None,
        "reference": movement.text,
        "counterparty_name": movement.counterparty_name,
        "entry_id": found.entry_id,
        "doubted_entry_id": found.doubted_entry_id,
        "message_id": found.message_id,
        "created_at": instant_text(found.created_at),
        "decided_by": found.decided_by or None,
        "decided_at": None if found.decided_at is None else instant_text(found.decided_at),
        "comment": found.comment or None,
    }


def _decided(found: PossibleDuplicate) -> Conflict:
    facts = {"duplicate_id": found.duplicate_id, "status": found.status}
    return Conflict("possible_duplicate_decided", f"the possible duplicate is {found.status}", **facts)
