"""Refunds that unwind a split: worked numbers, refusals, and that any sequence of them comes to exactly the whole."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.money import Money
from chalicelib.splits.domain.unwinding import unwind

SEQUENCES = 20_000


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def minors(received: dict[str, int], given_back: dict[str, int], minor: int) -> dict[str, int]:
    return {role: part.minor for role, part in unwind(tuple(received.items()), given_back, cny(minor))}


def test_a_refund_is_taken_in_proportion_to_what_each_has_left() -> None:
    received = {"mill": 900, "carrier": 80, "platform": 20}

    first = minors(received, {}, 500)
    second = minors(received, first, 255)

    assert first == {"mill": 450, "carrier": 40, "platform": 10}
    assert second == {"mill": 230, "carrier": 20, "platform": 5}


def test_who_has_given_all_back_is_asked_for_no_more() -> None:
    assert minors({"a": 10, "b": 10, "c": 0}, {"a": 10}, 7) == {"a": 0, "b": 7, "c": 0}


def test_the_spare_units_are_taken_by_the_largest_remainder_and_the_earlier_of_equals() -> None:
    assert minors({"a": 1, "b": 1, "c": 1}, {}, 1) == {"a": 1, "b": 0, "c": 0}
    assert minors({"a": 1, "b": 5}, {}, 3) == {"a": 1, "b": 2}


def test_nothing_is_taken_of_nothing() -> None:
    assert minors({"a": 5}, {"a": 5}, 0) == {"a": 0}
    assert unwind((), {}, cny(0)) == ()


def test_more_than_is_left_is_refused_with_both_amounts() -> None:
    with pytest.raises(Conflict) as refused:
        unwind((("a", 10), ("b", 5)), {"a": 4}, cny(12))

    facts = {"requested": 12, "left": 11, "currency": "CNY"}
    assert (refused.value.code, refused.value.facts) == ("refund_exceeds_received", facts)


@pytest.mark.parametrize(("given_back", "minor"), [({}, -1), ({"a": 11}, 1)])
def test_what_makes_no_sense_is_a_defect(given_back: dict[str, int], minor: int) -> None:
    with pytest.raises(Defect):
        unwind((("a", 10), ("b", 5)), given_back, cny(minor))


@given(
    st.lists(st.tuples(st.integers(0, 10**27), st.integers(0, 10**27)), min_size=1, max_size=8),
    st.data(),
)
def test_no_part_is_negative_or_more_than_is_left_and_each_is_less_than_a_unit_from_exact(
    legs: list[tuple[int, int]], data: st.DataObject
) -> None:
    received = {str(i): max(leg) for i, leg in enumerate(legs)}
    given_back = {str(i): min(leg) for i, leg in enumerate(legs)}
    left = {role: minor - given_back[role] for role, minor in received.items()}
    whole = sum(left.values())
    minor = data.draw(st.integers(0, min(whole, 10**27)))

    parts = minors(received, given_back, minor)

    assert sum(parts.values()) == minor
    for role, part in parts.items():
        assert 0 <= part <= left[role]
        assert abs(part * whole - minor * left[role]) < max(whole, 1)


def test_twenty_thousand_random_sequences_of_refunds_unwind_to_exactly_zero() -> None:
    for seed in range(SEQUENCES):
        chance = random.Random(seed)
        received = {str(i): chance.choice((0, 1, 7, 999, 10**9)) for i in range(chance.randint(1, 5))}
        back = dict.fromkeys(received, 0)
        left = sum(received.values())
        for _ in range(4):
            minor = chance.randint(0, left)
            for role, part in minors(received, back, minor).items():
                back[role] += part
            left -= minor
            if not all(0 <= back[role] <= received[role] for role in received):
                pytest.fail(f"seed {seed}: {received} gave {back}")

        last = minors(received, back, left)

        if {role: back[role] + part for role, part in last.items()} != received:
            pytest.fail(f"seed {seed}: {received} gave {back}, then {last}")
