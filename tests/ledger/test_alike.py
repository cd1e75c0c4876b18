"""Movements that are alike: what is read for one does not grow with what its own message states, and what a process
remembers of other messages never decides by what has changed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.money import Money
from chalicelib.ledger.movements import MovementFacts, Source, Verdict
from chalicelib.ledger.store import movements
from chalicelib.ledger.store.movements import Identified, identify
from chalicelib.storage.reads import Page
from tests.support.calls import TENANT
from tests.support.dynamodb_local import Tables

FACTS = MovementFacts("acc_bank", Money(500, "CNY"), "", date(2026, 3, 2))
COMMON = replace(FACTS, reference="BATCH")


@pytest.fixture(autouse=True)
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    movements._days.clear()
    yield
    movements._days.clear()


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each query brings."""
    brought: list[int] = []
    real = movements.query

    def counted(*args: Any, **more: Any) -> Page:
        page = real(*args, **more)
        brought.append(len(page.items))
        return page

    monkeypatch.setattr(movements, "query", counted)
    return brought


def own(facts: MovementFacts) -> MovementFacts:
    """The same on an account that no other test has."""
    return replace(facts, account_id=f"acc_{uuid.uuid4().hex[:26]}")


def stated(facts: MovementFacts, message: str, count: int) -> list[Identified]:
    """What a message of so many equal movements comes to."""
    return [identify(TENANT, facts, Source(message, f"0/{n}", equal_before=n)) for n in range(count)]


@pytest.mark.parametrize("facts", [FACTS, COMMON, replace(COMMON, end_to_end_id="E-1")])
def test_a_message_of_equal_movements_reads_none_of_its_own_again(
    facts: MovementFacts, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movements, "MOST_OF_REFERENCE", 3)
    facts = own(facts)
    for _ in range(2):
        rows.clear()
        found = stated(facts, "m-1", 12)

        assert len({each.movement.key for each in found}) == 12
        assert sum(rows) <= 3 * 12


def test_another_message_reads_those_of_the_first_once(rows: list[int]) -> None:
    facts = own(FACTS)
    first = stated(facts, "m-1", 12)
    rows.clear()

    again = stated(facts, "m-2", 14)

    assert [each.verdict for each in again] == [Verdict.DOUBTFUL] * 12 + [Verdict.ANOTHER] * 2
    assert {each.movement.doubts for each in again} - {""} == {each.movement.key for each in first}
    assert sum(rows) == 12


def test_a_series_takes_each_of_the_first_once(rows: list[int]) -> None:
    facts = own(FACTS)
    sources = [[Source(f"m-{m}", f"0/{n}", n, series="s") for n in range(9)] for m in range(2)]
    first, again = ([identify(TENANT, facts, source) for source in message] for message in sources)

    assert [each.movement.key for each in again] == [each.movement.key for each in first]
    assert {each.verdict for each in again} == {Verdict.SAME}


def test_a_movement_of_a_day_that_another_process_has_completed_is_read_anew() -> None:
    """It has a reference by now, and one of another reference is another movement."""
    facts = own(FACTS)
    (first,) = stated(facts, "m-1", 1)
    stated(replace(facts, end_to_end_id="E-9", amount=facts.amount), "m-2", 1)
    remembered = dict(movements._days)

    movements._days.clear()
    series = Source("m-3", "0/0", series="s", is_proved=True)
    completed = identify(TENANT, replace(facts, reference="R-1"), series)
    movements._days.update(remembered)
    later = identify(TENANT, replace(facts, reference="R-2"), Source("m-2", "0/7"))

    assert (completed.verdict, completed.movement.key) == (Verdict.SAME, first.movement.key)
    assert later.movement.key not in {first.movement.key, completed.movement.key}
    assert later.movement.doubts != first.movement.key


STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),  # the process
        st.sampled_from(["m-1", "m-2", "m-3"]),
        st.sampled_from(["", "R-1", "R-2"]),
        st.sampled_from(["", "E-1", "E-2"]),
        st.booleans(),  # a proved statement
    ),
    max_size=10,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_two_processes_that_remember_judge_as_one_that_reads_all_anew(steps: list[Any]) -> None:
    results = []
    for remembers in (True, False):
        facts, memories, at = own(FACTS), [{}, {}], {"m-1": 0, "m-2": 0, "m-3": 0}
        found = []
        for process, message, reference, end_to_end_id, is_proved in steps:
            movements._days.clear()
            movements._days.update(memories[process] if remembers else {})
            stated_now = replace(facts, reference=reference, end_to_end_id=end_to_end_id)
            judged = identify(TENANT, stated_now, Source(message, f"0/{at[message]}", is_proved=is_proved))
            at[message] += 1
            memories[process] = dict(movements._days)
            found.append((judged.verdict, _plain(judged.movement.key, facts), _plain(judged.movement.doubts, facts)))
        results.append(found)

    assert results[0] == results[1]


def _plain(key: str, facts: MovementFacts) -> str:
    return key.replace(facts.account_id, "")
