"""More than 80 receivers: told in pages, kept in divisions of up to 80, and each paid by an entry of its own.

A page is one commit: what it comes to is planned of what the split holds, and the split becomes due. `pay_due`, run by
whoever looks after what is due, then pays one division after the other under a key of its own (`split:{id}:{number}`),
so that a run that was cut short anywhere is gone on with, and nobody is paid twice.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.call import Call, worker_call
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import credit
from chalicelib.splits import store
from chalicelib.splits.domain import postings
from chalicelib.splits.domain import split as rules
from chalicelib.splits.domain.split import Split, State
from chalicelib.splits.service.splitting import booked, split_facts
from chalicelib.storage.commit import Stale
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Due

PLANNED = "split.receivers_added"
PAID = "split.paid"
ACTOR = "splits"
MOST_AT_ONCE = 150
"""Divisions that one run pays: 10,000 receivers told in full pages are 125."""


@dataclass(frozen=True, slots=True)
class AddReceivers:
    """Pay receivers (account and minor units) out of what a split holds."""

    split_id: str
    receivers: tuple[tuple[str, int], ...]


def add_receivers(call: Call, command: AddReceivers) -> Outcome:
    """Plan to pay up to 2,000 receivers, in one commit. Whether they can be paid is seen when they are.

    Facts: the split, the first and last division that will pay them, how many they are and what they get in all. Raises
    NotFound `split_not_found` and what the rules of `add_receivers` raise.
    """

    def decide(found: Found) -> Plan:
        before = store.take_split(found, call.tenant, command.split_id)
        planned = rules.add_receivers(before.value, command.receivers)
        facts = {
            "split": split_facts(planned.split),
            "first_division": planned.divisions[0].number,
            "last_division": planned.divisions[-1].number,
            "added": len(command.receivers),
            "added_minor": planned.split.planned_minor - before.value.planned_minor,
        }
        item = journal_item(call, PLANNED, subject=command.split_id, reference=planned.split.reference, data=facts)
        save = store.save_split(call.tenant, planned.split, version=before.version, due=Due(call.now))
        created = (store.create_division(call.tenant, command.split_id, division) for division in planned.divisions)
        return Plan(item, (save, *created))

    return once(call, decide, (store.split_key(call.tenant, command.split_id),))


def pay_due(tenant: str, split_id: str, *, now: datetime, entropy: bytes) -> int:
    """Pay the receivers of a split that wait, at most 150 divisions; how many were paid (by this run, or by another at
    the same time). Where some are left the split stays due.

    An account that cannot be paid (closed, frozen, of another currency, none at all) is left out, with the reason kept
    in its division; its share stays held. Raises NotFound `split_not_found`, and a refusal where an account has changed
    between reading and writing: the next run sees it.
    """
    split = store.load_split(tenant, split_id)
    if split.state is not State.DISTRIBUTING:
        return 0
    first = split.paid_divisions + 1
    for number in range(first, first + MOST_AT_ONCE):
        outcome = _pay(tenant, split, number, now, entropy)
        if outcome.item.data["split"]["state"] != State.DISTRIBUTING.value:
            return number - first + 1
    return MOST_AT_ONCE


def _pay(tenant: str, split: Split, number: int, now: datetime, entropy: bytes) -> Outcome:
    """Pay one division, once."""
    split_id, waiting = split.split_id, store.load_division(tenant, split.split_id, number)
    content = {"split_id": split_id, "division": number}
    key = f"split:{split_id}:{number}"
    call = worker_call(tenant=tenant, key=key, content=content, now=now, entropy=entropy, actor=ACTOR)
    keys = (
        store.split_key(tenant, split_id),
        store.division_key(tenant, split_id, number),
        *store.account_keys(tenant, waiting.receivers),
    )
    return once(call, lambda found: _payment(call, found, split_id, number), keys)


def _payment(call: Call, found: Found, split_id: str, number: int) -> Plan:
    """The plan that pays a division to all who can be paid."""
    before = store.take_split(found, call.tenant, split_id)
    division = store.take_division(found, call.tenant, split_id, number)
    if before.value.paid_divisions != number - 1:
        # Somebody else has paid it since the key was read, or a part of the batch is older than the rest.
        raise Stale
    asked = (credit(account, before.value.free.of(minor)) for account, minor in division.value.receivers.items())
    refused = store.refused_receivers(found, call.tenant, asked, now=call.now)
    paid = rules.pay(before.value, division.value, refused)
    due = None if paid.split.state is State.DISTRIBUTING else Due(None)
    writes = [store.save_split(call.tenant, paid.split, version=before.version, due=due)]
    if refused:
        writes.append(store.save_division(call.tenant, split_id, paid.division, version=division.version))
    facts = {"split": split_facts(paid.split), "division": number, "refused": refused}
    legs = postings.payment_postings(paid.split, paid.parts)
    if not legs:
        item = journal_item(call, PAID, subject=split_id, reference=paid.split.reference, data=facts)
        return Plan(item, tuple(writes))
    return store.plan(call, paid.split, booked(PAID, paid.split, legs, call.now), *writes, data=facts)
