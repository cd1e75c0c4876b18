"""An account's life after it was opened, over HTTP."""

from __future__ import annotations

import msgspec

from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.ledger.service import account_life
from chalicelib.storage.once import Outcome
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, ShortText

router = Router(__name__)


class StatusBody(Body):
    """Why an account is frozen, unfrozen or closed; it need not be said."""

    reason: ShortText | None = None


class LabelsBody(Body):
    """The labels an account is to have, at most 20; those it has and that are not among them are taken away."""

    labels: dict[str, str]


class ClosedPeriodBody(Body):
    """The instant (ISO 8601) up to which, itself included, the account's books are closed."""

    closed_until: str


class StatusView(msgspec.Struct, frozen=True):
    """An account's status as this command left it."""

    account_id: str
    status: str
    reason: str | None
    entry_id: str
    recorded_at: str


class LabelsView(msgspec.Struct, frozen=True):
    """An account's labels as this command left them."""

    account_id: str
    labels: dict[str, str]
    entry_id: str
    recorded_at: str


class ClosedPeriodView(msgspec.Struct, frozen=True):
    """Up to which instant an account's books were closed by this command."""

    account_id: str
    closed_until: str
    entry_id: str
    recorded_at: str


@router.endpoint(
    "POST",
    "/v1/accounts/{account_id}/freeze",
    scope="ledger:write",
    body=StatusBody,
    answer=StatusView,
    writes=True,
)
def freeze_account(request: Request, account_id: str) -> Answer:
    """Let an account take no more entries until it is unfrozen."""
    return _status_answer(account_life.freeze(request.call, account_id, reason=request.body.reason))


@router.endpoint(
    "POST",
    "/v1/accounts/{account_id}/unfreeze",
    scope="ledger:write",
    body=StatusBody,
    answer=StatusView,
    writes=True,
)
def unfreeze_account(request: Request, account_id: str) -> Answer:
    """Let a frozen account take entries again."""
    return _status_answer(account_life.unfreeze(request.call, account_id, reason=request.body.reason))


@router.endpoint(
    "POST",
    "/v1/accounts/{account_id}/close",
    scope="ledger:write",
    body=StatusBody,
    answer=StatusView,
    writes=True,
)
def close_account(request: Request, account_id: str) -> Answer:
    """Close an account for ever, at zero and with nothing held of it."""
    return _status_answer(account_life.close(request.call, account_id, reason=request.body.reason))


@router.endpoint(
    "POST",
    "/v1/accounts/{account_id}/labels",
    scope="ledger:write",
    body=LabelsBody,
    answer=LabelsView,
    writes=True,
)
def label_account(request: Request, account_id: str) -> Answer:
    """Give an account these labels in place of those it has."""
    outcome = account_life.set_labels(request.call, account_id, request.body.labels)
    data = outcome.item.data
    return replayable(outcome, LabelsView(data["account_id"], data["labels"], *_entry(outcome)))


@router.endpoint(
    "POST",
    "/v1/accounts/{account_id}/closed-period",
    scope="ledger:write",
    body=ClosedPeriodBody,
    answer=ClosedPeriodView,
    writes=True,
)
def close_account_period(request: Request, account_id: str) -> Answer:
    """Refuse an account's entries that took effect up to an instant, which only moves forward."""
    until = parse_instant(request.body.closed_until, "closed_until")
    outcome = account_life.close_period(request.call, account_id, until)
    data = outcome.item.data
    return replayable(outcome, ClosedPeriodView(data["account_id"], data["closed_until"], *_entry(outcome)))


def _status_answer(outcome: Outcome) -> Answer:
    data = outcome.item.data
    view = StatusView(data["account_id"], data["status"], data.get("reason"), *_entry(outcome))
    return replayable(outcome, view)


def _entry(outcome: Outcome) -> tuple[str, str]:
    """The journal item's id and when it was recorded."""
    return outcome.item.entry_id, instant_text(outcome.item.recorded_at)
