"""The life of a trade as one table: which command is allowed in which state, and which states it may lead to.

Leaves to others: what a command does to the money (the modules beside this one), who may give it (`chalicelib.web`).
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a trade stands."""

    DRAFT = "draft"
    AGREED = "agreed"
    FUNDING = "funding"
    DEPOSITED = "deposited"
    FUNDED = "funded"
    PERFORMING = "performing"
    TOP_UP_DUE = "top_up_due"
    RELEASING = "releasing"
    DISPUTED = "disputed"
    COMPLETED = "completed"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Command(Enum):
    """What can be done to a trade. ACCEPT and EXPIRE come by time alone; UNWIND is the refund of what was released."""

    AGREE = "agree"
    FUND = "fund"
    ADD_EVIDENCE = "add_evidence"
    SIGN = "sign"
    ACCEPT = "accept"
    RELEASE = "release"
    FINAL_SETTLEMENT = "final_settlement"
    RELEASE_RETENTION = "release_retention"
    DISPUTE = "dispute"
    RESOLVE = "resolve"
    REFUND = "refund"
    UNWIND = "unwind"
    CANCEL = "cancel"
    EXPIRE = "expire"
    SETTLE_CLAIM = "settle_claim"
    LINK = "link"


ENDED = frozenset({State.COMPLETED, State.REFUNDED, State.CANCELLED, State.EXPIRED})
"""The states in which nothing is held any more."""

IN_FULL = frozenset({State.FUNDED, State.PERFORMING, State.RELEASING})
"""The states in which all that is due is there, or has been."""

_LETS_GO = (State.RELEASING, State.COMPLETED)
_SETTLES = (State.TOP_UP_DUE, *_LETS_GO)
_UNFUNDED = (State.FUNDING, State.DEPOSITED, State.FUNDED)


def _waiting(state: State, *funded: State) -> dict[Command, tuple[State, ...]]:
    """A state in which money is still to come."""
    return {
        Command.FUND: funded,
        Command.ADD_EVIDENCE: (state,),
        Command.SIGN: (state,),
        Command.CANCEL: (State.CANCELLED,),
        Command.EXPIRE: (State.EXPIRED,),
        Command.LINK: (state,),
    }


def _working(state: State, after: State, empty: State) -> dict[Command, tuple[State, ...]]:
    """A state in which all the money is there: `after` documents or signatures, `empty` once all is refunded."""
    return {
        Command.ADD_EVIDENCE: (after,),
        Command.SIGN: (after,),
        Command.ACCEPT: (after,),
        Command.RELEASE: _LETS_GO,
        Command.FINAL_SETTLEMENT: _SETTLES,
        Command.DISPUTE: (State.DISPUTED,),
        Command.REFUND: (state, empty),
        Command.CANCEL: (State.CANCELLED,),
        Command.EXPIRE: (State.EXPIRED,),
        Command.LINK: (state,),
    }


TRANSITIONS: dict[State, dict[Command, tuple[State, ...]]] = {
    State.DRAFT: {
        Command.AGREE: (State.AGREED,),
        Command.CANCEL: (State.CANCELLED,),
        Command.EXPIRE: (State.EXPIRED,),
    },
    State.AGREED: _waiting(State.AGREED, *_UNFUNDED),
    State.FUNDING: _waiting(State.FUNDING, *_UNFUNDED),
    State.DEPOSITED: _waiting(State.DEPOSITED, State.DEPOSITED, State.FUNDED),
    State.FUNDED: _working(State.FUNDED, State.PERFORMING, State.REFUNDED),
    State.PERFORMING: _working(State.PERFORMING, State.PERFORMING, State.REFUNDED),
    State.TOP_UP_DUE: {
        Command.FUND: (State.TOP_UP_DUE, State.FUNDED, State.RELEASING),
        Command.CANCEL: (State.CANCELLED,),
        Command.LINK: (State.TOP_UP_DUE,),
    },
    State.RELEASING: _working(State.RELEASING, State.RELEASING, State.COMPLETED)
    | {
        Command.RELEASE_RETENTION: _LETS_GO,
        Command.UNWIND: (State.RELEASING,),
        Command.CANCEL: (State.CANCELLED, State.RELEASING),
        Command.EXPIRE: (State.EXPIRED, State.RELEASING),
    },
    State.DISPUTED: {
        Command.ADD_EVIDENCE: (State.DISPUTED,),
        Command.SIGN: (State.DISPUTED,),
        Command.RELEASE: (State.DISPUTED,),
        Command.FINAL_SETTLEMENT: (State.DISPUTED,),
        Command.RELEASE_RETENTION: (State.DISPUTED,),
        Command.REFUND: (State.DISPUTED,),
        Command.UNWIND: (State.DISPUTED,),
        Command.RESOLVE: (
            State.FUNDED,
            State.PERFORMING,
            State.RELEASING,
            State.COMPLETED,
            State.REFUNDED,
        ),
    },
    State.COMPLETED: {Command.UNWIND: (State.COMPLETED,)},
    State.REFUNDED: {},
    State.CANCELLED: {Command.UNWIND: (State.CANCELLED,), Command.SETTLE_CLAIM: (State.CANCELLED,)},
    State.EXPIRED: {Command.UNWIND: (State.EXPIRED,), Command.SETTLE_CLAIM: (State.EXPIRED,)},
}
"""State x command: the states it may lead to. What is not here is refused with `trade_state`. In a dispute a command is
allowed where it is in the state that the dispute has interrupted as well."""
