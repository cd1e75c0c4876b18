"""What is due, and how a record that fails is kept from holding up the others.

    due#<part>            by_due index: records that time will do something to, by the instant of it
    suspended#<tenant>    the same index: records that failed too often, by the instant they were suspended

A record that fails is put off: it moves back in its list by a delay that doubles. After MAX_ATTEMPTS failures without
any change of the record it is suspended: it leaves the list for its tenant's list of suspended records. The record's
own next command, which writes when it is due anew, takes it back, and so does `resume`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import cast

from chalicelib.core.instants import LONG_AGO, instant_text
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Stale, Write, update, write_if
from chalicelib.storage.reads import Found, KeyPage, fetch, get, index_page
from chalicelib.storage.records import DUE_SHARDS, Listing, due_key
from chalicelib.storage.tables import Item, Key, RecordItem

MAX_ATTEMPTS = 12
FIRST_DELAY = timedelta(minutes=1)
MAX_DELAY = timedelta(hours=4)
"""Twelve attempts with these delays take about 16 hours."""

PAGE = 1_000
MAX_PAGES = 50
"""Pages read of each part of the list in one run: 400,000 records in all are looked at, of whatever tenant."""

MAX_CODE = 100


@dataclass(frozen=True, slots=True)
class DuePosition:
    """A record that is due, and its place in the list: since when."""

    key: Key
    due_at: str

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.key.pk.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often a record has failed in a row without having changed, and how it failed last."""

    count: int
    code: str

    @property
    def is_last(self) -> bool:
        """Whether the record is to be suspended."""
        return self.count >= MAX_ATTEMPTS

    @property
    def delay(self) -> timedelta:
        """How long the record is put off."""
        return min(FIRST_DELAY * 2 ** (self.count - 1), MAX_DELAY)


@dataclass(frozen=True, slots=True)
class SuspendedRecord:
    """A record that is not tried any more: the code of its last failure, and since when."""

    record_id: str
    code: str
    attempts: int
    suspended_at: str


def due_in_turn(now: datetime) -> Iterator[DuePosition]:
    """The records whose time has come, one of each tenant in turn, and of each tenant those first that have waited
    longest. The index is eventual: a record that was just done may be named once more, a new one comes with the next
    call."""
    waiting: dict[str, deque[DuePosition]] = {}
    for position in sorted(_due_positions(now), key=lambda each: each.due_at):
        waiting.setdefault(position.tenant, deque()).append(position)
    while waiting:
        for tenant in list(waiting):
            yield waiting[tenant].popleft()
            if not waiting[tenant]:
                del waiting[tenant]


def put_off(position: DuePosition, code: str, now: datetime) -> Attempts | None:
    """Put a record that failed off, unless this was its last attempt. Returns None if it is not due there any more.

    condition: due_at and version = those that were read
    """
    item = cast("RecordItem | None", get(position.key))
    if item is None or item.due_at != position.due_at or item.due_key != due_key(position.key):
        return None
    attempts = _attempts(item, code)
    if attempts.is_last:
        return attempts
    moved = _move(position.key, item, due_key(position.key), instant_text(now + attempts.delay), attempts)
    return attempts if write_if(moved) else None


def defer(key: Key, code: str, now: datetime) -> None:
    """Put off a record that failed and stands in a list of another kind: the walk over that list takes those that are
    `ready`. It is never suspended.

    condition: version = the version that was read, and the record is in no list of what is due
    """
    item = cast("RecordItem | None", get(key))
    if item is None:
        return
    attempts = _attempts(item, code)
    values: Item = {
        ":at": {"S": instant_text(now + attempts.delay)},
        ":tries": {"N": str(min(attempts.count, MAX_ATTEMPTS))},
        ":code": {"S": attempts.code},
        ":read": {"N": str(item.version)},
    }
    deferred = update(
        f"defer {key.pk}",
        key,
        change="SET due_at = :at, due_tries = :tries, due_version = :read, due_code = :code",
        condition="version = :read AND attribute_not_exists(due_key)",
        values=values,
        refuse=lambda _: Stale(),
    )
    write_if(deferred)


def ready(keys: Iterable[Key], now: datetime) -> list[Key]:
    """Those of these records, at most 100, that are not put off by `defer`."""
    wanted = list(keys)
    found = fetch(wanted)
    return [key for key in wanted if not _is_deferred(cast("RecordItem | None", found.get(key)), now)]


