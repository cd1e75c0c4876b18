"""Commands that let a trade's escrow go, over HTTP, and those that take back what it let go."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.settlement.routes.answers import DivisionView, division_answer, trade_answer
from chalicelib.settlement.service import claiming, ending, settling
from chalicelib.trades.domain.disputes import Resolution
from chalicelib.trades.domain.template import Fault
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.parse import Body, Id, MoneyBody

router = Router(__name__)

MOST_PARTS = 20
"""Roles that a decision may name; every template has fewer."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
OneLot = Annotated[str, msgspec.Meta(max_length=60)]


class RetentionReleaseBody(Body):
    """An empty object."""


class SettlementBody(Body):
    """The lot to settle, where each lot settles by itself."""

    lot: OneLot = ""


class ReleaseBody(Body):
    """The milestone that lets the escrow go, and its lot, where each lot reaches it by itself."""

    milestone: Name
    lot: OneLot = ""


class DecisionBody(Body):
    """What of the disputed amount each role gets, in minor units: the buyer's part is refunded, and what is `kept`
    stays in the escrow as it was. `party_id` is the deciding role's; the marketplace has none."""

    role: Name
    division: Annotated[dict[Name, int], msgspec.Meta(max_length=MOST_PARTS)]
    party_id: Id | None = None


class RefundBody(Body):
    """An amount that goes back to the buyer: out of what the escrow holds, or from those who were paid. What the
    receivers lack is claimed from them, and with `advance` the marketplace gives it to the buyer at once."""

    amount: MoneyBody
    source: Literal["escrow", "receivers"] = msgspec.field(name="from", default="escrow")
    advance: bool = False


class CancellationBody(Body):
    """Who is in default, if anybody is: a forfeitable deposit goes by it."""

    fault: Literal["none", "buyer", "seller"]


class ClaimBody(Body):
    """An amount that the seller pays of what it owes the buyer."""

    amount: MoneyBody


class SettlementView(DivisionView, frozen=True, kw_only=True):
    """A final settlement: the final amount (of a lot) with the lines that lead to it. `top_up_minor` is what the buyer
    still owes; until it is there nothing moves."""

    lot: str
    final_amount_minor: int
    top_up_minor: int


class ReleaseView(DivisionView, frozen=True, kw_only=True):
    """A release for a milestone, of one lot where each lot reaches it by itself."""

    milestone: str
    lot: str


class RefundView(msgspec.Struct, frozen=True):
    """A refund in minor units: where it went, and what was taken back for it, by role. What receivers lacked is
    `claimed_minor` by role, in `claims`; of that the marketplace advanced `advanced_minor`."""

    entry_id: str
    trade_id: str
    state: str
    refund_minor: int
    refund_to_interest_minor: int
    refund_to_principal_minor: int
    refund_to_buyer_minor: int
    taken_back_minor: dict[str, int] = msgspec.field(default_factory=dict)
    claimed_minor: dict[str, int] = msgspec.field(default_factory=dict)
    claims: list[str] = msgspec.field(default_factory=list)
    advanced_minor: int = 0


class TradeClaimView(msgspec.Struct, frozen=True):
    """What the seller paid of the claim on it, and what it still owes, in minor units."""

    entry_id: str
    trade_id: str
    state: str
    settled_minor: int
    claim_minor: int
    currency: str


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/final-settlement",
    scope="trades:write",
    body=SettlementBody,
    answer=SettlementView,
    writes=True,
)
def settle_trade(request: Request, trade_id: str) -> Answer:
    """Fix price and quantity by the evidence; refund and release in one commit."""
    body: SettlementBody = request.body
    return division_answer(settling.settle_finally(request.call, trade_id, body.lot), SettlementView)


@router.endpoint(
    "POST", "/v1/trades/{trade_id}/releases", scope="trades:write", body=ReleaseBody, answer=ReleaseView, writes=True
)
def release_trade(request: Request, trade_id: str) -> Answer:
    """Release the escrow for a milestone, by the waterfall."""
    body: ReleaseBody = request.body
    outcome = settling.release_milestone(request.call, trade_id, body.milestone, body.lot)
    return division_answer(outcome, ReleaseView)


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/retention-release",
    scope="trades:write",
    body=RetentionReleaseBody,
    answer=DivisionView,
    writes=True,
)
def release_retention(request: Request, trade_id: str) -> Answer:
    """Release what stayed back against defects, once its day has come."""
    return division_answer(settling.release_retained(request.call, trade_id))


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/dispute-resolution",
    scope="trades:write",
    body=DecisionBody,
    answer=DivisionView,
    writes=True,
)
def resolve_dispute(request: Request, trade_id: str) -> Answer:
    """Decide a dispute: divide the disputed amount."""
    body: DecisionBody = request.body
    command = Resolution(body.role, body.party_id or "", body.division)
    return division_answer(ending.resolve_dispute(request.call, trade_id, command))


@router.endpoint(
    "POST", "/v1/trades/{trade_id}/refunds", scope="trades:write", body=RefundBody, answer=RefundView, writes=True
)
def refund_trade(request: Request, trade_id: str) -> Answer:
    """Refund a part to the buyer: out of the escrow, or from those who were paid."""
    body: RefundBody = request.body
    if body.source == "escrow":
        if body.advance:
            raise InvalidInput("advance_not_wanted", "an escrow lacks nothing that could be advanced", field="advance")
        outcome = ending.refund_from_escrow(request.call, trade_id, body.amount.money)
    else:
        outcome = claiming.refund_from_receivers(request.call, trade_id, body.amount.money, advance=body.advance)
    return division_answer(outcome, RefundView)


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/cancellation",
    scope="trades:write",
    body=CancellationBody,
    answer=DivisionView,
    writes=True,
)
def cancel_trade(request: Request, trade_id: str) -> Answer:
    """Cancel a trade before it is performed."""
    body: CancellationBody = request.body
    return division_answer(ending.cancel_trade(request.call, trade_id, Fault(body.fault)))


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/claim-settlements",
    scope="trades:write",
    body=ClaimBody,
    answer=TradeClaimView,
    status=201,
    writes=True,
)
def settle_claim(request: Request, trade_id: str) -> Answer:
    """Pay the buyer a part of what the seller owes it, from the seller's own account."""
    body: ClaimBody = request.body
    return trade_answer(claiming.settle_claim_by_account(request.call, trade_id, body.amount.money), TradeClaimView)
