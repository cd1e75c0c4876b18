"""Counting what a command does into the positions of its bank account: writes for the same commit.

A line and its entry clear one another when the second of them is counted. A line is counted as it is stored; an entry
when the account's history is followed (`following.py`). So whichever comes second finds the other's open item and
clears it; the first makes sure in its commit that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chalicelib.recon.domain import Reconciled, Statement
from chalicelib.recon.positions import MonthTotals, OpenItem, added, line_added, line_set_off, month_of, pair_cleared
from chalicelib.recon.store import positions as store
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key

Change = tuple[str, MonthTotals]


def entry_item_keys(tenant: str, account_id: str, entry_ids: Iterable[str]) -> list[Key]:
    """What counting lines reads of the entries that may explain them."""
    return [store.entry_item_key(tenant, account_id, entry_id) for entry_id in entry_ids]


def count_lines(
    tenant: str, found: Found, statement: Statement, lines: Sequence[Reconciled]
) -> tuple[Statement, tuple[Write, ...]]:
    """Count lines that are being stored, the next ones of their statement: the statement after, and the writes.

    A statement of which earlier lines were stored before positions were kept is counted later, from its first line on.
    """
    if statement.counted != statement.stored:
        return statement, ()
    return count_next(tenant, found, statement, lines)


def count_next(
    tenant: str, found: Found, statement: Statement, lines: Sequence[Reconciled], *, also: Sequence[Change] = ()
) -> tuple[Statement, tuple[Write, ...]]:
    """Count the lines behind those that are counted, and what else changes. `found` has the open items of their
    entries."""
    writes: list[Write] = []
    changes: list[Change] = [*also]
    for reconciled in lines:
        counted, line_writes = _count_line(tenant, found, statement, reconciled)
        changes += counted
        writes += line_writes
    total = sum(reconciled.line.amount_minor for reconciled in lines)
    after = replace(statement, counted=statement.counted + len(lines), counted_minor=statement.counted_minor + total)
    return after, (*writes, *store.add_months(tenant, statement.bank_account_id, added(changes)))


def match_keys(tenant: str, account_id: str, *, line_id: str, entry_id: str) -> list[Key]:
    """What counting a match reads."""
    return [store.line_item_key(tenant, account_id, line_id), store.entry_item_key(tenant, account_id, entry_id)]


def count_match(tenant: str, found: Found, account_id: str, *, line_id: str, entry_id: str) -> tuple[Write, ...]:
    """Count that a stored line is matched to an entry now; `found` has `match_keys`. Where either is not counted yet,
    whoever counts it clears both."""
    line = store.take_line_item(found, tenant, account_id, line_id)
    entry = store.take_entry_item(found, tenant, account_id, entry_id)
    if entry is None:
        return (store.check_absent(store.entry_item_key(tenant, account_id, entry_id)),)
    if line is None:
        return (store.check_absent(store.line_item_key(tenant, account_id, line_id)),)
    change = pair_cleared(
        line=(line.value.opened_in, line.value.amount), entry=(entry.value.opened_in, entry.value.amount)
    )
    return (
        store.clear_item(tenant, line, change[0]),
        store.clear_item(tenant, entry, change[0]),
        *store.add_months(tenant, account_id, added([change])),
    )


def count_set_off(
    tenant: str, found: Found, statement: Statement, new: Reconciled, other: Versioned[OpenItem] | None, *, again: bool
) -> tuple[Statement, tuple[Write, ...]]:
    """Count a line that is being stored and set off with an open one, or (`again`) has that one stand open once more.
    `other` is that one's item; None: it is not counted yet."""
    if statement.counted != statement.stored:
        return statement, ()
    if other is None:
        return count_next(tenant, found, statement, [new])
    change = line_set_off(other.value, again=again)
    after, writes = count_next(tenant, found, statement, [new], also=[change])
    moved = store.reopen_item(tenant, other) if again else store.clear_item(tenant, other, change[0])
    return after, (*writes, moved)


def _count_line(
    tenant: str, found: Found, statement: Statement, reconciled: Reconciled
) -> tuple[list[Change], list[Write]]:
    line, match = reconciled.line, reconciled.match
    month = month_of(statement.ends_on)
    needs_no_entry = match is not None and not match.entry_id
    changes = [line_added(month, line.amount_minor, is_explained=needs_no_entry)]
    if needs_no_entry:
        return changes, []
    item = OpenItem(
        "line", line.line_id, line.bank_account_id, line.amount_minor, line.currency, opened_on=statement.ends_on
    )
    if match is None:
        return changes, [store.open_item(tenant, item)]
    entry = store.take_entry_item(found, tenant, line.bank_account_id, match.entry_id)
    if entry is None:
        absent = store.check_absent(store.entry_item_key(tenant, line.bank_account_id, match.entry_id))
        return changes, [store.open_item(tenant, item), absent]
    change, writes = clear_pair(tenant, entry, item)
    return [*changes, change], writes


def clear_pair(tenant: str, first: Versioned[OpenItem], second: OpenItem) -> tuple[Change, list[Write]]:
    """What it changes that the second side of a pair is counted. Where its month was over when the first one's came,
    it is kept as an item of that month, which the other has cleared."""
    sides = {item.side: (item.opened_in, item.amount) for item in (first.value, second)}
    change = pair_cleared(line=sides["line"], entry=sides["ledger"])
    month = change[0]
    writes = [store.clear_item(tenant, first, month)]
    if second.opened_in < month:
        writes.append(store.open_item(tenant, replace(second, cleared_in=month)))
    return change, writes
