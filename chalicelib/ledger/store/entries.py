"""How an entry stands in DynamoDB: one journal item, and one conditional update for each account it touches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from chalicelib.core.call import Call
from chalicelib.core.errors import NotFound
from chalicelib.ledger.conditions import Condition
from chalicelib.ledger.domain import Entry
from chalicelib.ledger.reservations import held_changes
from chalicelib.ledger.store.conditions import Guard, check_write
from chalicelib.ledger.store.deferred import moved_at_once
from chalicelib.ledger.store.moves import Move, move_write
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, Leg, from_row, journal_item
from chalicelib.storage.once import Plan
from chalicelib.storage.reads import fetch, get
from chalicelib.storage.tables import JournalRow, journal_key


def plan_entry(
    call: Call,
    entry: Entry,
    *writes: Write,
    data: dict[str, Any] | None = None,
    by_hand: bool = False,
    conditions: Sequence[Condition] = (),
    read: Mapping[str, int] | None = None,
    fact: bool = False,
) -> Plan:
    """The plan of a command that books one entry, with the writes that go with it. See `balance_writes`."""
    item = entry_item(call, entry, data=data)
    moves = balance_writes(item, by_hand=by_hand, conditions=conditions, read=read, fact=fact)
    return Plan(item, (*moves, *writes))


def entry_item(call: Call, entry: Entry, *, data: dict[str, Any] | None = None) -> JournalItem:
    """The journal item of an entry."""
    return journal_item(
        call,
        entry.kind,
        legs=tuple(Leg(p.account_id, p.signed, p.amount.currency) for p in entry.postings),
        occurred_at=entry.occurred_at,
        subject=entry.subject,
        reference=entry.reference,
        metadata=entry.metadata,
        data=data,
    )


def balance_writes(
    item: JournalItem,
    *,
    by_hand: bool = False,
    conditions: Sequence[Condition] = (),
    read: Mapping[str, int] | None = None,
    fact: bool = False,
) -> tuple[Write, ...]:
    """One update for each account of an entry, its legs netted, in the order the accounts first appear; then a check of
    each account that a condition asks for and no leg moves. Deferred accounts have none: what they refuse is raised.

    `by_hand`: somebody chose the accounts, so those that follow a trade, a line or a payout are refused. `read` has the
    versions of accounts that the entry was decided from. `fact`: it has happened, so no limit and no state of an
    account refuses it. What the item's data say is reserved moves with the balance.
    """
    guards: dict[str, list[Guard]] = {}
    for condition in conditions:
        guards.setdefault(condition.account_id, []).append(Guard(condition))
    moves = account_moves(item, read or {})
    at_once = moved_at_once(item, moves)
    updates = [
        move_write(item, move, by_hand=by_hand, guards=guards.pop(move.account_id, ()), fact=fact) for move in at_once
    ]
    checks = [check_write(item.tenant, account_id, asked) for account_id, asked in guards.items()]
    return (*updates, *checks)


def account_moves(item: JournalItem, read: Mapping[str, int] | None = None) -> list[Move]:
    """What an entry does to each account: its legs netted, and what its data say is reserved, in the order in which the
    accounts first appear."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for leg in item.legs:
        sums[leg.account_id, leg.currency] += leg.amount
    held, seen = held_changes(item.legs, item.data), read or {}
    moves = [
        Move(account_id, currency, amount, held.pop(account_id, 0), read=seen.get(account_id))
        for (account_id, currency), amount in sums.items()
    ]
    return [*moves, *(Move(account_id, "", held=change) for account_id, change in held.items())]


def load_entry(tenant: str, entry_id: str) -> JournalItem:
    """A journal item by id. Raises NotFound `entry_not_found`."""
    row = get(journal_key(tenant, entry_id))
    if row is None:
        raise NotFound("entry_not_found", "no such entry", entry_id=entry_id)
    return from_row(cast("JournalRow", row))


def find_entry(tenant: str, entry_id: str) -> JournalItem | None:
    """A journal item by id, or None."""
    row = get(journal_key(tenant, entry_id))
    return None if row is None else from_row(cast("JournalRow", row))


def load_entries(tenant: str, entry_ids: Sequence[str]) -> dict[str, JournalItem]:
    """Those of the journal items that exist, by id; at most 100 ids."""
    found = fetch(journal_key(tenant, entry_id) for entry_id in entry_ids)
    items = (from_row(cast("JournalRow", row)) for row in found.values())
    return {item.entry_id: item for item in items}
