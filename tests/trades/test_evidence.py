"""Evidence documents: what is refused of themselves, in order, and the digest they are kept under."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR
from chalicelib.trades.domain.evidence import (
    FIRST_ZONE,
    MOST_FIXINGS,
    SHAPES,
    DeliveryNote,
    Document,
    EvidenceKind,
    Fixing,
    check_document,
    digest,
    kind_of,
)
from tests.support.calls import MONDAY
from tests.trades.deals import delivery_note, index_fixings, weight_note

LATER = MONDAY + timedelta(seconds=61)


def refusal_of(document: Document) -> tuple[str, object]:
    with pytest.raises(InvalidInput) as refused:
        check_document(document, now=MONDAY)
    return refused.value.code, refused.value.facts.get("field")


@pytest.mark.parametrize("document", [weight_note(1), index_fixings(), index_fixings(1), delivery_note()])
def test_a_sound_document_passes(document: Document) -> None:
    check_document(document, now=MONDAY)


def test_every_kind_has_a_shape_of_its_own() -> None:
    assert set(SHAPES) == set(EvidenceKind)
    assert len(set(SHAPES.values())) == len(SHAPES)
    assert [kind_of(one).value for one in (weight_note(), delivery_note())] == ["weight_note", "delivery_note"]


@pytest.mark.parametrize(
    ("code", "field", "document"),
    [
        ("issued_in_future", "document.issued_at", weight_note(0, issued_at=LATER)),
        ("quantity_not_positive", "document.quantity_milli", weight_note(0)),
        ("quantity_not_positive", "document.quantity_milli", weight_note(-1)),
        ("quantity_too_large", "document.quantity_milli", weight_note(MAX_MINOR + 1)),
        ("issued_in_future", "document.issued_at", DeliveryNote("DN", LATER)),
        ("unknown_currency", None, replace(index_fixings(), currency="CNX", fixings=())),
        ("fixings_missing", "document.fixings", replace(index_fixings(), fixings=())),
        ("too_many_fixings", "document.fixings", index_fixings(*[0] * (MOST_FIXINGS + 1))),
        ("fixing_date_twice", "document.fixings", replace(index_fixings(), fixings=(Fixing(date.max, 0),) * 2)),
        ("issued_in_future", "document.fixings[0].date", replace(index_fixings(), fixings=(Fixing(date.max, 0),))),
        ("fixing_not_positive", "document.fixings[1].minor", index_fixings(1, 0)),
        ("amount_too_large", "document.fixings[0].minor", index_fixings(MAX_MINOR + 1)),
    ],
)
def test_a_document_that_cannot_be_is_refused_in_the_order_of_its_rules(
    code: str, field: str | None, document: Document
) -> None:
    assert refusal_of(document) == (code, field)


def test_a_fixing_may_be_of_the_day_where_the_day_begins_first() -> None:
    first = (MONDAY + FIRST_ZONE).date()

    check_document(index_fixings(1, until=first), now=MONDAY)

    assert refusal_of(index_fixings(1, until=first + timedelta(days=1)))[0] == "issued_in_future"


def test_a_digest_is_of_the_instant_not_of_how_it_was_written() -> None:
    shanghai = MONDAY.astimezone(timezone(timedelta(hours=8)))

    assert digest(weight_note(issued_at=shanghai)) == digest(weight_note(issued_at=MONDAY))


def test_a_digest_is_this_one_for_this_document() -> None:
    assert digest(delivery_note()) == "9bc66d8ab3ce04d8723c408d8db35811928a64174e34076d0537c2268e6bd0eb"


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_documents_share_a_digest_only_when_they_say_the_same(one: int, other: int) -> None:
    assert (digest(weight_note(one)) == digest(weight_note(other))) == (one == other)
