"""An account's lines: one for each entry, chained, the same whoever folds them and in whatever portions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Defect
from chalicelib.ledger.lines import (
    Booked,
    DaySum,
    Line,
    Step,
    booked,
    chain,
    check_chain,
    day_sums,
    expand,
    is_explained,
    loose,
)
from chalicelib.storage.journal import JournalItem, Leg

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ACCOUNT = "ten_steel#acc_mill"

facts = st.tuples(st.integers(-50, 50), st.integers(-3, 3), st.integers(-600, 600), st.integers(-3, 3))
"""Amount, seconds between the recording clocks, hours between the effective ones, what is held."""


def entry(number: int, amount: int, *, seconds: int = 0, hours: int = 0, held: int = 0) -> Booked:
    return booked(
        JournalItem(
            tenant="ten_steel",
            entry_id=f"ent_{number}",
            key=f"c:{number}",
            fingerprint=b"",
            kind="entry.posted",
            actor="cli_1",
            recorded_at=NOON + timedelta(seconds=seconds),
            occurred_at=NOON + timedelta(hours=hours),
            legs=(Leg("acc_mill", amount, "CNY"), Leg("acc_bank", -amount, "CNY")),
            reference=f"INV {number}",
            data={"held_account_id": "acc_mill", "held_minor": held} if held else {},
        )
    )


def step(version: int, entries: list[Booked], *, balance: int = 0, held: int = 0) -> Step:
    amount = sum(told.moved["acc_mill"] for told in entries)
    return Step("ten_steel", "acc_mill", version, len(entries), balance, amount, held, entries[-1].entry_id)


def lines(*amounts: int) -> tuple[Line, ...]:
    entries = booked_of(amounts)
    return chain(None, expand(step(0, entries), entries))


def booked_of(amounts: tuple[int, ...]) -> list[Booked]:
    return [entry(i, amount) for i, amount in enumerate(amounts)]


def of_facts(told: list[tuple[int, int, int, int]]) -> list[Line]:
    """The lines of one entry after the other, each not chained yet."""
    found: list[Line] = []
    for number, (amount, seconds, hours, held) in enumerate(told):
        one = [entry(number, amount, seconds=seconds, hours=hours)]
        found += expand(step(number, one, balance=found[-1].balance if found else 0, held=held), one)
    return found


def test_a_change_by_one_entry_is_one_line() -> None:
    (line,) = expand(step(4, [entry(1, -5, hours=-3)], balance=7, held=2), [entry(1, -5, hours=-3)])

    assert line == Line(
        account=ACCOUNT,
        version=5,
        entry_id="ent_1",
        amount=-5,
        balance=2,
        held=2,
        at="2026-03-02T12:00:00.000000Z",
        occurred="2026-03-02T09:00:00.000000Z#000000000005",
        reference="INV 1",
        digest=entry(1, -5, hours=-3).digest,
    )
    assert (line.occurred_at, line.day) == ("2026-03-02T09:00:00.000000Z", 20260302)


def test_a_change_by_several_entries_is_a_line_for_each_in_their_order() -> None:
    entries = [entry(0, 3, held=-2), entry(1, -1, held=6), entry(2, 5)]

    found = expand(step(2, entries, balance=10, held=4), entries)

    assert [(line.version, line.entry_id, line.amount, line.balance, line.held) for line in found] == [
        (3, "ent_0", 3, 13, -2),
        (4, "ent_1", -1, 12, 6),
        (5, "ent_2", 5, 17, 0),
    ]


@pytest.mark.parametrize("changes", [{"lines": 3}, {"held": 1}, {"lines": 1}], ids=str)
def test_entries_that_are_not_what_the_change_says_are_a_defect(changes: dict[str, Any]) -> None:
    entries = booked_of((1, 1))

    with pytest.raises(Defect):
        expand(replace(step(0, entries), **changes), entries)


def test_a_change_is_explained_by_entries_that_move_as_much() -> None:
    entries = booked_of((1, 1))

    assert is_explained(step(0, entries), entries)
    assert not is_explained(replace(step(0, entries), amount=3), entries)


def test_a_line_moves_what_its_entry_says_whatever_the_account_says() -> None:
    one = [entry(1, 5)]

    (line,) = expand(replace(step(0, one), amount=7), one)

    assert line.amount == 5


def test_a_line_is_chained_by_exactly_this_content() -> None:
    first, second = lines(5, -2)

    def told(line: Line, balance: int, previous: str | None) -> dict[str, Any]:
        return {
            "account": ACCOUNT,
            "amount": line.amount,
            "at": line.at,
            "balance": balance,
            "digest": line.digest,
            "entry_id": line.entry_id,
            "held": 0,
            "occurred": line.occurred,
            "previous": previous,
            "reference": line.reference,
            "version": line.version,
        }

    contents = [told(first, 5, "0" * 64), told(second, 3, first.hash)]
    texts = [json.dumps(content, sort_keys=True, separators=(",", ":")) for content in contents]

    assert [line.hash for line in (first, second)] == [sha256(text.encode()).hexdigest() for text in texts]


def test_lines_run_forward_whatever_the_clocks_of_their_entries_say() -> None:
    found = chain(None, of_facts([(1, 10, 0, 0), (1, 3, 0, 0), (1, 7, 0, 0), (1, 11, 0, 0)]))

    assert [line.at[17:19] for line in found] == ["10", "10", "10", "11"]


def test_debits_and_balance_run_along() -> None:
    assert [(line.balance, line.debits) for line in lines(5, -2, 4, 0, -9)] == [
        (5, 5),
        (3, 5),
        (7, 9),
        (7, 9),
        (-2, 9),
    ]


@given(st.lists(facts, min_size=1, max_size=12), st.lists(st.integers(1, 4), max_size=12))
def test_portions_and_detours_make_no_difference(told: list[tuple[int, int, int, int]], sizes: list[int]) -> None:
    """Whether lines are chained one by one, in portions, or after they lay loose."""
    found = of_facts(told)
    at_once = chain(None, found)

    portions: list[Line] = []
    waiting = list(found)
    for size in [*sizes, len(told)]:
        previous = portions[-1] if portions else None
        portions += chain(previous, loose(None, waiting[:size]))
        waiting = waiting[size:]

    assert tuple(portions) == at_once
    assert [line.balance for line in at_once] == [line.balance for line in found]
    assert check_chain(at_once) is None


def test_a_line_is_chained_behind_its_predecessor_only() -> None:
    first, second, third = lines(1, 2, 3)

    for previous, line in ((None, second), (first, third), (replace(first, hash=None), second)):
        with pytest.raises(Defect):
            chain(previous, [line])


def test_an_account_without_lines_is_whole() -> None:
    assert check_chain([]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 3},
        {"balance": 8},
        {"held": 1},
        {"debits": 8},
        {"at": "2026-03-02T11:00:00.000000Z"},
        {"occurred": "2026-03-02T12:00:00.000000Z#000000000009"},
        {"entry_id": "ent_9"},
        {"reference": None},
        {"digest": "00"},
        {"hash": "00"},
        {"hash": None},
        {"account": "ten_steel#acc_other"},
    ],
    ids=str,
)
def test_whatever_is_changed_in_a_line_is_found(change: dict[str, Any]) -> None:
    first, second, third = lines(5, 2, 1)

    assert check_chain([first, replace(second, **change), third]) == 2


def test_a_line_that_is_missing_or_was_put_in_another_place_is_found() -> None:
    first, second, third = lines(5, 2, 1)

    assert check_chain([first, third]) == 2
    assert check_chain([second, third]) == 1
    assert check_chain([first, third, second]) == 2
    assert check_chain([third], previous=second) is None
    assert check_chain([first, *chain(first, lines(5, 3, 1)[1:2]), third]) == 3


def test_that_a_line_was_filled_in_later_is_no_break() -> None:
    first, second = lines(5, 2)

    assert check_chain([first, replace(second, refilled=True)]) is None


@given(st.lists(facts, max_size=12))
def test_days_add_up_to_what_the_lines_move(told: list[tuple[int, int, int, int]]) -> None:
    found = of_facts(told)
    days = {day.day: day for day in day_sums(found)}

    assert sum(day.total for day in days.values()) == sum(line.amount for line in found)
    for line in found:
        assert not line.amount or days[line.day].first <= line.version <= days[line.day].last


def test_a_day_tells_its_debits_and_leaves_out_what_moves_nothing() -> None:
    found = of_facts([(5, 0, 0, 0), (-3, 0, 24, 0), (-1, 0, 1, 0), (0, 0, 0, 7)])

    assert day_sums(found) == (DaySum(20260302, 4, 5, 1, 3), DaySum(20260303, -3, 0, 2, 2))
