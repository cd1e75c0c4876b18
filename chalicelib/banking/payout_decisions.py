"""What people decide about a payout: to cancel it, and what became of one that its bank leaves open. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum

from chalicelib.banking.payout_states import Event, State
from chalicelib.banking.payouts import Payout, Resolution, advance, next_state, payout_facts
from chalicelib.core.errors import Conflict
from chalicelib.core.values import dataclass


class ResolutionOutcome(Enum):
    """What a person has found out. `paid`: the bank pays or has paid, its debit is still to come. `not_paid`: it has
    not and will not. `returned`: nothing more comes back, what is missing the bank has kept."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    RETURNED = "returned"


EVENTS = {
    ResolutionOutcome.PAID: Event.FOUND_PAID,
    ResolutionOutcome.NOT_PAID: Event.FOUND_UNPAID,
    ResolutionOutcome.RETURNED: Event.FOUND_RETURNED,
}

REQUESTABLE = frozenset({State.SENDING, State.SENT, State.ACCEPTED, State.UNKNOWN, State.REJECTION_UNPROVED})
"""The states in which the bank may still be asked not to pay."""

RESENDABLE = frozenset({State.SENT, State.ACCEPTED, State.UNKNOWN})
"""The states in which a payout's file may be sent once more, the same bytes under the same message id."""

MAX_RESENDS = 20

AFTER_SILENCE = frozenset({State.SENT, State.ACCEPTED})
"""The states about which a person decides only once the bank's time for news is over."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person has found out about a payout, and by what (a bank's letter, a statement)."""

    outcome: ResolutionOutcome
    evidence: str


def cancel(payout: Payout, *, now: datetime) -> Payout:
    """The payout cancelled at once where no file of it can exist yet; else with a request to its bank, which changes
    nothing until the bank says yes. Raises Conflict `payout_state`, `cancellation_requested` (it was before)."""
    if payout.state not in REQUESTABLE:
        return advance(payout, Event.WITHDRAWN)
    if payout.cancellation_requested_at is not None:
        raise Conflict("cancellation_requested", "the bank has been asked before", **payout_facts(payout))
    return replace(payout, cancellation_requested_at=now)


def resolve(payout: Payout, finding: Finding, *, actor: str, now: datetime) -> Payout:
    """The payout as a person has found it to be. Raises Conflict `payout_state`, `payout_not_overdue` (the bank still
    has time to say so itself)."""
    event = EVENTS[finding.outcome]
    to = next_state(payout, event)
    if payout.state in AFTER_SILENCE and not _is_overdue(payout, now):
        raise Conflict("payout_not_overdue", "the bank still has time for news of its own", **payout_facts(payout))
    charge = payout.amount_minor - payout.returned_minor - payout.return_charges_minor
    charge = charge if event is Event.FOUND_RETURNED else 0
    resolution = Resolution(event, payout.state, finding.evidence, actor, now, charge)
    return replace(payout, state=to, resolution=resolution, return_charges_minor=payout.return_charges_minor + charge)


def undo_resolution(payout: Payout) -> Payout:
    """The payout as it stood before a person's decision. Raises Conflict `payout_not_resolved` where there is none, or
    something has happened since."""
    made = payout.resolution
    if made is None or payout.state is not RESOLVED_TO[made.event]:
        raise Conflict("payout_not_resolved", "no decision stands that could be undone", **payout_facts(payout))
    return replace(
        payout,
        state=made.before,
        resolution=None,
        return_charges_minor=payout.return_charges_minor - made.charge_minor,
    )


def resend(payout: Payout) -> Payout:
    """The payout whose file is to be sent once more. Raises Conflict `payout_state`, `too_many_resends`."""
    if payout.state not in RESENDABLE:
        raise Conflict("payout_state", f"the payout is {payout.state.value}", **payout_facts(payout))
    if payout.resends >= MAX_RESENDS:
        raise Conflict("too_many_resends", f"at most {MAX_RESENDS}", maximum=MAX_RESENDS, **payout_facts(payout))
    return replace(payout, resends=payout.resends + 1)


def _is_overdue(payout: Payout, now: datetime) -> bool:
    return payout.overdue_since is not None or (payout.due_at is not None and payout.due_at <= now)


RESOLVED_TO = {
    Event.FOUND_PAID: State.ACCEPTED,
    Event.FOUND_UNPAID: State.REJECTED,
    Event.FOUND_RETURNED: State.RETURNED,
}
"""The state that each decision led to."""
