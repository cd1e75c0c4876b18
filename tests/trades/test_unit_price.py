"""The final unit price: exact means, whole months by their calendar, quotation periods, bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.calendars import CALENDARS, business_days, calendar
from chalicelib.core.errors import Conflict, Defect
from chalicelib.trades.domain.evidence import Document, EvidenceKind, Fixing, IndexFixings
from chalicelib.trades.domain.goods import Goods, whole
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.template import PriceMode, PriceRule
from chalicelib.trades.domain.terms import Window
from chalicelib.trades.domain.unit_price import final_unit_price, quotation_month, whole_minor
from tests.trades.papers import bill_of_lading, delivery_note, exchange_rate, index_fixings, pieces
from tests.trades.sketches import AGREED, terms_of

AVERAGE = PriceRule(PriceMode.INDEX_AVERAGE)
MONTH = PriceRule(PriceMode.MONTH_AVERAGE)
PERIOD = PriceRule(PriceMode.QUOTATION_PERIOD, anchor=EvidenceKind.BILL_OF_LADING, months_after=1)
FEBRUARY = Window(date(2026, 2, 1), date(2026, 2, 28))


def goods(rule: PriceRule, *documents: Document, days: str = "weekdays", **deal: Any) -> Goods:
    terms = terms_of(replace(AGREED, price=rule, calendar=days), **deal)
    return whole(terms, pieces(*documents))


def found(rule: PriceRule, *documents: Document, **deal: Any) -> Fraction:
    return final_unit_price(goods(rule, *documents, **deal))[0]


def refused(rule: PriceRule, *documents: Document, **deal: Any) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        found(rule, *documents, **deal)
    return refusal.value


def fixed(days: tuple[date, ...], minor: int = 100) -> IndexFixings:
    """A fixing on each of these days, each a unit more than the last."""
    return IndexFixings("LME copper", "CNY", tuple(Fixing(day, minor + i) for i, day in enumerate(days)))


def of_month(window: Window = FEBRUARY, name: str = "weekdays") -> tuple[date, ...]:
    return business_days(calendar(name), window.first, window.last)


def test_an_agreed_price_needs_no_document() -> None:
    assert found(PriceRule()) == 365_000


def test_a_mean_is_exact_and_the_premium_comes_on_top() -> None:
    assert found(AVERAGE, index_fixings(), premium_minor=1_500) == 364_300
    assert found(AVERAGE, index_fixings(100, 100, 101), premium_minor=-7) == Fraction(301, 3) - 7


def test_fixings_of_the_deals_window_are_averaged_and_no_other() -> None:
    window = Window(date(2026, 2, 28), date(2026, 3, 2))

    assert found(AVERAGE, index_fixings(), window=window) == 362_800
    for outside in (Window(date(2026, 3, 1), date(2026, 3, 2)), Window(date(2026, 2, 27), date(2026, 3, 1))):
        refusal = refused(AVERAGE, index_fixings(), window=outside)
        assert refusal.code == "fixing_outside_window"
    assert refusal.facts == {
        "date": "2026-03-02",
        "first": "2026-02-27",
        "last": "2026-03-01",
        "evidence_id": "evd_1",
    }


def test_a_months_average_is_of_all_its_business_days() -> None:
    days = of_month()

    price = found(MONTH, fixed(days), window=FEBRUARY)

    assert (len(days), price) == (20, 100 + Fraction(19, 2))


def test_a_month_that_lacks_a_fixing_is_refused_and_the_days_are_named() -> None:
    days = of_month()

    refusal = refused(MONTH, fixed(days[1:-1]), window=FEBRUARY)

    assert refusal.code == "fixings_incomplete"
    assert (refusal.facts["missing"], refusal.facts["count"]) == (["2026-02-02", "2026-02-27"], 2)
    assert refusal.facts["calendar"] == "weekdays"


def test_the_calendar_of_the_template_says_which_days_a_month_has() -> None:
    chinese = of_month(name="CN_EXCHANGE")

    assert len(chinese) == 14
    assert found(MONTH, fixed(chinese), window=FEBRUARY, days="CN_EXCHANGE") == 100 + Fraction(13, 2)
    assert refused(MONTH, fixed(chinese), window=FEBRUARY).facts["count"] == 6
    off = refused(MONTH, fixed(of_month()), window=FEBRUARY, days="CN_EXCHANGE")
    assert (off.code, off.facts["date"]) == ("fixing_off_calendar", "2026-02-16")


@pytest.mark.parametrize(
    ("day", "months_after", "first", "last"),
    [
        ("2026-02-28", 0, "2026-02-01", "2026-02-28"),
        ("2026-01-31", 1, "2026-02-01", "2026-02-28"),
        ("2027-12-15", 2, "2028-02-01", "2028-02-29"),
        ("2026-10-05", 3, "2027-01-01", "2027-01-31"),
        ("2026-12-31", 12, "2027-12-01", "2027-12-31"),
    ],
)
def test_a_quotation_period_is_a_whole_month(day: str, months_after: int, first: str, last: str) -> None:
    period = quotation_month(date.fromisoformat(day), months_after)

    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)


def test_the_day_of_shipping_says_which_month_is_quoted() -> None:
    fixings = fixed(of_month())

    price, (line,) = final_unit_price(
        goods(PERIOD, bill_of_lading(shipped_on=date(2026, 1, 31)), fixings, premium_minor=5)
    )

    assert price == 105 + Fraction(19, 2)
    assert line.inputs["anchor"] == "2026-01-31"
    assert (line.inputs["first"], line.inputs["last"], line.inputs["months_after"]) == ("2026-02-01", "2026-02-28", 1)
    assert (line.inputs["anchor_evidence_id"], line.inputs["evidence_id"]) == ("evd_1", "evd_2")
    early = refused(PERIOD, bill_of_lading(shipped_on=date(2026, 2, 1)), fixings)
    assert (early.code, early.facts["first"]) == ("fixing_outside_window", "2026-03-01")


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (EvidenceKind.DELIVERY_NOTE, delivery_note()),
        (EvidenceKind.EXCHANGE_RATE, exchange_rate()),
        (EvidenceKind.INDEX_FIXINGS, fixed(of_month(Window(date(2026, 3, 1), date(2026, 3, 31))))),
    ],
)
def test_other_documents_count_by_their_own_day(kind: EvidenceKind, document: Document) -> None:
    march = Window(date(2026, 3, 1), date(2026, 3, 31))
    rule = replace(PERIOD, anchor=kind, months_after=0)
    documents = {EvidenceKind.INDEX_FIXINGS: fixed(of_month(march)), kind: document}

    assert found(rule, *documents.values()) == 100 + Fraction(len(of_month(march)) - 1, 2)


def test_a_missing_document_is_named() -> None:
    assert refused(AVERAGE).facts == {"missing": ["index_fixings"]}
    assert refused(PERIOD, index_fixings()).facts == {"missing": ["bill_of_lading"]}


def test_a_quotation_period_without_anchor_is_our_defect() -> None:
    with pytest.raises(Defect):
        found(replace(PERIOD, anchor=None), index_fixings())


def test_a_discount_that_eats_up_the_price_is_refused() -> None:
    refusal = refused(AVERAGE, index_fixings(), premium_minor=-362_800)

    assert refusal.code == "final_price_not_positive"
    assert refusal.facts == {"premium_minor": -362_800, "evidence_id": "evd_1"}
    assert found(AVERAGE, index_fixings(), premium_minor=-362_800, floor_minor=1) == 1


@pytest.mark.parametrize(
    ("floor", "cap", "price", "rules"),
    [
        (None, None, 362_800, []),
        (362_800, 362_800, 362_800, ["above_floor", "below_cap"]),
        (362_801, None, 362_801, ["raised_to_floor"]),
        (None, 362_799, 362_799, ["lowered_to_cap"]),
        (362_801, 362_801, 362_801, ["raised_to_floor", "below_cap"]),
        (1, 300_000, 300_000, ["above_floor", "lowered_to_cap"]),
    ],
)
def test_floor_and_cap_bound_the_price_and_have_their_lines(
    floor: int | None, cap: int | None, price: int, rules: list[str]
) -> None:
    final, lines = final_unit_price(goods(AVERAGE, index_fixings(), floor_minor=floor, cap_minor=cap))

    assert final == price
    assert [line.rule for line in lines[1:]] == rules


def test_the_mean_shows_its_inputs() -> None:
    _, lines = final_unit_price(goods(AVERAGE, index_fixings(), premium_minor=1_500))

    assert lines == (
        Line(
            "unit_price",
            "mean_of_fixings_plus_premium",
            {"fixings_minor": [362_500, 362_900, 363_000], "premium_minor": 1_500, "evidence_id": "evd_1"},
            {"unit_price_numerator": 364_300, "unit_price_denominator": 1},
        ),
    )


def test_a_price_in_whole_minor_units_is_rounded_half_to_even() -> None:
    whole = goods(replace(AVERAGE, whole_minor=True))

    assert whole_minor(whole, Fraction(5, 2)) == (
        Fraction(2),
        (
            Line(
                "unit_price",
                "whole_minor_half_even",
                {"exact_numerator": 5, "exact_denominator": 2},
                {"unit_price_numerator": 2, "unit_price_denominator": 1},
            ),
        ),
    )
    assert whole_minor(goods(AVERAGE), Fraction(5, 2)) == (Fraction(5, 2), ())


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.integers(0, 24))
def test_a_quotation_month_is_so_many_months_after_and_complete(day: date, months_after: int) -> None:
    period = quotation_month(day, months_after)

    assert (period.first.year - day.year) * 12 + period.first.month - day.month == months_after
    assert period.first.day == 1
    assert (period.last + timedelta(days=1)).day == 1
    assert (period.last - period.first).days < 31


@given(st.sampled_from(sorted(CALENDARS)), st.integers(0, 35), st.data())
def test_a_month_counts_with_all_its_fixings_and_with_none_less(name: str, months: int, data: st.DataObject) -> None:
    window = quotation_month(date(2024, 1, 1), months)
    days = of_month(window, name)
    left_out = data.draw(st.sets(st.sampled_from(days), max_size=3))
    fixings = fixed(tuple(day for day in days if day not in left_out))

    if left_out:
        missing = refused(MONTH, fixings, window=window, days=name).facts["missing"]
        assert missing == [day.isoformat() for day in sorted(left_out)]
    else:
        assert found(MONTH, fixings, window=window, days=name) == 100 + Fraction(len(days) - 1, 2)
