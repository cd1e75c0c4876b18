"""An account's history over HTTP."""

from __future__ import annotations

from typing import cast

import msgspec

from chalicelib.ledger.service import history
from chalicelib.storage.tables import HistoryRow
from chalicelib.web.endpoint import Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)


class LineView(msgspec.Struct, frozen=True):
    """One line of an account's history: what one entry moved, and the balance after, on the account's normal side."""

    version: int
    entry_id: str
    amount_minor: int
    balance_minor: int
    at: str


class HistoryPage(msgspec.Struct, frozen=True):
    """One page of an account's lines, newest first. `complete`: none is missing from it, up to the latest version."""

    lines: list[LineView]
    complete: bool
    next_cursor: str | None


@router.endpoint(
    "GET",
    "/v1/accounts/{account_id}/history",
    scope="ledger:read",
    answer=HistoryPage,
    parameters=("limit", "cursor"),
)
def get_history(request: Request, account_id: str) -> HistoryPage:
    """Page through an account's lines with their running balance, newest first."""
    name = f"{request.tenant}/{account_id}/history"
    told = history.history(
        request.tenant, account_id, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    sign = 1 if told.account.kind.debit_normal else -1
    lines = [_line_view(cast("HistoryRow", row), sign) for row in told.page.items]
    return HistoryPage(lines, told.complete, cursor_for(name, told.page.last_key))


def _line_view(row: HistoryRow, sign: int) -> LineView:
    return LineView(row.version, row.entry_id, sign * row.amount, sign * row.balance, row.at)
