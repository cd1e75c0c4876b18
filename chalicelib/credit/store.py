"""How a credit line stands in the records table, in parts.

The part `credit-line` is the line itself, in its tenant's list. The part `schedule` is a mark that never changes, in
the one list that spans tenants, by which the daily accrual finds the active lines. The parts `event#day#number` are its
history, one item for each draw and repayment, in the order of value dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from chalicelib.core.errors import Conflict
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.history import MAX_LATER_EVENTS, TOO_MANY_LATER, LineEvent, event_place
from chalicelib.storage.commit import Write
from chalicelib.storage.due import defer, ready
from chalicelib.storage.reads import Found, Page, fetch, index_page, query
from chalicelib.storage.records import Listing, Versioned, create, listing, load, replace, require, take
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

ACTIVE_LINES = "credit-lines"
TURN = record_key("credit", "accrual")
"""Where it is kept how far the daily accrual has come in that list."""

MISSING = "credit_line_not_found"
LAST_OF_DAY = 10**12 - 1
"""A number that no event of a line reaches: behind it lie the events of later days alone."""


def line_key(tenant: str, line_id: str) -> Key:
    """Where a line is kept. The part has a name of its own, so that the id of something else finds no line."""
    return record_key(tenant, line_id, "credit-line")


def create_line(line: CreditLine) -> tuple[Write, ...]:
    """Create a line and its mark; Conflict `credit_line_exists` where one stands."""
    state = create(
        line_key(line.tenant, line.line_id),
        line,
        exists="credit_line_exists",
        list_key=f"{line.tenant}#credit-lines",
        list_sort=line.line_id,
    )
    mark = create(
        record_key(line.tenant, line.line_id, "schedule"),
        {},
        exists="credit_line_exists",
        list_key=ACTIVE_LINES,
        list_sort=f"{line.tenant}#{line.line_id}",
    )
    return state, mark


def replace_line(line: CreditLine, *, version: int) -> Write:
    """Write the next state of a line.

    condition: version = the version that was read; else decide again
    """
    return replace(line_key(line.tenant, line.line_id), line, version=version)


def save_line(line: CreditLine, events: Iterable[LineEvent], *, version: int) -> tuple[Write, ...]:
    """Write the next state of a line with the events of its history that are new or were computed again. The line's
    version guards them all: each change of the history changes the line in the same commit.

    condition: version = the version that was read; else decide again
    """
    keyed = ((event_key(line.tenant, line.line_id, event.place), event) for event in events)
    return replace_line(line, version=version), *(_save_event(key, event) for key, event in keyed)


def events_behind(tenant: str, line_id: str, on: date, number: int = LAST_OF_DAY) -> tuple[LineEvent, ...]:
    """The events of a line's history behind a place, read strongly, in order. To be asked after the line was read.
    Raises Conflict `too_many_later_events` where they are more than one command replays, with the `earliest_on` that
    it takes."""
    behind = f"event#{event_place(on, number)}"
    page = query(
        RecordItem,
        pk=line_key(tenant, line_id).pk,
        between=(f"{behind}~", "event#~"),
        limit=MAX_LATER_EVENTS + 1,
    )
    if len(page.items) > MAX_LATER_EVENTS:
        sentence = "too much has happened on the line since that day: let it count from a later one"
        facts = {"line_id": line_id, "maximum": MAX_LATER_EVENTS, "earliest_on": _earliest_on(tenant, line_id)}
        raise Conflict(TOO_MANY_LATER, sentence, **facts)
    return _events(page)


def _earliest_on(tenant: str, line_id: str) -> str:
    """The earliest day behind which so few events lie that one command replays them."""
    pk = line_key(tenant, line_id).pk
    page = query(RecordItem, pk=pk, starts_with="event#", newest_first=True, limit=MAX_LATER_EVENTS + 1)
    return _events(page)[-1].on.isoformat()


def _events(page: Page) -> tuple[LineEvent, ...]:
    return tuple(msgspec.json.decode(item.doc, type=LineEvent) for item in page.items)


def list_events(tenant: str, line_id: str, *, after: Item | None, limit: int) -> Listing[LineEvent]:
    """One page of a line's history by value date, oldest first."""
    pk = line_key(tenant, line_id).pk
    page = query(RecordItem, pk=pk, starts_with="event#", after=after, limit=limit)
    return Listing(_events(page), page.last_key)


def event_key(tenant: str, line_id: str, place: str) -> Key:
    """Where an event of a line's history is kept."""
    return record_key(tenant, line_id, f"event#{place}")


def take_event(found: Found, tenant: str, line_id: str, place: str) -> LineEvent:
    """The event among what a batch read found. Raises NotFound `credit_line_event_not_found`."""
    return require(found, event_key(tenant, line_id, place), LineEvent, "credit_line_event_not_found").value


def take_line(found: Found, tenant: str, line_id: str) -> Versioned[CreditLine]:
    """The line among what a batch read found. Raises NotFound `credit_line_not_found`."""
    return require(found, line_key(tenant, line_id), CreditLine, MISSING, line_id=line_id)


def load_line(tenant: str, line_id: str) -> CreditLine:
    """A line, read strongly. Raises NotFound `credit_line_not_found`."""
    return load(line_key(tenant, line_id), CreditLine, MISSING, line_id=line_id).value


def list_lines(tenant: str, *, after: Item | None, limit: int) -> Listing[CreditLine]:
    """One page of a tenant's lines, oldest first."""
    return listing(f"{tenant}#credit-lines", CreditLine, after=after, limit=limit)


def active_lines(now: datetime, *, after: Item | None, limit: int) -> Listing[CreditLine]:
    """One page of every tenant's active lines, at most 100, without those whose accrual failed and is put off. A line
    opened a moment ago may be missing."""
    marks = index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=ACTIVE_LINES,
        after=after,
        limit=limit,
        newest_first=False,
    )
    keys = [line_key(*mark.pk.split("#")) for mark in ready(marks.keys, now)]
    found = fetch(keys)
    records = (take(found, key, CreditLine) for key in keys)
    return Listing(tuple(record.value for record in records if record is not None), marks.last_key)


def defer_line(tenant: str, line_id: str, code: str, now: datetime) -> None:
    """Put off a line that could not be accrued, so that it takes no turn from the others."""
    defer(record_key(tenant, line_id, "schedule"), code, now)


def _save_event(key: Key, event: LineEvent) -> Write:
    if event.revision:
        return replace(key, event, version=event.revision)
    return create(key, event, exists="credit_line_event_exists")
