"""What time does to trades: which act is due, and that one which cannot be done is set aside with the reason. Records
of any kind that fail too often are suspended, listed, and resumed on command.

Leaves to others: when a trade is looked at (`chalicelib.settlement.worker.due`), and the acts, which are commands.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import NotFound, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.settlement.kinds import RECORD_RESUMED, RECORD_SUSPENDED, SET_ASIDE
from chalicelib.storage import due as due_list
from chalicelib.storage.due import Attempts, DuePosition, SuspendedRecord
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.due import Act, Deed, due, set_aside
from chalicelib.trades.domain.recounting import RETENTION, is_outdated
from chalicelib.trades.domain.terms import Terms

ACTOR = "due"


@dataclass(frozen=True, slots=True)
class Task:
    """An act that is due, with the trade's terms. `version` is that of the state it was seen in."""

    trade_id: str
    act: Act
    version: int
    terms: Terms


class _Passed(Exception):
    """The act is not due any more: somebody else has done it, or something that leaves nothing to do."""


def next_task(tenant: str, trade_id: str, now: datetime) -> Task | None:
    """What time is to do to a trade next, or None. A clock that its calendar ends later, as it is now, has not ended
    yet, and is counted anew. Raises NotFound `trade_not_found`."""
    found = fetch(trades_store.deal_keys(tenant, trade_id))
    trade = trades_store.take_trade(found, tenant, trade_id)
    act = due(trade.value, now)
    if act is None:
        return None
    terms = trades_store.take_terms(found, tenant, trade_id)
    clock = {Deed.ACCEPT: act.key, Deed.RETENTION: RETENTION}.get(act.deed)
    if clock is not None and is_outdated(terms, trade.value, clock):
        act = replace(act, deed=Deed.RECOUNT)
    return Task(trade_id, act, trade.version, terms)


def task_call(tenant: str, task: Task, *, now: datetime, aside: bool = False) -> Call:
    """The call that does a task, or sets it aside: whoever makes it, it is the same one.

    Its key names the state's version. The same act may come due twice: a milestone's settlement asks for a difference
    first, and settles when that is there.
    """
    act = task.act
    name = f"due:{task.trade_id}:{task.version}:{act.deed.value}:{act.key}:{instant_text(act.at)}"
    key = f"{name}:aside" if aside else name
    entropy = sha256(key.encode()).digest()
    return worker_call(tenant=tenant, key=key, content=None, now=now, entropy=entropy, actor=ACTOR)


def set_task_aside(call: Call, task: Task, refusal: Refusal) -> bool:
    """Have an act that was refused not be due any more, and keep why; it stays to be done by hand. Whether it was due
    still: where something else has happened meanwhile, nothing is changed."""
    tenant, trade_id, act = call.tenant, task.trade_id, task.act

    def decide(found: Found) -> Plan:
        trade = trades_store.take_trade(found, tenant, trade_id)
        if due(trade.value, call.now) != act:
            raise _Passed
        facts = {
            "deed": act.deed.value,
            "milestone": act.key,
            "due_at": instant_text(act.at),
            "code": refusal.code,
            "facts": refusal.facts,
        }
        item = journal_item(call, SET_ASIDE, subject=trade_id, reference=task.terms.reference, data=facts)
        return Plan(item, (trades_store.save_trade(tenant, set_aside(trade.value, act), version=trade.version),))

    try:
        once(call, decide, reads=(trades_store.state_key(tenant, trade_id),))
    except _Passed:
        return False
    return True


def suspend_record(position: DuePosition, attempts: Attempts, now: datetime) -> Outcome:
    """Suspend a record that failed too often: it is not tried again until it is resumed, or a command of its own says
    when it is due. Raises Busy `try_again` if it is not due at its position any more."""
    record_id = position.key.pk.partition("#")[2]
    key = f"due:{record_id}:{position.due_at}:suspended"
    entropy = sha256(key.encode()).digest()
    call = worker_call(tenant=position.tenant, key=key, content=None, now=now, entropy=entropy, actor=ACTOR)

    def decide(found: Found) -> Plan:
        write = due_list.suspend(found, position, attempts, now)
        facts: dict[str, object] = {"record_id": record_id, "code": attempts.code, "attempts": attempts.count}
        return Plan(journal_item(call, RECORD_SUSPENDED, subject=record_id, data=facts), (write,))

    return once(call, decide, reads=(position.key,))


def resume_record(call: Call, record_id: str) -> Outcome:
    """Make a suspended record due now, with all its attempts. Raises NotFound `suspended_record_not_found`."""
    key = due_list.find_suspended(call.tenant, record_id)

    def decide(found: Found) -> Plan:
        write = key and due_list.resume(found, key, call.now)
        if write is None:
            raise NotFound("suspended_record_not_found", "no such record is suspended", record_id=record_id)
        return Plan(journal_item(call, RECORD_RESUMED, subject=record_id, data={"record_id": record_id}), (write,))

    return once(call, decide, reads=() if key is None else (key,))


def list_suspended(tenant: str, *, after: Item | None, limit: int) -> Listing[SuspendedRecord]:
    """One page of a tenant's suspended records, the longest suspended first."""
    return due_list.suspended_records(tenant, after=after, limit=limit)
