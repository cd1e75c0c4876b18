"""Entries and transfers over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.ledger.domain import Posting, Side
from chalicelib.ledger.service import entries
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, Id, MoneyBody

router = Router(__name__)

Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]


class PostingBody(Body):
    """One leg."""

    account_id: Id
    side: Literal["debit", "credit"]
    amount: MoneyBody


class EntryBody(Body):
    """Balanced postings. `occurred_at` (an ISO 8601 instant) is now unless said."""

    postings: list[PostingBody]
    occurred_at: str | None = None
    reference: Reference | None = None


class TransferBody(Body):
    """An amount moved from the credited to the debited account."""

    debit_account_id: Id
    credit_account_id: Id
    amount: MoneyBody
    occurred_at: str | None = None
    reference: Reference | None = None


class PostingView(msgspec.Struct, frozen=True):
    """One leg of an entry, `minor` positive."""

    account_id: str
    side: str
    minor: int
    currency: str


class EntryView(msgspec.Struct, frozen=True):
    """An entry with both its clocks. `data` holds the facts of the command that booked it."""

    entry_id: str
    kind: str
    postings: list[PostingView]
    occurred_at: str
    recorded_at: str
    subject: str | None
    reference: str | None
    data: dict[str, Any]


@router.endpoint("POST", "/v1/entries", scope="ledger:write", body=EntryBody, answer=EntryView, status=201, writes=True)
def post_entry(request: Request) -> Answer:
    """Book an entry of 2 to 90 postings."""
    body: EntryBody = request.body
    postings = tuple(Posting(leg.account_id, Side(leg.side), leg.amount.money) for leg in body.postings)
    return _entry_answer(_post(request, "entry.posted", postings, body.occurred_at, body.reference))


@router.endpoint(
    "POST", "/v1/transfers", scope="ledger:write", body=TransferBody, answer=EntryView, status=201, writes=True
)
def post_transfer(request: Request) -> Answer:
    """Book a transfer: an entry of exactly two postings."""
    body: TransferBody = request.body
    amount = body.amount.money
    postings = (
        Posting(body.debit_account_id, Side.DEBIT, amount),
        Posting(body.credit_account_id, Side.CREDIT, amount),
    )
    return _entry_answer(_post(request, "transfer.posted", postings, body.occurred_at, body.reference))


@router.endpoint("GET", "/v1/entries/{entry_id}", scope="ledger:read", answer=EntryView)
def get_entry(request: Request, entry_id: str) -> EntryView:
    """Read an entry."""
    return entry_view(entries.get_entry(request.tenant, entry_id))


def entry_view(item: JournalItem) -> EntryView:
    """A journal item as answers show it."""
    return EntryView(
        entry_id=item.entry_id,
        kind=item.kind,
        postings=[
            PostingView(leg.account_id, "debit" if leg.amount > 0 else "credit", abs(leg.amount), leg.currency)
            for leg in item.legs
        ],
        occurred_at=instant_text(item.occurred_at),
        recorded_at=instant_text(item.recorded_at),
        subject=item.subject,
        reference=item.reference,
        data=item.data,
    )


def _post(
    request: Request, kind: str, postings: tuple[Posting, ...], occurred_at: str | None, reference: str | None
) -> Outcome:
    at = None if occurred_at is None else parse_instant(occurred_at, "occurred_at")
    return entries.post_entry(request.call, entries.PostEntry(kind, postings, at, reference))


def _entry_answer(outcome: Outcome) -> Answer:
    return replayable(outcome, entry_view(outcome.item))
