"""How long a page of history takes, by how long the history is."""

from __future__ import annotations

import statistics
import time
from typing import Any

from bench.ledger.books import Books
from chalicelib.core.instants import instant_text
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service import history
from chalicelib.storage.client import dynamodb
from chalicelib.storage.tables import AccountItem, HistoryRow, Item, account_key, physical_name

SHORT, LONG = 1_000, 100_000
PAGE = 100
TRIES = 150
BATCH = 25


def page_ratio(books: Books) -> dict[str, float]:
    """The median page from the middle of a history of 100,000 lines over one of 1,000. Rounds alternate."""
    accounts = {length: with_history(books, length) for length in (SHORT, LONG)}
    times: dict[int, list[float]] = {SHORT: [], LONG: []}
    for turn in range(TRIES):
        for length, account_id in accounts.items():
            after = {"pk": {"S": account_key(books.tenant, account_id).pk}, "version": {"N": str(length // 2 + turn)}}
            started = time.perf_counter()
            found = history.history(books.tenant, account_id, after=after, limit=PAGE)
            times[length].append(time.perf_counter() - started)
            if len(found.page.lines) != PAGE:
                raise SystemExit("the page that is measured is not full")
    short, long = (statistics.median(times[length]) for length in (SHORT, LONG))
    return {"history_page_ratio": round(long / short, 3), "history_page_ms": round(long * 1000, 2)}


def with_history(books: Books, length: int) -> str:
    """An account with that many lines, written as the projector would have."""
    account_id = books.account(Kind.LIABILITY)
    pk, now = account_key(books.tenant, account_id).pk, instant_text(books.call().now)
    for first in range(1, length + 1, BATCH):
        _write([_line(pk, version, now) for version in range(first, min(first + BATCH, length + 1))])
    dynamodb().update_item(
        TableName=physical_name(AccountItem),
        Key={"pk": {"S": pk}},
        UpdateExpression="SET version = :length, balance = :balance",
        ExpressionAttributeValues={":length": {"N": str(length)}, ":balance": {"N": str(-length)}},
    )
    return account_id


def _line(pk: str, version: int, now: str) -> Item:
    row = HistoryRow(
        pk=pk,
        version=version,
        entry_id=f"ent_{version:026}",
        amount=-1,
        balance=-version,
        held=0,
        at=now,
        occurred=f"{now}#{version:012}",
        digest="0" * 64,
        hash="0" * 64,
    )
    item: Item = row.serialize()
    return item


def _write(lines: list[Item]) -> None:
    pending: Any = {physical_name(HistoryRow): [{"PutRequest": {"Item": line}} for line in lines]}
    answer = dynamodb().batch_write_item(RequestItems=pending)
    if answer.get("UnprocessedItems"):
        raise SystemExit("DynamoDB Local left lines unwritten")
