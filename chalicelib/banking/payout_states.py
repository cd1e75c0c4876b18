"""Where a payout can stand, what can happen to it, and where that leads: one table. Pure."""

from __future__ import annotations

from enum import Enum


class Source(Enum):
    """Which of the tenant's accounts in the books a payout takes its money from."""

    PARTY = "party"
    LENDER = "lender"
    FEE_INCOME = "fee_income"
    INTEREST_INCOME = "interest_income"


class State(Enum):
    """Where a payout stands. `reserved`: its money is set aside on the party's account and not taken yet; `stopped`: it
    stays there until a person decides. `sending`: its file may be at the bank already. `rejection_unproved`: the bank
    rejected it and may have debited it before. `unknown`: the bank's word is in doubt, and a person or a later message
    decides."""

    RESERVED = "reserved"
    STOPPED = "stopped"
    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REJECTION_UNPROVED = "rejection_unproved"
    SETTLED = "settled"
    PARTLY_RETURNED = "partly_returned"
    RETURNED = "returned"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Event(Enum):
    """What can happen to a payout: our own steps, what a bank says, what moved at the bank, what a person has found."""

    SENDING = "sending"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    ACCEPTED = "accepted"
    DOUBTED = "doubted"
    REJECTED = "rejected"
    REJECTION_UNPROVED = "rejection_unproved"
    CANCELLED = "cancelled"
    SETTLED = "settled"
    PARTLY_RETURNED = "partly_returned"
    RETURNED = "returned"
    NOT_DEBITED = "not_debited"
    FOUND_PAID = "found_paid"
    FOUND_UNPAID = "found_unpaid"
    FOUND_RETURNED = "found_returned"


def _stays(state: State, *events: Event) -> dict[Event, State]:
    return dict.fromkeys(events, state)


_NEWS = {
    Event.DOUBTED: State.UNKNOWN,
    Event.REJECTED: State.REJECTED,
    Event.REJECTION_UNPROVED: State.REJECTION_UNPROVED,
    Event.CANCELLED: State.CANCELLED,
    Event.SETTLED: State.SETTLED,
    Event.PARTLY_RETURNED: State.PARTLY_RETURNED,
    Event.RETURNED: State.RETURNED,
}
_FOUND = {Event.FOUND_PAID: State.ACCEPTED, Event.FOUND_UNPAID: State.REJECTED}
_OLD = (Event.SENDING, Event.SENT, Event.ACCEPTED, Event.DOUBTED)
_END = (*_OLD, Event.REJECTED, Event.REJECTION_UNPROVED, Event.CANCELLED, Event.NOT_DEBITED)
_ON_ITS_WAY = {Event.SENDING: State.SENDING, Event.SENT: State.SENT, Event.ACCEPTED: State.ACCEPTED}

TRANSITIONS: dict[State, dict[Event, State]] = {
    State.RESERVED: {},
    State.STOPPED: {},
    State.CREATED: _NEWS | _ON_ITS_WAY | {Event.WITHDRAWN: State.CANCELLED},
    State.SENDING: _NEWS | _ON_ITS_WAY,
    State.SENT: _NEWS | _FOUND | _ON_ITS_WAY | {Event.SENDING: State.SENT},
    State.ACCEPTED: _NEWS | _FOUND | _stays(State.ACCEPTED, Event.SENDING, Event.SENT, Event.ACCEPTED),
    State.UNKNOWN: _NEWS | _FOUND | _stays(State.UNKNOWN, *_OLD),
    State.REJECTION_UNPROVED: _NEWS
    | _FOUND
    | _stays(State.REJECTION_UNPROVED, *_OLD)
    | {Event.NOT_DEBITED: State.REJECTED},
    State.SETTLED: _stays(State.SETTLED, *_OLD, Event.SETTLED)
    | {Event.PARTLY_RETURNED: State.PARTLY_RETURNED, Event.RETURNED: State.RETURNED},
    State.PARTLY_RETURNED: _stays(State.PARTLY_RETURNED, *_OLD, Event.SETTLED, Event.PARTLY_RETURNED)
    | {Event.RETURNED: State.RETURNED, Event.FOUND_RETURNED: State.RETURNED},
    State.RETURNED: _stays(State.RETURNED, *_OLD, Event.SETTLED),
    State.REJECTED: _stays(State.REJECTED, *_END),
    State.CANCELLED: _stays(State.CANCELLED, *_END),
}
"""State x event: the state after. What is not here contradicts booked money, or is no step of ours from there, and is
refused with `payout_state`."""

GIVEN_UP = frozenset({State.REJECTED, State.CANCELLED})
"""The states in which what was in transit is on its account again without ever having left the bank."""

DEAD = GIVEN_UP | {State.RETURNED}
"""The states in which an attempt can pay no more, so that another may follow."""
