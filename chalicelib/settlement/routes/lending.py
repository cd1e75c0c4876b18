"""Lending over HTTP: lenders, credit lines, and drawdowns into a trade."""

from __future__ import annotations

from typing import Literal

import msgspec

from chalicelib.core.daycount import DayCount
from chalicelib.credit.domain import BACKDATING_DAYS, OwedFrom, Terms
from chalicelib.credit.history import Component
from chalicelib.settlement.routes.answers import entry_answer, facts_answer
from chalicelib.settlement.service import lending
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.parse import Body, Currency, Id, MoneyBody

router = Router(__name__)


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
    """Terms of a line. `rate_bps` is the yearly rate in basis points. A repayment counts from its value date, at most
    `backdating_days` back; one that the bank takes back is owed again from its value date, or from the `reversal`'s."""

    lender_party_id: Id
    borrower_party_id: Id
    limit: MoneyBody
    rate_bps: int
    day_count: Literal["ACT/360", "ACT/365F", "ACT/ACT", "30/360"] = "ACT/360"
    repayment_order: tuple[Literal["interest", "principal"], ...] = ("interest", "principal")
    backdating_days: int = BACKDATING_DAYS
    bounced_owed_from: Literal["value_date", "reversal"] = "value_date"


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
    backdating_days: int
    bounced_owed_from: str


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


@router.endpoint(
    "POST", "/v1/lenders", scope="credit:write", body=LenderBody, answer=LenderView, status=201, writes=True
)
def create_lender(request: Request) -> Answer:
    """Make a party a lender, with the reference its money arrives under."""
    body: LenderBody = request.body
    return facts_answer(lending.open_lender(request.call, body.party_id, body.currency), LenderView)


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
        backdating_days=body.backdating_days,
        bounced_owed_from=OwedFrom(body.bounced_owed_from),
    )
    command = lending.OpenLine(body.lender_party_id, body.borrower_party_id, terms)
    return facts_answer(lending.open_credit_line(request.call, command), CreditLineOpenedView)


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
    return entry_answer(lending.draw_into_escrow(request.call, command), DrawdownView)
