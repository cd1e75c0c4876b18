"""An account's past: its lines, its balance at an instant, its statement for a period, by either of two clocks.

`recorded` is when we wrote an entry down, which only runs forward: what was so then stays so. `occurred` is when it
took effect, as its sender says: an entry may come late and change what was said about that time. Lines follow the
balance by a moment, so each answer says whether any is still missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum

from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import FUTURE, Account
from chalicelib.ledger.lines import AFTER, Line
from chalicelib.ledger.store import accounts
from chalicelib.ledger.store import history as store
from chalicelib.ledger.store.history import LAST_VERSION, LinePage, Moved
from chalicelib.storage.tables import Item

SETTLED_AFTER = timedelta(seconds=60)
"""An entry that was stamped this long ago is in the books, or never will be."""

_FIRST, _LAST = "0001-01-01", "9999-12-31~"
"""Sort before and behind every instant's text, and begin with a day as it does."""


class Clock(Enum):
    """Which of an entry's two times counts."""

    RECORDED = "recorded"
    OCCURRED = "occurred"


@dataclass(frozen=True, slots=True)
class Period:
    """From the first instant on, up to but without the second, by a clock (as texts; None: without that end)."""

    clock: Clock = Clock.RECORDED
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A page of lines, whose they are, and whether none is missing from it, up to the latest version."""

    account: Account
    page: LinePage
    complete: bool


@dataclass(frozen=True, slots=True)
class BalanceAt:
    """What was posted at an instant (debits less credits), as of which version, and whether it stays so. By effective
    time `version` is the latest that history has."""

    account: Account
    balance: int
    version: int
    final: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of a period's lines, the first first, with the balance running from line to line (in the order shown).

    `opening` and `closing` are those of the whole period, `brought_forward` is the balance before the page's first
    line; `debits` is None where lines before the period's end are not chained yet. All are debits less credits.
    """

    account: Account
    opening: int
    closing: int
    brought_forward: int
    debits: int | None
    page: LinePage
    complete: bool


def check_instant(instant: datetime, *, now: datetime, field: str) -> str:
    """The instant's text. Raises InvalidInput `instant_in_future` where it lies more than a minute ahead."""
    if instant > now + FUTURE:
        raise InvalidInput("instant_in_future", f"{field} lies more than a minute ahead", field=field)
    return instant_text(instant)


def period(clock: Clock, start: datetime | None, end: datetime | None, *, now: datetime) -> Period:
    """A period. Raises InvalidInput `instant_in_future`, or `invalid_period` where it would end before it begins."""
    first = None if start is None else check_instant(start, now=now, field="from")
    last = None if end is None else check_instant(end, now=now, field="to")
    if first is not None and last is not None and first > last:
        raise InvalidInput("invalid_period", "from comes after to", field="from")
    return Period(clock, first, last)


def history(
    tenant: str,
    account_id: str,
    *,
    after: Item | None,
    limit: int,
    within: Period = Period(),  # noqa: B008 (frozen)
    newest_first: bool = True,
) -> History:
    """One page of an account's lines, of a period or all. Lines follow the balance by a moment: see `complete`."""
    account = accounts.load_account(tenant, account_id)
    if within.clock is Clock.OCCURRED:
        whole = _is_whole(account, store.newest_line(tenant, account_id))
        between = within.start or _FIRST, within.end or _LAST
        page = store.occurred_page(
            tenant, account_id, between=between, after=after, limit=limit, newest_first=newest_first
        )
        return History(account, page, whole)
    first, end, settled = _versions(tenant, account, within)
    last = LAST_VERSION if end is None else end
    page = store.history_page(
        tenant, account_id, after=after, limit=limit, newest_first=newest_first, versions=(first, last)
    )
    return History(
        account, page, settled and _gapless(page, after, (first, account.version if end is None else end), newest_first)
    )


def _versions(tenant: str, account: Account, within: Period) -> tuple[int, int | None, bool]:
    """The first version of a period by the recorded clock, the last (None: it has no end), and whether no line is
    missing behind the last."""
    first, last, settled = 1, None, True
    if within.start is not None:
        before = store.last_line_before(tenant, account.account_id, within.start)
        first = 1 if before is None else before.version + 1
    if within.end is not None:
        line = store.last_line_before(tenant, account.account_id, within.end)
        last = 0 if line is None else line.version
        settled = last >= account.version or _find(tenant, account, last + 1) is not None
    return first, last, settled


def _gapless(page: LinePage, after: Item | None, versions: tuple[int, int], newest_first: bool) -> bool:
    """Whether the lines of a page are all that it should have: those from its cursor, or the one end of `versions`, to
    the next page's, or the other end. The newest may be newer than the last version that is asked for."""
    low, high = versions
    shown = sorted(line.version for line in page.lines)
    if after is not None:
        at = int(after["version"]["N"])
        low, high = (low, at - 1) if newest_first else (at + 1, high)
    if page.last_key is not None:
        low, high = (shown[0], high) if newest_first else (low, shown[-1])
    return shown == list(range(low, max(high, *shown[-1:], 0) + 1))


