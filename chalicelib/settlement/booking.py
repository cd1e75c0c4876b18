"""A movement that a bank's message states, booked once: as its payout's, for what it quotes, or in suspense."""

from __future__ import annotations

import logging
from datetime import datetime
from hashlib import sha256

from chalicelib.banking import payout_changes
from chalicelib.banking.movements import Movement
from chalicelib.banking.payouts import is_payout_id
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, NotFound, Refusal
from chalicelib.queues.failures import log_failure
from chalicelib.queues.metrics import emit
from chalicelib.settlement.kinds import MOVEMENT
from chalicelib.settlement.service.identity import get_duplicate
from chalicelib.settlement.service.movements import book_in_suspense, book_movement

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
    if book_in_suspense(call, movement, refusal.code).item.kind != MOVEMENT:
        raise refusal


def book_confirmed(tenant: str, duplicate_id: str, *, now: datetime) -> None:
    """Book a possible duplicate that is confirmed; one that is not, is left alone. Done twice it is booked once."""
    found = get_duplicate(tenant, duplicate_id)
    if found.status == "confirmed":
        entropy = sha256(duplicate_id.encode()).digest()
        book_stated(found.movement, now=now, entropy=entropy, is_last_try=True)


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
