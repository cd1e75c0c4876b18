"""Statements of a bank account by the month they end in, and their lines: found by place, whatever else there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import cast

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.recon.balance import MonthLine
from chalicelib.recon.domain import Reconciled, Statement
from chalicelib.recon.store import STATEMENT, line_page, reconciled_key, statements_behind
from chalicelib.storage.reads import BATCH, query
from chalicelib.storage.records import Listing, Versioned
from chalicelib.storage.tables import Item, RecordItem, record_key

PAGE = 1000
_DIGITS = 7
_END = "~"
"""Sorts behind all that can follow a place."""


def all_of_month(tenant: str, account_id: str, month: str) -> list[Statement]:
    """The statements of an account that end in a month (`2026-03`), in order."""
    return [held.value for held in _statements(tenant, account_id, (month, f"{month}{_END}"))]


def statements_before_month(tenant: str, account_id: str, month: str) -> list[Statement]:
    """What comes before a month in an account, back to the nearest statement that holds and is alone with its days."""
    return statements_behind(tenant, account_id, f"{STATEMENT}{month}")


def statements_before(tenant: str, account_id: str, day: date) -> list[Statement]:
    """The statements of an account that end before a day, back to the nearest one that holds and is alone with its
    days."""
    return statements_behind(tenant, account_id, f"{STATEMENT}{day}")


def last_statement(tenant: str, account_id: str) -> Statement | None:
    """The last statement of an account in order, quarantined ones among them; None without any."""
    pk = record_key(tenant, account_id).pk
    page = query(RecordItem, pk=pk, limit=1, newest_first=True, starts_with=STATEMENT)
    items = cast("Sequence[RecordItem]", page.items)
    return msgspec.json.decode(items[0].doc, type=Statement) if items else None


def statements_after(tenant: str, account_id: str, after: str) -> list[Versioned[Statement]]:
    """The statements of an account behind a place ("": behind none), at most a hundred."""
    bounds = f"{after}{_END}" if after else "", _END
    return list(islice(_statements(tenant, account_id, bounds, limit=BATCH), BATCH))


def lines_behind(tenant: str, statement_id: str, number: int, *, limit: int) -> list[Reconciled]:
    """The lines of a statement behind a number, at most `limit`."""
    after = reconciled_key(tenant, statement_id, number).wire() if number else None
    return list(line_page(tenant, statement_id, after=after, limit=limit).values)


def month_lines(tenant: str, account_id: str, month: str, *, after: Item | None, limit: int) -> Listing[MonthLine]:
    """As `lines_between`, of the statements that end in a month."""
    return lines_between(tenant, account_id, (month, month), after=after, limit=limit)


def lines_between(
    tenant: str, account_id: str, days: tuple[str, str], *, after: Item | None, limit: int
) -> Listing[MonthLine]:
    """One page of the lines of the statements that end within two days (or months), in the order of the statements and
    of the bank. Raises InvalidInput `invalid_cursor`."""
    place, number = _line_place(account_id, after)
    bounds = (place or days[0]), f"{days[1]}{_END}"
    found: list[MonthLine] = []
    for held in _statements(tenant, account_id, bounds):
        statement = held.value
        behind = number if statement.order == place else 0
        lines = lines_behind(tenant, statement.statement_id, behind, limit=limit - len(found))
        found += (MonthLine(statement, reconciled) for reconciled in lines)
        if len(found) == limit:
            return Listing(tuple(found), _line_key(account_id, found[-1]))
    return Listing(tuple(found), None)


def _line_key(account_id: str, last: MonthLine) -> Item:
    number = str(last.reconciled.line.number)
    return {"account": {"S": account_id}, "place": {"S": last.statement.order}, "number": {"N": number}}


def _line_place(account_id: str, after: Item | None) -> tuple[str, int]:
    if after is None:
        return "", 0
    place, number = after.get("place", {}).get("S", ""), after.get("number", {}).get("N", "")
    is_own = set(after) == {"account", "place", "number"} and after["account"].get("S") == account_id
    if not is_own or not place or not number or len(number) > _DIGITS:
        raise InvalidInput("invalid_cursor", "the cursor is not one of this list", field="cursor")
    return place, int(number)


def _statements(
    tenant: str, account_id: str, bounds: tuple[str, str], *, limit: int = PAGE
) -> Iterator[Versioned[Statement]]:
    """The statements of an account whose places lie within two texts, in order, read a page at a time."""
    pk = record_key(tenant, account_id).pk
    after: Item | None = None
    more = True
    while more:
        low, high = (f"{STATEMENT}{bound}" for bound in bounds)
        page = query(RecordItem, pk=pk, after=after, limit=limit, between=(low, high))
        for item in cast("Sequence[RecordItem]", page.items):
            yield Versioned(msgspec.json.decode(item.doc, type=Statement), item.version)
        after = page.last_key
        more = after is not None
