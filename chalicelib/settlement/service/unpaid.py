"""Entries that have reserved money for payouts which nobody has made: their message was lost, or died.

Each tenant's feed is walked once, a while behind its head; what is found is kept until its payouts are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from chalicelib.banking import store as banking_store
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.core.values import dataclass
from chalicelib.ledger.store.entries import load_entries
from chalicelib.ledger.store.feed import run_after
from chalicelib.settlement.kinds import is_paid_out_after
from chalicelib.settlement.store.reserved import load_reservations
from chalicelib.storage.commit import commit
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import fetch
from chalicelib.storage.records import create, replace, take
from chalicelib.storage.tables import Key, record_key

PATIENCE = timedelta(minutes=15)
"""How long a message may take to have its payouts made."""

PAGE = 100
MAX_PAGES = 100
"""Pages of one tenant's feed in one run. The next run goes on from there."""

MAX_WAITING = 100
"""Entries that are asked for at once. The walk goes on when some of them have their payouts."""


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a tenant's feed was looked at, and the entries found so far whose payouts are not made."""

    number: int = 0
    waiting: tuple[str, ...] = ()


def find_unpaid(tenant: str, *, now: datetime) -> tuple[str, ...]:
    """The entries of a tenant whose payouts should be made by now and are not; all of them are found again by the next
    run, until they are."""
    key = _key(tenant)
    stored = take(fetch((key,)), key, Walk)
    before = stored.value if stored else Walk()
    after = _walked(tenant, before, now - PATIENCE)
    if after != before:
        write = replace(key, after, version=stored.version) if stored else create(key, after, exists="walk_exists")
        commit((write,))
    return after.waiting


def _walked(tenant: str, before: Walk, until: datetime) -> Walk:
    waiting = _unpaid(load_entries(tenant, before.waiting).values()) if before.waiting else []
    number = before.number
    for _ in range(MAX_PAGES):
        room = min(PAGE, MAX_WAITING - len(waiting))
        entries = run_after(tenant, number, limit=room) if room else []
        old = list(takewhile(lambda entry: entry.item.recorded_at <= until, entries))
        waiting += _unpaid(entry.item for entry in old)
        number = old[-1].number if old else number
        if not old or len(old) < len(entries):
            break
    return Walk(number, tuple(waiting))


def _unpaid(items: Iterable[JournalItem]) -> list[str]:
    return [item.entry_id for item in items if is_paid_out_after(item) and not _is_taken_up(item)]


def _is_taken_up(item: JournalItem) -> bool:
    """Whether each payout of an entry was made, or waits for a time of its own."""
    keys = [banking_store.payout_key(item.tenant, one.payout_id) for one in load_reservations(item)]
    return all(_has_gone_on(found) for found in _payouts(keys))


def _payouts(keys: Sequence[Key]) -> list[Payout | None]:
    found = fetch(keys) if keys else {}
    records = (take(found, key, Payout) for key in keys)
    return [record.value if record else None for record in records]


def _has_gone_on(payout: Payout | None) -> bool:
    return payout is not None and (payout.state is not State.RESERVED or payout.due_at is not None)


def _key(tenant: str) -> Key:
    return record_key(tenant, "unpaid-walk")
