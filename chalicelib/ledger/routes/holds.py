"""Holds over HTTP: one at a time, and in groups that are done all or none."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.ledger.domain import Side
from chalicelib.ledger.holds import Hold, Terms, seen_at
from chalicelib.ledger.service import hold_groups
from chalicelib.ledger.service import holds as service
from chalicelib.ledger.service.hold_groups import CapturePart, GroupOutcome
from chalicelib.ledger.service.holds import CaptureHold, PlaceHold
from chalicelib.storage.journal import JournalItem
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, Id, MoneyBody, ShortText, choice

router = Router(__name__)


class HoldBody(Body):
    """A transfer to come. The money is that of the debited account, which a debit must lower, or with `reserved`
    `credit` that of the credited one, which a credit must lower. It expires at `expires_at` (an ISO 8601 instant, at
    most 366 days ahead), or never; `metadata` is the caller's own, at most 20 pairs."""

    debit_account_id: Id
    credit_account_id: Id
    amount: MoneyBody
    reserved: Literal["debit", "credit"] = "debit"
    expires_at: str | None = None
    reference: ShortText | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def command(self) -> PlaceHold:
        """The command it asks for."""
        terms = Terms(
            self.debit_account_id,
            self.credit_account_id,
            self.amount.money,
            reserved=Side(self.reserved),
            expires_at=_instant(self.expires_at, "expires_at"),
        )
        return PlaceHold(terms, self.reference, self.metadata)


class CaptureBody(Body):
    """What is booked of a hold: `amount`, or all that remains. The rest is let go of, or with `close` false kept."""

    amount: MoneyBody | None = None
    close: bool = True
    occurred_at: str | None = None
    reference: ShortText | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class VoidBody(Body):
    """Nothing is to be said."""


class HoldGroupBody(Body):
    """1 to 20 holds to be placed all or none."""

    holds: list[HoldBody]


class CapturePartBody(Body):
    """What is booked of one hold of a group: `amount`, or all that remains."""

    hold_id: Id
    amount: MoneyBody | None = None
    close: bool = True


class CaptureGroupBody(Body):
    """1 to 20 captures to be booked all or none."""

    captures: list[CapturePartBody]


class VoidGroupBody(Body):
    """1 to 20 holds to be voided all or none."""

    hold_ids: list[Id]


class HoldView(msgspec.Struct, frozen=True):
    """A hold: `captured_minor` was booked, `remaining_minor` is reserved, `released_minor` was let go of. `entry_id` is
    the journal entry that placed it. One whose time is over is expired, though it may be returned a moment later."""

    hold_id: str
    entry_id: str
    status: str
    debit_account_id: str
    credit_account_id: str
    reserved: str
    currency: str
    amount_minor: int
    captured_minor: int
    remaining_minor: int
    released_minor: int
    placed_at: str
    expires_at: str | None
    closed_at: str | None
    reference: str | None
    metadata: dict[str, str]


class HoldStepView(msgspec.Struct, frozen=True):
    """What a capture or a void did to a hold: `booked_minor` by this entry, `captured_minor` in all, `remaining_minor`
    still reserved."""

    hold_id: str
    entry_id: str
    status: str
    currency: str
    booked_minor: int
    captured_minor: int
    remaining_minor: int
    occurred_at: str
    recorded_at: str
    reference: str | None
    metadata: dict[str, str]


class HoldGroupView(msgspec.Struct, frozen=True):
    """The holds that were placed together, in the order they were asked for. `entry_id` is the group's own entry."""

    entry_id: str
    holds: list[HoldView]


class HoldStepsView(msgspec.Struct, frozen=True):
    """What was done to the holds of a group, in the order they were asked for. `entry_id` is the group's own entry."""

    entry_id: str
    holds: list[HoldStepView]


class HoldPage(msgspec.Struct, frozen=True):
    """One page of an account's holds: open ones by their expiry, closed ones by their end, the newest first."""

    holds: list[HoldView]
    next_cursor: str | None


@router.endpoint("POST", "/v1/holds", scope="ledger:write", body=HoldBody, answer=HoldView, status=201, writes=True)
def place_hold(request: Request) -> Answer:
    """Reserve money of one account for a transfer to come."""
    outcome = service.place_hold(request.call, request.body.command)
    return replayable(outcome, _placed_view(outcome.item))


@router.endpoint(
    "POST",
    "/v1/holds/{hold_id}/captures",
    scope="ledger:write",
    body=CaptureBody,
    answer=HoldStepView,
    status=201,
    writes=True,
)
def capture_hold(request: Request, hold_id: str) -> Answer:
    """Book a hold, or a part of it."""
    body: CaptureBody = request.body
    command = CaptureHold(
        hold_id,
        amount=None if body.amount is None else body.amount.money,
        close=body.close,
        occurred_at=_instant(body.occurred_at, "occurred_at"),
        reference=body.reference,
        metadata=body.metadata,
    )
    outcome = service.capture_hold(request.call, command)
    return replayable(outcome, _step_view(outcome.item))


