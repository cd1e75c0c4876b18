"""Where positions are kept, all in a bank account's own partition of the records table.

tenant#account   month#2026-03         the month's figures (MonthRow), added to in the commit of what they count
tenant#account   item#line#<line>      a line whose entry has not been counted yet
tenant#account   item#entry#<entry>    an entry that no line is matched to yet
tenant#account   positions             how far the account's history is counted (Progress)

An open item is listed by its month. Once cleared it is listed by the month that cleared it, if that is a later one:
what was open at the end of a month are the open items up to it, and those up to it that were cleared after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, cast

from chalicelib.core.errors import InvalidInput
from chalicelib.recon.positions import MonthTotals, OpenItem, Progress, Tally
from chalicelib.storage import records
from chalicelib.storage.commit import Stale, Write, add, check, write_if
from chalicelib.storage.reads import Found, fetch, get, index_page, query
from chalicelib.storage.records import Listing, Versioned, create, take
from chalicelib.storage.tables import Item, Key, MonthRow, RecordItem, month_key, record_key

PAGE = 1000
FIRST_MONTH, LAST_MONTH = "0000-00", "9999-99"
TRACKED = "reconciled-accounts"
"""The list of all bank accounts whose positions are kept, by tenant."""

_END = "~"
"""Sorts behind all that can follow a month."""


def progress_key(tenant: str, account_id: str) -> Key:
    """Where it is kept how far an account is counted."""
    return record_key(tenant, account_id, "positions")


def line_item_key(tenant: str, account_id: str, line_id: str) -> Key:
    """Where a line is kept while its entry has not been counted."""
    return record_key(tenant, account_id, f"item#line#{line_id}")


def entry_item_key(tenant: str, account_id: str, entry_id: str) -> Key:
    """Where an entry is kept while no line is matched to it."""
    return record_key(tenant, account_id, f"item#entry#{entry_id}")


def turn_key() -> Key:
    """Where it is kept how far the schedule that follows all accounts has come."""
    return record_key("recon", "follow")


def item_key(tenant: str, item: OpenItem) -> Key:
    """Where an open item is kept."""
    make = line_item_key if item.side == "line" else entry_item_key
    return make(tenant, item.bank_account_id, item.source_id)


# ---- writes


def add_months(tenant: str, account_id: str, changes: Mapping[str, MonthTotals]) -> tuple[Write, ...]:
    """Add to the figures of some months."""
    return tuple(
        add(f"add {month}", month_key(tenant, account_id, month), amounts)
        for month, totals in changes.items()
        if (amounts := _amounts(totals))
    )


def open_item(tenant: str, item: OpenItem) -> Write:
    """Keep an item, open or cleared by an earlier one's month. Where it is kept already, it is decided again."""
    key = item_key(tenant, item)
    list_key, list_sort = _listed(tenant, item)
    return _decided_again(create(key, item, exists="item_exists", list_key=list_key, list_sort=list_sort))


def clear_item(tenant: str, item: Versioned[OpenItem], month: str) -> Write:
    """Clear an open item in a month.

    condition: version = the version that was read; else decide again
    """
    cleared = replace(item.value, cleared_in=month)
    return records.replace(item_key(tenant, cleared), cleared, version=item.version, listed=_listed(tenant, cleared))


def reopen_item(tenant: str, item: Versioned[OpenItem]) -> Write:
    """Make a cleared item open once more.

    condition: version = the version that was read; else decide again
    """
    opened = replace(item.value, cleared_in=None)
    return records.replace(item_key(tenant, opened), opened, version=item.version, listed=_listed(tenant, opened))


def check_absent(key: Key) -> Write:
    """Let a commit stand only while nothing is kept at a key; else decide again.

    condition: attribute_not_exists(pk)
    """
    return check(f"absent {key.pk} {key.sort}", key, condition="attribute_not_exists(pk)", refuse=lambda _: Stale())


def check_unchanged(key: Key, version: int) -> Write:
    """Let a commit stand only while a record is as it was read; else decide again.

    condition: version = the version that was read
    """
    return check(
        f"unchanged {key.pk} {key.sort}",
        key,
        condition="version = :read",
        values={":read": {"N": str(version)}},
        refuse=lambda _: Stale(),
    )


def save_progress(tenant: str, after: Progress, *, version: int) -> Write:
    """Write how far an account is counted over the version that was read."""
    return records.replace(progress_key(tenant, after.bank_account_id), after, version=version)


def track(new: Progress) -> None:
    """Begin to keep an account's positions, unless they are kept already.

    condition: attribute_not_exists(pk)
    """
    key = progress_key(new.tenant, new.bank_account_id)
    place = f"{new.tenant}#{new.iban}#{new.bank_account_id}"
    if get(key) is None:
        write_if(create(key, new, exists="positions_kept", list_key=TRACKED, list_sort=place))


# ---- reads


def find_progress(tenant: str, account_id: str) -> Versioned[Progress] | None:
    """How far an account is counted; None where its positions are not kept."""
    key = progress_key(tenant, account_id)
    return take(fetch([key]), key, Progress)


def take_line_item(found: Found, tenant: str, account_id: str, line_id: str) -> Versioned[OpenItem] | None:
    """The open item of a line that a batch found, or None."""
    return _open(take(found, line_item_key(tenant, account_id, line_id), OpenItem))


