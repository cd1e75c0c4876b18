"""How reserved payouts and payout schedules stand in DynamoDB.

tenant#payout     payout             made by the first command that changes it; due while it waits for an instant
tenant#payout     subject            stands in the list of its subject's payouts, where it waits before it is made
tenant#party      payout-schedule    due when the next run is
"""

from __future__ import annotations

from dataclasses import replace as changed

from chalicelib.banking import payout_lists, store
from chalicelib.banking.payout_schedules import PayoutSchedule
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import Reserved
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Due, Versioned, create, replace, take
from chalicelib.storage.tables import Key, record_key


def take_reserved(found: Found, reserved: Reserved) -> Versioned[Payout]:
    """The payout of what is reserved, among what a batch read found; version 0: as its entry left it, nothing has
    changed it yet."""
    record = take(found, store.payout_key(reserved.tenant, reserved.payout_id), Payout)
    return Versioned(reserved.payout(), 0) if record is None else record


def load_reserved(reserved: Reserved) -> Versioned[Payout]:
    """The same, read strongly."""
    return take_reserved(fetch((store.payout_key(reserved.tenant, reserved.payout_id),)), reserved)


def save_reserved(before: Versioned[Payout], after: Payout) -> tuple[Write, ...]:
    """Write the next state of a payout that was reserved when it was read, for the first time or anew. One that is made
    (`created`) can be found by its bank from then on.

    condition: there is no record yet, or its version is the one that was read; else decide again
    """
    key = store.payout_key(after.tenant, after.payout_id)
    if before.version:
        state = replace(key, after, version=before.version, due=Due(after.due_at))
    else:
        created = create(key, after, exists="payout_exists", due_at=after.due_at, **_listed(after))
        state = changed(created, refuse=lambda _: Stale())
    overdue = payout_lists.change_overdue(before.value, after)
    if after.state is State.CREATED:
        return state, store.create_payout_owner(after, is_listed=bool(before.version)), *overdue
    if before.version or after.state is State.CANCELLED:
        return state, *overdue
    return state, *store.list_waiting(after)


def _listed(payout: Payout) -> dict[str, str]:
    """Where the list of payouts has it. One that ends before it was ever shown is left out: it says nothing that the
    party's balance does not."""
    if payout.state is State.CANCELLED:
        return {}
    return store.payout_place(payout)


def schedule_key(tenant: str, party_id: str) -> Key:
    """Where a party's payout schedule is kept."""
    return record_key(tenant, party_id, "payout-schedule")


def take_schedule(found: Found, tenant: str, party_id: str) -> Versioned[PayoutSchedule]:
    """The schedule among what a batch read found; version 0: none was set, and the party is paid at once."""
    record = take(found, schedule_key(tenant, party_id), PayoutSchedule)
    return Versioned(PayoutSchedule(), 0) if record is None else record


def load_schedule(tenant: str, party_id: str) -> Versioned[PayoutSchedule]:
    """The schedule of a party, read strongly. Raises NotFound `party_not_found`."""
    found = fetch((store.party_key(tenant, party_id), schedule_key(tenant, party_id)))
    store.take_party(found, tenant, party_id)
    return take_schedule(found, tenant, party_id)


def save_schedule(tenant: str, party_id: str, before: Versioned[PayoutSchedule], after: PayoutSchedule) -> Write:
    """Write a party's schedule for the first time or anew.

    condition: there is none yet, or its version is the one that was read; else decide again
    """
    key = schedule_key(tenant, party_id)
    if before.version:
        return replace(key, after, version=before.version, due=Due(after.next_run_at))
    created = create(key, after, exists="payout_schedule_exists", due_at=after.next_run_at)
    return changed(created, refuse=lambda _: Stale())


def banked_currencies(tenant: str) -> list[str]:
    """The currencies in which a tenant has an account at a bank."""
    return list(dict.fromkeys(link.currency for link in store.every_account(tenant)))
