"""The parts of a receipt: how many stand is limited, how often they are made and undone is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict
from chalicelib.settlement.domain.receipts import (
    MAX_ALLOCATIONS,
    Allocation,
    Receipt,
    Target,
    next_number,
    with_allocation,
    with_ended,
    with_reversal_undone,
    with_taken_back,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AMOUNT = 1_000


def receipt(minor: int = AMOUNT) -> Receipt:
    return Receipt(
        receipt_id="rcp_1",
        bank_id="bank",
        iban="X",
        bank_reference="R",
        currency="CNY",
        amount_minor=minor,
        unallocated_minor=minor,
        reference="",
        booked_on=None,
        value_on=None,
        counterparty_name="",
        counterparty_account="",
        reason="unknown_reference",
        entry_id="ent_1",
        received_at=NOW,
    )


def allocated(before: Receipt, minor: int, target_id: str = "acc_1") -> Receipt:
    number = next_number(before)
    part = Allocation(number, Target.ACCOUNT, target_id, minor, f"ent_{number}", NOW, "caller")
    return with_allocation(before, part)


def undone(before: Receipt, number: int) -> Receipt:
    return with_ended(before, number, before.allocation(number).standing_minor)


def reversed_by_bank(before: Receipt, target_id: str, minor: int) -> Receipt:
    return with_taken_back(before, Target.ACCOUNT, target_id, minor)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_receipt_is_allocated_and_undone_as_often_as_somebody_likes(sign: int) -> None:
    now = receipt(sign * AMOUNT)
    for round_ in range(1, 4 * MAX_ALLOCATIONS):
        now = allocated(now, sign * AMOUNT)
        now = undone(now, round_)

    assert (now.unallocated_minor, next_number(now), len(now.allocations)) == (
        sign * AMOUNT,
        4 * MAX_ALLOCATIONS,
        MAX_ALLOCATIONS,
    )
    assert [one.number for one in now.allocations][-1] == 4 * MAX_ALLOCATIONS - 1


def test_the_last_part_that_a_receipt_has_room_for_takes_all_that_is_left() -> None:
    now = receipt()
    for _ in range(MAX_ALLOCATIONS - 1):
        now = allocated(now, 1)

    with pytest.raises(Conflict, match="takes all that is left") as refused:
        allocated(now, 1)
    full = allocated(now, now.unallocated_minor)

    assert (refused.value.code, full.unallocated_minor) == ("too_many_allocations", 0)
    again = undone(full, 7)
    assert allocated(again, again.unallocated_minor).allocations[-1].number == MAX_ALLOCATIONS + 1


def test_a_part_that_the_bank_has_taken_back_is_kept_until_that_is_undone() -> None:
    now = reversed_by_bank(allocated(receipt(), 10, "taken"), "taken", 10)
    for _ in range(2 * MAX_ALLOCATIONS):
        now = undone(allocated(now, 1), next_number(now))

    assert (now.allocation(1).reversed_minor, now.reversed_minor) == (10, 10)
    back = with_reversal_undone(now, 10, {1: 4})
    kept = back.allocation(1)
    assert (kept.standing_minor, kept.reversed_minor, back.reversed_minor) == (4, 0, 0)
    assert back.unallocated_minor == AMOUNT - 4


STEPS = st.lists(
    st.tuples(st.sampled_from(["allocate", "undo", "take back", "give back"]), st.integers(0, 999)), max_size=200
)


@given(STEPS)
def test_whatever_is_done_the_parts_sum_up_and_no_number_comes_twice(steps: list[tuple[str, int]]) -> None:
    now, made = receipt(), 0
    for step, n in steps:
        standing = [part for part in now.allocations if part.standing_minor]
        counted = sum(not part.is_undone for part in now.allocations)
        if step == "allocate" and now.unallocated_minor and counted < MAX_ALLOCATIONS - 1:
            now, made = allocated(now, now.unallocated_minor - n % now.unallocated_minor, f"acc_{n % 3}"), made + 1
        elif step == "undo" and standing:
            now = undone(now, standing[n % len(standing)].number)
        elif step == "take back" and standing:
            part = standing[n % len(standing)]
            now = reversed_by_bank(now, part.target_id, 1 + n % part.standing_minor)
        elif step == "give back" and now.reversed_minor:
            now = with_reversal_undone(now, now.reversed_minor, {})
        by_bank = sum(part.reversed_minor for part in now.allocations)
        assert (next_number(now), by_bank) == (made + 1, now.reversed_minor)
        assert len(now.allocations) <= MAX_ALLOCATIONS
        numbers = [part.number for part in now.allocations]
        assert numbers == sorted(set(numbers))
