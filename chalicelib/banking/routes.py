"""Parties and quarantine over HTTP, and the one door for banks' callbacks."""

from __future__ import annotations

import msgspec

from chalicelib.banking import callbacks, quarantine, service
from chalicelib.banking.domain import Quarantined, bank_details, check_name
from chalicelib.banking.service import CreateParty
from chalicelib.core.instants import instant_text
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body

router = Router(__name__)

PAGED = ("limit", "cursor")
SIGNATURE = "x-jws-signature"
MESSAGE_TYPES = ("application/xml", "text/xml", "application/json", "application/octet-stream")


class BankDetailsBody(Body):
    """Where a party is paid: an IBAN, or an account number where there are none. `holder` is the party's name unless
    said. Kept sealed: no answer ever shows them but for the last characters."""

    holder: str | None = None
    iban: str | None = None
    account: str | None = None
    bic: str | None = None


class PartyBody(Body):
    """A company that trades, lends, carries or inspects. `roles` are words of the marketplace's own choice."""

    name: str
    bank_details: BankDetailsBody
    roles: tuple[str, ...] = ()


class PartyAccountBody(Body):
    """The currency of a party's account."""

    currency: str


class PartyView(msgspec.Struct, frozen=True):
    """A party. `bank_account` is masked to its last characters."""

    party_id: str
    name: str
    roles: list[str]
    bank_account: str
    created_at: str


class PartyPage(msgspec.Struct, frozen=True):
    """One page of parties."""

    parties: list[PartyView]
    next_cursor: str | None


class PartyAccountView(msgspec.Struct, frozen=True):
    """A party's own account: what the marketplace owes it in a currency."""

    account_id: str
    party_id: str
    currency: str


class QuarantinedView(msgspec.Struct, frozen=True):
    """A message, or one fact of one, that could not be used. `reason` is a stable code, `facts` say where.
    `message_id` is null where nobody can say whose the message is."""

    quarantine_id: str
    bank_id: str
    message_id: str | None
    reason: str
    facts: dict[str, str | int]
    quarantined_at: str


class QuarantinePage(msgspec.Struct, frozen=True):
    """One page of quarantine."""

    messages: list[QuarantinedView]
    next_cursor: str | None


class CallbackView(msgspec.Struct, frozen=True):
    """The message is kept and queued: the bank need not send it again."""

    message_id: str
    status: str


@router.endpoint(
    "POST", "/v1/parties", scope="parties:write", body=PartyBody, answer=PartyView, status=201, writes=True
)
def create_party(request: Request) -> Answer:
    """Register a party and its bank details."""
    body: PartyBody = request.body
    given = body.bank_details
    details = bank_details(
        holder=check_name(body.name) if given.holder is None else given.holder,
        iban=given.iban or "",
        account=given.account or "",
        bic=given.bic or "",
    )
    outcome = service.create_party(request.call, CreateParty(body.name, body.roles, details))
    return replayable(outcome, PartyView(**outcome.item.data))


@router.endpoint("GET", "/v1/parties", scope="parties:read", answer=PartyPage, parameters=PAGED)
def list_parties(request: Request) -> PartyPage:
    """List parties, oldest first."""
    name = f"{request.tenant}/parties"
    page = service.list_parties(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return PartyPage(
        [PartyView(**service.party_facts(party)) for party in page.values], cursor_for(name, page.last_key)
    )


@router.endpoint("GET", "/v1/parties/{party_id}", scope="parties:read", answer=PartyView)
def get_party(request: Request, party_id: str) -> PartyView:
    """Read a party."""
    return PartyView(**service.party_facts(service.get_party(request.tenant, party_id)))


@router.endpoint(
    "POST",
    "/v1/parties/{party_id}/accounts",
    scope="parties:write",
    body=PartyAccountBody,
    answer=PartyAccountView,
    status=201,
    writes=True,
)
def open_party_account(request: Request, party_id: str) -> Answer:
    """Open a party's own account in a currency."""
    outcome = service.open_party_account(request.call, party_id, request.body.currency)
    return replayable(outcome, PartyAccountView(**outcome.item.data))


@router.endpoint("GET", "/v1/quarantine", scope="banking:read", answer=QuarantinePage, parameters=PAGED)
def list_quarantine(request: Request) -> QuarantinePage:
    """List bank messages that could not be used, with the reason: the tenant's own, then its banks' unreadable ones."""
    name = f"{request.tenant}/quarantine"
    page = quarantine.list_quarantine(
        request.tenant, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    return QuarantinePage([quarantined_view(entry) for entry in page.entries], cursor_for(name, page.last_key))


@router.endpoint(
    "POST",
    "/v1/banks/{bank_id}/callbacks",
    scope=None,
    answer=CallbackView,
    status=202,
    consumes=MESSAGE_TYPES,
    most_bytes=callbacks.MOST_BYTES,
)
def receive_callback(request: Request, bank_id: str) -> CallbackView:
    """Take a bank's message, signed with a detached JWS over the exact body in X-JWS-Signature."""
    callback = callbacks.receive_callback(
        bank_id,
        request.raw,
        request.headers.get(SIGNATURE, ""),
        wall_now=clock.wall_clock(),
        now=clock.now(),
    )
    return CallbackView(callback.message_id, "accepted")


def quarantined_view(entry: Quarantined) -> QuarantinedView:
    """An entry of quarantine as answers show it."""
    return QuarantinedView(
        quarantine_id=entry.quarantine_id,
        bank_id=entry.bank_id,
        message_id=entry.message_id if entry.tenant else None,
        reason=entry.reason,
        facts=entry.facts,
        quarantined_at=instant_text(entry.quarantined_at),
    )