@router.endpoint(
    "POST",
    "/v1/holds/{hold_id}/void",
    scope="ledger:write",
    body=VoidBody,
    answer=HoldStepView,
    status=201,
    writes=True,
)
def void_hold(request: Request, hold_id: str) -> Answer:
    """Let go of what remains of a hold."""
    outcome = service.void_hold(request.call, hold_id)
    return replayable(outcome, _step_view(outcome.item))


@router.endpoint(
    "POST", "/v1/hold-groups", scope="ledger:write", body=HoldGroupBody, answer=HoldGroupView, status=201, writes=True
)
def place_hold_group(request: Request) -> Answer:
    """Place several holds, all or none."""
    group = hold_groups.place_group(request.call, [body.command for body in request.body.holds])
    holds = [_placed_view(item) for item in group.parts]
    return replayable(group.outcome, HoldGroupView(group.outcome.item.entry_id, holds))


@router.endpoint(
    "POST",
    "/v1/hold-groups/captures",
    scope="ledger:write",
    body=CaptureGroupBody,
    answer=HoldStepsView,
    status=201,
    writes=True,
)
def capture_hold_group(request: Request) -> Answer:
    """Capture several holds, all or none."""
    body: CaptureGroupBody = request.body
    captures = [
        CapturePart(part.hold_id, None if part.amount is None else part.amount.money, part.close)
        for part in body.captures
    ]
    return _steps_answer(hold_groups.capture_group(request.call, captures))


@router.endpoint(
    "POST",
    "/v1/hold-groups/voids",
    scope="ledger:write",
    body=VoidGroupBody,
    answer=HoldStepsView,
    status=201,
    writes=True,
)
def void_hold_group(request: Request) -> Answer:
    """Void several holds, all or none."""
    return _steps_answer(hold_groups.void_group(request.call, request.body.hold_ids))


@router.endpoint("GET", "/v1/holds/{hold_id}", scope="ledger:read", answer=HoldView)
def get_hold(request: Request, hold_id: str) -> HoldView:
    """Read a hold."""
    stored = service.get_hold(request.tenant, hold_id)
    return _hold_view(seen_at(stored.hold, clock.now()), stored.placed)


@router.endpoint(
    "GET",
    "/v1/accounts/{account_id}/holds",
    scope="ledger:read",
    answer=HoldPage,
    parameters=("status", "direction", "limit", "cursor"),
)
def list_holds(request: Request, account_id: str) -> HoldPage:
    """List the holds that reserve of an account (`direction` out) or promise to it (in), `status` open or closed."""
    status = choice(request.query, "status", ("open", "closed"))
    direction: Literal["out", "in"] = "out" if choice(request.query, "direction", ("out", "in")) == "out" else "in"
    name = f"{request.tenant}/{account_id}/holds/{direction}/{status}"
    listing = service.list_holds(
        request.tenant,
        account_id,
        direction,
        is_open=status == "open",
        after=start_of(name, request.query),
        limit=page_limit(request.query),
    )
    now = clock.now()
    views = [_hold_view(seen_at(stored.hold, now), stored.placed) for stored in listing.values]
    return HoldPage(views, cursor_for(name, listing.last_key))


def _instant(text: str | None, field: str) -> datetime | None:
    return None if text is None else parse_instant(text, field)


def _placed_view(item: JournalItem) -> HoldView:
    return _hold_view(service.placed_hold(item), item)


def _hold_view(hold: Hold, placed: JournalItem) -> HoldView:
    terms = hold.terms
    return HoldView(
        hold_id=hold.hold_id,
        entry_id=placed.entry_id,
        status=hold.status.value,
        debit_account_id=terms.debit_account_id,
        credit_account_id=terms.credit_account_id,
        reserved=terms.reserved.value,
        currency=terms.amount.currency,
        amount_minor=terms.amount.minor,
        captured_minor=hold.captured,
        remaining_minor=hold.remaining,
        released_minor=hold.released,
        placed_at=instant_text(hold.placed_at),
        expires_at=None if terms.expires_at is None else instant_text(terms.expires_at),
        closed_at=None if hold.closed_at is None else instant_text(hold.closed_at),
        reference=placed.reference,
        metadata=placed.metadata,
    )


def _step_view(item: JournalItem) -> HoldStepView:
    facts = item.data
    return HoldStepView(
        hold_id=item.subject or "",
        entry_id=item.entry_id,
        status=facts["status"],
        currency=facts["currency"],
        booked_minor=facts["booked_minor"],
        captured_minor=facts["captured_minor"],
        remaining_minor=facts["remaining_minor"],
        occurred_at=instant_text(item.occurred_at),
        recorded_at=instant_text(item.recorded_at),
        reference=item.reference,
        metadata=item.metadata,
    )


def _steps_answer(group: GroupOutcome) -> Answer:
    view = HoldStepsView(group.outcome.item.entry_id, [_step_view(item) for item in group.parts])
    return replayable(group.outcome, view)
