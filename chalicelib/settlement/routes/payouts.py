"""Payouts over HTTP: made by hand, read, listed, and what people do about one that does not arrive."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.banking import paying, payout_commands, reserved_payouts
from chalicelib.banking.payees import OWN
from chalicelib.banking.paying import CreatePayout
from chalicelib.banking.payout_commands import StartAttempt
from chalicelib.banking.payout_decisions import Finding, ResolutionOutcome
from chalicelib.banking.payout_postings import OF_A_PARTY
from chalicelib.banking.payout_states import Source
from chalicelib.banking.reservations import WAITING
from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import parse_instant
from chalicelib.settlement.routes.payout_views import PayoutPage, PayoutStepView, PayoutView, payout_view
from chalicelib.settlement.service import payouts as trade_payouts
from chalicelib.settlement.service.own_income import unpaid_interest_minor
from chalicelib.storage.once import Outcome
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, Id, MoneyBody, ShortText, check_id

router = Router(__name__)


class PayoutBody(Body):
    """Money to pay by bank. `source`: what a `party` is owed, what a `lender` has not lent, or the marketplace's own
    `fee_income` or `interest_income`. `party_id` is who is paid: it may be left out for own income, which is paid to
    the marketplace itself; interest may be paid to a lender. `bank_account_id`: where to, unless to the default.
    `charges_borne_by` says who bears what banks keep of a return. After `not_after` it is refused."""

    amount: MoneyBody
    source: Source = Source.PARTY
    party_id: Id | None = None
    bank_account_id: Id | None = None
    remittance: str = ""
    charges_borne_by: Literal["party", "marketplace"] = "party"
    not_after: str | None = None


class AttemptBody(Body):
    """Another try. `bank_account_id`: where to, unless to the account that the payout was made for."""

    bank_account_id: Id | None = None
    not_after: str | None = None


class PayoutResolutionBody(Body):
    """What a person has found out: `paid` (the debit is still to come), `not_paid`, or `returned` (nothing more comes
    back); `evidence` says by what."""

    outcome: ResolutionOutcome
    evidence: ShortText


class PayoutStepBody(Body):
    """Nothing more has to be said."""


@router.endpoint(
    "POST", "/v1/payouts", scope="payouts:write", body=PayoutBody, answer=PayoutStepView, status=201, writes=True
)
def create_payout(request: Request) -> Answer:
    """Pay what a party is owed, a lender's money or own income by bank."""
    body: PayoutBody = request.body
    if body.party_id is None and body.source in OF_A_PARTY:
        raise InvalidInput("party_missing", "say which party is paid", field="party_id")
    command = CreatePayout(
        party_id=body.party_id or OWN,
        amount=body.amount.money,
        remittance=body.remittance,
        source=body.source,
        bank_account_id=body.bank_account_id,
        charges_borne_by=body.charges_borne_by,
        not_after=_instant(body.not_after),
        kept_minor=_kept_minor(request.tenant, body),
    )
    return _step(paying.create_payout(request.call, command))


