"""Which quantity counts: by agreement, document, weighbridge within and beyond tolerance, or meter; and how much."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect
from chalicelib.trades.domain.evidence import Document, EvidenceKind
from chalicelib.trades.domain.goods import Goods, of_lot, whole
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.quantity import counted, rounded, rounding_line
from chalicelib.trades.domain.template import Beyond, DeliveryRule, QuantityMode, QuantityRule
from chalicelib.trades.domain.terms import Lot
from tests.trades.papers import (
    bill_of_lading,
    delivery_note,
    meter_reading,
    pieces,
    warehouse_receipt,
    weight_note,
)
from tests.trades.sketches import AGREED, terms_of

WEIGHED = {"mode": QuantityMode.WEIGHED, "tolerance_per_mille": 3}
BY_DOCUMENT = {"mode": QuantityMode.DOCUMENT}


def goods(*documents: Document, **rule: Any) -> Goods:
    """500 t of a deal with this quantity rule, and these documents."""
    template = replace(AGREED, quantity=QuantityRule("t", **rule))
    return whole(terms_of(template), pieces(*documents))


def found(*documents: Document, **rule: Any) -> tuple[str, int]:
    quantity, lines = counted(goods(*documents, **rule))
    assert lines[-1].result == {"quantity_milli": quantity}
    return lines[-1].rule, quantity


def refused(*documents: Document, **rule: Any) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        counted(goods(*documents, **rule))
    return refusal.value


@pytest.mark.parametrize(
    ("rule", "quantity", "weighed"),
    [
        ("weighed_beyond_tolerance", 498_320, 498_320),
        ("agreed_within_tolerance", 500_000, 498_900),
        ("agreed_within_tolerance", 500_000, 498_500),
        ("weighed_beyond_tolerance", 498_499, 498_499),
        ("agreed_within_tolerance", 500_000, 501_500),
        ("weighed_beyond_tolerance", 501_501, 501_501),
    ],
)
def test_the_weighed_quantity_counts_beyond_the_tolerance_only(rule: str, quantity: int, weighed: int) -> None:
    assert found(weight_note(weighed), **WEIGHED) == (rule, quantity)


@pytest.mark.parametrize(
    ("rule", "quantity", "weighed"),
    [
        ("document_within_tolerance", 480_000, 480_000 - 1_440),
        ("weighed_beyond_tolerance", 480_000 - 1_441, 480_000 - 1_441),
    ],
)
def test_the_tolerance_may_be_of_a_documents_quantity(rule: str, quantity: int, weighed: int) -> None:
    documents = bill_of_lading(480_000), weight_note(weighed)

    assert found(*documents, **WEIGHED, document=EvidenceKind.BILL_OF_LADING) == (rule, quantity)


@pytest.mark.parametrize(
    ("kind", "document", "quantity"),
    [
        (EvidenceKind.BILL_OF_LADING, bill_of_lading(499_000), 499_000),
        (EvidenceKind.WAREHOUSE_RECEIPT, warehouse_receipt(512_000), 512_000),
        (EvidenceKind.WEIGHT_NOTE, weight_note(1), 1),
        (EvidenceKind.METER_READING, meter_reading(5, 12), 7),
    ],
)
def test_a_documents_quantity_counts(kind: EvidenceKind, document: Document, quantity: int) -> None:
    assert found(document, **BY_DOCUMENT, document=kind) == ("by_document", quantity)


def test_a_meter_counts_from_one_reading_to_the_other() -> None:
    assert found(meter_reading(1_000, 43_500), mode=QuantityMode.METERED) == ("metered", 42_500)
    assert found(meter_reading(7, 7), mode=QuantityMode.METERED) == ("metered", 0)


def test_the_agreed_quantity_needs_no_document() -> None:
    assert found() == ("agreed", 500_000)


def test_a_line_shows_what_was_compared() -> None:
    _, lines = counted(
        goods(bill_of_lading(500_100), weight_note(498_320), **WEIGHED, document=EvidenceKind.BILL_OF_LADING)
    )

    assert lines == (
        Line(
            "quantity",
            "weighed_beyond_tolerance",
            {
                "agreed_milli": 500_000,
                "document_milli": 500_100,
                "document_evidence_id": "evd_1",
                "weighed_milli": 498_320,
                "difference_milli": -1_780,
                "tolerance_per_mille": 3,
                "evidence_id": "evd_2",
            },
            {"quantity_milli": 498_320},
        ),
    )


DELIVERED = {"mode": QuantityMode.DOCUMENT, "document": EvidenceKind.WEIGHT_NOTE}


@pytest.mark.parametrize(
    ("delivered", "rule", "outcome"),
    [
        (525_000, DeliveryRule(500), ("within_delivery_tolerance", 525_000)),
        (475_000, DeliveryRule(500), ("within_delivery_tolerance", 475_000)),
        (525_001, DeliveryRule(500), ("cut_at_delivery_tolerance", 525_000)),
        (525_001, DeliveryRule(500, over=Beyond.COUNT), ("over_delivery_tolerance_counts", 525_001)),
        (474_999, DeliveryRule(500), ("under_delivery_tolerance_counts", 474_999)),
        (500_001, DeliveryRule(0), ("cut_at_delivery_tolerance", 500_000)),
        (1, DeliveryRule(500), ("under_delivery_tolerance_counts", 1)),
    ],
)
def test_what_lies_beyond_the_delivery_tolerance_is_cut_or_counts(
    delivered: int, rule: DeliveryRule, outcome: tuple[str, int]
) -> None:
    assert found(weight_note(delivered), **DELIVERED, delivery=rule) == outcome


@pytest.mark.parametrize(
    ("delivered", "rule", "code"),
    [
        (525_001, DeliveryRule(500, over=Beyond.REFUSE), "delivery_over_tolerance"),
        (474_999, DeliveryRule(500, under=Beyond.REFUSE), "delivery_under_tolerance"),
    ],
)
def test_a_delivery_beyond_its_tolerance_is_refused_with_both_quantities(
    delivered: int, rule: DeliveryRule, code: str
) -> None:
    refusal = refused(weight_note(delivered), **DELIVERED, delivery=rule)

    assert refusal.code == code
    assert refusal.facts == {"agreed_milli": 500_000, "delivered_milli": delivered, "tolerance_bps": 500}


def test_the_weighing_tolerance_comes_before_the_delivery_tolerance() -> None:
    within = found(weight_note(501_000), **WEIGHED, delivery=DeliveryRule(10))

    assert within == ("within_delivery_tolerance", 500_000)


def test_a_missing_document_is_named() -> None:
    refusal = refused(delivery_note(), **WEIGHED)

    assert (refusal.code, refusal.facts) == ("evidence_missing", {"missing": ["weight_note"]})


def test_a_lot_is_counted_by_its_own_document_and_never_by_one_of_the_whole() -> None:
    terms = terms_of(
        replace(AGREED, quantity=QuantityRule("t", **WEIGHED)), lots=(Lot("A", 200_000), Lot("B", 300_000))
    )
    evidence = pieces(weight_note(150_000, lot="A"), weight_note(299_900))

    quantity, lines = counted(of_lot(terms, terms.lot("A"), evidence))
    with pytest.raises(Conflict) as refusal:
        counted(of_lot(terms, terms.lot("B"), evidence))

    assert (quantity, lines[0].lot, lines[0].inputs["agreed_milli"]) == (150_000, "A", 200_000)
    assert refusal.value.facts == {"missing": ["weight_note/B"], "lot": "B"}


def test_a_template_that_names_no_sound_document_is_our_defect() -> None:
    for rule in ({}, {"document": EvidenceKind.DELIVERY_NOTE}):
        with pytest.raises(Defect):
            counted(goods(delivery_note(), **BY_DOCUMENT, **rule))


@pytest.mark.parametrize(
    ("exact", "to_milli", "result"),
    [
        (Fraction(61_172_279, 1_000), 1, 61_172),
        (Fraction(5, 2), 1, 2),
        (Fraction(7, 2), 1, 4),
        (Fraction(62_480), 1_000, 62_000),
        (Fraction(62_500), 1_000, 62_000),
        (Fraction(63_500), 1_000, 64_000),
        (Fraction(0), 10, 0),
    ],
)
def test_quantities_are_rounded_half_to_even_to_a_multiple(exact: Fraction, to_milli: int, result: int) -> None:
    assert rounded(exact, to_milli) == result


def test_a_rounding_has_its_line_where_it_changed_something() -> None:
    rule = {"rounded_to_milli": 10}

    assert rounding_line(goods(**rule), Fraction(20), 20) == ()
    assert rounding_line(goods(**rule), Fraction(47, 2), 20) == (
        Line(
            "quantity",
            "rounded_half_even",
            {"quantity_numerator": 47, "quantity_denominator": 2, "rounded_to_milli": 10},
            {"quantity_milli": 20},
        ),
    )


@given(st.integers(1, 10**9), st.integers(0, 999), st.integers(0, 10_000))
def test_what_counts_is_agreed_or_weighed_and_within_what_may_be_delivered(
    weighed: int, per_mille: int, bps: int
) -> None:
    rule = {"mode": QuantityMode.WEIGHED, "tolerance_per_mille": per_mille, "delivery": DeliveryRule(bps)}

    _, quantity = found(weight_note(weighed), **rule)

    most = 500_000 * (10_000 + bps) // 10_000
    assert quantity in {500_000, weighed, most}
    assert quantity <= most
    assert quantity == 500_000 or abs(weighed - 500_000) * 1_000 > per_mille * 500_000
