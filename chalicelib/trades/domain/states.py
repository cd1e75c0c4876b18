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
    RETAINED = "retained"
    DISPUTED = "disputed"
    COMPLETED = "completed"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Command(Enum):
    """What can be done to a trade. ACCEPT and EXPIRE come by time alone; UNWIND is the refund of what was released;
    UNFUND takes money out again that the bank took back, or that was allocated to the wrong trade."""

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
    UNFUND = "unfund"


ENDED = frozenset({State.COMPLETED, State.REFUNDED, State.CANCELLED, State.EXPIRED})
"""The states in which nothing is held any more."""

CLOSED = ENDED | {State.RETAINED}
"""The states in which nothing is to be performed or paid in any more. In `retained` something still stays back."""

IN_FULL = frozenset({State.FUNDED, State.PERFORMING, State.RELEASING})
"""The states in which all that is due is there, or has been, and milestones are reached."""

_EMPTY = (State.COMPLETED, State.REFUNDED)
_RELEASED = (State.RELEASING, State.RETAINED, *_EMPTY)
_SETTLED = (State.TOP_UP_DUE, *_RELEASED)
_UNFUNDED = (State.FUNDING, State.DEPOSITED, State.FUNDED)
_PART_FUNDED = (State.AGREED, State.FUNDING, State.DEPOSITED)

Row = dict[Command, tuple[State, ...]]


def _waiting(state: State, *funded: State) -> Row:
    """A state in which money is still to come."""
    return {
        Command.FUND: funded,
        Command.ADD_EVIDENCE: (state,),
        Command.SIGN: (state,),
        Command.CANCEL: (State.CANCELLED,),
        Command.EXPIRE: (State.EXPIRED,),
        Command.LINK: (state,),
    }


def _working(state: State, after: State) -> Row:
    """A state in which all the money is there: `after` documents or signatures."""
    return {
        Command.ADD_EVIDENCE: (after,),
        Command.SIGN: (after,),
        Command.ACCEPT: (after,),
        Command.RELEASE: _RELEASED,
        Command.FINAL_SETTLEMENT: _SETTLED,
        Command.DISPUTE: (State.DISPUTED,),
        Command.REFUND: (state, State.REFUNDED),
        Command.CANCEL: (State.CANCELLED,),
        Command.EXPIRE: (State.EXPIRED,),
        Command.LINK: (state,),
        Command.UNFUND: _PART_FUNDED,
    }


def _over(state: State) -> Row:
    """A state in which nothing is held, though what was paid may be taken back, and a claim be paid."""
    return {Command.UNWIND: (state,), Command.SETTLE_CLAIM: (state,)}


TRANSITIONS: dict[State, Row] = {
    State.DRAFT: {
        Command.AGREE: (State.AGREED,),
        Command.CANCEL: (State.CANCELLED,),
        Command.EXPIRE: (State.EXPIRED,),
    },
    State.AGREED: _waiting(State.AGREED, *_UNFUNDED),
    State.FUNDING: _waiting(State.FUNDING, *_UNFUNDED)
    | {Command.REFUND: (State.FUNDING, State.REFUNDED), Command.UNFUND: _PART_FUNDED[:2]},
    State.DEPOSITED: _waiting(State.DEPOSITED, State.DEPOSITED, State.FUNDED)
    | {Command.REFUND: (State.DEPOSITED, State.REFUNDED), Command.UNFUND: _PART_FUNDED},
    State.FUNDED: _working(State.FUNDED, State.PERFORMING),
    State.PERFORMING: _working(State.PERFORMING, State.PERFORMING),
    State.TOP_UP_DUE: {
        Command.FUND: (State.TOP_UP_DUE, State.FUNDED, State.RELEASING),
        Command.DISPUTE: (State.DISPUTED,),
        Command.REFUND: (State.TOP_UP_DUE, State.RETAINED, *_EMPTY),
        Command.UNWIND: (State.TOP_UP_DUE,),
        Command.CANCEL: (State.CANCELLED, State.RETAINED),
        Command.LINK: (State.TOP_UP_DUE,),
        Command.UNFUND: (State.TOP_UP_DUE,),
    },
    State.RELEASING: _working(State.RELEASING, State.RELEASING)
    | {
        Command.REFUND: _RELEASED,
        Command.UNWIND: (State.RELEASING,),
        Command.CANCEL: (State.CANCELLED, State.RETAINED),
        Command.EXPIRE: (State.EXPIRED, State.RETAINED),
        Command.UNFUND: (State.TOP_UP_DUE,),
    },
    State.RETAINED: {
        Command.RELEASE_RETENTION: (State.RETAINED, State.COMPLETED),
        Command.DISPUTE: (State.DISPUTED,),
        Command.REFUND: (State.RETAINED, *_EMPTY),
        Command.UNFUND: (State.RETAINED, State.COMPLETED),
        **_over(State.RETAINED),
    },
    State.DISPUTED: {
        Command.FUND: (State.DISPUTED,),
        Command.ADD_EVIDENCE: (State.DISPUTED,),
        Command.SIGN: (State.DISPUTED,),
        Command.RELEASE: (State.DISPUTED,),
        Command.FINAL_SETTLEMENT: (State.DISPUTED,),
        Command.RELEASE_RETENTION: (State.DISPUTED,),
        Command.REFUND: (State.DISPUTED,),
        Command.UNWIND: (State.DISPUTED,),
        Command.UNFUND: (State.DISPUTED,),
        Command.RESOLVE: (State.FUNDED, State.PERFORMING, State.TOP_UP_DUE, *_RELEASED),
    },
    State.COMPLETED: _over(State.COMPLETED),
    State.REFUNDED: {},
    State.CANCELLED: _over(State.CANCELLED),
    State.EXPIRED: _over(State.EXPIRED),
}
"""State x command: the states it may lead to. What is not here is refused with `trade_state`. In a dispute a command is
allowed where it is in the state that the dispute has interrupted as well."""


def table_text() -> str:
    """The table as Markdown, a line for each state: commands with the states that they may lead to."""
    lines = ["| state | commands: where they lead |", "| --- | --- |"]
    for state, row in TRANSITIONS.items():
        alike: dict[tuple[State, ...], list[str]] = {}
        for command, leads_to in row.items():
            alike.setdefault(leads_to, []).append(command.value)
        cells = (f"{', '.join(names)}: {', '.join(to.value for to in leads_to)}" for leads_to, names in alike.items())
        lines.append(f"| **{state.value}** | {'; '.join(cells)} |")
    return "\n".join(lines)