def take_any_line_item(found: Found, tenant: str, account_id: str, line_id: str) -> Versioned[OpenItem] | None:
    """The item of a line that a batch found, open or cleared, or None."""
    return take(found, line_item_key(tenant, account_id, line_id), OpenItem)


def take_entry_item(found: Found, tenant: str, account_id: str, entry_id: str) -> Versioned[OpenItem] | None:
    """The open item of an entry that a batch found, or None."""
    return _open(take(found, entry_item_key(tenant, account_id, entry_id), OpenItem))


def months_of(tenant: str, account_id: str) -> dict[str, MonthTotals]:
    """The figures of all months of an account: one small row a month, in one query."""
    pk = record_key(tenant, account_id).pk
    page = query(MonthRow, pk=pk, limit=PAGE, starts_with="month#")
    return {row.sk.partition("#")[2]: _totals(row) for row in cast("tuple[MonthRow, ...]", page.items)}


def tracked_accounts(tenant: str, iban: str | None, *, after: Item | None, limit: int) -> Listing[Progress]:
    """One page of a tenant's bank accounts whose positions are kept, or of those with an IBAN."""
    beginning = f"{tenant}#" if iban is None else f"{tenant}#{iban}#"
    return records.listing(TRACKED, Progress, after=after, limit=limit, between=(beginning, f"{beginning}{_END}"))


def every_tracked_account(*, after: Item | None, limit: int) -> Listing[Progress]:
    """One page of all tenants' bank accounts whose positions are kept."""
    return records.listing(TRACKED, Progress, after=after, limit=limit)


def open_items(tenant: str, account_id: str, month: str, *, after: Item | None, limit: int) -> Listing[OpenItem]:
    """One page of the items that were open at the end of a month: those that are open still, the oldest first, then
    those that were cleared later. A page may hold fewer than `limit`, and none, and still not be the last. Raises
    InvalidInput `invalid_cursor`."""
    for name, bounds in _ranges(tenant, account_id, month):
        if after is not None and after.get("list_key") != {"S": name}:
            continue
        page = index_page(
            RecordItem,
            "by_list",
            hash_name="list_key",
            hash_value=name,
            after=None if after == _start_of(name) else after,
            limit=limit,
            between=bounds,
        )
        found = fetch(page.keys)
        items = (take(found, key, OpenItem) for key in page.keys)
        shown = tuple(item.value for item in items if item is not None and _is_open_at(item.value, month))
        return Listing(shown, page.last_key or _next_range(tenant, account_id, name))
    raise InvalidInput("invalid_cursor", "the cursor is not one of this list", field="cursor")


# ---- inside


def _ranges(tenant: str, account_id: str, month: str) -> tuple[tuple[str, tuple[str, str]], ...]:
    """The two lists that an end of a month is found in, and the part of each."""
    return (
        (_list_of(tenant, account_id, "open"), (FIRST_MONTH, f"{month}{_END}")),
        (_list_of(tenant, account_id, "cleared"), (f"{month}{_END}", f"{LAST_MONTH}{_END}")),
    )


def _start_of(list_key: str) -> Item:
    """A place before all of a list: where the second list of `open_items` begins."""
    return {"list_key": {"S": list_key}}


def _next_range(tenant: str, account_id: str, list_key: str) -> Item | None:
    """Where to go on when a list is at its end: with the cleared ones behind the open ones."""
    is_first = list_key == _list_of(tenant, account_id, "open")
    return _start_of(_list_of(tenant, account_id, "cleared")) if is_first else None


def _is_open_at(item: OpenItem, month: str) -> bool:
    return item.opened_in <= month and (item.cleared_in is None or item.cleared_in > month)


def _list_of(tenant: str, account_id: str, name: str) -> str:
    return f"{tenant}#{account_id}#items#{name}"


def _listed(tenant: str, item: OpenItem) -> tuple[str, str]:
    """List and place of an item. One that was cleared in its own month was never open at a month's end."""
    if item.cleared_in is None:
        name, month = "open", item.opened_in
    elif item.cleared_in == item.opened_in:
        name, month = "settled", item.opened_in
    else:
        name, month = "cleared", item.cleared_in
    return _list_of(tenant, item.bank_account_id, name), f"{month}#{item.opened_on}#{item.side}#{item.source_id}"


def _open(item: Versioned[OpenItem] | None) -> Versioned[OpenItem] | None:
    return item if item is not None and item.value.cleared_in is None else None


def _amounts(totals: MonthTotals) -> dict[str, int]:
    """The numbers of a month by the name they are kept under, without those that are zero."""
    named: dict[str, int] = {}
    for field in fields(totals):
        tally: Tally = getattr(totals, field.name)
        named |= {field.name: tally.count, f"{field.name}_minor": tally.minor}
    return {name: amount for name, amount in named.items() if amount}


def _totals(row: MonthRow) -> MonthTotals:
    named: dict[str, Any] = {
        field.name: Tally(getattr(row, field.name), getattr(row, f"{field.name}_minor"))
        for field in fields(MonthTotals)
    }
    return MonthTotals(**named)


def _decided_again(write: Write) -> Write:
    """A creation that, where something stands there by now, has the command decided again."""
    return replace(write, refuse=lambda _: Stale())
