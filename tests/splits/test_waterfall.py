"""Waterfalls: the worked numbers, the refusals in their order, and that no unit is ever lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.splits.domain.waterfall import (
    KEPT,
    MOST_SHARES,
    MOST_TIERS,
    WHOLE_BPS,
    Share,
    ShareKind,
    Tier,
    Waterfall,
    divide,
    portions,
)


def fixed(role: str, minor: int) -> Share:
    return Share(role, ShareKind.FIXED, minor=minor)


def bps(role: str, ratio: int, *shares: Share) -> Share:
    return Share(role, ShareKind.BPS, bps=ratio, shares=shares)


def capped(role: str, most: int, ratio: int = 0) -> Share:
    return Share(role, ShareKind.CAPPED, minor=most, bps=ratio)


def tiered(role: str, *tiers: tuple[int | None, int]) -> Share:
    return Share(role, ShareKind.TIERED, tiers=tuple(Tier(*tier) for tier in tiers))


def rest(role: str, *shares: Share) -> Share:
    return Share(role, ShareKind.REMAINDER, shares=shares)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def minors(shares: list[Share], minor: int) -> dict[str, int]:
    return {role: share.minor for role, share in divide(Waterfall(tuple(shares)), cny(minor))}


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
        (10, [0, 3333, 6667], [0, 3, 7]),
        (0, [5000, 5000], [0, 0]),
    ],
)
def test_ratios_of_the_whole_are_allocated_by_largest_remainder(
    amount: int, ratios: list[int], shares: list[int]
) -> None:
    found = minors([bps(f"role{i}", ratio) for i, ratio in enumerate(ratios)], amount)

    assert list(found.values()) == shares


def test_a_group_is_divided_as_its_share_says_and_what_is_kept_counts() -> None:
    """The worked number: 20 % a, 20 % kept, 60 % {at most 10 to b, rest c}."""
    shares = [bps("a", 2000), bps(KEPT, 2000), bps("", 6000, capped("b", 10), rest("c"))]

    assert minors(shares, 100) == {"a": 20, KEPT: 20, "b": 10, "c": 50}


def test_basis_points_are_of_the_whole_and_floored_wherever_the_remainder_stands() -> None:
    assert minors([rest("seller"), fixed("carrier", 100), bps("platform", 30)], 1999) == {
        "seller": 1894,
        "carrier": 100,
        "platform": 5,
    }


def test_the_remainder_may_be_nothing() -> None:
    assert minors([fixed("carrier", 7), rest("seller")], 7) == {"carrier": 7, "seller": 0}


@pytest.mark.parametrize(
    ("amount", "agent"),
    [(0, 0), (199, 9), (200, 10), (201, 10), (10**9, 10)],
)
def test_a_capped_ratio_stops_at_its_cap(amount: int, agent: int) -> None:
    assert minors([capped("agent", 10, 500), rest("seller")], amount)["agent"] == agent


def test_capped_shares_without_a_ratio_take_what_is_there_in_the_order_written() -> None:
    shares = [rest("equity"), capped("senior", 60), bps("platform", 1000), capped("junior", 30), fixed("bank", 5)]

    assert minors(shares, 100) == {"equity": 0, "senior": 60, "platform": 10, "junior": 25, "bank": 5}
    assert minors(shares, 200) == {"equity": 85, "senior": 60, "platform": 20, "junior": 30, "bank": 5}


@pytest.mark.parametrize(
    ("amount", "broker"),
    [(0, 0), (99, 2), (100, 3), (101, 3), (199, 4), (1_000, 21), (1_099, 21), (1_100, 22)],
)
def test_each_tier_takes_its_slice_at_its_own_ratio_floored(amount: int, broker: int) -> None:
    shares = [tiered("broker", (100, 300), (1_000, 200), (None, 100)), rest("seller")]

    assert minors(shares, amount)["broker"] == broker


def test_a_group_may_be_any_kind_of_share_three_levels_deep() -> None:
    inner = Share("yard", ShareKind.CAPPED, minor=50, bps=1000, shares=(bps("crane", 5000), bps("gate", 5000)))
    logistics = Share("logistics", ShareKind.FIXED, minor=101, shares=(inner, rest("ship")))

    assert minors([logistics, rest("mill", bps("north", 3333), bps("south", 6667))], 1_101) == {
        "crane": 5,
        "gate": 5,
        "ship": 91,
        "north": 333,
        "south": 667,
    }


def test_what_groups_keep_stands_together() -> None:
    shares = [bps("", 5000, bps("a", 9000), bps(KEPT, 1000)), bps("", 4000, rest(KEPT)), bps(KEPT, 1000)]

    assert minors(shares, 1000) == {"a": 450, KEPT: 550}


def test_portions_show_each_step_and_what_it_is_a_share_of() -> None:
    waterfall = Waterfall((fixed("carrier", 10), rest("growers", bps("north", 5000), bps("south", 5000))))

    told = [(one.share.role, one.whole.minor, one.amount.minor) for one in portions(waterfall, cny(111))]

    assert told == [("carrier", 111, 10), ("growers", 111, 101), ("north", 101, 51), ("south", 101, 50)]


def test_shares_beyond_the_amount_are_refused_with_both_sums() -> None:
    with pytest.raises(Conflict) as refused:
        divide(STEEL, cny(4_250_000))

    facts = {"amount": 4_250_000, "shares": 4_262_750, "currency": "CNY"}
    assert (refused.value.code, refused.value.facts) == ("split_exceeds_amount", facts)


def test_shares_beyond_what_their_group_gets_are_refused_with_its_name() -> None:
    with pytest.raises(Conflict) as refused:
        minors([bps("yard", 100, fixed("crane", 2), rest("gate")), rest("mill")], 199)

    facts = {"amount": 1, "shares": 2, "currency": "CNY", "within": "yard"}
    assert (refused.value.code, refused.value.facts) == ("split_exceeds_amount", facts)


def test_a_debt_cannot_be_divided() -> None:
    with pytest.raises(Defect):
        divide(STEEL, cny(-1))


FOUR_DEEP = rest("", rest("", rest("", rest("a"))))
HIGH = tiered("t", (10, 9000), (None, 100))


@pytest.mark.parametrize(
    ("code", "facts", "shares"),
    [
        ("split_empty", {}, []),
        ("split_too_long", {"maximum": MOST_SHARES}, [rest("a")] * MOST_SHARES + [FOUR_DEEP]),
        ("split_too_long", {"maximum": MOST_SHARES}, [rest("", *[rest("a")] * 41), rest("", *[rest("a")] * 40)]),
        ("split_too_deep", {"maximum": 3}, [FOUR_DEEP, rest("a")]),
        ("split_role_twice", {"roles": ["a"]}, [rest("a"), rest("a")]),
        ("split_role_twice", {"roles": ["a"]}, [rest("a"), rest("", rest("a"))]),
        ("split_role_twice", {"roles": ["a"]}, [rest("a"), bps("a", 1, rest("b"))]),
        ("split_role_twice", {"roles": [KEPT]}, [rest(KEPT), bps(KEPT, 1)]),
        ("split_two_remainders", {}, [rest("a"), rest("b"), bps("c", 9000), bps("d", 1001)]),
        ("split_two_remainders", {"within": "g"}, [bps("g", 10_000, rest("a"), rest("b"), bps("c", 10_000))]),
        ("split_over_whole", {"total_bps": 10_001, "maximum": 10_000}, [bps("c", 9000), bps("d", 1001)]),
        ("split_over_whole", {"total_bps": 10_001, "maximum": 10_000}, [rest("a"), HIGH, bps("d", 1001)]),
        (
            "split_over_whole",
            {"total_bps": 10_001, "maximum": 10_000},
            [rest("a"), capped("c", 5, 9000), bps("d", 1001)],
        ),
        (
            "split_over_whole",
            {"total_bps": 10_001, "maximum": 10_000, "within": "g"},
            [bps("c", 999), rest("g", bps("a", 10_000), bps("b", 1))],
        ),
        ("split_leaves_rest", {"total_bps": 9999}, [bps("c", 9000), bps("d", 999)]),
        ("split_leaves_rest", {"total_bps": 10_000}, [bps("c", 10_000), fixed("d", 1)]),
        ("split_leaves_rest", {"total_bps": 10_000}, [bps("c", 9_000), capped("d", 1, 1000)]),
        ("split_leaves_rest", {"total_bps": 10_000}, [tiered("c", (None, 10_000))]),
        ("split_leaves_rest", {"total_bps": 0}, [fixed("d", 1)]),
        ("split_leaves_rest", {"total_bps": 0}, [capped("d", 1)]),
        ("split_leaves_rest", {"total_bps": 0, "within": ""}, [rest("", fixed("d", 1))]),
    ],
)
def test_a_waterfall_that_does_not_add_up_is_refused(code: str, facts: dict[str, Any], shares: list[Share]) -> None:
    with pytest.raises(InvalidInput) as refused:
        Waterfall(tuple(shares))

    assert (refused.value.code, refused.value.facts) == (code, facts)


@pytest.mark.parametrize(
    ("kind", "minor", "ratio", "tiers"),
    [
        (ShareKind.FIXED, -1, 0, ()),
        (ShareKind.FIXED, MAX_MINOR + 1, 0, ()),
        (ShareKind.FIXED, 1, 1, ()),
        (ShareKind.FIXED, 1, 0, (Tier(None, 1),)),
        (ShareKind.BPS, 0, -1, ()),
        (ShareKind.BPS, 0, WHOLE_BPS + 1, ()),
        (ShareKind.BPS, 1, 1, ()),
        (ShareKind.CAPPED, -1, 1, ()),
        (ShareKind.CAPPED, 1, WHOLE_BPS + 1, ()),
        (ShareKind.CAPPED, 1, 1, (Tier(None, 1),)),
        (ShareKind.TIERED, 1, 0, (Tier(None, 1),)),
        (ShareKind.TIERED, 0, 1, ()),
        (ShareKind.REMAINDER, 1, 0, ()),
        (ShareKind.REMAINDER, 0, 1, ()),
    ],
)
def test_a_share_that_measures_nothing_sensible_is_refused(
    kind: ShareKind, minor: int, ratio: int, tiers: tuple[Tier, ...]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Share("carrier", kind, minor=minor, bps=ratio, tiers=tiers)

    assert (refused.value.code, refused.value.facts) == ("share_invalid", {"role": "carrier"})


def test_a_receiver_has_a_name_and_what_is_kept_is_not_divided() -> None:
    with pytest.raises(InvalidInput) as nameless:
        rest("")
    with pytest.raises(InvalidInput) as kept:
        rest(KEPT, rest("a"))

    assert (nameless.value.code, kept.value.code) == ("share_invalid", "share_invalid")


@pytest.mark.parametrize(
    "tiers",
    [
        [],
        [(100, 1)],
        [(None, 1), (None, 1)],
        [(None, 1), (100, 1)],
        [(0, 1), (None, 1)],
        [(100, 1), (100, 1), (None, 1)],
        [(100, 1), (99, 1), (None, 1)],
        [(MAX_MINOR + 1, 1), (None, 1)],
        [(100, -1), (None, 1)],
        [(100, 1), (None, WHOLE_BPS + 1)],
        [*((i, 1) for i in range(1, MOST_TIERS + 1)), (None, 1)],
    ],
)
def test_tiers_that_do_not_ascend_to_an_open_end_are_refused(tiers: list[tuple[int | None, int]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        tiered("broker", *tiers)

    assert (refused.value.code, refused.value.facts) == ("tiers_invalid", {"role": "broker"})


@st.composite
def waterfalls(draw: st.DrawFn, depth: int = 3) -> tuple[Share, ...]:
    """The shares of a level: any kinds, the remainder anywhere, some of them groups."""
    measured = st.one_of(
        st.builds(lambda ratio: {"kind": ShareKind.BPS, "bps": ratio}, st.integers(0, 2000)),
        st.builds(lambda minor: {"kind": ShareKind.FIXED, "minor": minor}, st.integers(0, 10**4)),
        st.builds(
            lambda minor, ratio: {"kind": ShareKind.CAPPED, "minor": minor, "bps": ratio},
            st.integers(0, 10**6),
            st.integers(0, 2000),
        ),
        st.builds(
            lambda end, low, high: {"kind": ShareKind.TIERED, "tiers": (Tier(end, low), Tier(None, high))},
            st.integers(1, 10**6),
            st.integers(0, 2000),
            st.integers(0, 2000),
        ),
    )
    told: list[dict[str, Any]] = [*draw(st.lists(measured, max_size=4)), {"kind": ShareKind.REMAINDER}]
    shares: list[Share] = []
    for terms in draw(st.permutations(told)):
        inner = draw(waterfalls(depth - 1)) if depth > 1 and draw(st.integers(0, 3)) == 0 else ()
        shares.append(Share("group" if inner else "role", shares=inner, **terms))
    return tuple(shares)


def renamed(shares: tuple[Share, ...], path: str = "") -> tuple[Share, ...]:
    """The same shares, each with a name of its own."""
    return tuple(
        Share(f"{path}/{i}", one.kind, one.minor, one.bps, one.tiers, renamed(one.shares, f"{path}/{i}"))
        for i, one in enumerate(shares)
    )


@given(waterfalls(), st.integers(0, 10**12))
def test_shares_add_up_to_the_amount_on_every_level_or_it_is_refused(shares: tuple[Share, ...], minor: int) -> None:
    waterfall = Waterfall(renamed(shares))
    try:
        told = portions(waterfall, cny(minor))
    except Conflict as refusal:
        assert refusal.code == "split_exceeds_amount"
        assert refusal.facts["shares"] > refusal.facts["amount"]
        return

    assert sum(part.minor for _, part in divide(waterfall, cny(minor))) == minor
    amounts = {one.share.role: one.amount.minor for one in told}
    for one in told:
        amount, rule = one.amount.minor, one.share
        assert 0 <= amount <= one.whole.minor
        assert not rule.shares or sum(amounts[inner.role] for inner in rule.shares) == amount
        assert rule.kind is not ShareKind.FIXED or amount == rule.minor
        assert rule.kind is not ShareKind.BPS or amount == one.whole.minor * rule.bps // WHOLE_BPS
        assert rule.kind is not ShareKind.CAPPED or amount <= rule.minor
        if rule.kind is ShareKind.TIERED:
            low, high = rule.tiers
            below = min(one.whole.minor, low.up_to_minor or 0)
            exact = below * low.bps + (one.whole.minor - below) * high.bps
            assert 0 <= exact - amount * WHOLE_BPS < 2 * WHOLE_BPS


@given(st.lists(st.integers(0, 100), min_size=2, max_size=8), st.integers(0, 10**27))
def test_ratios_of_the_whole_are_each_less_than_a_unit_from_exact(weights: list[int], minor: int) -> None:
    weights[-1] = WHOLE_BPS - sum(weights[:-1])

    shares = list(minors([bps(f"role{i}", weight) for i, weight in enumerate(weights)], minor).values())

    assert sum(shares) == minor
    assert all(abs(part * WHOLE_BPS - minor * w) < WHOLE_BPS for part, w in zip(shares, weights, strict=True))
