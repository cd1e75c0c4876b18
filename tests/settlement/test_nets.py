"""Netting as arithmetic: nobody gets more or less by it, and few payments are left."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.settlement.domain.nets import Flow, Mode, Position, Sums, Transfer, netted_by, positions

A, B, C, D = range(4)
PARTIES = st.integers(0, 11)
OWED = st.builds(Transfer, PARTIES, PARTIES, st.integers(1, 10**15)).filter(lambda one: one.payer != one.payee)
MANY = st.lists(OWED, max_size=60)


def sums(*owed: Transfer) -> Sums:
    return Sums().and_also(owed)


def nets(transfers: list[Transfer] | tuple[Transfer, ...]) -> dict[int, int]:
    """What each party gets in all, of those that get or pay anything."""
    net: Counter[int] = Counter()
    for one in transfers:
        net[one.payee] += one.minor
        net[one.payer] -= one.minor
    return {party: minor for party, minor in net.items() if minor}


def test_obligations_of_one_way_are_one_flow() -> None:
    summed = sums(Transfer(A, B, 5), Transfer(B, A, 3), Transfer(A, B, 7))

    assert summed.listed() == (Flow(A, B, 2, 12), Flow(B, A, 1, 3))
    assert (summed.count, summed.minor) == (3, 15)


def test_what_two_owe_each_other_is_paid_by_the_one_that_owes_more() -> None:
    summed = sums(Transfer(A, B, 5), Transfer(B, A, 8), Transfer(C, B, 4))

    assert netted_by(Mode.BILATERAL, summed) == (Transfer(B, A, 3), Transfer(C, B, 4))


def test_what_two_owe_each_other_alike_needs_no_payment() -> None:
    assert netted_by(Mode.BILATERAL, sums(Transfer(A, B, 8), Transfer(B, A, 8))) == ()


def test_a_ring_of_alike_debts_needs_no_payment_among_all() -> None:
    ring = sums(Transfer(A, B, 9), Transfer(B, C, 9), Transfer(C, A, 9))

    assert netted_by(Mode.MULTILATERAL, ring) == ()
    assert netted_by(Mode.BILATERAL, ring) == (Transfer(A, B, 9), Transfer(C, A, 9), Transfer(B, C, 9))


def test_among_all_the_largest_debt_is_paid_to_the_largest_claim() -> None:
    summed = sums(Transfer(A, C, 70), Transfer(A, D, 20), Transfer(B, D, 30), Transfer(C, B, 5))

    assert positions(summed) == (Position(A, 90, 0), Position(B, 30, 5), Position(C, 5, 70), Position(D, 0, 50))
    assert netted_by(Mode.MULTILATERAL, summed) == (Transfer(A, C, 65), Transfer(A, D, 25), Transfer(B, D, 25))


def test_of_alike_parties_the_one_that_came_first_is_first() -> None:
    summed = sums(Transfer(D, A, 10), Transfer(C, B, 10))

    assert netted_by(Mode.MULTILATERAL, summed) == (Transfer(C, A, 10), Transfer(D, B, 10))


@pytest.mark.parametrize("mode", Mode)
def test_nothing_is_owed_where_there_is_nothing(mode: Mode) -> None:
    assert netted_by(mode, Sums()) == ()


@given(owed=MANY, cut=st.integers(0, 60))
def test_sums_do_not_depend_on_where_a_page_ends(owed: list[Transfer], cut: int) -> None:
    assert Sums().and_also(owed[:cut]).and_also(owed[cut:]) == sums(*owed)


@given(owed=MANY)
@pytest.mark.parametrize("mode", Mode)
def test_netting_leaves_each_party_with_what_it_would_have_got(mode: Mode, owed: list[Transfer]) -> None:
    transfers = netted_by(mode, sums(*owed))

    assert nets(transfers) == nets(owed)
    assert all(one.minor > 0 and one.payer != one.payee for one in transfers)
    assert sum(one.minor for one in transfers) <= sum(one.minor for one in owed)


@given(owed=MANY)
def test_netting_among_all_needs_one_payment_less_than_parties(owed: list[Transfer]) -> None:
    transfers = netted_by(Mode.MULTILATERAL, sums(*owed))

    assert len(transfers) <= max(0, len(nets(owed)) - 1)
    assert not {one.payer for one in transfers} & {one.payee for one in transfers}


@given(owed=MANY)
def test_netting_between_two_needs_one_payment_and_never_more_than_was_owed(owed: list[Transfer]) -> None:
    gross: Counter[tuple[int, int]] = Counter()
    for one in owed:
        gross[one.payer, one.payee] += one.minor

    transfers = netted_by(Mode.BILATERAL, sums(*owed))

    assert len({frozenset((one.payer, one.payee)) for one in transfers}) == len(transfers)
    for one in transfers:
        assert one.minor == gross[one.payer, one.payee] - gross[one.payee, one.payer]


@given(owed=st.lists(OWED, max_size=60), order=st.randoms(use_true_random=False))
@pytest.mark.parametrize("mode", Mode)
def test_netting_does_not_depend_on_the_order_of_obligations(mode: Mode, owed: list[Transfer], order: Random) -> None:
    mixed = list(owed)
    order.shuffle(mixed)

    assert netted_by(mode, sums(*mixed)) == netted_by(mode, sums(*owed))
