"""Claims over HTTP: the lists, and the commands that end a part of one or undo that."""

from __future__ import annotations

import msgspec

from chalicelib.settlement.domain.claims import Claim, claim_facts
from chalicelib.settlement.routes.answers import entry_answer
from chalicelib.settlement.service import claims
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, Id, MoneyBody, ShortText, check_id, choice

router = Router(__name__)

FILTERS = ("status", "debtor", "trade", "limit", "cursor")


class ClaimSettlementBody(Body):
    """What the debtor pays from its account. `up_to`: as much of it as is owed and the account has."""

    amount: MoneyBody
    up_to: bool = False


class ClaimWaiverBody(Body):
    """What the creditor gives up, and why."""

    amount: MoneyBody
    reason: ShortText


class ClaimUndoBody(Body):
    """The entry of the settlement or waiver that is undone, and why."""

    entry_id: Id
    reason: ShortText


class ClaimView(msgspec.Struct, frozen=True, kw_only=True):
    """What a party owes another or (creditor null) the marketplace, in minor units. `status` is open, settled,
    waived where any of it was, or withdrawn; of what is settled `set_off_minor` was kept of what trades paid the
    debtor. `opened_by` is the entry that opened it."""

    claim_id: str
    status: str
    debtor_party_id: str
    creditor_party_id: str | None
    trade_id: str | None
    currency: str
    amount_minor: int
    settled_minor: int
    set_off_minor: int
    waived_minor: int
    open_minor: int
    reason: str
    due_on: str
    opened_by: str
    opened_at: str


class ClaimPartView(ClaimView, frozen=True, kw_only=True):
    """The claim after a part of it (`minor`) was settled or waived, or after that was undone."""

    entry_id: str
    minor: int


class ClaimPage(msgspec.Struct, frozen=True):
    """One page of claims, those due first ahead."""

    claims: list[ClaimView]
    next_cursor: str | None


@router.endpoint("GET", "/v1/claims", scope="trades:read", answer=ClaimPage, parameters=FILTERS)
def list_claims(request: Request) -> ClaimPage:
    """List claims that are open (or, with `status=ended`, settled or waived), of one debtor or trade if given."""
    status = choice(request.query, "status", ("open", "ended"))
    debtor, trade_id = (check_id(name, value) if (value := request.query.get(name)) else "" for name in FILTERS[1:3])
    name = f"{request.tenant}/claims/{status}/{debtor}/{trade_id}"
    page = claims.list_claims(
        request.tenant,
        is_open=status == "open",
        debtor=debtor,
        trade_id=trade_id,
        after=start_of(name, request.query),
        limit=page_limit(request.query),
    )
    return ClaimPage([claim_view(claim) for claim in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/claims/{claim_id}", scope="trades:read", answer=ClaimView)
def get_claim(request: Request, claim_id: str) -> ClaimView:
    """Read a claim."""
    return claim_view(claims.get_claim(request.tenant, claim_id))


@router.endpoint(
    "POST",
    "/v1/claims/{claim_id}/settlements",
    scope="trades:write",
    body=ClaimSettlementBody,
    answer=ClaimPartView,
    status=201,
    writes=True,
)
def settle_part_of_claim(request: Request, claim_id: str) -> Answer:
    """Pay a part of a claim from the debtor's own account."""
    body: ClaimSettlementBody = request.body
    outcome = claims.settle_claim(request.call, claim_id, body.amount.money, up_to=body.up_to)
    return entry_answer(outcome, ClaimPartView)


@router.endpoint(
    "POST",
    "/v1/claims/{claim_id}/waivers",
    scope="trades:write",
    body=ClaimWaiverBody,
    answer=ClaimPartView,
    status=201,
    writes=True,
)
def waive_claim(request: Request, claim_id: str) -> Answer:
    """Give up a part of a claim; one of the marketplace is written off."""
    body: ClaimWaiverBody = request.body
    return entry_answer(claims.waive_claim(request.call, claim_id, body.amount.money, body.reason), ClaimPartView)


@router.endpoint(
    "POST",
    "/v1/claims/{claim_id}/reversals",
    scope="trades:write",
    body=ClaimUndoBody,
    answer=ClaimPartView,
    status=201,
    writes=True,
)
def undo_claim_part(request: Request, claim_id: str) -> Answer:
    """Undo a settlement or waiver: as much is owed again."""
    body: ClaimUndoBody = request.body
    return entry_answer(claims.undo_claim_part(request.call, claim_id, body.entry_id, body.reason), ClaimPartView)


def claim_view(claim: Claim) -> ClaimView:
    """A claim as answers show it."""
    return msgspec.convert(claim_facts(claim), ClaimView)
