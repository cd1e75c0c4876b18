"""Entries of which something was to follow that never did: its message was lost, or died, or its stream gave it up.

Each tenant's feed is walked once, a while behind its head; what is found is kept, a page of entries in a record of its
own, and looked at again by later runs until it is done. However many wait, the walk goes on, and each has its turn.

tenant#undone    state      how far the feed was looked at, how many pages there are, where the next run begins
tenant#undone    page-<n>   at most a hundred entries that wait
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace as changed
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, TypeVar

from chalicelib.core.values import dataclass
from chalicelib.ledger.store.entries import load_entries
from chalicelib.ledger.store.feed import run_after
from chalicelib.storage.commit import Write, commit
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import BATCH, fetch
from chalicelib.storage.records import Versioned, create, replace, take
from chalicelib.storage.tables import Key, record_key

PATIENCE = timedelta(minutes=15)
"""How long a message may take to have done what it asks for."""

MAX_FEED_PAGES = 100
"""Pages of one tenant's feed in one run. The next run goes on from there."""

MAX_WAITING_PAGES = 20
"""Pages of what waits that one run looks at again. The next run goes on from there, in turn."""

T = TypeVar("T")

IsDone = Callable[[JournalItem], bool]
"""Whether all that was to follow from an entry has been done, or nothing was to."""


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a tenant's feed was looked at, how many pages of waiting entries there are, and which is next."""

    number: int = 0
    pages: int = 0
    next_page: int = 0


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """Entries that wait for what is to follow from them."""

    entry_ids: tuple[str, ...] = ()


def find_undone(tenant: str, is_done: IsDone, *, now: datetime) -> Iterator[JournalItem]:
    """The entries of a tenant from which something should have followed by now and has not: of those that were found
    before a part in each run, in turn, and all that are new."""
    walk = _load(_walk_key(tenant), Walk)
    search = _Search(tenant, is_done, walk, saved=walk.value)
    yield from search.waiting()
    yield from search.new(now - PATIENCE)


@dataclasses.dataclass(slots=True)
class _Search:
    """One run through a tenant's entries. `saved` is the walk as it is kept, `seen` are the pages it has looked at."""

    tenant: str
    is_done: IsDone
    walk: Versioned[Walk]
    saved: Walk
    seen: dict[int, Versioned[WaitingPage]] = dataclasses.field(default_factory=dict)

    def waiting(self) -> Iterator[JournalItem]:
        """Those that were found before and are still undone; the others leave their page."""
        walk = self.walk.value
        for step in range(min(walk.pages, MAX_WAITING_PAGES)):
            number = (walk.next_page + step) % walk.pages
            page = self._page(number)
            undone = self._undone(load_entries(self.tenant, page.value.entry_ids).values())
            yield from undone
            left = WaitingPage(tuple(item.entry_id for item in undone))
            if len(left.entry_ids) < len(page.value.entry_ids):
                commit((_save(_page_key(self.tenant, number), page, left),))
                page = Versioned(left, page.version + 1)
            self.seen[number] = page
            self.walk = changed(self.walk, value=changed(walk, next_page=(number + 1) % walk.pages))

    def new(self, until: datetime) -> Iterator[JournalItem]:
        """Those of the feed that were recorded until an instant and that no run has looked at, kept on a page before
        they are returned."""
        for _ in range(MAX_FEED_PAGES):
            entries = run_after(self.tenant, self.walk.value.number, limit=BATCH)
            old = list(takewhile(lambda entry: entry.item.recorded_at <= until, entries))
            undone = self._undone(entry.item for entry in old)
            if old:
                self.walk = changed(self.walk, value=changed(self.walk.value, number=old[-1].number))
            if undone:
                self._keep(tuple(item.entry_id for item in undone))
            yield from undone
            if not old or len(old) < len(entries):
                break
        if self.walk.value != self.saved:
            self._save_walk()

    def _keep(self, entry_ids: tuple[str, ...]) -> None:
        """Put entries on the first page seen that has room, or on a new one, in one commit with the walk."""
        walk = self.walk.value
        fits = (n for n, page in self.seen.items() if len(page.value.entry_ids) + len(entry_ids) <= BATCH)
        number = next(fits, walk.pages)
        page = self.seen.get(number) or self._page(number)
        after = WaitingPage((*page.value.entry_ids, *entry_ids))
        self.walk = changed(self.walk, value=changed(walk, pages=max(walk.pages, number + 1)))
        self._save_walk(_save(_page_key(self.tenant, number), page, after))
        self.seen[number] = Versioned(after, page.version + 1)

    def _save_walk(self, *writes: Write) -> None:
        """condition: the walk's version is the one that was read: of two runs at once one goes on"""
        commit((_save(_walk_key(self.tenant), self.walk, self.walk.value), *writes))
        self.walk, self.saved = changed(self.walk, version=self.walk.version + 1), self.walk.value

    def _page(self, number: int) -> Versioned[WaitingPage]:
        return _load(_page_key(self.tenant, number), WaitingPage)

    def _undone(self, items: Iterable[JournalItem]) -> list[JournalItem]:
        return [item for item in items if not self.is_done(item)]


def _load(key: Key, shape: type[T]) -> Versioned[T]:
    """What stands at a key; version 0: nothing does yet."""
    stored = take(fetch((key,)), key, shape)
    return Versioned(shape(), 0) if stored is None else stored


def _save(key: Key, before: Versioned[Any], after: object) -> Write:
    """condition: there is no record yet, or its version is the one that was read"""
    return replace(key, after, version=before.version) if before.version else create(key, after, exists="undone_exists")


def _walk_key(tenant: str) -> Key:
    return record_key(tenant, "undone")


def _page_key(tenant: str, number: int) -> Key:
    return record_key(tenant, "undone", f"page-{number}")
