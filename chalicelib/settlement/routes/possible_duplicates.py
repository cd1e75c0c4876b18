"""Possible duplicates over HTTP: movements kept aside because the books may have them, and the commands that decide."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.recon.domain import MOST_COMMENT
from chalicelib.settlement.booking import book_decided
from chalicelib.settlement.domain.possible_duplicates import duplicate_facts
from chalicelib.settlement.routes.answers import facts_answer
from chalicelib.settlement.service import identity
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, choice

router = Router(__name__)

STATUSES = ("open", "confirmed", "dismissed")
FILTERS = ("status", "limit", "cursor")


class DuplicateDecisionBody(Body, frozen=True, kw_only=True):
    """Why it is decided so."""

    comment: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_COMMENT)]


class PossibleDuplicateView(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of a bank account that may be the one of `doubted_entry_id`, told once more. `amount_minor` is signed:
    money in is positive. `status` is open, confirmed (a movement of its own, booked as `entry_id`) or dismissed (the
    same movement); `decided_by` is a client, or the statement that decided. `taken_back` counts how often it was booked
    and that was undone."""

    duplicate_id: str
    status: str
    bank_id: str
    iban: str
    bank_reference: str
    amount_minor: int
    currency: str
    booked_on: str | None
    reference: str
    counterparty_name: str
    entry_id: str
    doubted_entry_id: str
    message_id: str
    created_at: str
    decided_by: str | None
    decided_at: str | None
    comment: str | None
    taken_back: int


class PossibleDuplicatePage(msgspec.Struct, frozen=True):
    """One page of possible duplicates, the oldest first."""

    possible_duplicates: list[PossibleDuplicateView]
    next_cursor: str | None


@router.endpoint(
    "GET", "/v1/possible-duplicates", scope="banking:read", answer=PossibleDuplicatePage, parameters=FILTERS
)
def list_possible_duplicates(request: Request) -> PossibleDuplicatePage:
    """List movements kept aside as possible duplicates (`status` open, confirmed or dismissed), the oldest first."""
    status = choice(request.query, "status", STATUSES)
    name = f"{request.tenant}/possible-duplicates/{status}"
    page = identity.list_duplicates(
        request.tenant, status, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    views = [msgspec.convert(duplicate_facts(each), PossibleDuplicateView) for each in page.values]
    return PossibleDuplicatePage(views, cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/possible-duplicates/{duplicate_id}", scope="banking:read", answer=PossibleDuplicateView)
def get_possible_duplicate(request: Request, duplicate_id: str) -> PossibleDuplicateView:
    """Read a possible duplicate."""
    found = identity.get_duplicate(request.tenant, duplicate_id)
    return msgspec.convert(duplicate_facts(found), PossibleDuplicateView)


@router.endpoint(
    "POST",
    "/v1/possible-duplicates/{duplicate_id}/confirm",
    scope="recon:write",
    body=DuplicateDecisionBody,
    answer=PossibleDuplicateView,
    writes=True,
)
def confirm_possible_duplicate(request: Request, duplicate_id: str) -> Answer:
    """Decide that it is a movement of its own: it is booked, and funds what it quotes."""
    outcome = identity.confirm(request.call, duplicate_id, request.body.comment)
    book_decided(request.tenant, duplicate_id, now=request.call.now)
    return facts_answer(outcome, PossibleDuplicateView)


@router.endpoint(
    "POST",
    "/v1/possible-duplicates/{duplicate_id}/dismiss",
    scope="recon:write",
    body=DuplicateDecisionBody,
    answer=PossibleDuplicateView,
    writes=True,
)
def dismiss_possible_duplicate(request: Request, duplicate_id: str) -> Answer:
    """Decide that it is the movement that the books have. What was booked of one that a person had confirmed is taken
    back as if by the bank: what it paid for has it no more, and what was paid on is a claim."""
    outcome = identity.dismiss(request.call, duplicate_id, request.body.comment)
    book_decided(request.tenant, duplicate_id, now=request.call.now)
    return facts_answer(outcome, PossibleDuplicateView)


@router.endpoint(
    "POST",
    "/v1/possible-duplicates/{duplicate_id}/reopen",
    scope="recon:write",
    body=DuplicateDecisionBody,
    answer=PossibleDuplicateView,
    writes=True,
)
def reopen_possible_duplicate(request: Request, duplicate_id: str) -> Answer:
    """Undo a dismissal: it waits again for a statement or a person."""
    outcome = identity.reopen_dismissed(request.call, duplicate_id, request.body.comment)
    return facts_answer(outcome, PossibleDuplicateView)