@router.endpoint(
    "GET", "/v1/payouts", scope="banking:read", answer=PayoutPage, parameters=("limit", "cursor", "subject")
)
def list_payouts(request: Request) -> PayoutPage:
    """List payouts, newest first; with `subject` those for one trade."""
    query, limit = request.query, page_limit(request.query)
    if "subject" not in query:
        name = f"{request.tenant}/payouts"
        page = paying.list_payouts(request.tenant, after=start_of(name, query), limit=limit)
    else:
        subject = check_id("subject", query["subject"])
        name = f"{request.tenant}/payouts/{subject}"
        page = paying.list_payouts_of(request.tenant, subject, after=start_of(name, query), limit=limit)
    now = clock.now()
    return PayoutPage([payout_view(payout, now) for payout in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/payouts/overdue", scope="banking:read", answer=PayoutPage, parameters=("limit", "cursor"))
def list_overdue_payouts(request: Request) -> PayoutPage:
    """List payouts whose next step is late, the longest overdue first."""
    name = f"{request.tenant}/payouts-overdue"
    page = paying.list_overdue(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    now = clock.now()
    return PayoutPage([payout_view(payout, now) for payout in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/payouts/{payout_id}", scope="banking:read", answer=PayoutView)
def get_payout(request: Request, payout_id: str) -> PayoutView:
    """Read a payout, its attempts and where it stands."""
    return payout_view(paying.get_payout(request.tenant, payout_id), clock.now())


@router.endpoint(
    "POST",
    "/v1/payouts/{payout_id}/attempts",
    scope="payouts:write",
    body=AttemptBody,
    answer=PayoutStepView,
    status=201,
    writes=True,
)
def start_payout_attempt(request: Request, payout_id: str) -> Answer:
    """Pay once more what the last attempt has given back."""
    body: AttemptBody = request.body
    command = StartAttempt(payout_id, body.bank_account_id, _instant(body.not_after))
    return _step(payout_commands.start_attempt(request.call, command))


@router.endpoint(
    "POST",
    "/v1/payouts/{payout_id}/cancellation",
    scope="payouts:write",
    body=PayoutStepBody,
    answer=PayoutStepView,
    writes=True,
)
def cancel_payout(request: Request, payout_id: str) -> Answer:
    """Cancel a payout before its file exists; after that, note that the bank is asked to."""
    if paying.get_payout(request.tenant, payout_id).state in WAITING:
        return _step(reserved_payouts.cancel_payout(request.call, payout_id))
    return _step(payout_commands.cancel_payout(request.call, payout_id))


@router.endpoint(
    "POST",
    "/v1/payouts/{payout_id}/resume",
    scope="payouts:write",
    body=PayoutStepBody,
    answer=PayoutStepView,
    writes=True,
)
def resume_payout(request: Request, payout_id: str) -> Answer:
    """Have a payout made that was stopped when a bank took money of its trade back."""
    return _step(trade_payouts.resume_payout(request.call, payout_id))


@router.endpoint(
    "POST",
    "/v1/payouts/{payout_id}/resends",
    scope="payouts:write",
    body=PayoutStepBody,
    answer=PayoutStepView,
    status=201,
    writes=True,
)
def resend_payout(request: Request, payout_id: str) -> Answer:
    """Write a payout's file once more, the same bytes under the same message id."""
    return _step(payout_commands.resend_payout(request.call, payout_id))


@router.endpoint(
    "POST",
    "/v1/payouts/{payout_id}/resolutions",
    scope="payouts:write",
    body=PayoutResolutionBody,
    answer=PayoutStepView,
    status=201,
    writes=True,
)
def resolve_payout(request: Request, payout_id: str) -> Answer:
    """Say what became of a payout that its bank leaves open."""
    body: PayoutResolutionBody = request.body
    return _step(payout_commands.resolve_payout(request.call, payout_id, Finding(body.outcome, body.evidence)))


@router.endpoint(
    "POST",
    "/v1/payouts/{payout_id}/resolutions/reversal",
    scope="payouts:write",
    body=PayoutStepBody,
    answer=PayoutStepView,
    status=201,
    writes=True,
)
def undo_payout_resolution(request: Request, payout_id: str) -> Answer:
    """Take back what was said of a payout, while nothing has happened to it since."""
    return _step(payout_commands.undo_payout_resolution(request.call, payout_id))


def _step(outcome: Outcome) -> Answer:
    facts = outcome.item.data
    attempt_id = facts.get("attempt_id", facts["payout_id"])
    return replayable(outcome, PayoutStepView(facts["payout_id"], attempt_id, facts["state"]))


def _kept_minor(tenant: str, body: PayoutBody) -> int:
    """What of an own income stays: interest that borrowers still owe was never paid in."""
    if body.source is not Source.INTEREST_INCOME:
        return 0
    return unpaid_interest_minor(tenant, body.amount.currency)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text, "not_after")
