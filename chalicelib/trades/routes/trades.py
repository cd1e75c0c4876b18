"""Trades over HTTP: the list."""

from __future__ import annotations

from chalicelib.trades.service import questions
from chalicelib.trades.views import TradePage, trade_view
from chalicelib.web.endpoint import Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)


@router.endpoint("GET", "/v1/trades", scope="trades:read", answer=TradePage, parameters=("limit", "cursor"))
def list_trades(request: Request) -> TradePage:
    """List trades, the newest first."""
    name = f"{request.tenant}/trades"
    page = questions.list_trades(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return TradePage([trade_view(trade) for trade in page.values], cursor_for(name, page.last_key))
