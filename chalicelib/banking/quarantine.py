"""What a bank told that could not be used: kept with the reason, where somebody sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chalicelib.banking import store
from chalicelib.banking.domain import Quarantined
from chalicelib.core.errors import InvalidInput
from chalicelib.core.ids import derived_id
from chalicelib.core.values import dataclass
from chalicelib.storage.tables import Item

PLACES = frozenset({"element", "field", "line", "column", "rule", "maximum"})
"""Facts that say where in a message something is, or which limit it is over, and nothing of what is there."""


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of a tenant's quarantine, and where the next begins (None: nowhere)."""

    entries: tuple[Quarantined, ...]
    last_key: Item | None


def quarantine(
    *,
    bank_id: str,
    message_id: str,
    blob: str,
    reason: str,
    now: datetime,
    tenant: str | None = None,
    part: str = "",
    facts: Mapping[str, object] | None = None,
) -> bool:
    """Keep what could not be used, with the reason, where someone sees it; done twice it is there once (False).

    `reason` is the refusal's stable code and `facts` its facts; `blob` is where the raw message lies. `part` tells
    several facts of one message apart. `tenant` None: whose it is cannot be said, so every tenant of the bank sees that
    there is something and where it broke, but neither the bank's name for it nor what it says.
    """
    kept = {name: value for name, value in (facts or {}).items() if isinstance(value, str | int)}
    entry = Quarantined(
        quarantine_id=derived_id("qrn", bank_id, message_id, part),
        bank_id=bank_id,
        tenant=tenant,
        message_id=message_id,
        blob=blob,
        reason=reason,
        facts=kept if tenant else {name: value for name, value in kept.items() if name in PLACES},
        quarantined_at=now,
    )
    return store.create_quarantined(entry)


def list_quarantine(tenant: str, *, after: Item | None, limit: int) -> QuarantinePage:
    """One page of what a tenant should look at: its own entries, then those of its banks that are nobody's."""
    banks = (store.quarantine_list(None, bank_id) for bank_id in store.banks_of(tenant))
    lists = [store.quarantine_list(tenant, ""), *banks]
    entries: list[Quarantined] = []
    for name in lists[_position(lists, after) :]:
        page = store.list_quarantined(name, after=after, limit=limit - len(entries))
        entries += page.values
        if len(entries) >= limit or page.last_key is not None:
            return QuarantinePage(tuple(entries), store.quarantine_position(entries[-1]) if entries else page.last_key)
        after = None
    return QuarantinePage(tuple(entries), None)


def _position(lists: list[str], after: Item | None) -> int:
    """Which list a cursor stands in. One that was made up names none of them."""
    if after is None:
        return 0
    name = after.get("list_key", {}).get("S", "")
    if name not in lists:
        raise InvalidInput("invalid_cursor", "the cursor is not one of this list", field="cursor")
    return lists.index(name)
