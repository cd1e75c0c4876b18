"""A movement that may be one the books have already: kept aside until a statement or a person decides.

open -> confirmed    it is a movement of its own, and is booked
open -> dismissed    it is the one that the books have
dismissed -> open    undone
confirmed -> dismissed    undone by a person: what was booked of it is taken back
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from chalicelib.banking.movements import Movement
from chalicelib.core.call import WORKER, entry_id
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import derived_id
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass

Status = Literal["open", "confirmed", "dismissed"]
STATEMENT = "stm_"


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """`entry_id` is the entry it is, or would be, booked as, `doubted_entry_id` the one of the movement that it may be,
    which is booked under `doubted_key`. `decided_by` is a person's client, or the statement that decided. `taken_back`
    counts how often it was booked and that was undone."""

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
    taken_back: int = 0

    def booked_as(self, number: int) -> Movement:
        """The movement as it is booked for the first time (0), or anew after as many bookings were taken back: under a
        key of its own each time."""
        return replace(self.movement, known_as=f"{self.movement.key}:again{number}") if number else self.movement

    def undoing(self, number: int) -> Movement:
        """The movement that takes back its booking of a number, of the same days."""
        return Movement(
            account=self.movement.account,
            bank_reference="",
            amount=-self.movement.amount,
            booked_on=self.movement.booked_on,
            value_on=self.movement.value_on,
            counterparty_name=self.movement.counterparty_name,
            text=self.movement.text,
            reversal=True,
            known_as=f"undo{number}:{self.duplicate_id}",
        )


def duplicate_id(tenant: str, movement_key: str) -> str:
    """The id of a possible duplicate: from the key of its movement, so that it is kept once."""
    return derived_id("dup", tenant, movement_key)


def decide(found: PossibleDuplicate, status: Status, *, by: str, comment: str, at: datetime) -> PossibleDuplicate:
    """The possible duplicate as confirmed or dismissed. A statement that shows the movement outranks an earlier one
    that did not. Raises Conflict `possible_duplicate_decided`."""
    outranked = found.status == "dismissed" and status == "confirmed" and found.decided_by.startswith(STATEMENT)
    if found.status != "open" and not (outranked and by.startswith(STATEMENT)):
        raise _decided(found)
    after = replace(found, status=status, decided_by=by, comment=comment, decided_at=at)
    booked = found.booked_as(found.taken_back)
    return replace(after, entry_id=entry_of(booked)) if status == "confirmed" else after


def revoke(found: PossibleDuplicate, *, by: str, comment: str, at: datetime) -> PossibleDuplicate:
    """One that a person has confirmed, as dismissed after all: what was booked of it is to be taken back. Raises
    Conflict `possible_duplicate_decided` where it is not confirmed, or a statement has decided."""
    if found.status != "confirmed" or found.decided_by.startswith(STATEMENT):
        raise _decided(found)
    taken_back = found.taken_back + 1
    return replace(found, status="dismissed", decided_by=by, comment=comment, decided_at=at, taken_back=taken_back)


def entry_of(movement: Movement) -> str:
    """The id of the entry that a movement is, or would be, booked as."""
    return entry_id(movement.account.tenant_id, f"{WORKER}:{movement.key}")


def reopen(found: PossibleDuplicate) -> PossibleDuplicate:
    """A dismissed one as it was before. Raises Conflict `possible_duplicate_decided` where it is open or confirmed."""
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
        "taken_back": found.taken_back,
    }


def _decided(found: PossibleDuplicate) -> Conflict:
    facts = {"duplicate_id": found.duplicate_id, "status": found.status}
    return Conflict("possible_duplicate_decided", f"the possible duplicate is {found.status}", **facts)
