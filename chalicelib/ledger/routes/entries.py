"""Entries and transfers over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import Posting, Side, credit, debit
from chalicelib.ledger.service import entries, transfers
from chalicelib.storage.journal import JournalItem
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, Id, MoneyBody, ShortText

router = Router(__name__)


class PostingBody(Body):
    """One leg."""

    account_id: Id
    side: Literal["debit", "credit"]
    amount: MoneyBody

    @property
    def posting(self) -> Posting:
        """The leg as rules know it."""
        return Posting(self.account_id, Side(self.side), self.amount.money)


class ConditionBody(Body):
    """What an account's posted balance must be before the entry, on its own side: one of the three."""

    account_id: Id
    at_least_minor: int | None = None
    at_most_minor: int | None = None
    exactly_minor: int | None = None

    def condition(self, place: int) -> Condition:
        """The condition as rules know it. Raises InvalidInput `invalid_condition` where it is not one of the three."""
        told = [(rule, minor) for rule in Rule if (minor := getattr(self, f"{rule.value}_minor")) is not None]
        if len(told) != 1:
            sentence = "a condition has one of at_least_minor, at_most_minor and exactly_minor"
            raise InvalidInput("invalid_condition", sentence, field=f"conditions[{place}]")
        [(rule, minor)] = told
        return Condition(self.account_id, rule, minor)


class EntryTerms(Body, kw_only=True):
    """What every entry may say of itself. `occurred_at` (an ISO 8601 instant) is now unless said; `metadata` is the
    caller's own, at most 20 pairs; `conditions` are at most 10."""

    occurred_at: str | None = None
    reference: ShortText | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    conditions: list[ConditionBody] = msgspec.field(default_factory=list)


class EntryBody(EntryTerms, kw_only=True):
    """Balanced postings, booked if the conditions are met."""

    postings: list[PostingBody]

    @property
    def legs(self) -> tuple[Posting, ...]:
        """The postings as rules know them."""
        return tuple(leg.posting for leg in self.postings)


class TransferBody(EntryTerms, kw_only=True):
    """An amount moved from the credited to the debited account. `up_to`: or less, what the account that it lowers has
    available."""

    debit_account_id: Id
    credit_account_id: Id
    amount: MoneyBody
    up_to: bool = False


class PostingView(msgspec.Struct, frozen=True):
    """One leg of an entry, `minor` positive."""

    account_id: str
    side: str
    minor: int
    currency: str


class EntryView(msgspec.Struct, frozen=True):
    """An entry with both its clocks. `metadata` is the caller's own, `data` holds the facts of the command that booked
    it."""

    entry_id: str
    kind: str
    postings: list[PostingView]
    occurred_at: str
    recorded_at: str
    subject: str | None
    reference: str | None
    metadata: dict[str, str]
    data: dict[str, Any]


@router.endpoint("POST", "/v1/entries", scope="ledger:write", body=EntryBody, answer=EntryView, status=201, writes=True)
def post_entry(request: Request) -> Answer:
    """Book an entry of 2 to 90 postings."""
    body: EntryBody = request.body
    outcome = entries.post_entry(request.call, entry_command(body, "entry.posted", body.legs))
    return replayable(outcome, entry_view(outcome.item))


@router.endpoint(
    "POST", "/v1/transfers", scope="ledger:write", body=TransferBody, answer=EntryView, status=201, writes=True
)
def post_transfer(request: Request) -> Answer:
    """Book a transfer: an entry of exactly two postings."""
    body: TransferBody = request.body
    amount = body.amount.money
    legs = (debit(body.debit_account_id, amount), credit(body.credit_account_id, amount))
    command = entry_command(body, "transfer.posted", legs)
    act = transfers.transfer_up_to if body.up_to else entries.post_entry
    outcome = act(request.call, command)
    return replayable(outcome, entry_view(outcome.item))


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
        metadata=item.metadata,
        data=item.data,
    )


def entry_command(body: EntryTerms, kind: str, postings: tuple[Posting, ...]) -> PostEntry:
    """The command that books postings on the terms of a body."""
    return PostEntry(
        kind=kind,
        postings=postings,
        occurred_at=instant_of(body.occurred_at),
        reference=body.reference,
        metadata=body.metadata,
        conditions=tuple(asked.condition(place) for place, asked in enumerate(body.conditions)),
    )


def instant_of(occurred_at: str | None) -> datetime | None:
    """The instant an entry took effect, where its sender says it. Raises InvalidInput `invalid_instant`."""
    return None if occurred_at is None else parse_instant(occurred_at, "occurred_at")
