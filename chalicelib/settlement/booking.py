"""A movement that a bank's message states, booked once: as its payout's, for what it quotes, or in suspense."""

from __future__ import annotations

import logging
from datetime import datetime
from hashlib import sha256

from chalicelib.banking import payout_changes
from chalicelib.banking.movements import Movement
from chalicelib.banking.payout_changes import payee_of_dead
from chalicelib.banking.payouts import is_payout_id
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, NotFound, Refusal
from chalicelib.queues.failures import log_failure
from chalicelib.queues.metrics import emit
from chalicelib.settlement.domain.possible_duplicates import PossibleDuplicate, entry_of
from chalicelib.settlement.domain.receipts import Target, receipt_id
from chalicelib.settlement.kinds import MOVEMENT
from chalicelib.settlement.service.allocations import Allocate, allocate
from chalicelib.settlement.service.bank_reversals import book_reversal
from chalicelib.settlement.service.identity import get_duplicate
from chalicelib.settlement.service.movements import book_in_suspense, book_movement, receive_movement
from chalicelib.settlement.service.placements import nothing_placed

CLOSED_MEANWHILE = "period_closed"
"""The books were closed up to after the instant at which the message was taken up: it comes again, later than that."""

CONTRADICTED = "PayoutsContradicted"
"""Movements of payouts that contradict what is booked of them, as a metric."""

log = logging.getLogger("quittance.settlement")


def book_stated(movement: Movement, *, now: datetime, entropy: bytes, is_last_try: bool) -> None:
    """Book what has moved, under the key it is known as.

    Where that contradicts what we know, or its payout stays unknown to the last, it has moved all the same: it goes to
    suspense. Where the books have the movement as something else already, the contradiction is raised: a payout waits
    for it in vain, and somebody should know.
    """
    call = _call(movement, now, entropy)
    try:
        _as_stated(call, movement, now)
    except NotFound as unknown:
        if not is_last_try:
            raise
        refusal: Refusal = unknown
    except Conflict as contradiction:
        if contradiction.code == CLOSED_MEANWHILE:
            raise
        refusal = contradiction
    else:
        return
    if is_payout_id(movement.end_to_end_id):
        log_failure(log, "payout_contradicted", refusal, tenant=call.tenant)
        emit(CONTRADICTED, 1, at=now)
    booked = book_in_suspense(call, movement, refusal.code).item
    if booked.kind != MOVEMENT:
        raise refusal
    if movement.is_payout_debit and isinstance(refusal, Conflict):
        _claim(call, movement, str(booked.data["receipt_id"]))


def _claim(call: Call, movement: Movement, receipt_id: str) -> None:
    """Claim from its payee what a bank has paid by an attempt that is dead; where a person was faster, that stands."""
    payee = payee_of_dead(movement)
    if payee is None:
        return
    own = worker_call(
        tenant=call.tenant, key=f"claim:{receipt_id}", content=None, now=call.now, entropy=b"", actor=call.actor
    )
    try:
        allocate(own, Allocate(receipt_id, Target.CLAIM, payee, reason="paid by a dead attempt"))
    except Conflict as moved:
        if moved.code != "receipt_allocated":
            raise


def book_decided(tenant: str, duplicate_id: str, *, now: datetime) -> None:
    """Book a possible duplicate that is confirmed, after taking back what was booked of it last and was undone: it is
    undone only where it was booked, so that those before are taken back by then. Done twice it is done once."""
    found = get_duplicate(tenant, duplicate_id)
    if found.taken_back:
        _take_back(found, found.taken_back - 1, now=now)
    if found.status == "confirmed":
        entropy = sha256(duplicate_id.encode()).digest()
        book_stated(found.booked_as(found.taken_back), now=now, entropy=entropy, is_last_try=True)


def _take_back(found: PossibleDuplicate, number: int, *, now: datetime) -> None:
    """Take back a booking as a bank would: what it paid for has it no more, and what was paid on is a claim."""
    undoing, booked = found.undoing(number), entry_of(found.booked_as(number))
    call = _call(undoing, now, b"")
    kept = receive_movement(call, undoing, nothing_placed(undoing.amount), "possible_duplicate_dismissed")
    book_reversal(call, undoing, kept, receipt_id(call.tenant, booked))


def _as_stated(call: Call, movement: Movement, now: datetime) -> None:
    if movement.is_payout_debit:
        payout_changes.settle_payout(movement, now=now)
    elif movement.is_payout_return:
        payout_changes.return_payout(movement, now=now)
    else:
        book_movement(call, movement)


def _call(movement: Movement, now: datetime, entropy: bytes) -> Call:
    return worker_call(
        tenant=movement.account.tenant_id,
        key=movement.key,
        content=movement.content,
        now=now,
        entropy=entropy,
        actor=movement.account.bank_id,
    )
