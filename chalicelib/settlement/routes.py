"""Commands that span capabilities, over HTTP: open, draw, settle and release a trade; open lenders and credit lines."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from chalicelib.core.daycount import DayCount
from chalicelib.credit.domain import Component, Terms
from chalicelib.settlement.service import lending, opening, settling
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.terms import OpenTrade
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, Currency, Id, MoneyBody

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


class LenderBody(Body):
    """A party that will lend in a currency."""

    party_id: Id
    currency: Currency


class LenderView(msgspec.Struct, frozen=True):
    """A lender. Its money arrives under `reference`."""

    party_id: str
    currency: str
    reference: str


class CreditLineBody(Body):
    """Terms of a line. `rate_bps` is the yearly rate in basis points."""

    lender_party_id: Id
    borrower_party_id: Id
    limit: MoneyBody
    rate_bps: int
    day_count: Literal["ACT/360", "ACT/365F", "ACT/ACT", "30/360"] = "ACT/360"
    repayment_order: tuple[Literal["interest", "principal"], ...] = ("interest", "principal")


class CreditLineOpenedView(msgspec.Struct, frozen=True):
    """A line as it was opened. It is repaid under `reference`."""

    line_id: str
    lender_party_id: str
    borrower_party_id: str
    reference: str
    currency: str
    limit_minor: int
    rate_bps: int
    day_count: str
    repayment_order: list[str]


class DrawdownBody(Body):
    """Money drawn straight into a trade's escrow."""

    trade_id: Id
    amount: MoneyBody


class DrawdownView(msgspec.Struct, frozen=True):
    """What was drawn, and what the trade still asks for, in minor units."""

    entry_id: str
    trade_id: str
    line_id: str
    drawn_minor: int
    currency: str
    trade_state: str
    outstanding_minor: int


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
    return _facts_answer(opening.open_with_expected_payment(request.call, body.template_id, command), TradeOpenedView)


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
    return _entry_answer(settling.settle_finally(request.call, trade_id), SettlementView)


@router.endpoint(
    "POST", "/v1/trades/{trade_id}/releases", scope="trades:write", body=ReleaseBody, answer=ReleaseView, writes=True
)
def release_trade(request: Request, trade_id: str) -> Answer:
    """Release the escrow for a milestone, by the waterfall."""
    body: ReleaseBody = request.body
    outcome = settling.release_milestone(request.call, trade_id, body.milestone)
    return replayable(outcome, msgspec.convert(settling.release_facts(outcome.item), ReleaseView))


@router.endpoint(
    "POST", "/v1/lenders", scope="credit:write", body=LenderBody, answer=LenderView, status=201, writes=True
)
def create_lender(request: Request) -> Answer:
    """Make a party a lender, with the reference its money arrives under."""
    body: LenderBody = request.body
    return _facts_answer(lending.open_lender(request.call, body.party_id, body.currency), LenderView)


@router.endpoint(
    "POST",
    "/v1/credit-lines",
    scope="credit:write",
    body=CreditLineBody,
    answer=CreditLineOpenedView,
    status=201,
    writes=True,
)
def create_credit_line(request: Request) -> Answer:
    """Open a credit line from a lender to a buyer."""
    body: CreditLineBody = request.body
    terms = Terms(
        limit=body.limit.money,
        rate_bps=body.rate_bps,
        day_count=DayCount(body.day_count),
        repayment_order=tuple(Component(component) for component in body.repayment_order),
    )
    command = lending.OpenLine(body.lender_party_id, body.borrower_party_id, terms)
    return _facts_answer(lending.open_credit_line(request.call, command), CreditLineOpenedView)


@router.endpoint(
    "POST",
    "/v1/credit-lines/{line_id}/drawdowns",
    scope="credit:write",
    body=DrawdownBody,
    answer=DrawdownView,
    status=201,
    writes=True,
)
def create_drawdown(request: Request, line_id: str) -> Answer:
    """Draw on a credit line straight into a trade's escrow."""
    body: DrawdownBody = request.body
    command = lending.DrawIntoEscrow(line_id, body.trade_id, body.amount.money)
    return _entry_answer(lending.draw_into_escrow(request.call, command), DrawdownView)


def _facts_answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    return replayable(outcome, msgspec.convert(outcome.item.data, view))


def _entry_answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    return replayable(outcome, msgspec.convert(outcome.item.data | {"entry_id": outcome.item.entry_id}, view))
