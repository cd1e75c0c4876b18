"""The final amount: the worked numbers of steel, the tolerance's edge, exact averages, and lines to check by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.trades.domain.pricing import Line, price
from chalicelib.trades.domain.template import PriceMode, PriceRule, QuantityMode, QuantityRule
from tests.trades.deals import cny, index_fixings, opened, piece, ready, weight_note


def priced(quantity_milli: int, *fixings: int) -> Money:
    terms, _, evidence = ready(quantity_milli, *fixings)
    return price(terms, evidence).amount


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
    assert priced(weighed_milli) == cny(final_minor)


def test_fixings_are_averaged_exactly_and_only_the_product_is_rounded() -> None:
    # A mean of 100 1/3 and a premium of 1,500: 1,600 1/3 for each of 500 t is 800,166 2/3.
    assert priced(500_000, 100, 100, 101) == cny(800_167)


def test_a_tie_is_rounded_to_even() -> None:
    terms, _ = opened(quantity_milli=1_000, unit_price_minor=5_000_000, premium_minor=0)
    note = piece(weight_note(1_000))

    amounts = [price(terms, (note, piece(index_fixings(*fixings)))).amount for fixings in ((2, 3), (3, 4))]

    assert amounts == [cny(2), cny(4)]


def test_each_step_shows_its_inputs() -> None:
    terms, _, evidence = ready()

    assert price(terms, evidence).lines == (
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


def test_within_tolerance_the_agreed_quantity_counts_and_the_line_says_so() -> None:
    terms, _, evidence = ready(498_900)

    line = price(terms, evidence).lines[0]

    assert (line.rule, line.result) == ("agreed_within_tolerance", {"quantity_milli": 500_000})


def test_an_agreed_price_counts_on_a_weighed_quantity() -> None:
    terms, _, evidence = ready()
    terms = replace(terms, price=PriceRule(PriceMode.AGREED))

    assert price(terms, evidence).amount == cny(181_886_800)


def test_an_agreed_quantity_counts_at_an_index_price() -> None:
    terms, _, evidence = ready()
    terms = replace(terms, quantity=QuantityRule("t", QuantityMode.AGREED))

    assert price(terms, evidence).amount == cny(182_150_000)


def test_a_discount_that_eats_up_the_price_is_refused() -> None:
    terms, _, evidence = ready()

    with pytest.raises(Conflict) as refused:
        price(replace(terms, premium_minor=-362_800), evidence)

    assert refused.value.code == "final_price_not_positive"
    assert refused.value.facts == {"premium_minor": -362_800, "evidence_id": "evd_2"}


def test_an_amount_beyond_28_digits_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        priced(500_000, MAX_MINOR)

    assert refused.value.code == "amount_too_large"


def test_settling_without_its_documents_is_our_defect() -> None:
    terms, _, evidence = ready()

    with pytest.raises(Defect):
        price(terms, evidence[:1])


@given(
    st.integers(1, 10**9),
    st.lists(st.integers(1, 10**8), min_size=1, max_size=31),
    st.integers(-(10**8), 10**8),
)
def test_the_amount_is_half_a_unit_from_exact_at_most(weighed: int, minors: list[int], premium: int) -> None:
    terms, _ = opened(premium_minor=premium)
    evidence = (piece(weight_note(weighed)), piece(index_fixings(*minors)))
    unit_price = Fraction(sum(minors), len(minors)) + premium
    counts = 500_000 if 498_500 <= weighed <= 501_500 else weighed

    if unit_price <= 0:
        with pytest.raises(Conflict):
            price(terms, evidence)
    else:
        assert abs(price(terms, evidence).amount.minor - unit_price * counts / 1000) <= Fraction(1, 2)
