"""Deduction schedules: the worked numbers of grain, every rule by hand, and nothing that falls below zero."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict
from chalicelib.trades.domain.deductions import Worth, deducted
from chalicelib.trades.domain.evidence import Document
from chalicelib.trades.domain.goods import of_lot, whole
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.pricing import price
from chalicelib.trades.domain.template import Base, Deduction, DeductionKind, Direction, Taken
from chalicelib.trades.domain.terms import Lot
from tests.trades.papers import certificate, pieces
from tests.trades.sketches import graded, terms_of

GROSS = Worth(Fraction(62_480), Fraction(236_000))
"""62.480 t of maize at 2,360.00 CNY/t."""


def steps(name: str = "moisture", standard_milli: int = 14_000, **fields: Any) -> Deduction:
    """Each started half point over the standard takes 0.75 %."""
    usual = {"step_milli": 500, "rate_bps": 75} | fields
    return Deduction(name, DeductionKind.STEPS, standard_milli=standard_milli, **usual)


def dry(standard_milli: int = 14_000, **fields: Any) -> Deduction:
    return Deduction("moisture", DeductionKind.DRY_MATTER, standard_milli=standard_milli, **fields)


def payable(**fields: Any) -> Deduction:
    return Deduction("copper", DeductionKind.PAYABLE_METAL, base=Base.NET, **fields)


MOISTURE = steps()
IMPURITY = steps("impurity", 1_000)


def left(*rules: Deduction, gross: Worth = GROSS, **findings: int) -> Worth:
    return deducted(whole(terms_of(graded(*rules)), pieces(certificate(**findings))), gross)[0]


def lines(*rules: Deduction, **findings: int) -> tuple[Line, ...]:
    return deducted(whole(terms_of(graded(*rules)), pieces(certificate(**findings))), GROSS)[1]


def refused(*rules: Deduction, documents: tuple[Document, ...] = (certificate(),)) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        deducted(whole(terms_of(graded(*rules)), pieces(*documents)), GROSS)
    return refusal.value


# Source: the worked numbers of grain.
@pytest.mark.parametrize(
    ("rules", "net_milli", "pays_minor"),
    [((MOISTURE, IMPURITY), 60_137, 14_192_332), ((dry(),), 61_172, 14_436_592)],
)
def test_maize_pays_as_the_worked_numbers_say(rules: tuple[Deduction, ...], net_milli: int, pays_minor: int) -> None:
    terms = terms_of(graded(*rules), quantity_milli=62_480, unit_price_minor=236_000)

    priced = price(terms, pieces(certificate()))

    assert priced.amount.minor == pays_minor
    assert priced.lines[-1].inputs["quantity_milli"] == net_milli


@pytest.mark.parametrize(
    ("found", "steps_taken"),
    [(13_999, 0), (14_000, 0), (14_001, 1), (14_500, 1), (14_501, 2), (15_800, 4)],
)
def test_each_started_step_over_the_standard_takes_its_rate(found: int, steps_taken: int) -> None:
    assert left(MOISTURE, moisture=found).quantity == 62_480 * (1 - Fraction(75 * steps_taken, 10_000))


@pytest.mark.parametrize(("found", "steps_taken"), [(14_499, 0), (14_500, 1), (14_999, 1), (15_800, 3)])
def test_only_whole_steps_count_where_the_rule_says_so(found: int, steps_taken: int) -> None:
    rule = steps(started=False, rate_bps=100)

    assert left(rule, moisture=found).quantity == 62_480 * (1 - Fraction(steps_taken, 100))


@pytest.mark.parametrize(("found", "steps_given"), [(14_000, 0), (13_501, 0), (13_500, 1), (11_500, 5), (9_000, 5)])
def test_drier_grain_weighs_more_up_to_a_limit(found: int, steps_given: int) -> None:
    rule = steps(direction=Direction.UNDER, started=False, adds=True, most_milli=2_500)

    assert left(rule, moisture=found).quantity == 62_480 * (1 + Fraction(75 * steps_given, 10_000))


def test_a_linear_rule_takes_in_proportion() -> None:
    rule = Deduction("ash", DeductionKind.LINEAR, standard_milli=10_000, step_milli=1_000, rate_bps=100)

    assert left(rule, ash=12_500).quantity == 62_480 * (1 - Fraction(25, 1_000))
    assert left(rule, ash=9_000) == GROSS


def test_a_rule_bites_under_its_standard_where_that_is_its_side() -> None:
    rule = steps("protein", 12_000, direction=Direction.UNDER, step_milli=1_000, rate_bps=100)

    assert left(rule, protein=12_500) == GROSS
    assert left(rule, protein=10_900).quantity == 62_480 * Fraction(98, 100)


def test_dry_matter_is_the_same_dry_substance_at_the_standard_moisture() -> None:
    assert left(dry(), moisture=15_800).quantity == Fraction(62_480 * 842, 860)
    assert left(dry(), moisture=13_000) == GROSS
    assert left(dry(0), moisture=8_000).quantity == Fraction(62_480 * 92, 100)
    assert left(dry(direction=Direction.UNDER, adds=True), moisture=13_000).quantity == Fraction(62_480 * 870, 860)


# 28 % copper: 96.5 % of it are 27.02, and one unit less are 27.00; 31 %: 29.915 and 30.00.
@pytest.mark.parametrize(("found", "percent_milli"), [(28_000, 27_000), (31_000, 29_915), (500, 0), (0, 0)])
def test_payable_metal_is_the_smaller_of_a_ratio_and_a_unit_less(found: int, percent_milli: int) -> None:
    rule = payable(rate_bps=9_650, unit_milli=1_000)

    assert left(rule, copper=found).quantity == Fraction(62_480 * percent_milli, 100_000)


def test_payable_metal_is_of_what_is_dry() -> None:
    rules = dry(0), payable(rate_bps=9_650, unit_milli=1_000)

    assert left(*rules, moisture=8_000, copper=28_000).quantity == Fraction(62_480 * 92 * 27, 10_000)


def test_a_rate_is_of_the_gross_or_of_what_is_left() -> None:
    ten = {"standard_milli": 0, "step_milli": 10_000, "rate_bps": 1_000}
    gross, net = (steps("impurity", base=base, **ten) for base in (Base.GROSS, Base.NET))
    first = steps(**ten)

    assert left(first, gross, moisture=1, impurity=1).quantity == 62_480 * Fraction(80, 100)
    assert left(first, net, moisture=1, impurity=1).quantity == 62_480 * Fraction(81, 100)


def test_the_price_may_be_taken_from_by_ratio_or_by_amount() -> None:
    ratio = steps(takes=Taken.PRICE)
    amount = steps(takes=Taken.PRICE, rate_bps=0, rate_minor=1_250)
    penalty = Deduction(
        "arsenic",
        DeductionKind.LINEAR,
        standard_milli=200,
        step_milli=100,
        rate_minor=25_000,
        takes=Taken.PRICE,
    )

    assert left(ratio, moisture=15_800) == Worth(GROSS.quantity, 236_000 * Fraction(97, 100))
    assert left(amount, moisture=15_800) == Worth(GROSS.quantity, Fraction(231_000))
    assert left(penalty, arsenic=350) == Worth(GROSS.quantity, 236_000 - Fraction(37_500))


def test_a_rule_may_be_rounded_at_its_own_place() -> None:
    once = left(dry(), MOISTURE, moisture=15_800).quantity
    each = left(dry(rounded_to_milli=100), MOISTURE, moisture=15_800).quantity

    assert once == Fraction(62_480 * 842, 860) - 62_480 * Fraction(3, 100)
    assert each == 61_200 - 62_480 * Fraction(3, 100)


def test_nothing_falls_below_zero() -> None:
    rule = steps(rate_bps=6_000)
    taken = steps(rate_bps=0, rate_minor=200_000, takes=Taken.PRICE)

    assert left(rule, moisture=15_800) == Worth(Fraction(0), GROSS.unit_price)
    assert left(taken, moisture=15_800) == Worth(GROSS.quantity, Fraction(0))


def test_beyond_the_limit_nothing_is_settled() -> None:
    limit = Deduction("aflatoxin", DeductionKind.REJECT, standard_milli=20)

    assert left(limit, aflatoxin=20) == GROSS
    refusal = refused(MOISTURE, limit, documents=(certificate(moisture=1, aflatoxin=21),))
    assert (refusal.code, refusal.facts) == (
        "quality_rejected",
        {
            "property": "aflatoxin",
            "found_milli": 21,
            "standard_milli": 20,
            "beyond_milli": 1,
            "evidence_id": "evd_1",
        },
    )


@pytest.mark.parametrize(
    ("code", "facts", "documents"),
    [
        ("evidence_missing", {"missing": ["quality_certificate"]}, ()),
        ("property_missing", {"property": "copper", "evidence_id": "evd_1"}, (certificate(moisture=1),)),
        (
            "property_over_whole",
            {"property": "copper", "evidence_id": "evd_1", "found_milli": 100_001},
            (certificate(copper=100_001),),
        ),
    ],
)
def test_a_certificate_must_say_what_the_schedule_asks(
    code: str, facts: dict[str, object], documents: tuple[Document, ...]
) -> None:
    refusal = refused(payable(rate_bps=9_650), documents=documents)

    assert (refusal.code, refusal.facts) == (code, facts)


def test_each_rule_shows_its_inputs() -> None:
    first, second = lines(MOISTURE, payable(rate_bps=9_650, rounded_to_milli=10), moisture=15_800, copper=50_000)

    assert first == Line(
        "deduction",
        "steps",
        {
            "property": "moisture",
            "found_milli": 15_800,
            "evidence_id": "evd_1",
            "standard_milli": 14_000,
            "beyond_milli": 1_800,
            "base_numerator": 62_480,
            "base_denominator": 1,
            "rate_bps": 75,
            "step_milli": 500,
        },
        {
            "taken_numerator": 9_372,
            "taken_denominator": 5,
            "quantity_numerator": 303_028,
            "quantity_denominator": 5,
        },
    )
    assert second.result["quantity_numerator"] == 29_240
    assert second.inputs["rounded_to_milli"] == 10


def test_a_lot_has_its_own_certificate_or_that_of_the_whole() -> None:
    terms = terms_of(graded(MOISTURE), lots=(Lot("A", 200_000), Lot("B", 300_000)))
    evidence = pieces(certificate(moisture=14_500), certificate(moisture=15_000, lot="B"))

    nets = [deducted(of_lot(terms, lot, evidence), GROSS) for lot in terms.lots]

    assert [net.quantity for net, _ in nets] == [62_480 * Fraction(9_925, 10_000), 62_480 * Fraction(9_850, 10_000)]
    assert [line[0].lot for _, line in nets] == ["A", "B"]


kinds = st.sampled_from([DeductionKind.STEPS, DeductionKind.LINEAR])
rules = st.builds(
    Deduction,
    property=st.just("moisture"),
    kind=kinds,
    standard_milli=st.integers(0, 99_999),
    direction=st.sampled_from(Direction),
    takes=st.sampled_from(Taken),
    base=st.sampled_from(Base),
    step_milli=st.integers(1, 100_000),
    rate_bps=st.integers(0, 10_000),
    most_milli=st.integers(0, 10_000),
    started=st.booleans(),
    rounded_to_milli=st.integers(0, 1_000),
) | st.builds(dry, st.integers(0, 99_999))


@given(st.lists(rules, max_size=6), st.integers(0, 100_000))
def test_a_schedule_that_adds_nothing_leaves_less_and_never_below_zero(schedule: list[Deduction], found: int) -> None:
    net = left(*schedule, moisture=found)
    most_rounding = sum(rule.rounded_to_milli for rule in schedule)

    assert 0 <= net.quantity <= GROSS.quantity + most_rounding
    assert 0 <= net.unit_price <= GROSS.unit_price
