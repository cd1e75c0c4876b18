"""Evidence documents: what is refused of themselves, in order, and the digest they are kept under."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.calendars import FIRST_ZONE
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR
from chalicelib.ledger.exchange import MOST_RATE
from chalicelib.trades.domain.checks import MOST_FINDINGS, MOST_FIXINGS, check_document
from chalicelib.trades.domain.evidence import (
    SHAPES,
    Document,
    EvidenceKind,
    Finding,
    Fixing,
    IndexFixings,
    digest,
    kind_of,
)
from chalicelib.trades.domain.vin import check_digit
from tests.support.calls import MONDAY
from tests.trades.papers import (
    AMERICAN_VIN,
    VIN,
    bill_of_lading,
    certificate,
    customs_release,
    delivery_note,
    delivery_photo,
    exchange_rate,
    index_fixings,
    meter_reading,
    one_of_each,
    pieces,
    recall_notice,
    vehicle_title,
    warehouse_receipt,
    weight_note,
)

LATER = MONDAY + timedelta(seconds=61)
LAST_DAY = (MONDAY + FIRST_ZONE).date()


def refusal_of(document: Document) -> tuple[str, object]:
    with pytest.raises(InvalidInput) as refused:
        check_document(document, now=MONDAY)
    return refused.value.code, refused.value.facts.get("field")


@pytest.mark.parametrize("document", one_of_each(), ids=lambda document: kind_of(document).value)
def test_a_sound_document_passes(document: Document) -> None:
    check_document(document, now=MONDAY)


@pytest.mark.parametrize(
    "document",
    [
        weight_note(1),
        index_fixings(1),
        index_fixings(1, until=LAST_DAY),
        meter_reading(0, 0),
        meter_reading(7, 7),
        certificate(lead=0),
        exchange_rate(1, MOST_RATE),
        bill_of_lading(1, shipped_on=LAST_DAY),
        vehicle_title(AMERICAN_VIN),
        vehicle_title("1" * 17),
        vehicle_title("WVWZZZ1JZ3W386752"),
        delivery_note(lot="A1"),
    ],
    ids=repr,
)
def test_what_lies_at_the_edge_of_its_rules_passes(document: Document) -> None:
    check_document(document, now=MONDAY)


def test_every_kind_has_a_shape_of_its_own() -> None:
    assert set(SHAPES) == set(EvidenceKind)
    assert len(set(SHAPES.values())) == len(SHAPES)
    assert [kind_of(document) for document in one_of_each()] == list(EvidenceKind)


def test_evidence_stands_at_its_kind_and_lot() -> None:
    whole, lot, fixings = pieces(weight_note(), weight_note(lot="A1"), index_fixings())

    assert (whole.place, lot.place, fixings.place) == ("weight_note", "weight_note/A1", "index_fixings")
    assert (lot.kind, lot.lot, fixings.lot) == (EvidenceKind.WEIGHT_NOTE, "A1", "")


WITHOUT_FIXINGS = replace(index_fixings(), fixings=())
COMING = Fixing(date.max, 0)
TOO_MUCH = MAX_MINOR + 1

REFUSED: list[tuple[str, str | None, Document]] = [
    ("text_missing", "document.unit", replace(weight_note(0, issued_at=LATER), unit=" ")),
    ("issued_in_future", "document.issued_at", weight_note(0, issued_at=LATER)),
    ("quantity_not_positive", "document.quantity_milli", weight_note(0)),
    ("quantity_not_positive", "document.quantity_milli", weight_note(-1)),
    ("quantity_too_large", "document.quantity_milli", weight_note(TOO_MUCH)),
    ("text_missing", "document.index", replace(WITHOUT_FIXINGS, index="", currency="CNX")),
    ("unknown_currency", None, replace(WITHOUT_FIXINGS, currency="CNX")),
    ("fixings_missing", "document.fixings", WITHOUT_FIXINGS),
    ("too_many_fixings", "document.fixings", index_fixings(*[0] * (MOST_FIXINGS + 1))),
    ("fixing_date_twice", "document.fixings", replace(index_fixings(), fixings=(COMING,) * 2)),
    ("issued_in_future", "document.fixings[0].date", replace(index_fixings(), fixings=(COMING,))),
    ("issued_in_future", "document.fixings[0].date", index_fixings(1, until=LAST_DAY + timedelta(days=1))),
    ("fixing_not_positive", "document.fixings[1].minor", index_fixings(1, 0)),
    ("amount_too_large", "document.fixings[0].minor", index_fixings(TOO_MUCH)),
    ("text_missing", "document.source", replace(exchange_rate(0, base="USX"), source="\t")),
    ("unknown_currency", None, exchange_rate(0, base="USX", quote="USX")),
    ("unknown_currency", None, exchange_rate(0, quote="CNX")),
    ("same_currency", "document.quote", exchange_rate(0, quote="USD")),
    ("invalid_rate", "document.numerator", replace(exchange_rate(0), date=date.max)),
    ("invalid_rate", "document.numerator", exchange_rate(1, -1)),
    ("invalid_rate", "document.numerator", exchange_rate(1, MOST_RATE + 1)),
    ("issued_in_future", "document.date", replace(exchange_rate(), date=date.max)),
    ("text_missing", "document.document_reference", replace(delivery_note(), document_reference="")),
    ("issued_in_future", "document.issued_at", replace(delivery_note(), issued_at=LATER)),
    ("issued_in_future", "document.issued_at", replace(certificate(), findings=(), issued_at=LATER)),
    ("findings_missing", "document.findings", replace(certificate(), findings=())),
    ("too_many_findings", "document.findings", replace(certificate(), findings=(Finding("", -1),) * 31)),
    ("finding_twice", "document.findings", replace(certificate(), findings=(Finding("", -1),) * 2)),
    ("text_missing", "document.findings[0].property", replace(certificate(), findings=(Finding(" ", -1),))),
    ("finding_negative", "document.findings[1].milli", certificate(moisture=1, impurity=-1)),
    ("quantity_too_large", "document.findings[0].milli", certificate(moisture=TOO_MUCH)),
    ("text_missing", "document.warehouse", replace(warehouse_receipt(0), warehouse="")),
    ("quantity_not_positive", "document.quantity_milli", warehouse_receipt(0)),
    ("text_missing", "document.port_of_loading", replace(bill_of_lading(), port_of_loading="")),
    ("issued_in_future", "document.shipped_on", bill_of_lading(0, shipped_on=LAST_DAY + timedelta(days=1))),
    ("quantity_not_positive", "document.quantity_milli", bill_of_lading(0)),
    ("text_missing", "document.declaration", replace(customs_release(), declaration="")),
    ("text_missing", "document.holder", replace(vehicle_title("x"), holder="")),
    ("vin_invalid", "document.vin", vehicle_title(VIN[1:])),
    ("vin_invalid", "document.vin", vehicle_title(VIN + "1")),
    ("vin_invalid", "document.vin", vehicle_title(VIN.lower())),
    ("vin_invalid", "document.vin", vehicle_title(VIN[:-1] + "I")),
    ("vin_invalid", "document.vin", vehicle_title(VIN[:-1] + "O")),
    ("vin_invalid", "document.vin", vehicle_title(VIN[:-1] + "Q")),
    ("vin_invalid", "document.vin", vehicle_title(VIN + "\n")),
    ("vin_check_digit_wrong", "document.vin", vehicle_title(VIN[:-1] + "6")),
    ("vin_check_digit_wrong", "document.vin", vehicle_title(AMERICAN_VIN[:-1] + "9")),
    ("text_missing", "document.meter", replace(meter_reading(), meter="")),
    ("meter_negative", "document.from_milli", meter_reading(-1, -2)),
    ("meter_runs_backwards", "document.to_milli", meter_reading(8, 7)),
    ("quantity_too_large", "document.to_milli", meter_reading(0, TOO_MUCH)),
    ("sha256_invalid", "document.photo_sha256", delivery_photo("0a" * 31)),
    ("sha256_invalid", "document.photo_sha256", delivery_photo("0A" * 32)),
    ("sha256_invalid", "document.photo_sha256", delivery_photo("0a" * 32 + "\n")),
    ("text_missing", "document.reason", replace(recall_notice(), reason="")),
]


@pytest.mark.parametrize(
    ("code", "field", "document"), REFUSED, ids=[f"{i}-{code}" for i, (code, _, _) in enumerate(REFUSED)]
)
def test_a_document_that_cannot_be_is_refused_in_the_order_of_its_rules(
    code: str, field: str | None, document: Document
) -> None:
    assert refusal_of(document) == (code, field)


def test_a_certificate_has_thirty_findings_at_most() -> None:
    findings = tuple(Finding(f"property {i}", i) for i in range(MOST_FINDINGS))

    check_document(replace(certificate(), findings=findings), now=MONDAY)


# Sources: 49 CFR 565.15 for the digit; the numbers are published examples of it.
@pytest.mark.parametrize("vin", [AMERICAN_VIN, "5GZCZ43D13S812715", "1" * 17])
def test_a_published_number_has_its_check_digit(vin: str) -> None:
    assert check_digit(vin) == vin[8]


@given(st.integers(0, 16), st.sampled_from("0123456789ABCDEFGHJKLMNPRSTUVWXYZ"))
def test_one_wrong_digit_of_a_checked_number_is_noticed_unless_it_counts_the_same(place: int, other: str) -> None:
    wrong = AMERICAN_VIN[:place] + other + AMERICAN_VIN[place + 1 :]
    same_value = (check_digit(wrong) == wrong[8]) == (wrong == AMERICAN_VIN)

    assert same_value or check_digit(wrong) == check_digit(AMERICAN_VIN)


def test_a_digest_is_of_kind_and_content_alone() -> None:
    shanghai = MONDAY.astimezone(timezone(timedelta(hours=8)))

    assert digest(weight_note(issued_at=shanghai)) == digest(weight_note(issued_at=MONDAY))
    assert len({digest(document) for document in one_of_each()}) == len(EvidenceKind)
    assert digest(delivery_note()) != digest(delivery_note(lot="A1"))


# What stands in journals already: a digest never changes.
@pytest.mark.parametrize(
    ("document", "known"),
    [
        (delivery_note(), "9bc66d8ab3ce04d8723c408d8db35811928a64174e34076d0537c2268e6bd0eb"),
        (weight_note(), "244959ab2eb89ead0be9e7648243bb605162fe487c90cd93fc1400e600451c29"),
        (index_fixings(), "92267f36cbbccf96076a3e47a848d2c58fbb9708f930f6ef3f65cf6a7be5cf99"),
    ],
)
def test_a_digest_is_this_one_for_this_document(document: Document, known: str) -> None:
    assert digest(document) == known


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_documents_share_a_digest_only_when_they_say_the_same(one: int, other: int) -> None:
    assert (digest(weight_note(one)) == digest(weight_note(other))) == (one == other)


@given(st.lists(st.tuples(st.dates(date(2020, 1, 1), date(2026, 3, 1)), st.integers(-5, 5)), max_size=8))
def test_fixings_pass_where_each_day_is_fixed_once_at_a_positive_price(fixings: list[tuple[date, int]]) -> None:
    document = IndexFixings("Rebar", "CNY", tuple(Fixing(*fixing) for fixing in fixings))
    days = [day for day, _ in fixings]
    sound = bool(fixings) and len(set(days)) == len(days) and all(minor > 0 for _, minor in fixings)

    if sound:
        check_document(document, now=MONDAY)
    else:
        refusal_of(document)
