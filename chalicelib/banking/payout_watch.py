"""Payouts that wait too long for their next step: each is marked and listed when its time is over, and named daily."""

from __future__ import annotations

from datetime import datetime

from chalicelib.banking import store
from chalicelib.banking.payout_ageing import mark_overdue
from chalicelib.banking.payout_changes import payout_call, payout_journal_facts
from chalicelib.banking.payout_lists import list_as_overdue, overdue_key
from chalicelib.banking.payouts import Payout
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.storage.reads import Found


class _NotDue(Exception):
    """Something has happened meanwhile: the payout is not overdue."""


def watch_payout(tenant: str, payout_id: str, *, now: datetime) -> Payout | None:
    """Mark a payout that is overdue by now, and return it. Returns None if it is not, or no more.

    Raises NotFound `payout_not_found`.
    """
    stored = store.load_payout_version(tenant, payout_id)
    call = payout_call(tenant, f"payout:{stored.value.current_id}:overdue:{stored.version}", None, now)

    def decide(found: Found) -> Plan:
        read = store.take_payout(found, tenant, payout_id)
        if read.value.due_at is None or read.value.due_at > now:
            raise _NotDue
        after = mark_overdue(read.value, now=now)
        item = journal_item(call, "payout.overdue", subject=payout_id, data=payout_journal_facts(after))
        listed = list_as_overdue(found, read.value, after)
        return Plan(item, (store.replace_payout(after, version=read.version), *listed))

    try:
        once(call, decide, reads=(store.payout_key(tenant, payout_id), overdue_key(tenant, payout_id)))
    except _NotDue:
        return None
    return store.load_payout(tenant, payout_id)
