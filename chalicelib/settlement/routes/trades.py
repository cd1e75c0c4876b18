"""Commands of a trade that move money, over HTTP: open, settle and release."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chalicelib.settlement.routes.answers import entry_answer, facts_answer
from chalicelib.settlement.service import opening, settling
from chalicelib.trades.domain.terms import OpenTrade
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, Currency, Id

router = Router(__name__)

MOST_ROLES = 20
"""Roles that a body may name; every template has fewer."""

Role = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Parties = Annotated[dict[Role, Id], msgspec.Meta(max_length=MOST_ROLES)]
FixedShares = Annotated[dict[Role, int], msgspec.Meta(max_length=MOST_ROLES)]


class TradeBody(Body):
    """A deal under a template: quantity in thousandths of the template's unit, prices in minor units for one unit, the
    party of each role, and the amounts of the fixed shares."""

    template_id: Id
    currency: Currency
    quantity_milli: int
    unit_price_minor: int
    parties: Parties
    fixed_shares: FixedShares = msgspec.field(default_factory=dict)
    premium_minor: int = 0


class TradeOpenedView(msgspec.Struct, frozen=True):
    """A trade as it was opened. The buyer pays `due_minor` quoting `reference`."""

    trade_id: str
    template_id: str
    template_version: int
    state: str
    currency: str
    due_minor: int
    reference: str
    escrow_account_id: str


class NoBody(Body):
    """An empty object."""


class ReleaseBody(Body):
    """The milestone that lets the escrow go."""

    milestone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class SettlementView(msgspec.Struct, frozen=True):
    """A final settlement in minor units: the final amount with the lines that lead to it, where the refund went, the
    shares by role. `top_up_minor` is what the buyer still owes; until it is there nothing moves."""

    entry_id: str
    trade_id: str
    state: str
    currency: str
    final_amount_minor: int
    top_up_minor: int
    refund_minor: int
    refund_to_interest_minor: int
    refund_to_principal_minor: int
    refund_to_buyer_minor: int
    shares_minor: dict[str, int]
    lines: list[dict[str, Any]]


class ReleaseView(msgspec.Struct, frozen=True):
    """A release in minor units, with the shares by role."""

    entry_id: str
    trade_id: str
    milestone: str
    state: str
    released_minor: int
    currency: str
    shares_minor: dict[str, int]


@router.endpoint(
    "POST", "/v1/trades", scope="trades:write", body=TradeBody, answer=TradeOpenedView, status=201, writes=True
)
def create_trade(request: Request) -> Answer:
    """Open a trade with its escrow and the payment it expects."""
    body: TradeBody = request.body
    command = OpenTrade(
        currency=body.currency,
        quantity_milli=body.quantity_milli,
        unit_price_minor=body.unit_price_minor,
        parties=body.parties,
        fixed_shares=body.fixed_shares,
        premium_minor=body.premium_minor,
    )
    return facts_answer(opening.open_with_expected_payment(request.call, body.template_id, command), TradeOpenedView)


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/final-settlement",
    scope="trades:write",
    body=NoBody,
    answer=SettlementView,
    writes=True,
)
def settle_trade(request: Request, trade_id: str) -> Answer:
    """Fix price and quantity by the evidence; refund and release in one commit."""
    return entry_answer(settling.settle_finally(request.call, trade_id), SettlementView)


@router.endpoint(
    "POST", "/v1/trades/{trade_id}/releases", scope="trades:write", body=ReleaseBody, answer=ReleaseView, writes=True
)
def release_trade(request: Request, trade_id: str) -> Answer:
    """Release the escrow for a milestone, by the waterfall."""
    body: ReleaseBody = request.body
    outcome = settling.release_milestone(request.call, trade_id, body.milestone)
    return replayable(outcome, msgspec.convert(settling.release_facts(outcome.item), ReleaseView))
