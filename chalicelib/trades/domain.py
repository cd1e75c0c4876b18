"""The life of a trade: which command is allowed in which state, and what it does to the escrow.

Pure: state and command in, new state and what to book out. Leaves to others: who books it and where the refund goes
(`chalicelib.settlement`), how the final amount is computed (`pricing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.splits.domain import Shares, divide
from chalicelib.trades.evidence import (
    Document,
    Evidence,
    EvidenceKind,
    IndexFixings,
    WeightNote,
    check_document,
    digest,
    kind_of,
)
from chalicelib.trades.pricing import Line, difference_line, price, share_lines
from chalicelib.trades.template import Ending, Milestone, Template
from chalicelib.trades.terms import Identity, OpenTrade, Terms, agree


class State(Enum):
    """Where a trade stands."""

    AGREED = "agreed"
    FUNDING = "funding"
    FUNDED = "funded"
    TOP_UP_DUE = "top_up_due"
    COMPLETED = "completed"


class Command(Enum):
    """What can be done to a trade."""

    FUND = "fund"
    ADD_EVIDENCE = "add_evidence"
    FINAL_SETTLEMENT = "final_settlement"
    RELEASE = "release"


TRANSITIONS: dict[State, dict[Command, tuple[State, ...]]] = {
    State.AGREED: {
        Command.FUND: (State.FUNDING, State.FUNDED),
        Command.ADD_EVIDENCE: (State.AGREED,),
    },
    State.FUNDING: {
        Command.FUND: (State.FUNDING, State.FUNDED),
        Command.ADD_EVIDENCE: (State.FUNDING,),
    },
    State.FUNDED: {
        Command.ADD_EVIDENCE: (State.FUNDED,),
        Command.FINAL_SETTLEMENT: (State.COMPLETED, State.TOP_UP_DUE),
        Command.RELEASE: (State.COMPLETED,),
    },
    State.TOP_UP_DUE: {
        Command.FUND: (State.TOP_UP_DUE, State.FUNDED),
    },
    State.COMPLETED: {},
}
"""State x command: the states it may lead to. What is not here is refused with `trade_state`."""


@dataclass(frozen=True, slots=True)
class Trade:
    """What changes about a trade, kept small. All amounts in minor units of `currency`.

    `due_minor` is what the buyer owes the escrow in all, `final_minor` the amount that final settlement fixed,
    `evidence` the id of each kind of document that is there, `released` the milestones whose money went.
    """

    trade_id: str
    state: State
    currency: str
    due_minor: int
    funded_minor: int = 0
    released_minor: int = 0
    refunded_minor: int = 0
    final_minor: int | None = None
    evidence: dict[str, str] = field(default_factory=dict)
    released: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rules = (
            ("nothing is negative", min(self.funded_minor, self.released_minor, self.refunded_minor) >= 0),
            ("funded = released + refunded + held, held >= 0", self.held_minor >= 0),
            ("funded is at most what is due", self.funded_minor <= self.due_minor),
            ("agreed: nothing came yet", self.state is not State.AGREED or self.funded_minor == 0),
            ("funded in full", self.state not in _IN_FULL or self.funded_minor == self.due_minor),
            ("completed: nothing is held", self.state is not State.COMPLETED or self.held_minor == 0),
        )
        for rule, holds in rules:
            if not holds:
                raise Defect(f"trade {self.trade_id}: {rule}: {self}")

    @property
    def held_minor(self) -> int:
        """What the escrow holds."""
        return self.funded_minor - self.released_minor - self.refunded_minor

    @property
    def held(self) -> Money:
        """What the escrow holds."""
        return Money(self.held_minor, self.currency)

    @property
    def outstanding(self) -> Money:
        """What is still due from the buyer."""
        return Money(self.due_minor - self.funded_minor, self.currency)


_IN_FULL = frozenset({State.FUNDED, State.COMPLETED})


@dataclass(frozen=True, slots=True)
class Funding:
    """What a payment did: `accepted` goes into the escrow, `excess` does not belong there."""

    trade: Trade
    accepted: Money
    excess: Money


@dataclass(frozen=True, slots=True)
class FinalSettlement:
    """What final settlement fixed. Where `top_up` is more than nothing the buyer owes it, and neither `refund` nor
    `shares` move anything; else refund and shares together are all that was held."""

    trade: Trade
    lines: tuple[Line, ...]
    final_amount: Money
    top_up: Money
    refund: Money
    shares: Shares


@dataclass(frozen=True, slots=True)
class Release:
    """What a release lets go: `amount`, divided into `shares`."""

    trade: Trade
    amount: Money
    shares: Shares


def open_trade(template: Template, command: OpenTrade, identity: Identity, *, now: datetime) -> tuple[Terms, Trade]:
    """Open a trade under a template: its terms, and its state with nothing in the escrow. Refusals: see `agree`."""
    terms = agree(template, command, identity, now=now)
    due = terms.provisional_amount
    return terms, Trade(terms.trade_id, State.AGREED, due.currency, due.minor)


def fund(trade: Trade, amount: Money) -> Funding:
    """Take a payment towards what is due. Never refused: what is too much, in another currency, or comes when nothing
    is due, is `excess`, for the caller to book elsewhere or to refuse."""
    if amount.minor <= 0:
        raise Defect("a payment is more than nothing")
    allowed = Command.FUND in TRANSITIONS[trade.state] and amount.currency == trade.currency
    accepted = min(amount, trade.outstanding) if allowed else amount.of(0)
    if accepted.minor == 0:
        return Funding(trade, accepted, amount)
    funded = trade.funded_minor + accepted.minor
    partly = State.TOP_UP_DUE if trade.state is State.TOP_UP_DUE else State.FUNDING
    to = State.FUNDED if funded == trade.due_minor else partly
    return Funding(_move(trade, Command.FUND, to, funded_minor=funded), accepted, amount - accepted)


def add_evidence(
    terms: Terms, trade: Trade, evidence: Sequence[Evidence], piece: Evidence, *, now: datetime
) -> tuple[Trade, tuple[Evidence, ...]]:
    """Add a document to a trade: the state and all its evidence after.

    Refused, in this order: what `check_document` refuses; InvalidInput `evidence_not_wanted` where no milestone needs
    its kind, `unit_mismatch`, `currency_mismatch`; Conflict `trade_state` when it comes too late; Conflict
    `evidence_twice` or `evidence_contradicts` where that kind is there with the same or another content.
    """
    check_document(piece.document, now=now)
    _check_wanted(terms, piece.document)
    _check_state(trade, Command.ADD_EVIDENCE)
    for earlier in evidence:
        if earlier.kind is piece.kind:
            code = "evidence_twice" if earlier.sha256 == piece.sha256 else "evidence_contradicts"
            raise Conflict(code, "this kind of document is there already", evidence_id=earlier.evidence_id)
    ids = trade.evidence | {piece.kind.value: piece.evidence_id}
    return _move(trade, Command.ADD_EVIDENCE, trade.state, evidence=ids), (*evidence, piece)


def new_evidence(document: Document, *, evidence_id: str, recorded_by: str, now: datetime) -> Evidence:
    """A document as evidence, under the digest of its content."""
    return Evidence(evidence_id, digest(document), recorded_by, now, document)


def final_settlement(terms: Terms, trade: Trade, evidence: Sequence[Evidence]) -> FinalSettlement:
    """Fix price and quantity by the evidence, and divide the final amount; what is held beyond it is refunded.

    A final amount above what is held releases nothing: the trade asks for the difference, and the same command settles
    it once that is there. Refused, in this order: Conflict `no_final_settlement` (the template releases instead),
    `trade_state`, `evidence_missing`, `final_price_not_positive`, `split_exceeds_amount`.
    """
    milestone = _ending_in(terms, Ending.FINAL_SETTLEMENT)
    if milestone is None:
        raise Conflict("no_final_settlement", "this trade ends in a release", command=Command.FINAL_SETTLEMENT.value)
    _check_state(trade, Command.FINAL_SETTLEMENT)
    _check_evidence(trade, milestone)
    priced = price(terms, evidence)
    shares = divide(terms.waterfall, priced.amount)
    lines = (*priced.lines, difference_line(held=trade.held, final=priced.amount))
    if trade.held < priced.amount:
        return _top_up(trade, priced.amount, lines)
    refund = trade.held - priced.amount
    after = _move(
        trade,
        Command.FINAL_SETTLEMENT,
        State.COMPLETED,
        released_minor=trade.released_minor + priced.amount.minor,
        refunded_minor=trade.refunded_minor + refund.minor,
        final_minor=priced.amount.minor,
        released=(*trade.released, milestone.name),
    )
    lines += share_lines(terms.waterfall, priced.amount, shares)
    return FinalSettlement(after, lines, priced.amount, refund.of(0), refund, shares)


def release(terms: Terms, trade: Trade, milestone: str) -> Release:
    """Let go of what the escrow holds for a milestone whose terms were agreed from the start.

    Refused, in this order: InvalidInput `unknown_milestone`; Conflict `needs_final_settlement`, `trade_state`,
    `evidence_missing`, `split_exceeds_amount`.
    """
    reached = terms.milestone(milestone)
    if reached.ends_in is not Ending.RELEASE:
        raise Conflict("needs_final_settlement", "price and quantity are still to be fixed", milestone=milestone)
    _check_state(trade, Command.RELEASE)
    _check_evidence(trade, reached)
    shares = divide(terms.waterfall, trade.held)
    after = _move(
        trade,
        Command.RELEASE,
        State.COMPLETED,
        released_minor=trade.released_minor + trade.held_minor,
        released=(*trade.released, reached.name),
    )
    return Release(after, trade.held, shares)


def _top_up(trade: Trade, final: Money, lines: tuple[Line, ...]) -> FinalSettlement:
    missing = final - trade.held
    after = _move(
        trade,
        Command.FINAL_SETTLEMENT,
        State.TOP_UP_DUE,
        due_minor=trade.due_minor + missing.minor,
        final_minor=final.minor,
    )
    return FinalSettlement(after, lines, final, missing, final.of(0), ())


def _ending_in(terms: Terms, ending: Ending) -> Milestone | None:
    return next((milestone for milestone in terms.milestones if milestone.ends_in is ending), None)


def _check_state(trade: Trade, command: Command) -> None:
    if command not in TRANSITIONS[trade.state]:
        sentence = f"a trade that is {trade.state.value} allows no {command.value}"
        raise Conflict("trade_state", sentence, state=trade.state.value, command=command.value)


def _check_evidence(trade: Trade, milestone: Milestone) -> None:
    missing = [kind.value for kind in milestone.needs if kind.value not in trade.evidence]
    if missing:
        raise Conflict("evidence_missing", "the milestone needs more", milestone=milestone.name, missing=missing)


def _check_wanted(terms: Terms, document: Document) -> None:
    kind = kind_of(document)
    wanted: set[EvidenceKind] = {needed for milestone in terms.milestones for needed in milestone.needs}
    if kind not in wanted:
        facts = {"type": kind.value, "wanted": sorted(one.value for one in wanted)}
        raise InvalidInput("evidence_not_wanted", "no milestone needs it", field="document.type", **facts)
    if isinstance(document, WeightNote) and document.unit != terms.quantity.unit:
        facts = {"expected": terms.quantity.unit, "given": document.unit}
        raise InvalidInput("unit_mismatch", "the trade counts in another unit", field="document.unit", **facts)
    if isinstance(document, IndexFixings) and document.currency != terms.currency:
        facts = {"expected": terms.currency, "given": document.currency}
        raise InvalidInput("currency_mismatch", "the trade is in another currency", field="document.currency", **facts)


def _move(trade: Trade, command: Command, to: State, **changes: Any) -> Trade:
    """The trade after a command, by the table."""
    if to not in TRANSITIONS[trade.state].get(command, ()):
        raise Defect(f"{command} leads from {trade.state} to no {to}")
    return replace(trade, state=to, **changes)
