"""How an account's history stands in DynamoDB: one line for each version, written by the projector."""

from __future__ import annotations

from typing import cast

from chalicelib.storage.commit import write_item
from chalicelib.storage.reads import Page, get, query
from chalicelib.storage.tables import AccountItem, HistoryRow, Item, account_key, line_key


def history_page(tenant: str, account_id: str, *, after: Item | None, limit: int, newest_first: bool) -> Page:
    """One page of an account's lines (HistoryRow) by version."""
    pk = account_key(tenant, account_id).pk
    return query(HistoryRow, pk=pk, after=after, limit=limit, newest_first=newest_first)


def project_line(before: Item, after: Item) -> None:
    """Write the line that an account's two images stand for: what its last commit moved, and the balance after.

    Written again, it is the same line. Its instant is the later of its entry's and its predecessor's: entries are
    stamped by many clocks, and an account's lines run forward all the same.
    """
    old, new = AccountItem.from_raw_data(before), AccountItem.from_raw_data(after)
    if new.version == old.version:
        return
    earlier = cast("HistoryRow | None", get(line_key(old.pk, old.version))) if old.version else None
    row = HistoryRow(
        pk=new.pk,
        version=new.version,
        entry_id=new.last_commit,
        amount=new.balance - old.balance,
        balance=new.balance,
        at=max(new.last_at, earlier.at if earlier else old.last_at),
    )
    write_item(HistoryRow, row.serialize())
