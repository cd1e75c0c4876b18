"""Waterfalls: the worked numbers, the refusals in their order, and that no unit is ever lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.splits.domain.waterfall import MOST_SHARES, WHOLE_BPS, Share, ShareKind, Waterfall, divide


def fixed(role: str, minor: int) -> Share:
    return Share(role, ShareKind.FIXED, minor=minor)


def bps(role: str, ratio: int) -> Share:
    return Share(role, ShareKind.BPS, bps=ratio)


def rest(role: str) -> Share:
    return Share(role, ShareKind.REMAINDER)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def minors(waterfall: Waterfall, minor: int) -> list[int]:
    return [share.minor for _, share in divide(waterfall, cny(minor))]


STEEL = Waterfall((fixed("carrier", 4_250_000), bps("platform", 30), rest("mill")))


def test_steel_is_divided_as_the_worked_numbers_say() -> None:
    assert divide(STEEL, cny(181_537_976)) == (
        ("carrier", cny(4_250_000)),
        ("platform", cny(544_613)),
        ("mill", cny(176_743_363)),
    )


@pytest.mark.parametrize(
    ("amount", "ratios", "shares"),
    [
        (1005, [250, 9750], [25, 980]),
        (15, [8000, 800, 1200], [12, 1, 2]),
        (100, [6000, 3550, 450], [60, 36, 4]),
        (99, [2000] * 5, [20, 20, 20, 20, 19]),
    ],
)
def test_ratios_of_the_whole_are_allocated_by_largest_remainder(
    amount: int, ratios: list[int], shares: list[int]
) -> None:
    waterfall = Waterfall(tuple(bps(f"role{i}", ratio) for i, ratio in enumerate(ratios)))

    assert minors(waterfall, amount) == shares


def test_basis_points_are_of_the_whole_and_floored_wherever_the_remainder_stands() -> None:
    waterfall = Waterfall((rest("seller"), fixed("carrier", 100), bps("platform", 30)))

    assert minors(waterfall, 1999) == [1894, 100, 5]


def test_the_remainder_may_be_nothing() -> None:
    assert minors(Waterfall((fixed("carrier", 7), rest("seller"))), 7) == [7, 0]


def test_shares_beyond_the_amount_are_refused_with_both_sums() -> None:
    with pytest.raises(Conflict) as refused:
        divide(STEEL, cny(4_250_000))

    assert (refused.value.code, refused.value.facts) == (
        "split_exceeds_amount",
        {"amount": 4_250_000, "shares": 4_262_750, "currency": "CNY"},
    )


def test_a_debt_cannot_be_divided() -> None:
    with pytest.raises(Defect):
        divide(STEEL, cny(-1))


@pytest.mark.parametrize(
    ("code", "facts", "shares"),
    [
        ("split_empty", {}, []),
        ("split_too_long", {"maximum": MOST_SHARES}, [rest("a")] * (MOST_SHARES + 1)),
        ("split_role_twice", {"roles": ["a"]}, [rest("a"), rest("a")]),
        ("split_two_remainders", {}, [rest("a"), rest("b"), bps("c", 9000), bps("d", 1001)]),
        ("split_over_whole", {"total_bps": 10_001, "maximum": 10_000}, [bps("c", 9000), bps("d", 1001)]),
        ("split_leaves_rest", {"total_bps": 9999}, [bps("c", 9000), bps("d", 999)]),
        ("split_leaves_rest", {"total_bps": 10_000}, [bps("c", 10_000), fixed("d", 1)]),
        ("split_leaves_rest", {"total_bps": 0}, [fixed("d", 1)]),
    ],
)
def test_a_waterfall_that_does_not_add_up_is_refused(code: str, facts: dict[str, object], shares: list[Share]) -> None:
    with pytest.raises(InvalidInput) as refused:
        Waterfall(tuple(shares))

    assert (refused.value.code, refused.value.facts) == (code, facts)


@pytest.mark.parametrize(
    ("kind", "minor", "ratio"),
    [
        (ShareKind.FIXED, -1, 0),
        (ShareKind.FIXED, MAX_MINOR + 1, 0),
        (ShareKind.FIXED, 1, 1),
        (ShareKind.BPS, 0, -1),
        (ShareKind.BPS, 0, WHOLE_BPS + 1),
        (ShareKind.BPS, 1, 1),
        (ShareKind.REMAINDER, 1, 0),
        (ShareKind.REMAINDER, 0, 1),
    ],
)
def test_a_share_that_measures_nothing_sensible_is_refused(kind: ShareKind, minor: int, ratio: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        Share("carrier", kind, minor=minor, bps=ratio)

    assert (refused.value.code, refused.value.facts) == ("share_invalid", {"role": "carrier"})


@st.composite
def waterfalls(draw: st.DrawFn) -> Waterfall:
    """Any waterfall of up to eight shares, its remainder anywhere."""
    ratios = draw(st.lists(st.integers(0, WHOLE_BPS // 4), max_size=4))
    amounts = draw(st.lists(st.integers(0, 10**6), max_size=4))
    shares = [bps(f"ratio{i}", ratio) for i, ratio in enumerate(ratios)]
    shares += [fixed(f"fixed{i}", amount) for i, amount in enumerate(amounts)]
    return Waterfall(tuple(draw(st.permutations([*shares, rest("seller")]))))


@given(waterfalls(), st.integers(0, 10**12))
def test_shares_add_up_to_the_amount_or_it_is_refused(waterfall: Waterfall, minor: int) -> None:
    try:
        shares = divide(waterfall, cny(minor))
    except Conflict as refusal:
        assert refusal.facts["shares"] > minor
        return

    assert sum(share.minor for _, share in shares) == minor
    assert [role for role, _ in shares] == [share.role for share in waterfall.shares]
    for rule, (_, share) in zip(waterfall.shares, shares, strict=True):
        assert share.minor >= 0
        assert rule.kind is not ShareKind.FIXED or share.minor == rule.minor
        assert rule.kind is not ShareKind.BPS or share.minor == minor * rule.bps // WHOLE_BPS


@given(st.lists(st.integers(0, 100), min_size=2, max_size=8), st.integers(0, 10**27))
def test_ratios_of_the_whole_are_each_less_than_a_unit_from_exact(weights: list[int], minor: int) -> None:
    weights[-1] = WHOLE_BPS - sum(weights[:-1])
    waterfall = Waterfall(tuple(bps(f"role{i}", weight) for i, weight in enumerate(weights)))

    shares = minors(waterfall, minor)

    assert sum(shares) == minor
    assert all(abs(part * WHOLE_BPS - minor * w) < WHOLE_BPS for part, w in zip(shares, weights, strict=True))
