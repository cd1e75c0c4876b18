"""Which quantity counts before deductions: the agreed one, a document's, the weighed one or what a meter counted, and
what becomes of more or less than was agreed. Leaves to `deductions.py` what the laboratory takes off."""

from __future__ import annotations

from fractions import Fraction

from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.money import Rounding, round_ratio
from chalicelib.splits.domain.waterfall import WHOLE_BPS
from chalicelib.trades.domain.evidence import (
    BillOfLading,
    EvidenceKind,
    MeterReading,
    WarehouseReceipt,
    WeightNote,
)
from chalicelib.trades.domain.goods import Goods
from chalicelib.trades.domain.lines import Inputs, Line, ratio
from chalicelib.trades.domain.template import PER_MILLE, Beyond, DeliveryRule, QuantityMode

SAYS_QUANTITY = frozenset(
    {
        EvidenceKind.WEIGHT_NOTE,
        EvidenceKind.WAREHOUSE_RECEIPT,
        EvidenceKind.BILL_OF_LADING,
        EvidenceKind.METER_READING,
    }
)
"""The kinds of document that say how much there is."""


def counted(goods: Goods) -> tuple[int, tuple[Line, ...]]:
    """The quantity that counts, in thousandths of the unit, and how it was found.

    Raises Conflict `evidence_missing`, `delivery_over_tolerance`, `delivery_under_tolerance`.
    """
    found, line = _found(goods)
    rule = goods.terms.template.quantity.delivery
    if rule is None:
        return found, (line,)
    counts, delivery = _delivered(goods, rule, found)
    return counts, (line, delivery)


def rounded(quantity_milli: Fraction, to_milli: int) -> int:
    """A quantity as a multiple of `to_milli`, half to even."""
    return to_milli * round_ratio(quantity_milli.numerator, quantity_milli.denominator * to_milli)


def rounding_line(goods: Goods, exact: Fraction, counts: int) -> tuple[Line, ...]:
    """How the quantity that is paid for was rounded; nothing where it was whole already."""
    if exact == counts:
        return ()
    inputs: Inputs = {**ratio("quantity", exact), "rounded_to_milli": goods.terms.template.quantity.rounded_to_milli}
    return (Line("quantity", "rounded_half_even", inputs, {"quantity_milli": counts}, goods.lot),)


def _found(goods: Goods) -> tuple[int, Line]:
    rule = goods.terms.template.quantity
    if rule.mode is QuantityMode.AGREED:
        return _line(goods, "agreed", {"agreed_milli": goods.agreed_milli}, goods.agreed_milli)
    if rule.mode is QuantityMode.WEIGHED:
        return _weighed(goods)
    if rule.mode is QuantityMode.METERED:
        evidence_id, reading = goods.paper(MeterReading)
        inputs: Inputs = {"from_milli": reading.from_milli, "to_milli": reading.to_milli, "evidence_id": evidence_id}
        return _line(goods, "metered", inputs, reading.to_milli - reading.from_milli)
    evidence_id, said = _said(goods, rule.document)
    inputs = {"agreed_milli": goods.agreed_milli, "document_milli": said, "evidence_id": evidence_id}
    return _line(goods, "by_document", inputs, said)


def _weighed(goods: Goods) -> tuple[int, Line]:
    """The weighed quantity counts where it lies outside the tolerance around the agreed one, or around that of the
    document the template names; else that one."""
    rule = goods.terms.template.quantity
    evidence_id, note = goods.paper(WeightNote)
    inputs: Inputs = {"agreed_milli": goods.agreed_milli}
    base, name = goods.agreed_milli, "agreed"
    if rule.document is not None:
        document_id, base = _said(goods, rule.document)
        inputs |= {"document_milli": base, "document_evidence_id": document_id}
        name = "document"
    inputs |= {
        "weighed_milli": note.quantity_milli,
        "difference_milli": note.quantity_milli - base,
        "tolerance_per_mille": rule.tolerance_per_mille,
        "evidence_id": evidence_id,
    }
    if abs(note.quantity_milli - base) * PER_MILLE <= rule.tolerance_per_mille * base:
        return _line(goods, f"{name}_within_tolerance", inputs, base)
    return _line(goods, "weighed_beyond_tolerance", inputs, note.quantity_milli)


def _said(goods: Goods, kind: EvidenceKind | None) -> tuple[str, int]:
    """The quantity that a document says, after the id of its evidence."""
    if kind is None:
        raise Defect("the template names no document for the quantity")
    piece = goods.piece(kind)
    match piece.document:
        case WeightNote() | WarehouseReceipt() | BillOfLading():
            return piece.evidence_id, piece.document.quantity_milli
        case MeterReading():
            return piece.evidence_id, piece.document.to_milli - piece.document.from_milli
        case _:
            raise Defect(f"{kind} says no quantity")


def _delivered(goods: Goods, rule: DeliveryRule, found: int) -> tuple[int, Line]:
    """What of a quantity counts where deliveries may differ from the agreed one by so much only."""
    agreed = goods.agreed_milli
    beyond = abs(found - agreed) * WHOLE_BPS > rule.tolerance_bps * agreed
    inputs: Inputs = {"agreed_milli": agreed, "delivered_milli": found, "tolerance_bps": rule.tolerance_bps}
    if not beyond:
        return _line(goods, "within_delivery_tolerance", inputs, found)
    side, name = (rule.over, "over") if found > agreed else (rule.under, "under")
    if side is Beyond.REFUSE:
        facts = {"lot": goods.lot} if goods.lot else {}
        raise Conflict(f"delivery_{name}_tolerance", "the delivery differs too much", **inputs, **facts)
    if side is Beyond.COUNT:
        return _line(goods, f"{name}_delivery_tolerance_counts", inputs, found)
    most = round_ratio(agreed * (WHOLE_BPS + rule.tolerance_bps), WHOLE_BPS, Rounding.FLOOR)
    return _line(goods, "cut_at_delivery_tolerance", inputs, most)


def _line(goods: Goods, rule: str, inputs: Inputs, counts: int) -> tuple[int, Line]:
    return counts, Line("quantity", rule, inputs, {"quantity_milli": counts}, goods.lot)
