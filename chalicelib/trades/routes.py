"""Trades over HTTP: templates, trades, and the evidence given to them. Commands that move money with a trade are routes
of `chalicelib.settlement`."""

from __future__ import annotations

from chalicelib.storage.once import Outcome
from chalicelib.trades import service
from chalicelib.trades.views import (
    EvidenceBody,
    EvidenceReceipt,
    TemplateList,
    TemplateView,
    TradeDetail,
    TradePage,
    document_of,
    evidence_view,
    trade_view,
)
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)


@router.endpoint("GET", "/v1/trade-templates", scope="trades:read", answer=TemplateList)
def list_trade_templates(request: Request) -> TemplateList:
    """List trade templates."""
    return TemplateList(list(service.list_templates()))


@router.endpoint("GET", "/v1/trade-templates/{template_id}", scope="trades:read", answer=TemplateView)
def get_trade_template(request: Request, template_id: str) -> TemplateView:
    """Read a trade template."""
    return TemplateView(service.get_template(template_id))


@router.endpoint("GET", "/v1/trades", scope="trades:read", answer=TradePage, parameters=("limit", "cursor"))
def list_trades(request: Request) -> TradePage:
    """List trades, the newest first."""
    name = f"{request.tenant}/trades"
    page = service.list_trades(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return TradePage([trade_view(trade) for trade in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/trades/{trade_id}", scope="trades:read", answer=TradeDetail)
def get_trade(request: Request, trade_id: str) -> TradeDetail:
    """Read a trade: where it stands, its terms and its evidence."""
    file = service.get_trade(request.tenant, trade_id)
    return TradeDetail(trade_view(file.trade), file.terms, [evidence_view(piece) for piece in file.evidence])


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/evidence",
    scope="trades:write",
    body=EvidenceBody,
    answer=EvidenceReceipt,
    status=201,
    writes=True,
)
def record_evidence(request: Request, trade_id: str) -> Answer:
    """Add a document to a trade: a weight note, index fixings or a delivery note."""
    body: EvidenceBody = request.body
    command = service.RecordEvidence(trade_id, document_of(body.document))
    return _receipt(service.record_evidence(request.call, command), trade_id)


def _receipt(outcome: Outcome, trade_id: str) -> Answer:
    item = outcome.item
    receipt = EvidenceReceipt(
        trade_id=trade_id, recorded_by=item.actor, recorded_at=item.recorded_at.isoformat(), **item.data
    )
    return replayable(outcome, receipt)