def suspend(found: Found, position: DuePosition, attempts: Attempts, now: datetime) -> Write:
    """The write that moves a record to its tenant's list of suspended ones. Raises Stale if it has moved meanwhile."""
    item = cast("RecordItem | None", found.get(position.key))
    if item is None or item.due_at != position.due_at:
        raise Stale
    return _move(position.key, item, _suspended_list(position.tenant), instant_text(now), attempts)


def resume(found: Found, key: Key, now: datetime) -> Write | None:
    """The write that makes a suspended record due again, with all its attempts. Returns None if it is not suspended."""
    item = cast("RecordItem | None", found.get(key))
    if item is None or item.due_key != _suspended_list(key.pk.partition("#")[0]):
        return None
    return _move(key, item, due_key(key), instant_text(now), Attempts(0, ""))


def find_suspended(tenant: str, record_id: str) -> Key | None:
    """Where a suspended record is kept, or None. The index is eventual: one suspended a moment ago may be missing."""
    return next((key for key in suspended_keys(tenant) if key.pk == f"{tenant}#{record_id}"), None)


def suspended_keys(tenant: str) -> Iterator[Key]:
    """The keys of a tenant's suspended records, those suspended first first. Eventual."""
    after: Item | None = None
    more = True
    while more:
        page = _page(_suspended_list(tenant), after=after, limit=PAGE)
        yield from page.keys
        after = page.last_key
        more = after is not None


def suspended_records(tenant: str, *, after: Item | None, limit: int) -> Listing[SuspendedRecord]:
    """One page of a tenant's suspended records, those suspended first first. Eventual."""
    page = _page(_suspended_list(tenant), after=after, limit=limit)
    found = fetch(page.keys)
    items = (cast("RecordItem | None", found.get(key)) for key in page.keys)
    shown = (item for item in items if item is not None and item.due_key == _suspended_list(tenant))
    return Listing(tuple(_suspended(item) for item in shown), page.last_key)


def listed_keys(shard: int, *, after: Item | None, limit: int) -> KeyPage:
    """One page of the keys of records that time will do something to, overdue ones too, of one part of the list of what
    is due, the earliest first. Eventual, as `due_in_turn`."""
    return _page(f"due#{shard}", after=after, limit=limit)


def _due_positions(now: datetime) -> Iterator[DuePosition]:
    until = (LONG_AGO, instant_text(now))
    for part in range(DUE_SHARDS):
        after: Item | None = None
        for _ in range(MAX_PAGES):
            page = _page(f"due#{part}", after=after, limit=PAGE, between=until)
            yield from (DuePosition(key, due_at) for key, due_at in zip(page.keys, page.sorts, strict=True))
            after = page.last_key
            if after is None:
                break


def _page(listed: str, *, after: Item | None, limit: int, between: tuple[str, str] | None = None) -> KeyPage:
    return index_page(
        RecordItem, "by_due", hash_name="due_key", hash_value=listed, after=after, limit=limit, between=between
    )


def _attempts(item: RecordItem, code: str) -> Attempts:
    """The attempts after one more failure. A record that has changed since its last failure is counted anew."""
    before = (item.due_tries or 0) if item.due_version == item.version else 0
    return Attempts(before + 1, code[:MAX_CODE])


def _is_deferred(item: RecordItem | None, now: datetime) -> bool:
    if item is None or item.due_key is not None or item.due_version != item.version:
        return False
    return item.due_at is not None and item.due_at > instant_text(now)


def _move(key: Key, item: RecordItem, to_list: str, due_at: str, attempts: Attempts) -> Write:
    return update(
        f"move {key.pk} to {to_list}",
        key,
        change="SET due_key = :list, due_at = :at, due_tries = :tries, due_version = :read, due_code = :code",
        condition="due_at = :seen AND version = :read",
        values={
            ":list": {"S": to_list},
            ":at": {"S": due_at},
            ":tries": {"N": str(attempts.count)},
            ":code": {"S": attempts.code},
            ":seen": {"S": item.due_at},
            ":read": {"N": str(item.version)},
        },
        refuse=lambda _: Stale(),
    )


def _suspended(item: RecordItem) -> SuspendedRecord:
    record_id = item.pk.partition("#")[2]
    return SuspendedRecord(record_id, item.due_code or "", item.due_tries or 0, item.due_at or "")


def _suspended_list(tenant: str) -> str:
    return f"suspended#{tenant}"
