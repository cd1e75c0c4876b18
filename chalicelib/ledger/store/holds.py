"""How a hold stands in DynamoDB: a journal item for each of its steps, a record of its state, and its places in lists.

Placing writes the journal item and moves the account that the money is reserved of, and no more. The record of its
state is made by whoever comes first: the next command, or `list_writes`, by which the sequencer puts a hold into its
lists. These are records of their own and follow the state by a moment:

    record      list                                                      in order of
    state       none
    due         holds that will expire, all tenants' (only while open)    expires_at
    out, in     of the account it reserves, of the one it promises to:
                open holds, and closed ones                               expires_at; closed_at

Each has the version of the state that it was derived from, and is never written over by an older one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace as changed
from datetime import datetime
from typing import Literal, cast

from chalicelib.core.call import Call
from chalicelib.core.errors import NotFound
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Side
from chalicelib.ledger.holds import (
    PLACED,
    Hold,
    Step,
    Terms,
    hold_id_of,
    is_hold_id,
    placed_facts,
    placing_entry_id,
    step_facts,
    terms_of,
)
from chalicelib.ledger.store.moves import Move
from chalicelib.storage.commit import Stale, Write, update
from chalicelib.storage.due import defer, ready
from chalicelib.storage.journal import JournalItem, Leg, from_row, journal_item
from chalicelib.storage.reads import Found, KeyPage, fetch, index_page
from chalicelib.storage.records import Listing, create, replace, take
from chalicelib.storage.tables import Item, JournalRow, Key, RecordItem, journal_key, record_key

Direction = Literal["out", "in"]
"""Whether an account's money is reserved, or money is promised to it."""

DUE_LISTS = 8
"""The list of what will expire is kept in so many parts: one would be a hot key of the index."""

PAGE = 100
_NEVER = "~"
_FIRST = "0"


@dataclass(frozen=True, slots=True)
class Stored:
    """A hold, the version of its record (0: there is none yet), and the journal item that placed it."""

    hold: Hold
    version: int
    placed: JournalItem


@dataclass(frozen=True, slots=True)
class Due:
    """A hold that the list of what will expire says is due, and in whose books."""

    tenant: str
    hold_id: str


def hold_keys(tenant: str, hold_id: str) -> tuple[Key, Key]:
    """What a command on a hold reads. Raises NotFound `hold_not_found` for what is no hold's id."""
    if not is_hold_id(hold_id):
        raise _no_hold(hold_id)
    return journal_key(tenant, placing_entry_id(hold_id)), record_key(tenant, hold_id)


def take_hold(found: Found, tenant: str, hold_id: str) -> Stored:
    """The hold that a batch found. Raises NotFound `hold_not_found`."""
    placing, state = hold_keys(tenant, hold_id)
    row = cast("JournalRow | None", found.get(placing))
    if row is None or row.kind != PLACED:
        raise _no_hold(hold_id)
    placed = from_row(row)
    record = take(found, state, Hold)
    return Stored(placed_hold(placed), 0, placed) if record is None else Stored(record.value, record.version, placed)


def load_hold(tenant: str, hold_id: str) -> Stored:
    """A hold, read strongly. Raises NotFound `hold_not_found`."""
    return take_hold(fetch(hold_keys(tenant, hold_id)), tenant, hold_id)


def placed_hold(placed: JournalItem) -> Hold:
    """The hold as its placing left it."""
    terms = terms_of(placed.data)
    return Hold(hold_id_of(placed.entry_id), terms, placed_at=placed.recorded_at, remaining=terms.amount.minor)


def placing_item(call: Call, terms: Terms, *, reference: str | None, metadata: dict[str, str]) -> JournalItem:
    """The journal item of a new hold."""
    hold_id, facts = hold_id_of(call.entry_id), placed_facts(terms)
    return journal_item(call, PLACED, subject=hold_id, reference=reference, metadata=metadata, data=facts)


def placing_move(terms: Terms) -> Move:
    """What placing a hold does to the account it reserves."""
    amount = terms.amount
    return Move(terms.reserved_account_id, amount.currency, held=amount.minor, held_side=terms.reserved)


def step_item(
    call: Call,
    kind: str,
    step: Step,
    *,
    occurred_at: datetime | None = None,
    reference: str | None = None,
    metadata: dict[str, str] | None = None,
) -> JournalItem:
    """The journal item of a step: the transfer of what it books, if it books anything."""
    return journal_item(
        call,
        kind,
        legs=tuple(Leg(p.account_id, p.signed, p.amount.currency) for p in step.postings()),
        occurred_at=occurred_at,
        subject=step.hold.hold_id,
        reference=reference,
        metadata=metadata,
        data=step_facts(step),
    )


def step_moves(step: Step) -> tuple[Move, ...]:
    """What a step does to the account that was reserved, and to the other one where it books anything."""
    terms, booked = step.hold.terms, step.booked
    signed = booked if terms.reserved is Side.DEBIT else -booked
    reserved = Move(
        terms.reserved_account_id,
        terms.amount.currency,
        amount=signed,
        held=-step.let_go,
        held_side=terms.reserved,
        booked=booked > 0,
    )
    other = Move(terms.other_account_id, terms.amount.currency, amount=-signed, booked=True)
    return (reserved, other) if booked else (reserved,)


def save_hold(before: Stored, after: Hold) -> Write:
    """Write a hold's next state over the one that was read; else decide again."""
    key = record_key(before.placed.tenant, after.hold_id)
    if before.version:
        return replace(key, after, version=before.version)
    return changed(create(key, after, exists="hold_exists"), refuse=lambda _: Stale())


