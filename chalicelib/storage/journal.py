"""The journal item: the entry, the idempotency record and the event of one command, in one item written once."""

from __future__ import annotations

import json
from dataclasses import field
from datetime import datetime
from typing import Any

from chalicelib.core.call import Call
from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.core.values import dataclass
from chalicelib.storage.tables import Item, JournalRow, journal_key


@dataclass(frozen=True, slots=True)
class Leg:
    """A posting as stored: `amount` in minor units, positive for a debit and negative for a credit."""

    account_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class JournalItem:
    """`kind` names the event (`transfer.posted`), `subject` what it is about (a trade, a line), `metadata` what the
    caller wants to find there again, `data` the facts that the answer is rebuilt from. A command that moves no money
    has no legs."""

    tenant: str
    entry_id: str
    key: str
    fingerprint: bytes
    kind: str
    actor: str
    recorded_at: datetime
    occurred_at: datetime
    legs: tuple[Leg, ...] = ()
    subject: str | None = None
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


def journal_item(
    call: Call,
    kind: str,
    *,
    legs: tuple[Leg, ...] = (),
    occurred_at: datetime | None = None,
    subject: str | None = None,
    reference: str | None = None,
    metadata: dict[str, str] | None = None,
    data: dict[str, Any] | None = None,
) -> JournalItem:
    """The journal item of a call: id, key, fingerprint, actor and recording instant come from the call."""
    return JournalItem(
        tenant=call.tenant,
        entry_id=call.entry_id,
        key=call.key,
        fingerprint=call.fingerprint,
        kind=kind,
        actor=call.actor,
        recorded_at=call.now,
        occurred_at=occurred_at or call.now,
        legs=legs,
        subject=subject,
        reference=reference,
        metadata=metadata or {},
        data=data or {},
    )


def to_wire(item: JournalItem) -> Item:
    """The item as the table keeps it: what `JournalRow` would make of it, at a fifth of the time."""
    wire: Item = {
        "pk": {"S": journal_key(item.tenant, item.entry_id).pk},
        "key": {"S": item.key},
        "fingerprint": {"B": item.fingerprint},
        "kind": {"S": item.kind},
        "actor": {"S": item.actor},
        "recorded_at": {"S": instant_text(item.recorded_at)},
        "occurred_at": {"S": instant_text(item.occurred_at)},
    }
    if item.legs:
        wire["legs"] = {"L": [_leg_map(leg) for leg in item.legs]}
    for name, text in (("subject", item.subject), ("reference", item.reference)):
        if text is not None:
            wire[name] = {"S": text}
    for name, value in (("metadata", item.metadata), ("data", item.data)):
        if value:
            wire[name] = {"S": json.dumps(value)}
    return wire


def _leg_map(leg: Leg) -> Item:
    return {
        "M": {
            "account": {"S": leg.account_id},
            "amount": {"N": str(leg.amount)},
            "currency": {"S": leg.currency},
        }
    }


def from_row(row: JournalRow) -> JournalItem:
    """The item a row holds."""
    tenant, entry_id = row.pk.split("#")
    return JournalItem(
        tenant=tenant,
        entry_id=entry_id,
        key=row.key,
        fingerprint=bytes(row.fingerprint),
        kind=row.kind,
        actor=row.actor,
        recorded_at=parse_instant(row.recorded_at),
        occurred_at=parse_instant(row.occurred_at),
        legs=tuple(Leg(leg.account, leg.amount, leg.currency) for leg in row.legs or ()),
        subject=row.subject,
        reference=row.reference,
        metadata=row.metadata or {},
        data=row.data or {},
    )


def from_wire(item: Item) -> JournalItem:
    """The item as a failed condition or a stream record gives it."""
    return from_row(JournalRow.from_raw_data(item))
