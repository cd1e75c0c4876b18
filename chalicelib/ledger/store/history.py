"""How an account's lines stand in DynamoDB, and how they are found: by version, by either clock, and by day.

A page costs what it shows, however long the account is; an instant of the recorded clock is found by halving the
versions, since lines run forward by it. What was moved until an effective instant is the sum of whole days before, and
of the lines of its day.
"""

from __future__ import annotations

import re
from typing import cast

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.core.values import dataclass
from chalicelib.ledger.lines import AFTER, VERSION_DIGITS, Line, day_number, occurred_text
from chalicelib.storage.reads import Page, get, index_items, query
from chalicelib.storage.tables import DayRow, HistoryRow, Item, account_key, days_key, line_key

LAST_VERSION = 10**VERSION_DIGITS - 1
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

MOST_PROBES = 64
PORTION = 1000
MOST_PORTIONS = 200

RECENT_DAYS = 400
"""How many days since an instant are taken off the balance, rather than those before it added up."""

_LAST_DAY = 99_991_231


@dataclass(frozen=True, slots=True)
class LinePage:
    """Lines of one page, and the key to go on after (None: that was the last)."""

    lines: tuple[Line, ...]
    last_key: Item | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What some lines move in all (debits less credits), and the debits among it."""

    total: int
    debits: int


def account_of(tenant: str, account_id: str) -> str:
    """The hash key that an account and its lines share."""
    return account_key(tenant, account_id).pk


def history_page(
    tenant: str,
    account_id: str,
    *,
    after: Item | None,
    limit: int,
    newest_first: bool,
    versions: tuple[int, int] = (1, LAST_VERSION),
) -> LinePage:
    """One page of an account's lines by version, of those from the first to the second of `versions`."""
    account = account_of(tenant, account_id)
    low, high = versions
    if after is not None:
        at, _ = _place(account, after, by_effect=False)
        low, high = (low, min(high, at - 1)) if newest_first else (max(low, at + 1), high)
    if low > high:
        return LinePage((), None)
    return _lines(query(HistoryRow, pk=account, limit=limit, newest_first=newest_first, between=(str(low), str(high))))


def occurred_page(
    tenant: str,
    account_id: str,
    *,
    between: tuple[str, str],
    after: Item | None,
    limit: int,
    newest_first: bool,
) -> LinePage:
    """One page of an account's lines by their effective time, of those whose `occurred` lies within two texts, by the
    index: a new line may be missing for a moment."""
    account = account_of(tenant, account_id)
    low, high = between
    if after is not None:
        version, instant = _place(account, after, by_effect=True)
        if newest_first:
            high = min(high, occurred_text(instant, version - 1))
        else:
            low = max(low, occurred_text(instant, version) + AFTER)
    if low > high:
        return LinePage((), None)
    page = index_items(
        HistoryRow,
        "by_occurred",
        hash_name="pk",
        hash_value=account,
        limit=limit,
        newest_first=newest_first,
        between=(low, high),
    )
    return _lines(page)


def _place(account: str, after: Item, *, by_effect: bool) -> tuple[int, str]:
    """Version and effective time of the line that a cursor stands at. The next lines are then asked for by what they
    are, not by where the last page ended, so that a page costs the same wherever it is. A cursor comes from outside:
    raises InvalidInput `invalid_cursor`."""
    version = after.get("version", {}).get("N", "")
    instant, _, counted = after.get("occurred", {}).get("S", "").partition("#")
    names = {"pk", "version", "occurred"} if by_effect else {"pk", "version"}
    genuine = after.keys() == names and after["pk"] == {"S": account} and version.isdecimal()
    if genuine and by_effect:
        genuine = bool(_INSTANT.fullmatch(instant)) and counted == version.rjust(VERSION_DIGITS, "0")
    if not genuine or len(version) > VERSION_DIGITS:
        raise InvalidInput("invalid_cursor", "the cursor is not one of this list", field="cursor")
    return int(version), instant


def find_line(account: str, version: int) -> Line | None:
    """The line of a version, read strongly, or None."""
    row = get(line_key(account, version)) if version > 0 else None
    return None if row is None else to_line(cast("HistoryRow", row))


def newest_line(tenant: str, account_id: str) -> Line | None:
    """The line of the highest version, read strongly, or None."""
    page = history_page(tenant, account_id, after=None, limit=1, newest_first=True)
    return page.lines[0] if page.lines else None