def list_writes(stored: Stored) -> tuple[Write, ...]:
    """Put a hold where its state says it belongs: its lists, and its first record where there is none yet.

    condition: none of the records is as new as this state
    """
    tenant, hold = stored.placed.tenant, stored.hold
    out = _list_write(stored, "out", _account_list(tenant, hold.terms.reserved_account_id, "out", hold.is_open))
    to = _list_write(stored, "in", _account_list(tenant, hold.terms.other_account_id, "in", hold.is_open))
    first = () if stored.version else (save_hold(stored, hold),)
    due = () if hold.terms.expires_at is None else (_due_write(stored),)
    return (*first, out, to, *due)


def list_holds(
    tenant: str, account_id: str, direction: Direction, *, is_open: bool, after: Item | None, limit: int
) -> Listing[Stored]:
    """One page of an account's holds: open ones by their expiry, closed ones by their end, the newest first."""
    page = _page(
        _account_list(tenant, account_id, direction, is_open), after=after, limit=limit, newest_first=not is_open
    )
    states = _states(page)
    placed = fetch(journal_key(tenant, placing_entry_id(hold.hold_id)) for hold, _ in states)
    items = {row.pk: from_row(row) for row in cast("Iterable[JournalRow]", placed.values())}
    values = (
        Stored(hold, version, items[journal_key(tenant, placing_entry_id(hold.hold_id)).pk])
        for hold, version in states
        if hold.is_open == is_open
    )
    return Listing(tuple(values), page.last_key)


def open_holds(
    tenant: str, account_id: str, direction: Direction, *, after: Item | None = None, due_at: datetime | None = None
) -> Listing[Hold]:
    """One page of an account's open holds; with `due_at` only those whose time is over then."""
    listed = _account_list(tenant, account_id, direction, is_open=True)
    page = _page(listed, after=after, limit=PAGE, between=None if due_at is None else _until(due_at))
    holds = (hold for hold, _ in _states(page) if hold.is_open and (due_at is None or hold.is_due(due_at)))
    return Listing(tuple(holds), page.last_key)


def unlisted(tenant: str, hold_ids: Sequence[str]) -> list[str]:
    """Those of these holds, at most 100, that were never put into a list."""
    keys = {hold_id: record_key(tenant, hold_id, "out") for hold_id in hold_ids}
    found = fetch(keys.values())
    return [hold_id for hold_id, key in keys.items() if key not in found]


def due_holds(part: int, now: datetime, *, after: Item | None = None, limit: int) -> Listing[Due]:
    """One page of the holds in one part (0 to 7) of the list of what will expire, whose time is over, without those
    that failed and are put off."""
    page = _page(_due_list(part), after=after, limit=limit, between=_until(now))
    return Listing(tuple(Due(*key.pk.split("#")) for key in ready(page.keys, now)), page.last_key)


def defer_due(due: Due, code: str, now: datetime) -> int:
    """Put off a hold that could not be returned, so that it takes no turn from the others. Returns 1: one record."""
    defer(record_key(due.tenant, due.hold_id, "due"), code, now)
    return 1


def _states(page: KeyPage) -> list[tuple[Hold, int]]:
    """The states, read strongly, of the holds whose list records are on a page, in its order."""
    keys = [Key(RecordItem, key.pk, "state") for key in page.keys]
    found = fetch(keys)
    records = (take(found, key, Hold) for key in keys)
    return [(record.value, record.version) for record in records if record is not None]


def _page(
    listed: str,
    *,
    after: Item | None,
    limit: int,
    newest_first: bool = False,
    between: tuple[str, str] | None = None,
) -> KeyPage:
    return index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=listed,
        after=after,
        limit=limit,
        newest_first=newest_first,
        between=between,
    )


def _until(now: datetime) -> tuple[str, str]:
    """The bounds of what sorts by an instant up to now, that included."""
    return _FIRST, instant_text(now) + _NEVER


def _account_list(tenant: str, account_id: str, direction: Direction, is_open: bool) -> str:
    return f"{tenant}#{account_id}#holds#{direction}#{'open' if is_open else 'closed'}"


def _due_list(part: int) -> str:
    return f"due/holds/{part}"


def _due_write(stored: Stored) -> Write:
    part = ord(stored.hold.hold_id[-1]) % DUE_LISTS
    return _list_write(stored, "due", _due_list(part) if stored.hold.is_open else None)


def _list_write(stored: Stored, part: str, listed: str | None) -> Write:
    """Set in which list a hold's record is, or (None) that it is in none.

    condition: attribute_not_exists(pk) OR version < the version of the state it is derived from
    """
    tenant, hold = stored.placed.tenant, stored.hold
    values: Item = {":doc": {"S": "{}"}, ":version": {"N": str(stored.version or 1)}}
    change = "SET doc = :doc, version = :version"
    if listed is None:
        change += " REMOVE list_key, list_sort"
    else:
        change += ", list_key = :list, list_sort = :sort"
        values |= {":list": {"S": listed}, ":sort": {"S": _sort(hold)}}
    return update(
        f"list {hold.hold_id} {part}",
        record_key(tenant, hold.hold_id, part),
        change=change,
        condition="attribute_not_exists(pk) OR version < :version",
        values=values,
        refuse=lambda _: Stale(),
    )


def _sort(hold: Hold) -> str:
    expires_at = hold.terms.expires_at
    until = _NEVER if expires_at is None else instant_text(expires_at)
    first = until if hold.closed_at is None else instant_text(hold.closed_at)
    return f"{first}#{instant_text(hold.placed_at)}#{hold.hold_id}"


def _no_hold(hold_id: str) -> NotFound:
    return NotFound("hold_not_found", "no such hold", hold_id=hold_id)
