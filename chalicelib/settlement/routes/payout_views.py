"""Payouts as answers show them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from chalicelib.banking.payout_decisions import EVENTS
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Attempt, Payout, newest_attempt
from chalicelib.core.instants import instant_text


class AttemptView(msgspec.Struct, frozen=True):
    """One try to pay. `attempt_id` is the end-to-end id that its bank and the payee see. `state`, `reason` and amounts
    as those of the payout; `debited_late`: the bank debited it when it was dead, and that money is in suspense."""

    attempt_id: str
    state: str
    reason: str
    amount_minor: int
    bank_account_id: str
    started_at: str
    execute_on: str
    returned_minor: int
    return_charges_minor: int
    resends: int
    debited_late: bool


class ResolutionView(msgspec.Struct, frozen=True):
    """What a person has found out about a payout that its bank left open."""

    outcome: str
    evidence: str
    actor: str
    at: str


class PayoutView(msgspec.Struct, frozen=True):
    """A payout: its newest attempt, and all of them, the first one first.

    `state` is reserved or stopped (its money is set aside, `reason` says what it waits for), created, sending, sent,
    accepted, unknown, rejection_unproved, settled, partly_returned, returned, rejected or cancelled; `reason` the
    bank's code for a rejection or return. Of what went out, `returned_minor` came
    back and `return_charges_minor` was kept by banks. `overdue_since`: since when its next step is late.
    """

    payout_id: str
    party_id: str
    source: str
    bank_account_id: str
    state: str
    amount_minor: int
    currency: str
    created_at: str
    execute_on: str
    remittance: str
    subject: str | None
    reason: str
    returned_minor: int
    return_charges_minor: int
    charges_borne_by: str
    cancellation_requested_at: str | None
    overdue_since: str | None
    resolution: ResolutionView | None
    attempts: list[AttemptView]


class PayoutPage(msgspec.Struct, frozen=True):
    """One page of payouts."""

    payouts: list[PayoutView]
    next_cursor: str | None


class PayoutStepView(msgspec.Struct, frozen=True):
    """Where a payout stood after a command. `attempt_id` is its newest attempt."""

    payout_id: str
    attempt_id: str
    state: str


def payout_view(payout: Payout, now: datetime) -> PayoutView:
    """A payout as answers show it at an instant."""
    return PayoutView(
        payout_id=payout.payout_id,
        party_id=payout.party_id,
        source=payout.source.value,
        bank_account_id=payout.bank_account_id,
        state=payout.state.value,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        created_at=instant_text(payout.created_at),
        execute_on=payout.execute_on.isoformat(),
        remittance=payout.remittance,
        subject=payout.subject,
        reason=payout.reason,
        returned_minor=payout.returned_minor,
        return_charges_minor=payout.return_charges_minor,
        charges_borne_by=payout.charges_borne_by,
        cancellation_requested_at=_text(payout.cancellation_requested_at),
        overdue_since=_text(overdue_since(payout, now)),
        resolution=_resolution(payout),
        attempts=[*map(_attempt, payout.earlier), _attempt(newest_attempt(payout))],
    )


def overdue_since(payout: Payout, now: datetime) -> datetime | None:
    """Since when a payout's next step is late at an instant, or None: also before the schedule has noticed."""
    is_retried = payout.state is State.RESERVED
    is_late = payout.due_at is not None and payout.due_at <= now and not is_retried
    return payout.overdue_since or (payout.due_at if is_late else None)


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        attempt_id=attempt.attempt_id,
        state=attempt.state.value,
        reason=attempt.reason,
        amount_minor=attempt.amount_minor,
        bank_account_id=attempt.bank_account_id,
        started_at=instant_text(attempt.started_at),
        execute_on=attempt.execute_on.isoformat(),
        returned_minor=attempt.returned_minor,
        return_charges_minor=attempt.return_charges_minor,
        resends=attempt.resends,
        debited_late=bool(attempt.late_debit_reference),
    )


def _resolution(payout: Payout) -> ResolutionView | None:
    made = payout.resolution
    if made is None:
        return None
    outcome = next(outcome for outcome, event in EVENTS.items() if event is made.event)
    return ResolutionView(outcome.value, made.evidence, made.actor, instant_text(made.at))


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
