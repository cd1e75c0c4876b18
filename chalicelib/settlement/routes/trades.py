"""Opening trades over HTTP, funding them from an account, linking them back to back."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.core.instants import parse_date
from chalicelib.ledger.exchange import Rate
from chalicelib.settlement.routes.answers import entry_answer, facts_answer
from chalicelib.settlement.service import funding, linking, opening
from chalicelib.trades.domain.opening import MOST_LOTS
from chalicelib.trades.domain.terms import Lot, OpenTrade, Window
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.parse import Body, Currency, Id, MoneyBody

router = Router(__name__)

MOST_ROLES = 20
"""Roles that a body may name; every template has fewer."""

Role = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Parties = Annotated[dict[Role, Id], msgspec.Meta(max_length=MOST_ROLES)]
FixedShares = Annotated[dict[Role, int], msgspec.Meta(max_length=MOST_ROLES)]
Day = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class LotBody(Body):
    """A part of the goods that settles by itself, at the deal's unit price unless it has one of its own."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    quantity_milli: int
    unit_price_minor: int | None = None


class WindowBody(Body):
    """Days (ISO 8601 dates) on which prices are averaged, the first and the last included."""

    first: Day
    last: Day


class RateBody(Body):
    """What one unit of the price's currency is worth in the trade's: 7.1234 is 71234 over 10000."""

    numerator: int
    denominator: int


class TradeBody(Body):
    """A deal under a template (its newest version unless told): quantity in thousandths of the template's unit, prices
    in minor units for one unit, the party of each role, and the amounts of the fixed shares, by role.

    `floor_minor` and `cap_minor` bound the final unit price, `window` has the days it is averaged over. Prices may be
    in a `price_currency`, with a provisional `rate`. A difference that the buyer does not pay in time is drawn from
    `top_up_line_id`. A `draft` binds nobody until it is agreed to.
    """

    template_id: Id
    currency: Currency
    quantity_milli: int
    unit_price_minor: int
    parties: Parties
    template_version: int | None = None
    fixed_shares: FixedShares = msgspec.field(default_factory=dict)
    premium_minor: int = 0
    floor_minor: int | None = None
    cap_minor: int | None = None
    window: WindowBody | None = None
    price_currency: Currency | None = None
    rate: RateBody | None = None
    lots: Annotated[list[LotBody], msgspec.Meta(max_length=MOST_LOTS)] = msgspec.field(default_factory=list)
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
    outcome = opening.open_with_expected_payment(
        request.call, body.template_id, deal_of(body), version=body.template_version
    )
    return facts_answer(outcome, TradeOpenedView)


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


def deal_of(body: TradeBody) -> OpenTrade:
    """The deal that a body describes. Raises InvalidInput `invalid_date`, `invalid_rate`."""
    return OpenTrade(
        currency=body.currency,
        quantity_milli=body.quantity_milli,
        unit_price_minor=body.unit_price_minor,
        parties=body.parties,
        fixed_shares=body.fixed_shares,
        premium_minor=body.premium_minor,
        floor_minor=body.floor_minor,
        cap_minor=body.cap_minor,
        window=_window(body.window) if body.window else None,
        price_currency=body.price_currency or "",
        rate=Rate(body.rate.numerator, body.rate.denominator) if body.rate else None,
        lots=tuple(Lot(lot.name, lot.quantity_milli, lot.unit_price_minor) for lot in body.lots),
        top_up_line_id=body.top_up_line_id or "",
        draft=body.draft,
    )


def _window(body: WindowBody) -> Window:
    return Window(parse_date(body.first, "window.first"), parse_date(body.last, "window.last"))
