"""What a deal comes to under a template, from funding to retention, without booking anything.

The deal is played through by the very commands that settle trades. It is paid in full at once, all signers have signed,
and of documents only those are wanted that something is computed from. Leaves to others: whether the parties exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import field, replace
from datetime import datetime

from chalicelib.core.errors import Defect, about
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain.checking_milestones import reachable
from chalicelib.trades.domain.evidence import Document, Evidence, place
from chalicelib.trades.domain.final import final_settlement
from chalicelib.trades.domain.funding import fund
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.milestones import Point, points
from chalicelib.trades.domain.opening import open_trade
from chalicelib.trades.domain.proof import add_evidence, new_evidence
from chalicelib.trades.domain.releasing import release
from chalicelib.trades.domain.retention import release_retention, without_retention_day
from chalicelib.trades.domain.template import Ending, Template
from chalicelib.trades.domain.terms import Identity, OpenTrade, Terms
from chalicelib.trades.domain.trade import Division, Progress, Trade

SAMPLE = "sample"
RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Step:
    """What one milestone (`name`, `name/lot`, or at the end "retention") does, in minor units: the shares by role, what
    the buyer gets back or has to add, what stays back, and the lines that lead there."""

    milestone: str
    shares: dict[str, int]
    refund_minor: int
    top_up_minor: int
    retained_minor: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """The whole of a deal, in minor units: the price, what the buyer adds and gets back, what stays back for a time,
    what each role gets in all and what of that are fees. `rate` is what the price's currency is worth in the trade's,
    where those are two."""

    price_minor: int
    top_up_minor: int
    refund_minor: int
    retained_minor: int
    claim_minor: int
    shares: dict[str, int]
    fees: dict[str, int]
    steps: tuple[Step, ...]
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What the buyer is asked for (`due_minor`: the `price_minor` and the fees on top), the deposit, the course of the
    deal as it was agreed, and (where there are documents) as they fix it. All in minor units of `currency`."""

    template_id: str
    version: int
    currency: str
    price_minor: int
    due_minor: int
    deposit_minor: int
    agreed: Course
    final: Course | None


@dataclass(frozen=True, slots=True)
class _Played:
    """A trade so far, and the steps that led to it."""

    trade: Trade
    steps: tuple[Step, ...] = ()
    rate: Rate | None = None
    fees: dict[str, int] = field(default_factory=dict)


def preview(template: Template, deal: OpenTrade, documents: Sequence[Document], *, now: datetime) -> Preview:
    """What a deal comes to. A role whose party is not named gets one of its own.

    Raises what `agree_terms`, `add_evidence`, `price` and the division of the amounts raise.
    """
    parties = {role: f"{SAMPLE}-{role}" for role in template.party_roles} | dict(deal.parties)
    identity = Identity(SAMPLE, SAMPLE, SAMPLE)
    terms, trade = open_trade(template, replace(deal, parties=parties, draft=False), identity, now=now)
    return Preview(
        template_id=template.id,
        version=template.version,
        currency=terms.currency,
        price_minor=terms.provisional_price.minor,
        due_minor=terms.due.minor,
        deposit_minor=terms.deposit.minor,
        agreed=_course(_as_agreed(terms), trade, (), now),
        final=_course(terms, *_with_documents(terms, trade, documents, now), now) if documents else None,
    )


def _as_agreed(terms: Terms) -> Terms:
    """The terms as if nothing were left to be computed: every milestone releases what was agreed."""
    milestones = tuple(replace(one, ends_in=Ending.RELEASE) for one in terms.template.milestones)
    return replace(terms, template=replace(terms.template, milestones=milestones))


def _with_documents(
    terms: Terms, trade: Trade, documents: Sequence[Document], now: datetime
) -> tuple[Trade, tuple[Evidence, ...]]:
    """The trade with the documents. One is refused as it would be of a trade, and the refusal says which."""
    evidence: tuple[Evidence, ...] = ()
    for i, document in enumerate(documents):
        piece = new_evidence(document, evidence_id=f"{SAMPLE}-{i + 1}", recorded_by=SAMPLE, now=now)
        with about("evidence", i):
            trade, evidence = add_evidence(terms, trade, evidence, piece, now=now)
    return trade, evidence


def _course(terms: Terms, trade: Trade, evidence: tuple[Evidence, ...], now: datetime) -> Course:
    """The deal from funding to retention."""
    paid = fund(terms, _proved(terms, trade), trade.outstanding, now=now).trade
    played = _Played(paid)
    for milestone in reachable(terms.template.milestones):
        for one in points(terms):
            if one.milestone == milestone and one.key not in played.trade.done:
                played = _reach(terms, played, evidence, one, now)
    last = played.trade
    played = _end(terms, played, now)
    return Course(
        price_minor=last.price_minor,
        top_up_minor=sum(step.top_up_minor for step in played.steps),
        refund_minor=played.trade.refunded_minor,
        retained_minor=last.retained_minor,
        claim_minor=last.claim_minor,
        shares={role: got.minor for role, got in played.trade.got.items()},
        fees=played.fees,
        steps=played.steps,
        rate=played.rate,
    )


def _proved(terms: Terms, trade: Trade) -> Trade:
    """The trade with every document that a milestone needs, and its signatures, as far as they are not there."""
    lots = ["", *(lot.name for lot in terms.lots)]
    kinds = {kind for milestone in terms.template.milestones for kind in milestone.needs}
    places = {place(kind, lot): SAMPLE for kind in kinds for lot in lots}
    signed = {one.key: Progress(accepted=True) for one in points(terms) if one.milestone.signers}
    return replace(trade, evidence=places | trade.evidence, progress=signed)


def _reach(terms: Terms, played: _Played, evidence: tuple[Evidence, ...], one: Point, now: datetime) -> _Played:
    """One milestone more. What the buyer has to add is there at once."""
    top_up = Money(0, played.trade.currency)
    trade = played.trade
    division = _divide(terms, trade, evidence, one, now)
    if division.top_up is not None:
        top_up = division.top_up
        trade = fund(terms, division.trade, top_up, now=now).trade
        division = _divide(terms, trade, evidence, one, now)
    if division.top_up is not None:
        raise Defect("a difference that was paid is asked for again")
    return _after(played, one.key, division, top_up.minor)


def _divide(terms: Terms, trade: Trade, evidence: tuple[Evidence, ...], one: Point, now: datetime) -> Division:
    if one.milestone.ends_in is Ending.FINAL_SETTLEMENT:
        return final_settlement(terms, trade, evidence, one.lot, now=now)
    return release(terms, trade, one.milestone.name, one.lot, now=now)


def _end(terms: Terms, played: _Played, now: datetime) -> _Played:
    """What stays back is let go on its day."""
    trade = played.trade
    if not trade.retained_minor or trade.retained_until is None:
        return played
    return _after(played, RETENTION, release_retention(terms, without_retention_day(trade), now=now), 0)


def _after(played: _Played, key: str, division: Division, top_up_minor: int) -> _Played:
    step = Step(
        milestone=key,
        shares={role: part.minor for role, part in division.shares},
        refund_minor=division.refund.minor,
        top_up_minor=top_up_minor,
        retained_minor=max(division.trade.retained_minor - played.trade.retained_minor, 0),
        lines=division.lines,
    )
    fees = Counter(played.fees)
    for line in division.lines:
        if line.step == "fee":
            fees[str(line.inputs["role"])] += line.result["on_top_minor"] + line.result["taken_minor"]
    return _Played(division.trade, (*played.steps, step), division.rate or played.rate, dict(fees))
