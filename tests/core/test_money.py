"""Money, rounding and allocation, against the worked numbers and as properties."""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money, Rounding, allocate, exponent, round_ratio
from tests.support.strategies import minors, money, weights

DECIMAL_MODE = {
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.FLOOR: ROUND_FLOOR,
}


def shares(minor: int, *parts: int) -> list[int]:
    return [share.minor for share in allocate(Money(minor, "CNY"), parts)]


@pytest.mark.parametrize(
    ("minor", "parts", "expected"),
    [
        (1005, (250, 9750), [25, 980]),
        (15, (80, 8, 12), [12, 1, 2]),
        (100, (600, 355, 45), [60, 36, 4]),
        (99, (1, 1, 1, 1, 1), [20, 20, 20, 20, 19]),
        (10, (0, 1, 2), [0, 3, 7]),
        (0, (1, 2), [0, 0]),
        (1, (0, 5, 0), [0, 1, 0]),
        (-10, (0, 1, 2), [0, -3, -7]),
        (MAX_MINOR, (1, 1, 1), [MAX_MINOR // 3 + 1, MAX_MINOR // 3, MAX_MINOR // 3]),
    ],
)
def test_worked_allocations(minor: int, parts: tuple[int, ...], expected: list[int]) -> None:
    assert shares(minor, *parts) == expected


@given(money, weights)
@example(Money(-1, "CNY"), [1, 1])
def test_shares_add_up_and_each_is_within_a_unit_of_exact(amount: Money, parts: list[int]) -> None:
    divided = allocate(amount, parts)

    assert sum(share.minor for share in divided) == amount.minor
    for share, weight in zip(divided, parts, strict=True):
        assert abs(share.minor - Fraction(amount.minor * weight, sum(parts))) < 1
        assert weight or not share.minor


@given(money, weights)
def test_a_negative_amount_is_divided_as_its_positive_twin(amount: Money, parts: list[int]) -> None:
    assert allocate(-amount, parts) == tuple(-share for share in allocate(amount, parts))


@given(money, weights, st.integers(1, 1000))
def test_only_the_ratio_of_weights_matters(amount: Money, parts: list[int], factor: int) -> None:
    assert allocate(amount, [part * factor for part in parts]) == allocate(amount, parts)


@pytest.mark.parametrize("parts", [(), (0, 0), (2, -1)])
def test_weights_that_divide_nothing_are_our_defect(parts: tuple[int, ...]) -> None:
    with pytest.raises(Defect):
        shares(10, *parts)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**9), st.sampled_from(Rounding))
@example(5, 2, Rounding.HALF_EVEN)
@example(-5, 2, Rounding.HALF_UP)
@example(-5, 2, Rounding.FLOOR)
def test_rounding_agrees_with_decimal(numerator: int, denominator: int, rounding: Rounding) -> None:
    with localcontext() as context:
        context.prec = 60
        floor, rest = divmod(numerator, denominator)
        # The tie is what matters: keep the fraction's place against one half, which 60 digits hold exactly.
        fraction = Decimal("0.5") if 2 * rest == denominator else Decimal(rest) / Decimal(denominator)
        expected = (Decimal(floor) + fraction).quantize(Decimal(1), DECIMAL_MODE[rounding])

    assert round_ratio(numerator, denominator, rounding) == int(expected)


@pytest.mark.parametrize("denominator", [0, -1])
def test_a_ratio_needs_a_positive_denominator(denominator: int) -> None:
    with pytest.raises(Defect):
        round_ratio(1, denominator)


@given(minors, minors)
def test_money_adds_and_compares_as_integers_do(one: int, other: int) -> None:
    a, b = Money(one, "JPY"), Money(other, "JPY")

    assert ((a < b), (a <= b), (a > b), (a >= b)) == (one < other, one <= other, one > other, one >= other)
    assert (-a).minor == -one
    if abs(one + other) <= MAX_MINOR:
        assert (a + b) - b == a


def test_currencies_do_not_mix() -> None:
    one, other = Money(1, "CNY"), Money(1, "EUR")

    for mixed in (lambda: one + other, lambda: one - other, lambda: one < other, lambda: one <= other):
        with pytest.raises(Defect):
            mixed()
    assert one != other


@pytest.mark.parametrize("minor", [1.0, True, "1", None])
def test_what_is_no_integer_is_no_money(minor: object) -> None:
    with pytest.raises(Defect):
        Money(minor, "CNY")  # type: ignore[arg-type]


@pytest.mark.parametrize("minor", [MAX_MINOR + 1, -MAX_MINOR - 1])
def test_an_amount_of_more_than_28_digits_is_refused(minor: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        Money(minor, "CNY")

    assert refused.value.code == "amount_too_large"


@pytest.mark.parametrize("currency", ["", "cny", "XXX", "DEM", "CNYX"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Money(1, currency)

    assert refused.value.code == "unknown_currency"


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (-1005, "CNY", "-10.05"),
        (5, "CNY", "0.05"),
        (-5, "BHD", "-0.005"),
        (1234, "JPY", "1234"),
        (0, "EUR", "0.00"),
        (MAX_MINOR, "UYW", f"1{'0' * 23}.0000"),
    ],
)
def test_the_text_has_the_currencys_decimals(minor: int, currency: str, text: str) -> None:
    assert Money(minor, currency).text() == text


@given(money)
def test_the_text_is_exact(amount: Money) -> None:
    assert Fraction(amount.text()) * 10 ** exponent(amount.currency) == amount.minor