def last_line_before(tenant: str, account_id: str, bound: str) -> Line | None:
    """The last line whose recorded time sorts before a text, or None; at most 64 strong reads, each of one line."""
    newest = newest_line(tenant, account_id)
    if newest is None or newest.at < bound:
        return newest
    found, low, high = None, 0, newest.version
    for _ in range(MOST_PROBES):
        if low + 1 >= high:
            break
        middle = (low + high) // 2
        probe = history_page(
            tenant, account_id, after=None, limit=1, newest_first=False, versions=(middle, high - 1)
        ).lines
        if probe and probe[0].at < bound:
            found, low = probe[0], probe[0].version
        else:
            high = middle
    return found


def moved_until(tenant: str, account_id: str, bound: str) -> Moved:
    """What an account's chained lines move whose `occurred` sorts up to a text that begins with an instant.

    Whole days by their totals (strong), the last one by the index; where the last day is recent, the days before it
    are the balance less the days since, so that they cost no more in old books. Raises TooLarge `too_many_lines`.
    """
    newest = newest_line(tenant, account_id)
    days = _before_day(account_of(tenant, account_id), newest, day_number(bound))
    lines = lines_of_day(tenant, account_id, upto=bound)
    total = days.total + sum(line.amount for line in lines)
    return Moved(total, days.debits + sum(max(line.amount, 0) for line in lines))


def lines_of_day(tenant: str, account_id: str, *, upto: str) -> list[Line]:
    """The chained lines of the day that a text begins with whose `occurred` sorts up to it, by the index."""
    found: list[Line] = []
    after: Item | None = None
    for _ in range(MOST_PORTIONS):
        page = occurred_page(
            tenant, account_id, between=(upto[:10], upto), after=after, limit=PORTION, newest_first=False
        )
        found += (line for line in page.lines if line.hash is not None)
        after = page.last_key
        if after is None:
            return found
    raise TooLarge("too_many_lines", "a day has more lines than one answer sums", maximum=PORTION * MOST_PORTIONS)


def _before_day(account: str, newest: Line | None, day: int) -> Moved:
    """What the chained lines move whose day comes before a day: all of them less those since, or added up from the
    first where the days since are too many, or count a line that is not chained yet."""
    if newest is not None and newest.hash is not None:
        page = query(DayRow, pk=days_key(account).pk, limit=RECENT_DAYS, between=(str(day), str(_LAST_DAY)))
        rows = [cast("DayRow", row) for row in page.items]
        if page.last_key is None and all(row.upto <= newest.version for row in rows):
            debits = (newest.debits or 0) - sum(row.debits for row in rows)
            return Moved(newest.balance - sum(row.total for row in rows), debits)
    return _days_before(account, day)


def _days_before(account: str, day: int) -> Moved:
    total, debits = 0, 0
    after: Item | None = None
    for _ in range(MOST_PORTIONS):
        page = query(DayRow, pk=days_key(account).pk, after=after, limit=PORTION, between=("0", str(max(day - 1, 0))))
        rows = [cast("DayRow", row) for row in page.items]
        total += sum(row.total for row in rows)
        debits += sum(row.debits for row in rows)
        after = page.last_key
        if after is None:
            break
    return Moved(total, debits)


def _lines(page: Page) -> LinePage:
    return LinePage(tuple(to_line(cast("HistoryRow", row)) for row in page.items), page.last_key)


def to_line(row: HistoryRow) -> Line:
    """The line that a row holds."""
    return Line(
        account=row.pk,
        version=row.version,
        entry_id=row.entry_id,
        amount=row.amount,
        balance=row.balance,
        held=row.held,
        at=row.at,
        occurred=row.occurred,
        reference=row.reference,
        digest=row.digest,
        debits=row.debits,
        hash=row.hash,
        refilled=bool(row.refilled),
    )


def to_item(line: Line) -> Item:
    """The line as the table keeps it."""
    item: Item = {
        "pk": {"S": line.account},
        "version": {"N": str(line.version)},
        "entry_id": {"S": line.entry_id},
        "amount": {"N": str(line.amount)},
        "balance": {"N": str(line.balance)},
        "held": {"N": str(line.held)},
        "at": {"S": line.at},
        "occurred": {"S": line.occurred},
        "digest": {"S": line.digest},
    }
    if line.reference is not None:
        item["reference"] = {"S": line.reference}
    if line.hash is not None:
        item |= {"debits": {"N": str(line.debits or 0)}, "hash": {"S": line.hash}}
    if line.refilled:
        item["refilled"] = {"BOOL": True}
    return item
