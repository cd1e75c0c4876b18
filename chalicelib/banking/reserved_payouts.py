"""Payouts of what a release has reserved: made, put off, stopped, resumed, cancelled. Each command is one commit.

What is done is decided when it is done, from what is reserved then. The version of the payout's record
decides between a payment and a refund that lowers it; what cannot be paid now is visible with its reason, and is tried
again by the schedule of what is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as changed
from datetime import datetime, timedelta
from hashlib import sha256
from typing import cast

from chalicelib.banking import payee_store, payout_store, store
from chalicelib.banking.payout_ageing import new_clock
from chalicelib.banking.payout_postings import creation_postings, source_account_id
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import (
    SHORT,
    WAITING,
    Reserved,
    Stop,
    cancel,
    go_on,
    pay_from,
    proceed,
    put_off,
    resume,
    stop,
)
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Busy, Conflict, InvalidInput, NotFound
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import entry_of
from chalicelib.ledger.reservations import held_facts
from chalicelib.ledger.store.accounts import to_account
from chalicelib.ledger.store.entries import balance_writes, plan_entry
from chalicelib.ledger.store.moves import no_account
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned, load
from chalicelib.storage.tables import AccountItem, Key, account_key

ACTOR = "payouts"
TRIES = 8
RETRY = timedelta(hours=1)
"""When a payout that could not be made is tried again."""

_KINDS = {
    State.RESERVED: "payout.waiting",
    State.STOPPED: "payout.stopped",
    State.CANCELLED: "payout.cancelled",
}
"""What the journal calls a step after which a payout is not made."""

Refused = (Conflict, InvalidInput, NotFound)


class _Moved(Exception):
    """The payout has changed since its version was read."""


StopOf = Callable[[Payout], Stop | None]
"""What stops a payout as things stand. It is read when the payout is to be made: a reversal that is booked after that
comes after the payout."""


def follow_reserved(reserved: Reserved, stop_of: StopOf, *, now: datetime) -> Payout:
    """Do with what an entry has reserved what its party's schedule asks for now: see `proceed`; where something stops
    it, it waits. However often it is asked, and by how many, it is paid once. Raises Busy `try_again`."""
    return _follow(lambda: payout_store.load_reserved(reserved), stop_of, now)


def follow_payout(tenant: str, payout_id: str, stop_of: StopOf, *, now: datetime) -> Payout:
    """The same for a payout that has a record. Raises NotFound `payout_not_found`."""
    key = store.payout_key(tenant, payout_id)
    return _follow(lambda: load(key, Payout, "payout_not_found", payout_id=payout_id), stop_of, now)


def resume_payout(call: Call, payout_id: str, stop_of: StopOf) -> Outcome:
    """Have a stopped payout made after all. Facts: payout_id, state. Raises NotFound `payout_not_found`, Conflict
    `payout_state`, `trade_not_funded`."""
    return _change(call, payout_id, "payout.resumed", lambda payout: resume(payout, stop_of(payout), now=call.now))


def cancel_payout(call: Call, payout_id: str) -> Outcome:
    """Give up a payout whose money is only reserved: it is the party's balance. Raises NotFound `payout_not_found`,
    Conflict `payout_state`."""
    return _change(call, payout_id, "payout.cancelled", cancel)


def _follow(read: Callable[[], Versioned[Payout]], stop_of: StopOf, now: datetime) -> Payout:
    for _ in range(TRIES):
        stored = read()
        payout = stored.value
        waits = bool(stored.version) and payout.due_at is not None and payout.due_at > now
        if payout.state not in WAITING or (payout.state is State.STOPPED and waits):
            return payout
        stop = stop_of(payout)
        try:
            if stop is not None and stop.holds(payout):
                return _stopped(stored, stop, now)
            return payout if waits else _step(stored, now)
        except _Moved:
            continue
    raise Busy("try_again", "others keep changing the payout: ask again")


def _stopped(stored: Versioned[Payout], by: Stop, now: datetime) -> Payout:
    payout = stored.value
    return _commit(stored, now, ":stopped", lambda _: stop(payout, by, now=now, until=now + RETRY))


def _step(stored: Versioned[Payout], now: datetime) -> Payout:
    """The payout after what its schedule asks for, or put off with the reason why that was refused."""
    before = go_on(stored.value)
    try:
        return _commit(stored, now, "", lambda found: _proceeded(found, stored, now))
    except Refused as refusal:
        reason = SHORT if refusal.code == "condition_not_met" else refusal.code
        return _commit(stored, now, ":put-off", lambda _: put_off(before, reason, now=now, until=now + RETRY))


def _commit(stored: Versioned[Payout], now: datetime, step: str, change: Callable[[Found], Payout]) -> Payout:
    payout = stored.value
    key = f"{ACTOR}:{payout.payout_id}:{stored.version}{step}"
    entropy = sha256(key.encode()).digest()
    call = worker_call(tenant=payout.tenant, key=key, content=None, now=now, entropy=entropy, actor=ACTOR)

    def decide(found: Found) -> Plan:
        if _version(found, payout) != stored.version:
            raise _Moved
        return _plan(call, stored, change(found))

    once(call, decide, reads=_keys(payout))
    return store.load_payout(payout.tenant, payout.payout_id)


def _proceeded(found: Found, stored: Versioned[Payout], now: datetime) -> Payout:
    payout = go_on(stored.value)
    store.take_party(found, payout.tenant, payout.party_id)
    schedule = payout_store.take_schedule(found, payout.tenant, payout.party_id).value
    account_id = source_account_id(payout)
    item = cast("AccountItem | None", found.get(account_key(payout.tenant, account_id)))
    if item is None:
        raise no_account(account_id)
    after = proceed(payout, schedule, to_account(item), now=now)
    if after.state is not State.CREATED:
        return after
    payee = payee_store.take_payee(found, payout.tenant, payout.party_id).value
    paid = pay_from(after, store.take_paying(found, payout.tenant, payout.currency), now=now)
    return new_clock(changed(paid, bank_account_id=payee.default_account_id), now=now)


def _plan(call: Call, before: Versioned[Payout], after: Payout) -> Plan:
    """What a step books: a payment takes all that was reserved, pays its amount and lets the rest go."""
    account_id, reserved = source_account_id(after), before.value.amount_minor
    ends = after.state in {State.CREATED, State.CANCELLED}
    data = _facts(after) | (held_facts({account_id: -reserved}) if ends else {})
    writes = payout_store.save_reserved(before, after)
    if after.state is State.CREATED:
        entry = entry_of("payout.created", creation_postings(after), occurred_at=call.now, subject=after.payout_id)
        covered = Condition(account_id, Rule.AT_LEAST, after.amount_minor)
        return plan_entry(call, entry, *writes, data=data, conditions=(covered,))
    kind = _KINDS[after.state]
    item = journal_item(call, kind, subject=after.payout_id, data=data)
    return Plan(item, (*balance_writes(item), *writes))


def _change(call: Call, payout_id: str, kind: str, change: Callable[[Payout], Payout]) -> Outcome:
    key = store.payout_key(call.tenant, payout_id)

    def decide(found: Found) -> Plan:
        before = store.take_payout(found, call.tenant, payout_id)
        after = change(before.value)
        let_go = before.value.amount_minor - after.amount_minor
        data = _facts(after) | held_facts({source_account_id(after): -let_go})
        item = journal_item(call, kind, subject=payout_id, data=data)
        return Plan(item, (*balance_writes(item), *payout_store.save_reserved(before, after)))

    return once(call, decide, reads=(key,))


def _facts(payout: Payout) -> dict[str, object]:
    return {
        "payout_id": payout.payout_id,
        "party_id": payout.party_id,
        "state": payout.state.value,
        "reason": payout.reason,
        "minor": payout.amount_minor,
        "currency": payout.currency,
    }


def _version(found: Found, payout: Payout) -> int:
    key = store.payout_key(payout.tenant, payout.payout_id)
    return store.take_payout(found, payout.tenant, payout.payout_id).version if key in found else 0


def _keys(payout: Payout) -> tuple[Key, ...]:
    return (
        store.payout_key(payout.tenant, payout.payout_id),
        store.party_key(payout.tenant, payout.party_id),
        store.paying_key(payout.tenant, payout.currency),
        payout_store.schedule_key(payout.tenant, payout.party_id),
        payee_store.payee_key(payout.tenant, payout.party_id),
        account_key(payout.tenant, source_account_id(payout)),
    )
