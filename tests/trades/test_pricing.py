"""The final amount: the worked numbers of steel, two currencies, lots, and lines that lead to it by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money, round_ratio
from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain.evidence import Document
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.pricing import Priced, price, price_lot
from chalicelib.trades.domain.template import (
    Base,
    Deduction,
    DeductionKind,
    DeliveryRule,
    Direction,
    PriceMode,
    PriceRule,
    QuantityMode,
    QuantityRule,
    Taken,
    Template,
)
from chalicelib.trades.domain.terms import Lot, Terms
from tests.trades.papers import certificate, exchange_rate, index_fixings, pieces, weight_note
from tests.trades.sketches import AGREED, terms_of

WEIGHED = QuantityRule("t", QuantityMode.WEIGHED, tolerance_per_mille=3)
STEEL = replace(AGREED, quantity=WEIGHED, price=PriceRule(PriceMode.INDEX_AVERAGE))
"""Weighed beyond three per mille, at the mean of an index and a premium of 15.00."""


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def steel(weighed_milli: int = 498_320, *fixings: int, **deal: Any) -> Priced:
    terms = terms_of(STEEL, **{"premium_minor": 1_500} | deal)
    return price(terms, pieces(weight_note(weighed_milli), index_fixings(*fixings)))


def refused(terms: Terms, *documents: Document) -> tuple[type, str, dict[str, object]]:
    with pytest.raises((Conflict, InvalidInput)) as refusal:
        price(terms, pieces(*documents))
    return type(refusal.value), refusal.value.code, refusal.value.facts


# Source: the worked numbers of steel, both weighbridges and the edge of the tolerance.
@pytest.mark.parametrize(
    ("weighed_milli", "final_minor"),
    [
        (498_320, 181_537_976),
        (498_900, 182_150_000),
        (498_500, 182_150_000),
        (498_499, 181_603_186),
        (501_500, 182_150_000),
        (501_501, 182_696_814),
    ],
)
def test_steel_is_paid_by_weight_beyond_three_per_mille_only(weighed_milli: int, final_minor: int) -> None:
    assert steel(weighed_milli).amount == cny(final_minor)


def test_fixings_are_averaged_exactly_and_only_the_product_is_rounded() -> None:
    # A mean of 100 1/3 and a premium of 1,500: 1,600 1/3 for each of 500 t is 800,166 2/3.
    assert steel(500_000, 100, 100, 101).amount == cny(800_167)


def test_a_tie_is_rounded_to_even() -> None:
    amounts = [steel(1_000, *fixings, quantity_milli=1_000, premium_minor=0).amount for fixings in ((2, 3), (3, 4))]

    assert amounts == [cny(2), cny(4)]


def test_each_step_shows_its_inputs() -> None:
    assert steel().lines == (
        Line(
            "quantity",
            "weighed_beyond_tolerance",
            {
                "agreed_milli": 500_000,
                "weighed_milli": 498_320,
                "difference_milli": -1_680,
                "tolerance_per_mille": 3,
                "evidence_id": "evd_1",
            },
            {"quantity_milli": 498_320},
        ),
        Line(
            "unit_price",
            "mean_of_fixings_plus_premium",
            {"fixings_minor": [362_500, 362_900, 363_000], "premium_minor": 1_500, "evidence_id": "evd_2"},
            {"unit_price_numerator": 364_300, "unit_price_denominator": 1},
        ),
        Line(
            "amount",
            "quantity_times_price_half_even",
            {"quantity_milli": 498_320, "unit_price_numerator": 364_300, "unit_price_denominator": 1},
            {"amount_minor": 181_537_976},
        ),
    )


def test_a_price_in_whole_minor_units_is_rounded_before_the_product() -> None:
    template = replace(STEEL, price=replace(STEEL.price, whole_minor=True))

    priced = price(terms_of(template), pieces(weight_note(500_000), index_fixings(100, 100, 101)))

    assert priced.amount == cny(50_000)
    assert [line.rule for line in priced.lines[-2:]] == ["whole_minor_half_even", "quantity_times_price_half_even"]


def test_an_amount_beyond_28_digits_is_refused() -> None:
    terms = terms_of(STEEL)

    kind, code, _ = refused(terms, weight_note(), index_fixings(MAX_MINOR))

    assert (kind, code) == (InvalidInput, "amount_too_large")


def test_what_is_missing_is_named_in_the_order_of_the_computation() -> None:
    terms = terms_of(replace(STEEL, deductions=(Deduction("ash", DeductionKind.STEPS, rate_bps=1),)))

    assert refused(terms)[1:] == ("evidence_missing", {"missing": ["weight_note"]})
    assert refused(terms, weight_note())[2] == {"missing": ["index_fixings"]}
    assert refused(terms, weight_note(), index_fixings())[2] == {"missing": ["quality_certificate"]}


# Two currencies


IMPORT = replace(STEEL, price=PriceRule(PriceMode.INDEX_AVERAGE, currencies=("USD", "JPY")))


def imported(*documents: Document, currency: str = "USD") -> Priced:
    terms = terms_of(IMPORT, price_currency=currency, rate=Rate(7, 1))
    return price(terms, pieces(weight_note(500_000), *documents))


def test_a_price_in_dollars_is_paid_in_yuan_at_the_rate_that_was_fixed() -> None:
    priced = imported(index_fixings(100_000, currency="USD"), exchange_rate(71_234, 10_000))

    # 500 t at 1,000.00 USD are 500,000.00 USD; at 7.1234 those are 3,561,700.00 CNY.
    assert (priced.amount, priced.rate) == (cny(356_170_000), Rate(71_234, 10_000))
    rate, product = priced.lines[-2:]
    assert (rate.rule, rate.inputs["evidence_id"]) == ("USD_in_CNY", "evd_3")
    assert product.rule == "quantity_times_price_times_rate_half_even"
    assert (product.inputs["rate_numerator"], product.inputs["rate_denominator"]) == (71_234, 10_000)


def test_a_rate_may_be_told_the_other_way_round() -> None:
    told = imported(index_fixings(100_000, currency="USD"), exchange_rate(10_000, 71_234, base="CNY", quote="USD"))

    assert (told.amount, told.rate) == (cny(356_170_000), Rate(71_234, 10_000))


def test_a_currency_without_decimals_is_worth_as_much() -> None:
    # 500 t at 100,000 JPY are 50,000,000 JPY; at 0.05 those are 2,500,000.00 CNY.
    priced = imported(index_fixings(100_000, currency="JPY"), exchange_rate(5, 100, base="JPY"), currency="JPY")

    assert priced.amount == cny(250_000_000)


def test_two_currencies_need_a_rate_of_both() -> None:
    terms = terms_of(IMPORT, price_currency="USD", rate=Rate(7, 1))
    documents = weight_note(), index_fixings(100_000, currency="USD")

    assert refused(terms, *documents) == (Conflict, "evidence_missing", {"missing": ["exchange_rate"]})
    kind, code, facts = refused(terms, *documents, exchange_rate(base="EUR"))
    assert (kind, code, facts["given"]) == (InvalidInput, "currency_mismatch", "EUR/CNY")


# Lots


LOTS = (Lot("A", 200_000), Lot("B", 300_000, unit_price_minor=400_000))
BY_LOT = replace(AGREED, quantity=WEIGHED)
NOTES = (weight_note(190_000, lot="A"), weight_note(299_900, lot="B"))


def by_lot(*documents: Document, recalled: Sequence[str] = ()) -> Priced:
    return price(terms_of(BY_LOT, lots=LOTS), pieces(*documents), recalled=recalled)


def test_each_lot_is_priced_by_its_own_note_at_its_own_price() -> None:
    priced = by_lot(*NOTES)

    assert priced.amount == cny(190 * 365_000 + 300 * 400_000)
    assert [(line.lot, line.rule) for line in priced.lines if line.step == "quantity"] == [
        ("A", "weighed_beyond_tolerance"),
        ("B", "agreed_within_tolerance"),
    ]
    assert priced.lines[-1] == Line(
        "amount",
        "sum_of_lots",
        {"lots_minor": [190 * 365_000, 300 * 400_000]},
        {"amount_minor": 190 * 365_000 + 300 * 400_000},
    )


def test_one_lot_is_priced_without_the_others_documents() -> None:
    terms = terms_of(BY_LOT, lots=LOTS)

    priced = price_lot(terms, terms.lot("A"), pieces(NOTES[0]))

    assert priced.amount == cny(190 * 365_000)
    assert {line.lot for line in priced.lines} == {"A"}


def test_a_lot_without_its_note_is_refused_by_name() -> None:
    kind, code, facts = refused(terms_of(BY_LOT, lots=LOTS), NOTES[0], weight_note(299_900))

    assert (kind, code, facts) == (Conflict, "evidence_missing", {"missing": ["weight_note/B"], "lot": "B"})


def test_fixings_of_the_whole_count_for_every_lot() -> None:
    terms = terms_of(STEEL, lots=(Lot("A", 200_000), Lot("B", 300_000)))

    priced = price(terms, pieces(*NOTES, index_fixings()))

    assert priced.amount == cny(490 * 362_800)


def test_a_lot_that_was_called_back_comes_to_nothing_and_needs_no_document() -> None:
    priced = by_lot(NOTES[1], recalled=["A"])

    assert priced.amount == cny(300 * 400_000)
    assert priced.lines[0] == Line("amount", "called_back", {}, {"amount_minor": 0}, "A")


def test_goods_that_were_all_called_back_come_to_nothing() -> None:
    assert by_lot(recalled=["A", "B"]).amount == cny(0)
    assert by_lot(recalled=[""]).amount == cny(0)
    assert price(terms_of(STEEL), (), recalled=[""]).amount == cny(0)


# What holds whatever the evidence


def recomputed(lines: Sequence[Line]) -> int:
    """The amount as a trader computes it by hand from what the lines show."""
    sums = [line for line in lines if line.rule == "sum_of_lots"]
    if sums:
        return sum(
            recomputed([line for line in lines if line.lot == lot]) for lot in {line.lot for line in lines} - {""}
        )
    quantity = unit_price = Fraction(0)
    rate, amount = Fraction(1), 0
    for line in lines:
        if line.step == "quantity":
            quantity = Fraction(line.result["quantity_milli"])
        elif line.step == "deduction":
            quantity, unit_price = deducted(line, quantity, unit_price)
        elif line.step == "unit_price":
            unit_price = Fraction(line.result["unit_price_numerator"], line.result["unit_price_denominator"])
        elif line.step == "rate":
            rate = Fraction(line.result["rate_numerator"], line.result["rate_denominator"])
        else:
            exact = quantity * unit_price * rate / 1000
            amount = round_ratio(exact.numerator, exact.denominator)
    return amount


def deducted(line: Line, quantity: Fraction, unit_price: Fraction) -> tuple[Fraction, Fraction]:
    """Quantity and unit price after a deduction, computed from the line's inputs alone."""
    told = line.inputs
    of_quantity = "quantity_numerator" in line.result
    before = quantity if of_quantity else unit_price
    steps = Fraction(int(told["beyond_milli"]), int(told["step_milli"]))
    if line.rule == "steps":
        steps = Fraction(-(-steps.numerator // steps.denominator))
    elif line.rule == "whole_steps":
        steps = Fraction(steps.numerator // steps.denominator)
    if "rate_minor" in told:
        change = steps * int(told["rate_minor"])
    else:
        change = steps * Fraction(int(told["base_numerator"]), int(told["base_denominator"]))
        change *= Fraction(int(told.get("rate_bps", 0)), 10_000)
    left = max(before + change if "added_numerator" in line.result else before - change, Fraction(0))
    if "rounded_to_milli" in told:
        to = int(told["rounded_to_milli"])
        left = Fraction(to * round_ratio(left.numerator, left.denominator * to))
    return (left, unit_price) if of_quantity else (quantity, left)


schedules = st.lists(
    st.builds(
        Deduction,
        property=st.sampled_from(["moisture", "impurity"]),
        kind=st.sampled_from([DeductionKind.STEPS, DeductionKind.LINEAR]),
        standard_milli=st.integers(0, 20_000),
        direction=st.sampled_from(Direction),
        takes=st.sampled_from(Taken),
        base=st.sampled_from(Base),
        step_milli=st.integers(1, 5_000),
        rate_bps=st.integers(0, 2_000),
        started=st.booleans(),
        adds=st.booleans(),
        rounded_to_milli=st.integers(0, 100),
    ),
    max_size=4,
)
templates = st.builds(
    lambda schedule, delivery, rounded_to, whole: replace(
        STEEL,
        deductions=tuple(schedule),
        quantity=replace(WEIGHED, delivery=delivery, rounded_to_milli=rounded_to),
        price=replace(IMPORT.price, whole_minor=whole),
    ),
    schedules,
    st.none() | st.builds(DeliveryRule, st.integers(0, 5_000)),
    st.sampled_from([1, 10, 1_000]),
    st.booleans(),
)
weights = st.integers(1, 10**7)
fixings = st.lists(st.integers(1, 10**7), min_size=1, max_size=10)
findings = st.integers(0, 40_000)


@given(templates, weights, fixings, findings, findings)
def test_the_lines_recompute_to_the_amount_and_it_is_never_negative(
    template: Template, weighed: int, minors: list[int], moisture: int, impurity: int
) -> None:
    terms = terms_of(template, price_currency="USD", rate=Rate(7, 1))
    evidence = pieces(
        weight_note(weighed),
        index_fixings(*minors, currency="USD"),
        certificate(moisture=moisture, impurity=impurity),
        exchange_rate(),
    )

    priced = price(terms, evidence)

    assert priced.amount.minor >= 0
    assert recomputed(priced.lines) == priced.amount.minor


@given(st.lists(st.tuples(weights, weights), min_size=1, max_size=6), fixings, st.sets(st.integers(0, 5)))
def test_lots_add_up(lots: list[tuple[int, int]], minors: list[int], called: set[int]) -> None:
    named = tuple(Lot(f"L{i}", agreed) for i, (agreed, _) in enumerate(lots))
    terms = terms_of(STEEL, quantity_milli=sum(lot.quantity_milli for lot in named), lots=named)
    notes = (weight_note(weighed, lot=f"L{i}") for i, (_, weighed) in enumerate(lots))
    evidence = pieces(*notes, index_fixings(*minors))
    recalled = [f"L{i}" for i in called]

    priced = price(terms, evidence, recalled=recalled)
    parts = [price_lot(terms, lot, evidence, recalled=recalled).amount.minor for lot in named]

    assert priced.amount.minor == sum(parts) == recomputed(priced.lines)
    assert all(part == 0 for lot, part in zip(named, parts, strict=True) if lot.name in recalled)


@given(weights, fixings, st.integers(-(10**7), 10**7))
def test_the_amount_is_half_a_unit_from_exact_at_most(weighed: int, minors: list[int], premium: int) -> None:
    unit_price = Fraction(sum(minors), len(minors)) + premium
    counts = 500_000 if 498_500 <= weighed <= 501_500 else weighed

    if unit_price <= 0:
        with pytest.raises(Conflict):
            steel(weighed, *minors, premium_minor=premium)
    else:
        amount = steel(weighed, *minors, premium_minor=premium).amount.minor
        assert abs(amount - unit_price * counts / 1000) <= Fraction(1, 2)