def balance_at(tenant: str, account_id: str, instant: datetime, *, clock: Clock, now: datetime) -> BalanceAt:
    """What was posted on an account at an instant, that instant's entries included.

    By the recorded clock it is `final` when a minute has passed and no line is missing; on a deferred account, when a
    later line is there. By the effective clock when the account is closed for that time, so that nothing can come late;
    never on a deferred account, which entries from before the closing reach by the feed, nobody knows how late.
    Raises InvalidInput `instant_in_future`, NotFound `account_not_found`.
    """
    bound = check_instant(instant, now=now, field="at") + AFTER
    account = accounts.load_account(tenant, account_id)
    if clock is Clock.OCCURRED:
        newest = store.newest_line(tenant, account_id)
        moved = store.moved_until(tenant, account_id, bound)
        closed = account.closed_until >= instant_text(instant)
        final = closed and account.as_of is None and _is_whole(account, newest)
        return BalanceAt(account, moved.total, newest.version if newest else 0, final)
    line = store.last_line_before(tenant, account_id, bound)
    version, balance = (0, 0) if line is None else (line.version, line.balance)
    final = instant + SETTLED_AFTER <= now and _stays(tenant, account, line)
    return BalanceAt(account, balance, version, final)


def _stays(tenant: str, account: Account, line: Line | None) -> bool:
    """Whether the lines up to this one (None: none) are all there, and none can come between it and the next."""
    version = 0 if line is None else line.version
    if line is not None and line.hash is None:
        return False
    if account.as_of is None and version >= account.version:
        return True
    return _find(tenant, account, version + 1) is not None


def statement(tenant: str, account_id: str, within: Period, *, after: Item | None, limit: int) -> Statement:
    """A page of an account's statement for a period. `complete`: no line of it is missing.

    By the recorded clock all balances are read off the lines themselves. By the effective clock they are added up from
    days, and the period's last page calls itself complete only if its lines come to the same closing balance.
    """
    account = accounts.load_account(tenant, account_id)
    if within.clock is Clock.OCCURRED:
        return _by_effect(tenant, account, within, after=after, limit=limit)
    before = None if within.start is None else store.last_line_before(tenant, account_id, within.start)
    line = store.last_line_before(tenant, account_id, within.end or _LAST)
    versions = (1 if before is None else before.version + 1), (0 if line is None else line.version)
    page = store.history_page(tenant, account_id, after=after, limit=limit, newest_first=False, versions=versions)
    opening, closing = _moved(before), _moved(line)
    forward = page.lines[0].balance - page.lines[0].amount if page.lines else closing.total
    known = all(edge is None or edge.hash is not None for edge in (before, line))
    debits = closing.debits - opening.debits if known else None
    complete = _stays(tenant, account, line) and _gapless(page, after, versions, newest_first=False)
    return Statement(account, opening.total, closing.total, forward, debits, page, complete)


def _by_effect(tenant: str, account: Account, within: Period, *, after: Item | None, limit: int) -> Statement:
    """A statement by effective time. Its lines are the chained ones, which are those that days are made of."""
    start, end = within.start or _FIRST, within.end or _LAST
    whole = _is_whole(account, store.newest_line(tenant, account.account_id))
    page = store.occurred_page(
        tenant, account.account_id, between=(start, end), after=after, limit=limit, newest_first=False
    )
    opening = store.moved_until(tenant, account.account_id, start)
    closing = store.moved_until(tenant, account.account_id, end)
    forward = opening.total
    if after is not None:
        forward = store.moved_until(tenant, account.account_id, after["occurred"]["S"]).total
    shown = _running(forward, [line for line in page.lines if line.hash is not None])
    ends = page.last_key is not None or (shown[-1].balance if shown else forward) == closing.total
    debits = closing.debits - opening.debits
    shown_page = LinePage(tuple(shown), page.last_key)
    return Statement(account, opening.total, closing.total, forward, debits, shown_page, whole and ends)


def _running(forward: int, lines: Sequence[Line]) -> list[Line]:
    """The lines with the balance as it runs in this order."""
    found: list[Line] = []
    for line in lines:
        forward += line.amount
        found.append(replace(line, balance=forward))
    return found


def _moved(line: Line | None) -> Moved:
    return Moved(0, 0) if line is None else Moved(line.balance, line.debits or 0)


def _is_whole(account: Account, newest: Line | None) -> bool:
    """Whether every line is there up to the version of the account, by its newest: a chained one has all before it."""
    return account.version == 0 if newest is None else newest.version >= account.version and newest.hash is not None


def _find(tenant: str, account: Account, version: int) -> Line | None:
    return store.find_line(store.account_of(tenant, account.account_id), version)
