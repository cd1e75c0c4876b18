"""What shows that a milestone is reached: documents, signatures, and the silence that stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.core.calendars import calendar
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.trades.domain.checks import check_document
from chalicelib.trades.domain.clocks import clocked
from chalicelib.trades.domain.evidence import (
    BillOfLading,
    Document,
    Evidence,
    EvidenceKind,
    ExchangeRate,
    IndexFixings,
    MeterReading,
    WarehouseReceipt,
    WeightNote,
    digest,
    kind_of,
    lot_of,
    place,
)
from chalicelib.trades.domain.milestones import WHOLE_ONLY, Point, check_open, needed, point, points
from chalicelib.trades.domain.states import IN_FULL, Command, State
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Progress, Trade, check_state, move


@dataclass(frozen=True, slots=True)
class Signature:
    """The word of a role's party that a milestone (of a lot) is reached."""

    milestone: str
    role: str
    party_id: str
    lot: str = ""


def new_evidence(document: Document, *, evidence_id: str, recorded_by: str, now: datetime) -> Evidence:
    """A document as evidence, under the digest of its content."""
    return Evidence(evidence_id, digest(document), recorded_by, now, document)


def add_evidence(
    terms: Terms, trade: Trade, evidence: Sequence[Evidence], piece: Evidence, *, now: datetime
) -> tuple[Trade, tuple[Evidence, ...]]:
    """Add a document to a trade: the state and all its evidence after.

    Refused, in this order: what `check_document` refuses; InvalidInput `evidence_not_wanted` where no milestone needs
    its kind, `unknown_lot`, `lot_missing`, `unit_mismatch`, `currency_mismatch`; `issued_in_future` for a fixing of a
    day that has not begun where the template says that prices are fixed; Conflict `trade_state`;
    `evidence_twice` or `evidence_contradicts` where that kind is there with the same or another content;
    `evidence_too_late` where all that it could show has been settled.
    """
    check_document(piece.document, now=now)
    _check_wanted(terms, piece.document)
    _check_fixed(terms, piece.document, now)
    check_state(trade, Command.ADD_EVIDENCE)
    for earlier in evidence:
        if earlier.place == piece.place:
            code = "evidence_twice" if earlier.sha256 == piece.sha256 else "evidence_contradicts"
            raise Conflict(code, "this kind of document is there already", evidence_id=earlier.evidence_id)
    _check_in_time(terms, trade, piece)
    recalled = (*trade.recalled, piece.lot) if piece.kind is EvidenceKind.RECALL_NOTICE else trade.recalled
    ids = trade.evidence | {piece.place: piece.evidence_id}
    after = move(trade, Command.ADD_EVIDENCE, _performing(trade), evidence=ids, recalled=recalled)
    return clocked(terms, after, now), (*evidence, piece)


def sign(terms: Terms, trade: Trade, signature: Signature, *, now: datetime) -> Trade:
    """Take a role's signature under a milestone. Once enough have signed, nobody's silence is waited for.

    Refused, in this order: InvalidInput `unknown_milestone`, `lot_missing`, `lot_not_wanted`, `unknown_lot`,
    `not_a_signer`, `signer_without_role`; Conflict `trade_state`, `milestone_done`, `milestone_before_missing`,
    `signed_twice`.
    """
    reached = point(terms, signature.milestone, signature.lot)
    if signature.role not in reached.milestone.signers:
        facts = {"role": signature.role, "signers": list(reached.milestone.signers)}
        raise InvalidInput("not_a_signer", "the milestone does not ask this role", field="role", **facts)
    check_party(terms, signature.role, signature.party_id)
    check_state(trade, Command.SIGN)
    check_open(terms, trade, reached)
    progress = trade.progress.get(reached.key, Progress())
    if signature.role in progress.signed:
        raise Conflict("signed_twice", "this role has signed", milestone=reached.key, role=signature.role)
    signed = replace(progress, signed=(*progress.signed, signature.role))
    if len(signed.signed) >= needed(reached.milestone):
        signed = signed.unclocked()
    after = move(trade, Command.SIGN, _performing(trade), progress=trade.progress | {reached.key: signed})
    return clocked(terms, after, now)


