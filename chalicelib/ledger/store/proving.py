"""What the proof of the books reads: the feed as it is, gaps and all, the whole journal, accounts with their rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from chalicelib.core.errors import Defect
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.rebuild import Stood
from chalicelib.ledger.store.accounts import to_account
from chalicelib.ledger.store.feed import LARGEST
from chalicelib.storage.journal import JournalItem, from_row
from chalicelib.storage.reads import fetch, index_page, scan
from chalicelib.storage.tables import AccountItem, FeedRow, Item, JournalRow, account_key, journal_key, number_key

PAGE = 100
MOST_PAGES = 10_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """What the feed tells at a number: which entry, and its journal item (None: it is not there)."""

    number: int
    entry_id: str
    item: JournalItem | None


def feed_after(tenant: str, after: int) -> list[Told]:
    """Up to 100 entries numbered behind `after`, as the index shows them: a number may be missing."""
    page = index_page(
        FeedRow,
        "by_number",
        hash_name="tenant",
        hash_value=tenant,
        after=None,
        limit=PAGE,
        between=(str(after + 1), str(LARGEST)),
    )
    ids = [key.pk.partition("#")[2] for key in page.keys]
    found = fetch(journal_key(tenant, entry_id) for entry_id in ids)
    rows = [cast("JournalRow | None", found.get(journal_key(tenant, entry_id))) for entry_id in ids]
    return [
        Told(int(sort), entry_id, None if row is None else from_row(row))
        for sort, entry_id, row in zip(page.sorts, ids, rows, strict=True)
    ]


def unnumbered(*, before: datetime) -> Iterator[tuple[str, str]]:
    """Tenant and id of every entry in the journal, recorded before an instant, that has no number in the feed."""
    after: str | None = None
    for _ in range(MOST_PAGES):
        pairs, after = unnumbered_page(before=before, after=after)
        yield from pairs
        if after is None:
            return
    raise Defect("the journal has no end")


def unnumbered_page(*, before: datetime, after: str | None) -> tuple[list[tuple[str, str]], str | None]:
    """As `unnumbered`, of the next 100 entries in the scan's order, and where it goes on (None: that was the end)."""
    page = scan(JournalRow, after={"pk": {"S": after}} if after else None, limit=PAGE)
    limit = instant_text(before)
    rows = [row for row in cast("Sequence[JournalRow]", page.items) if row.recorded_at < limit]
    ids = [cast("tuple[str, str]", tuple(row.pk.split("#"))) for row in rows]
    found = fetch(number_key(tenant, entry_id) for tenant, entry_id in ids)
    return [pair for pair in ids if number_key(*pair) not in found], page.last_key["pk"]["S"] if page.last_key else None


def account_ids(tenant: str) -> list[str]:
    """The id of every account of a tenant, as the index lists them."""
    ids: list[str] = []
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = index_page(AccountItem, "by_tenant", hash_name="tenant", hash_value=tenant, after=after, limit=1000)
        ids += page.sorts
        after = page.last_key
        if after is None:
            return ids
    raise Defect("the accounts have no end")


def account_ids_after(tenant: str, account_id: str, *, limit: int) -> tuple[str, ...]:
    """The ids of the accounts that follow one, at most so many, as the index lists them."""
    page = index_page(
        AccountItem,
        "by_tenant",
        hash_name="tenant",
        hash_value=tenant,
        after=None,
        limit=limit,
        between=(f"{account_id}!", "~"),
    )
    return page.sorts


def read_accounts(tenant: str, account_ids: Sequence[str]) -> dict[str, Stood]:
    """Those of the accounts that exist, read strongly; at most 100 ids."""
    found = fetch(account_key(tenant, account_id) for account_id in account_ids)
    items = (cast("AccountItem", item) for item in found.values())
    return {item.account_id: Stood(to_account(item), item.debit_room, item.credit_room, item.last_at) for item in items}
