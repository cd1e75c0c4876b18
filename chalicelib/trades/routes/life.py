"""What parties say of a trade, over HTTP: agreement, signatures, disputes."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.disputes import OpenDispute
from chalicelib.trades.domain.proof import Signature
from chalicelib.trades.service import life
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, Id, MoneyBody, ShortText

router = Router(__name__)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
"""The name of a milestone, a lot or a role."""


class AgreementBody(Body):
    """An empty object."""


class AgreementView(msgspec.Struct, frozen=True):
    """A trade that binds its parties, and when it ends by itself unless it is funded (null: never)."""

    trade_id: str
    state: str
    expires_at: str | None


class SignatureBody(Body):
    """A role's party says that a milestone is reached, of one lot where each lot reaches it by itself."""

    milestone: Name
    role: Name
    party_id: Id
    lot: Annotated[str, msgspec.Meta(max_length=60)] = ""


class SignatureView(msgspec.Struct, frozen=True):
    """A signature: `milestone` is its name, or its name and lot; `signed` are the roles that have signed it so far."""

    trade_id: str
    milestone: str
    role: str
    signed: list[str]
    state: str


class DisputeBody(Body):
    """An amount that a role's party says is not owed, and why. `of_retention`: of what stays back against defects."""

    role: Name
    party_id: Id
    amount: MoneyBody
    reason: ShortText
    of_retention: bool = False


class DisputeOpenedView(msgspec.Struct, frozen=True):
    """A dispute: nobody gets `disputed_minor` until it is decided."""

    trade_id: str
    dispute_id: str
    role: str
    disputed_minor: int
    of_retention: bool
    currency: str
    reason: str
    state: str


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/agreement",
    scope="trades:write",
    body=AgreementBody,
    answer=AgreementView,
    writes=True,
)
def agree_trade(request: Request, trade_id: str) -> Answer:
    """Agree to a draft: it binds its parties."""
    return _answer(life.agree_trade(request.call, trade_id), AgreementView)


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/signatures",
    scope="trades:write",
    body=SignatureBody,
    answer=SignatureView,
    status=201,
    writes=True,
)
def sign_milestone(request: Request, trade_id: str) -> Answer:
    """Sign a milestone for a role."""
    body: SignatureBody = request.body
    signature = Signature(body.milestone, body.role, body.party_id, body.lot)
    return _answer(life.sign_milestone(request.call, trade_id, signature), SignatureView)


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/disputes",
    scope="trades:write",
    body=DisputeBody,
    answer=DisputeOpenedView,
    status=201,
    writes=True,
)
def open_dispute(request: Request, trade_id: str) -> Answer:
    """Dispute an amount: it is frozen, and the rest of the trade goes on."""
    body: DisputeBody = request.body
    command = OpenDispute(body.role, body.party_id, body.amount.minor, body.of_retention)
    outcome = life.open_dispute(request.call, trade_id, command, currency=body.amount.currency, reason=body.reason)
    return _answer(outcome, DisputeOpenedView)


def _answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    """What the command kept, with the trade that it is about, as a view that has the same names."""
    return replayable(outcome, msgspec.convert({"trade_id": outcome.item.subject, **outcome.item.data}, view))
