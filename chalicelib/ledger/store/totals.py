"""How totals stand in DynamoDB: for each block of 100 numbers a row of every total that the block has changed.

    Put    tenant#totals, number                     totals of each currency up to the block's last number
    Put    tenant#totals#currency#period, number     totals of the period's parts up to there
    Update tenant#totals, state                      upto = the block's last number    IF version = the one read

A row follows from the entries up to its number, whoever writes it and however often, so rows need no condition; the
position moves behind them. A total at a number is in the newest row that is not above it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from chalicelib.core.errors import Defect
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.store import feed
from chalicelib.ledger.store.feed import FeedEntry
from chalicelib.ledger.totals import (
    BLOCK,
    MISSING,
    Children,
    Effect,
    Moved,
    Sums,
    added,
    block_end,
    by_period,
    decoded,
    encoded,
    merged,
    sums,
)
from chalicelib.storage import records
from chalicelib.storage.commit import Failed, Stale, commit, write_items
from chalicelib.storage.reads import BATCH, Page, fetch, get, query
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import (
    AccountItem,
    Item,
    Key,
    RecordItem,
    account_key,
    period_key,
    record_key,
    totals_key,
)

MOST_KINDS = 10_000
"""How many accounts' kinds a process remembers."""

PAGE = 100
"""How many rows of a period are read at once."""

_kinds: dict[Key, str] = {}


@dataclass(frozen=True, slots=True)
class Position:
    """Up to which number a tenant's totals are kept: the end of a block."""

    tenant: str
    upto: int


def position_key(tenant: str) -> Key:
    """Where the position of a tenant's totals is."""
    return record_key(tenant, "totals")


def load_position(tenant: str) -> Versioned[Position] | None:
    """The position of a tenant's totals, read strongly; None before the first block."""
    item = get(position_key(tenant))
    return None if item is None else records.take({position_key(tenant): item}, position_key(tenant), Position)


def positions(tenants: Sequence[str]) -> dict[str, int]:
    """Up to which number totals are kept, of at most 100 tenants; those without a block are left out."""
    found = fetch(position_key(tenant) for tenant in tenants)
    taken = (records.take(found, position_key(tenant), Position) for tenant in tenants)
    return {record.value.tenant: record.value.upto for record in taken if record is not None}


def add_block(tenant: str, known: Mapping[int, str]) -> bool:
    """Write the totals of the block that comes next, and move the position; False where the feed does not show all of
    its numbers yet. `known` are numbers that the index may not show yet, with their entries."""
    at = load_position(tenant)
    upto = 0 if at is None else at.value.upto
    entries = feed.run_after(tenant, upto, limit=BLOCK, known=known)
    if len(entries) < BLOCK:
        return False
    write_items(RecordItem, _rows(tenant, upto + BLOCK, effects(tenant, entries)))
    _move(tenant, at, upto + BLOCK)
    return True


def effects(tenant: str, entries: Iterable[FeedEntry]) -> list[Effect]:
    """What entries do to the totals, leg by leg."""
    found = list(entries)
    kinds = _kinds_of(tenant, {leg.account_id for entry in found for leg in entry.item.legs})
    return [
        Effect(kinds[leg.account_id], leg.currency, leg.amount, instant_text(entry.item.occurred_at))
        for entry in found
        for leg in entry.item.legs
    ]


def sums_at(tenant: str, number: int) -> Sums:
    """Totals by kind and currency up to the end of the newest block at or before a number that the position covers."""
    by_currency = _newest(partial(totals_key, tenant), number)
    return {(kind, currency): moved for currency, kinds in by_currency.items() for kind, moved in kinds.items()}


def parts_at(tenant: str, currency: str, period: str, number: int) -> Children:
    """Totals of a period's parts in a currency, as `sums_at`."""
    return _newest(partial(period_key, tenant, currency, period), number)


def parts_between(tenant: str, currency: str, period: str, first: int, last: int) -> Iterator[tuple[int, Children]]:
    """The totals of a period's parts as each block has changed them, from the end of one block to that of another:
    each with the block's last number, the oldest first."""
    low, high = (period_key(tenant, currency, period, number) for number in (first, last))
    between = (str(low.sort), str(high.sort))
    page: Page | None = None
    while page is None or page.last_key is not None:
        page = query(RecordItem, pk=low.pk, limit=PAGE, after=page and page.last_key, between=between)
        for item in page.items:
            row = cast("RecordItem", item)
            yield int(row.sk), decoded(json.loads(row.doc))


def rows_of(tenant: str, number: int, sums_: Sums, periods: Mapping[tuple[str, str], Children]) -> list[Item]:
    """The rows of the totals up to the end of a block."""
    by_currency: Children = {}
    for (kind, currency), moved in sums_.items():
        by_currency.setdefault(currency, {})[kind] = moved
    keyed = [(totals_key(tenant, number), by_currency)]
    keyed += [(period_key(tenant, *place, number), parts) for place, parts in periods.items()]
    return [_row(key, parts) for key, parts in keyed]


def _rows(tenant: str, number: int, found: Sequence[Effect]) -> list[Item]:
    before = number - BLOCK
    periods = {
        place: merged(parts_at(tenant, *place, before), parts) for place, parts in sorted(by_period(found).items())
    }
    return rows_of(tenant, number, added(sums_at(tenant, before), sums(found)), periods)


def _row(key: Key, parts: Mapping[str, Mapping[str, Moved]]) -> Item:
    doc = json.dumps(encoded(parts), separators=(",", ":"))
    return RecordItem(pk=key.pk, sk=key.sort, version=1, doc=doc).serialize()


def _newest(at: Callable[[int], Key], number: int) -> Children:
    """The totals of the newest row at or before a number; none before the first."""
    first, last = at(0), at(block_end(number))
    between = (str(first.sort), str(last.sort))
    page = query(RecordItem, pk=last.pk, limit=1, newest_first=True, between=between)
    return decoded(json.loads(cast("RecordItem", page.items[0]).doc)) if page.items else {}


def _move(tenant: str, at: Versioned[Position] | None, upto: int) -> None:
    """Move the position on. Where others have moved it meanwhile, the rows are theirs as well."""
    value = Position(tenant, upto)
    if at is None:
        write = replace(records.create(position_key(tenant), value, exists="position_exists"), refuse=lambda _: Stale())
    else:
        write = records.replace(position_key(tenant), value, version=at.version)
    try:
        commit([write])
    except Failed as failed:
        [(_, old)] = failed.reasons
        if old is None:
            raise Defect(f"the position of {tenant}'s totals is gone") from failed


def _kinds_of(tenant: str, account_ids: Iterable[str]) -> dict[str, str]:
    """The kind of each account. It never changes, so what was read once is known."""
    keys = {account_id: account_key(tenant, account_id) for account_id in sorted(account_ids)}
    known = {key: _kinds[key] for key in keys.values() if key in _kinds}
    unknown = [key for key in keys.values() if key not in known]
    for start in range(0, len(unknown), BATCH):
        items = fetch(unknown[start : start + BATCH])
        known |= {key: cast("AccountItem", item).kind for key, item in items.items()}
    if len(_kinds) + len(unknown) > MOST_KINDS:
        _kinds.clear()
    _kinds.update(known)
    return {account_id: known.get(key, MISSING) for account_id, key in keys.items()}
