"""How a credit line stands in the records table, in two parts.

The part `credit-line` is the line itself, in its tenant's list. The part `schedule` is a mark that never changes, in
the one list that spans tenants, by which the daily accrual finds the active lines.
"""

from __future__ import annotations

from chalicelib.credit.domain import CreditLine
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import Found, fetch, index_page
from chalicelib.storage.records import Listing, Versioned, create, listing, load, replace, require, take
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

ACTIVE_LINES = "credit-lines"
MISSING = "credit_line_not_found"


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


def take_line(found: Found, tenant: str, line_id: str) -> Versioned[CreditLine]:
    """The line among what a batch read found. Raises NotFound `credit_line_not_found`."""
    return require(found, line_key(tenant, line_id), CreditLine, MISSING, line_id=line_id)


def load_line(tenant: str, line_id: str) -> CreditLine:
    """A line, read strongly. Raises NotFound `credit_line_not_found`."""
    return load(line_key(tenant, line_id), CreditLine, MISSING, line_id=line_id).value


def list_lines(tenant: str, *, after: Item | None, limit: int) -> Listing[CreditLine]:
    """One page of a tenant's lines, oldest first."""
    return listing(f"{tenant}#credit-lines", CreditLine, after=after, limit=limit)


def active_lines(*, after: Item | None, limit: int) -> Listing[CreditLine]:
    """One page of every tenant's active lines. A line opened a moment ago may be missing."""
    marks = index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=ACTIVE_LINES,
        after=after,
        limit=limit,
        newest_first=False,
    )
    keys = [line_key(*mark.pk.split("#")) for mark in marks.keys]
    found = fetch(keys)
    records = (take(found, key, CreditLine) for key in keys)
    return Listing(tuple(record.value for record in records if record is not None), marks.last_key)
