"""Holds whose time is over are let go of: by the sweep, or at once by a command that needs the money.

Each is done once, under a worker's key of its own, whoever comes first. Until then it reserves what it did, and reads
leave it out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict
from chalicelib.ledger.holds import EXPIRED, expire
from chalicelib.ledger.store import holds as store
from chalicelib.ledger.store.moves import move_write
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found

MOST_AT_ONCE = 20
"""How many expired holds of an account a command returns before it decides again."""

MOST_ACCOUNTS = 3
"""Of how many accounts, one after the other, if the next turns out to be short as well."""

HELD_BACK = frozenset({"insufficient_funds", "held_not_zero"})

T = TypeVar("T")


def return_expired(tenant: str, hold_id: str, *, now: datetime, actor: str) -> Outcome:
    """Let go of a hold whose time is over. Told again, it is the same.

    Raises NotFound `hold_not_found`, and Conflict `hold_not_due`, `hold_captured`, `hold_voided`.
    """
    # No id is made from the call's serial: it needs no chance.
    call = worker_call(tenant=tenant, key=f"hold-expired:{hold_id}", content=hold_id, now=now, entropy=b"", actor=actor)

    def decide(found: Found) -> Plan:
        stored = store.take_hold(found, tenant, hold_id)
        step = expire(stored.hold, now=now)
        item = store.step_item(call, EXPIRED, step)
        return Plan(item, (store.save_hold(stored, step.hold), *(move_write(item, m) for m in store.step_moves(step))))

    return once(call, decide, store.hold_keys(tenant, hold_id))


def with_expired_returned(call: Call, act: Callable[[], T]) -> T:
    """What `act` gives. Where it is refused for what is held of an account (`insufficient_funds`, `held_not_zero`),
    holds of it whose time is over are let go of, at most 20, and it is done once more. It costs nothing while it is not
    refused."""
    for _ in range(MOST_ACCOUNTS):
        try:
            return act()
        except Conflict as refusal:
            if refusal.code not in HELD_BACK or not return_due(call, str(refusal.facts["account_id"])):
                raise
    return act()


def return_due(call: Call, account_id: str) -> bool:
    """Let go of holds of an account whose time is over, at most 20; whether there were any."""
    due = store.open_holds(call.tenant, account_id, "out", due_at=call.now).values[:MOST_AT_ONCE]
    for hold in due:
        with suppress(Conflict):  # somebody else has closed it meanwhile
            return_expired(call.tenant, hold.hold_id, now=call.now, actor=call.actor)
    return bool(due)
