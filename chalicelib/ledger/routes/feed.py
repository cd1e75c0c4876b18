"""The feed over HTTP: what whoever keeps a copy of the books reads on by."""

from __future__ import annotations

import re

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.ledger.routes.entries import EntryView, entry_view
from chalicelib.ledger.service import feed
from chalicelib.storage.journal import JournalItem
from chalicelib.web.endpoint import Request, Router
from chalicelib.web.pages import page_limit

router = Router(__name__)


class FeedEntryView(EntryView, frozen=True, kw_only=True):
    """An entry with its `number` in the tenant's feed."""

    number: int


class FeedView(msgspec.Struct, frozen=True):
    """Entries by number, without a gap; ask again with `after` = `next_after`. `head` is the last number given so far:
    where the entries do not come to it, those that follow are on their way."""

    entries: list[FeedEntryView]
    next_after: int
    head: int


@router.endpoint("GET", "/v1/feed", scope="ledger:read", answer=FeedView, parameters=("after", "limit"))
def get_feed(request: Request) -> FeedView:
    """Read on in the feed: every entry once, by number, in an order that never changes.

    Numbers are dense and for ever, but they are given a moment after the commit, and not in the order of commits. Who
    takes what follows the last number held, and holds a number in one transaction with what it says, has every entry
    exactly once; who asks for the same numbers again is told the same.
    """
    after = _after(request.query)
    page = feed.feed_page(request.tenant, after=after, limit=page_limit(request.query))
    entries = [_view(entry.number, entry.item) for entry in page.entries]
    return FeedView(entries, entries[-1].number if entries else after, page.head)


def _after(query: dict[str, str]) -> int:
    given = query.get("after", "0")
    if not re.fullmatch("[0-9]{1,18}", given):
        sentence = "after is the last number that is known, 0 before the first"
        raise InvalidInput("invalid_after", sentence, field="after")
    return int(given)


def _view(number: int, item: JournalItem) -> FeedEntryView:
    return FeedEntryView(**msgspec.structs.asdict(entry_view(item)), number=number)
