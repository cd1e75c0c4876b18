"""An account's past over HTTP: history, balance at an instant, statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.ledger.domain import Account
from chalicelib.ledger.lines import Line
from chalicelib.ledger.service import history
from chalicelib.ledger.service.history import Clock, Period
from chalicelib.web import clock
from chalicelib.web.endpoint import Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import choice

router = Router(__name__)

NEWEST, OLDEST = "newest", "oldest"


class LineView(msgspec.Struct, frozen=True):
    """One line of an account: what one entry moved, and the balance after, on the account's normal side. `held_minor`
    is what holds reserve more (or, negative, less) by it, `at` when it was recorded. `hash` chains it to the line
    before (null: not yet) and covers `digest`, that of the entry's document; `refilled`: it was lost, and written again
    from the journal."""

    version: int
    entry_id: str
    amount_minor: int
    balance_minor: int
    held_minor: int
    at: str
    occurred_at: str
    reference: str | None
    digest: str
    hash: str | None
    refilled: bool


class HistoryPage(msgspec.Struct, frozen=True):
    """One page of an account's lines. `complete`: none is missing from it, up to the latest version."""

    lines: list[LineView]
    complete: bool
    next_cursor: str | None


class BalanceView(msgspec.Struct, frozen=True):
    """What was posted on an account at an instant, on its normal side. `final`: it stays so."""

    account_id: str
    currency: str
    clock: str
    at: str
    balance_minor: int
    version: int
    final: bool


class AccountStatementView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One page of an account's statement, on its normal side. Opening and closing balance, debits and credits are those
    of the whole period (null: a line before its end is not chained yet); `brought_forward_minor` is the balance before
    the page's first line, and each line's balance runs on from there. `complete`: no line is missing."""

    account_id: str
    currency: str
    clock: str
    from_: str | None
    to: str | None
    opening_minor: int
    closing_minor: int
    debits_minor: int | None
    credits_minor: int | None
    brought_forward_minor: int
    lines: list[LineView]
    complete: bool
    next_cursor: str | None


@router.endpoint(
    "GET",
    "/v1/accounts/{account_id}/history",
    scope="ledger:read",
    answer=HistoryPage,
    parameters=("limit", "cursor", "order", "clock", "from", "to"),
)
def get_history(request: Request, account_id: str) -> HistoryPage:
    """Page through an account's lines with their running balance."""
    order = choice(request.query, "order", (NEWEST, OLDEST))
    within = _period(request)
    name = _list_name(request, account_id, "history", within, order)
    told = history.history(
        request.tenant,
        account_id,
        after=start_of(name, request.query),
        limit=page_limit(request.query),
        within=within,
        newest_first=order == NEWEST,
    )
    return HistoryPage(_line_views(told.account, told.page.lines), told.complete, cursor_for(name, told.page.last_key))


@router.endpoint(
    "GET",
    "/v1/accounts/{account_id}/balance",
    scope="ledger:read",
    answer=BalanceView,
    parameters=("at", "clock"),
)
def get_balance(request: Request, account_id: str) -> BalanceView:
    """Read what was posted on an account at an instant (now, unless told)."""
    which, now = _clock(request), clock.now()
    instant = _instant(request, "at") or now
    told = history.balance_at(request.tenant, account_id, instant, clock=which, now=now)
    account = told.account
    return BalanceView(
        account_id=account.account_id,
        currency=account.currency,
        clock=which.value,
        at=instant_text(instant),
        balance_minor=_sign(account) * told.balance,
        version=told.version,
        final=told.final,
    )


@router.endpoint(
    "GET",
    "/v1/accounts/{account_id}/statement",
    scope="ledger:read",
    answer=AccountStatementView,
    parameters=("from", "to", "clock", "limit", "cursor"),
)
def get_account_statement(request: Request, account_id: str) -> AccountStatementView:
    """Page through an account's statement for a period: opening balance, lines, closing balance."""
    within = _period(request)
    name = _list_name(request, account_id, "statement", within)
    told = history.statement(
        request.tenant, account_id, within, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    account, sign = told.account, _sign(told.account)
    moved = told.closing - told.opening
    return AccountStatementView(
        account_id=account.account_id,
        currency=account.currency,
        clock=within.clock.value,
        from_=within.start,
        to=within.end,
        opening_minor=sign * told.opening,
        closing_minor=sign * told.closing,
        debits_minor=told.debits,
        credits_minor=None if told.debits is None else told.debits - moved,
        brought_forward_minor=sign * told.brought_forward,
        lines=_line_views(account, told.page.lines),
        complete=told.complete,
        next_cursor=cursor_for(name, told.page.last_key),
    )


def _period(request: Request) -> Period:
    return history.period(_clock(request), _instant(request, "from"), _instant(request, "to"), now=clock.now())


def _clock(request: Request) -> Clock:
    return Clock(choice(request.query, "clock", tuple(which.value for which in Clock)))


def _instant(request: Request, name: str) -> datetime | None:
    """An instant, or None where it is not told. Raises InvalidInput `invalid_instant`."""
    return parse_instant(request.query[name], name) if name in request.query else None


def _list_name(request: Request, account_id: str, what: str, within: Period, order: str = OLDEST) -> str:
    """The list that a cursor is good for: of this tenant and account, with these parameters."""
    told = (what, within.clock.value, within.start or "", within.end or "", order)
    return f"{request.tenant}/{account_id}/{'/'.join(told)}"


def _sign(account: Account) -> int:
    return 1 if account.kind.debit_normal else -1


def _line_views(account: Account, lines: Iterable[Line]) -> list[LineView]:
    return [_line_view(line, _sign(account)) for line in lines]


def _line_view(line: Line, sign: int) -> LineView:
    return LineView(
        version=line.version,
        entry_id=line.entry_id,
        amount_minor=sign * line.amount,
        balance_minor=sign * line.balance,
        held_minor=line.held,
        at=line.at,
        occurred_at=line.occurred_at,
        reference=line.reference,
        digest=line.digest,
        hash=line.hash,
        refilled=line.refilled,
    )
