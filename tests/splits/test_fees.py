"""Fees: worked numbers, who bears them, the refusals in their order, and that nothing is lost between the two sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.splits.domain.fees import MOST_FEES, Borne, Fee, SplitFee, bear, charge
from chalicelib.splits.domain.waterfall import KEPT, WHOLE_BPS, Shares


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def shares(**minors: int) -> Shares:
    return tuple((role, cny(minor)) for role, minor in minors.items())


def plain(borne: Borne) -> tuple[int, dict[str, int], dict[str, int]]:
    return (
        borne.on_top.minor,
        {role: part.minor for role, part in borne.shares},
        {role: part.minor for role, part in borne.fees},
    )


def test_a_trade_fee_is_parted_between_payer_and_bearer_without_a_rest() -> None:
    charged = charge(Fee("platform", 30, payer_bps=5000, borne_by="mill"), cny(181_537_976))

    assert (charged.on_top.minor, charged.taken.minor) == (272_306, 272_307)


@pytest.mark.parametrize(("ratio", "payer"), [(-1, 0), (WHOLE_BPS + 1, 0), (1, -1), (1, WHOLE_BPS + 1)])
def test_a_trade_fee_beyond_the_whole_is_refused(ratio: int, payer: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        Fee("platform", ratio, payer_bps=payer)

    assert (refused.value.code, refused.value.facts) == ("fee_invalid", {"role": "platform"})


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, WHOLE_BPS), st.integers(0, WHOLE_BPS))
def test_neither_part_of_a_trade_fee_falls_when_the_amount_grows(one: int, more: int, ratio: int, payer: int) -> None:
    fee = Fee("platform", ratio, payer_bps=payer)

    small, large = charge(fee, cny(one)), charge(fee, cny(one + more))

    assert small.on_top.minor <= large.on_top.minor
    assert small.taken.minor <= large.taken.minor


def test_the_payer_bears_a_fee_on_top_and_no_share_changes() -> None:
    borne = bear(
        [SplitFee("bank", minor=500), SplitFee("platform", bps=30)], shares(mill=9_000, carrier=999), cny(9_999)
    )

    assert plain(borne) == (529, {"mill": 9_000, "carrier": 999}, {"bank": 500, "platform": 29})


def test_a_receiver_bears_fees_out_of_its_share() -> None:
    fees = [SplitFee("bank", minor=500, borne_by="mill"), SplitFee("platform", bps=30, borne_by="mill")]

    borne = bear(fees, shares(mill=9_000, carrier=999), cny(9_999))

    assert plain(borne) == (0, {"mill": 8_471, "carrier": 999}, {"bank": 500, "platform": 29})


def test_two_fees_of_one_are_paid_together() -> None:
    fees = [SplitFee("bank", minor=5), SplitFee("bank", minor=7, borne_by="mill")]

    assert plain(bear(fees, shares(mill=7), cny(7))) == (5, {"mill": 0}, {"bank": 12})


@pytest.mark.parametrize(
    ("role", "minor", "ratio"),
    [
        ("", 1, 0),
        (KEPT, 1, 0),
        ("bank", -1, 0),
        ("bank", MAX_MINOR + 1, 0),
        ("bank", 0, -1),
        ("bank", 0, WHOLE_BPS + 1),
    ],
)
def test_a_fee_that_makes_no_sense_is_refused(role: str, minor: int, ratio: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        SplitFee(role, minor, ratio)

    assert (refused.value.code, refused.value.facts) == ("fee_invalid", {"role": role})


UNKNOWN = SplitFee("bank", 1, borne_by="nobody")
HUGE = SplitFee("bank", 8, borne_by="mill")


@pytest.mark.parametrize(
    ("code", "facts", "fees"),
    [
        ("too_many_fees", {"field": "fees", "maximum": MOST_FEES}, [UNKNOWN] * (MOST_FEES + 1)),
        ("fee_bearer_unknown", {"field": "fees[1].borne_by", "borne_by": "nobody"}, [HUGE, UNKNOWN]),
        ("fee_bearer_unknown", {"field": "fees[0].borne_by", "borne_by": KEPT}, [SplitFee("bank", borne_by=KEPT)]),
        ("fee_exceeds_share", {"borne_by": "mill", "share": 7, "fees": 9}, [SplitFee("x", 1, borne_by="mill"), HUGE]),
    ],
)
def test_fees_that_nobody_can_bear_are_refused(code: str, facts: dict[str, object], fees: list[SplitFee]) -> None:
    with pytest.raises((InvalidInput, Conflict)) as refused:
        bear(fees, shares(mill=7, kept=5), cny(12))

    assert (refused.value.code, refused.value.facts) == (code, facts)


borne_by = st.sampled_from(["", "a", "b"])
some_fees = st.lists(
    st.builds(SplitFee, st.sampled_from(["x", "y"]), st.integers(0, 99), st.integers(0, 999), borne_by)
)


@given(some_fees, st.integers(0, 10**6), st.integers(0, 10**6))
def test_shares_and_fees_come_to_the_amount_and_what_is_on_top(fees: list[SplitFee], one: int, two: int) -> None:
    try:
        on_top, left, gets = plain(bear(fees, shares(a=one, b=two), cny(one + two)))
    except (InvalidInput, Conflict) as refusal:
        assert refusal.code in {"too_many_fees", "fee_exceeds_share"}
        return

    assert sum(left.values()) + sum(gets.values()) == one + two + on_top
    assert min([*left.values(), *gets.values()]) >= 0
