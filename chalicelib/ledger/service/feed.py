"""The feed: each entry of a tenant gets a number, without gaps, and whoever keeps a copy of the books reads on by it.

A number says in which order the feed tells of entries, not in which order they were committed. What the feed has told
once it never tells otherwise, so that a copy that goes on after the last number it holds misses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from chalicelib.core.errors import InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.ledger.store import feed
from chalicelib.ledger.store.feed import FeedEntry
from chalicelib.storage.journal import JournalItem


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Entries numbered on from what was asked, and the last number given so far."""

    entries: tuple[FeedEntry, ...]
    head: int


def number(items: Iterable[JournalItem]) -> dict[str, dict[int, str]]:
    """Number journal items, each once, in this order; by tenant, which number has which entry.

    Said again, by others or after a crash, every entry keeps its number.
    """
    ids: dict[str, list[str]] = defaultdict(list)
    for item in items:
        ids[item.tenant].append(item.entry_id)
    return {tenant: _numbered(tenant, entry_ids) for tenant, entry_ids in ids.items()}


def feed_page(tenant: str, *, after: int, limit: int) -> FeedPage:
    """The entries numbered `after` + 1 and on, at most `limit`, without a gap. Fewer, or none, are no end: ask again
    after the last. Raises InvalidInput `invalid_after`."""
    if not 0 <= after < feed.LARGEST:
        raise InvalidInput("invalid_after", "after is the last number that is known, 0 before the first", field="after")
    head = feed.head(tenant)
    return FeedPage(tuple(feed.run_after(tenant, after, limit=limit)), head)


def _numbered(tenant: str, entry_ids: Sequence[str]) -> dict[int, str]:
    known: dict[int, str] = {}
    for start in range(0, len(entry_ids), feed.MOST_AT_ONCE):
        numbers = feed.number_entries(tenant, entry_ids[start : start + feed.MOST_AT_ONCE])
        known |= {number: entry_id for entry_id, number in numbers.items()}
    return known