def accept(terms: Terms, trade: Trade, key: str, *, now: datetime) -> Trade:
    """Take the silence of a milestone's signers for their acceptance. Raises Conflict `trade_state`, and `not_due`
    where it has not lasted long enough."""
    check_state(trade, Command.ACCEPT)
    progress = trade.progress.get(key, Progress())
    if key in trade.done or progress.accepted or progress.deemed_at is None or now < progress.deemed_at:
        raise Conflict("not_due", "its signers still have time", milestone=key)
    accepted = trade.progress | {key: replace(progress, accepted=True)}
    return move(trade, Command.ACCEPT, _performing(trade), progress=accepted)


def check_party(terms: Terms, role: str, party_id: str) -> None:
    """Nothing where a role is this party's. Raises InvalidInput `signer_without_role`."""
    if terms.parties.get(role) != party_id:
        facts = {"role": role, "party_id": party_id}
        raise InvalidInput("signer_without_role", "this party does not have that role", field="party_id", **facts)


def _performing(trade: Trade) -> State:
    return State.PERFORMING if trade.stage is State.FUNDED else trade.stage


def _check_wanted(terms: Terms, document: Document) -> None:
    kind, lot = kind_of(document), lot_of(document)
    wanted = {needed for milestone in terms.template.milestones for needed in milestone.needs}
    wanted |= set(terms.template.accepts)
    if kind not in wanted:
        facts = {"type": kind.value, "wanted": sorted(one.value for one in wanted)}
        raise InvalidInput("evidence_not_wanted", "no milestone needs it", field="document.type", **facts)
    if lot:
        terms.lot(lot)
    elif terms.lots and (kind is EvidenceKind.RECALL_NOTICE or _all_by_lot(terms, kind)):
        raise InvalidInput("lot_missing", "each lot has its own", field="document.lot", type=kind.value)
    if isinstance(document, WeightNote | WarehouseReceipt | BillOfLading | MeterReading):
        _check_same("unit", terms.template.quantity.unit, document.unit)
    if isinstance(document, IndexFixings):
        _check_same("currency", terms.price_currency, document.currency)
    if isinstance(document, ExchangeRate):
        pair = sorted((terms.price_currency, terms.currency))
        _check_same("currency", "/".join(pair), "/".join(sorted((document.base, document.quote))), field="base")


def _check_fixed(terms: Terms, document: Document, now: datetime) -> None:
    if not isinstance(document, IndexFixings) or not terms.template.price.quotation_calendar:
        return
    today = calendar(terms.template.quotation_calendar).day_of(now)
    for i, fixing in enumerate(document.fixings):
        if fixing.date > today:
            field = f"document.fixings[{i}].date"
            raise InvalidInput("issued_in_future", "the day has not begun where it is fixed", field=field)


def _all_by_lot(terms: Terms, kind: EvidenceKind) -> bool:
    needing = [one for one in terms.template.milestones if kind in one.needs]
    return bool(needing) and all(one.per_lot for one in needing) and kind not in WHOLE_ONLY


def _check_same(what: str, expected: str, given: str, field: str = "") -> None:
    if expected != given:
        facts = {"field": f"document.{field or what}", "expected": expected, "given": given}
        raise InvalidInput(f"{what}_mismatch", f"the trade is in another {what}", **facts)


def _check_in_time(terms: Terms, trade: Trade, piece: Evidence) -> None:
    """Some point that the document could show must still be open."""
    recall = piece.kind is EvidenceKind.RECALL_NOTICE
    shown = [one for one in points(terms) if (recall or piece.kind in one.milestone.needs) and _about(one, piece)]
    if trade.stage in IN_FULL and shown and all(one.key in trade.done for one in shown):
        facts = {"type": piece.kind.value, "place": place(piece.kind, piece.lot)}
        raise Conflict("evidence_too_late", "all that it could show has been settled", **facts)


def _about(one: Point, piece: Evidence) -> bool:
    return not one.lot or not piece.lot or one.lot == piece.lot
