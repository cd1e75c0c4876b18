"""Opening trades over HTTP, reading one, funding them from an account, linking them back to back."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from chalicelib.settlement.routes.answers import entry_answer, facts_answer
from chalicelib.settlement.routes.trade_views import TradeDetail, trade_payouts_view
from chalicelib.settlement.service import funding, linking, opening
from chalicelib.settlement.service.trade_payouts import get_trade_payouts
from chalicelib.trades.deal_bodies import DealBody, Parties, deal_of
from chalicelib.trades.service import questions
from chalicelib.trades.views import evidence_view, trade_view
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.parse import Body, Id, MoneyBody

router = Router(__name__)


class TradeBody(DealBody, kw_only=True):
    """A deal under a template (its newest version unless told), with the party of each role. A difference that the
    buyer does not pay in time is drawn from `top_up_line_id`. A `draft` binds nobody until it is agreed to."""

    template_id: Id
    parties: Parties
    template_version: int | None = None
    top_up_line_id: Id | None = None
    draft: bool = False


class TradeOpenedView(msgspec.Struct, frozen=True):
    """A trade as it was opened. The buyer pays `due_minor` quoting `reference`, of it `deposit_minor` first."""

    trade_id: str
    template_id: str
    template_version: int
    state: str
    currency: str
    due_minor: int
    deposit_minor: int
    reference: str
    escrow_account_id: str


class FundingBody(Body):
    """An amount of what the buyer has on its own account."""

    amount: MoneyBody


class FundingView(msgspec.Struct, frozen=True):
    """What was moved into the escrow, and what the trade still asks for, in minor units."""

    entry_id: str
    trade_id: str
    funded_minor: int
    currency: str
    trade_state: str
    outstanding_minor: int


class BackToBackBody(Body):
    """The trade whose releases fund this one: its seller is this one's buyer."""

    downstream_trade_id: Id


class BackToBackView(msgspec.Struct, frozen=True):
    """Which trade funds which: what the seller downstream is paid goes into the escrow upstream first."""

    upstream_trade_id: str
    downstream_trade_id: str


@router.endpoint(
    "POST", "/v1/trades", scope="trades:write", body=TradeBody, answer=TradeOpenedView, status=201, writes=True
)
def create_trade(request: Request) -> Answer:
    """Open a trade with its escrow and the payment it expects."""
    body: TradeBody = request.body
    deal = replace(deal_of(body), top_up_line_id=body.top_up_line_id or "", draft=body.draft)
    outcome = opening.open_with_expected_payment(request.call, body.template_id, deal, version=body.template_version)
    return facts_answer(outcome, TradeOpenedView)


@router.endpoint("GET", "/v1/trades/{trade_id}", scope="trades:read", answer=TradeDetail)
def get_trade(request: Request, trade_id: str) -> TradeDetail:
    """Read a trade: where it stands, its terms, its evidence and what has become of its payouts."""
    file = questions.get_trade(request.tenant, trade_id)
    receivers = get_trade_payouts(request.tenant, file.terms, file.trade)
    return TradeDetail(
        trade=trade_view(file.trade),
        terms=file.terms,
        deposit_minor=file.terms.deposit.minor,
        evidence=[evidence_view(piece) for piece in file.evidence],
        payouts=trade_payouts_view(receivers, clock.now()),
    )


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/fundings",
    scope="trades:write",
    body=FundingBody,
    answer=FundingView,
    status=201,
    writes=True,
)
def fund_trade(request: Request, trade_id: str) -> Answer:
    """Fund a trade from the buyer's own account."""
    body: FundingBody = request.body
    return entry_answer(funding.fund_from_account(request.call, trade_id, body.amount.money), FundingView)


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/back-to-back",
    scope="trades:write",
    body=BackToBackBody,
    answer=BackToBackView,
    status=201,
    writes=True,
)
def link_trade(request: Request, trade_id: str) -> Answer:
    """Have this trade funded by the releases of another one."""
    body: BackToBackBody = request.body
    return facts_answer(linking.link_back_to_back(request.call, trade_id, body.downstream_trade_id), BackToBackView)
