"""Conditions of an entry: decided in the write, on the balance before it, whatever the kind of account."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal, TooLarge
from chalicelib.core.instants import instant_text
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.conditions import Condition, Rule, check_conditions
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.service.entries import post_entry
from tests.ledger.books import Books, at_least, at_most, entry, exactly, new_books, refused
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, watching


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Books:
    return new_books(session_tables, monkeypatch)


LEGS = (debit("acc_a", Money(1, "CNY")), credit("acc_b", Money(1, "CNY")))


@pytest.mark.parametrize(
    ("conditions", "kind", "code", "facts"),
    [
        ([at_least("acc_a", 1)] * 11, InvalidInput, "too_many_conditions", {"field": "conditions", "maximum": 10}),
        (
            [at_least("acc_a", 1), at_least("hot_a", 1)],
            InvalidInput,
            "account_deferred",
            {"field": "conditions[1].account_id", "account_id": "hot_a"},
        ),
        (
            [exactly("acc_a", -MAX_MINOR - 1)],
            InvalidInput,
            "amount_too_large",
            {"field": "conditions[0]", "maximum": MAX_MINOR},
        ),
    ],
)
def test_conditions_that_cannot_be_asked_are_refused_in_their_order(
    conditions: list[Condition], kind: type[Refusal], code: str, facts: dict[str, object]
) -> None:
    refusal = refused(lambda: check_conditions(conditions, LEGS))

    assert (type(refusal), refusal.code, refusal.facts) == (kind, code, facts)


def test_an_entry_and_what_it_asks_for_are_at_most_a_hundred_items() -> None:
    legs = tuple(debit(f"acc_{i}", Money(1, "CNY")) for i in range(90))
    asked = [at_least(f"acc_other_{i}", 0) for i in range(10)]

    check_conditions(asked[1:], legs)
    refusal = refused(lambda: check_conditions(asked, legs))

    assert (type(refusal), refusal.code, refusal.facts) == (TooLarge, "entry_too_large", {"items": 101, "maximum": 100})


@given(st.sampled_from(Rule), st.integers(-5, 5), st.integers(-5, 5))
def test_a_condition_compares_the_own_balance(rule: Rule, minor: int, balance: int) -> None:
    met = {Rule.AT_LEAST: balance >= minor, Rule.AT_MOST: balance <= minor, Rule.EXACTLY: balance == minor}

    assert Condition("acc_a", rule, minor).met(balance) == met[rule]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("moved", [True, False], ids=["on an account it moves", "on another"])
def test_each_rule_holds_at_its_edge_and_no_further_on_every_kind(books: Books, kind: Kind, moved: bool) -> None:
    account, bank, other = books.opened(kind, funds=100), books.opened(Kind.ASSET), books.opened()
    pair = (bank, account) if moved and not kind.debit_normal else (account, other) if moved else (bank, other)
    failing = [at_least(account, 101), at_most(account, 99), exactly(account, 99), exactly(account, -100)]

    codes = [refused(lambda asked=asked: books.post(*pair, 1, conditions=(asked,))).code for asked in failing]  # type: ignore[misc]
    books.post(*pair, 1, conditions=(at_least(account, 100), at_most(account, 100), exactly(account, 100)))

    assert codes == ["condition_not_met"] * 4
    assert books.balances(account) == [101 if moved else 100]


def test_a_refusal_tells_what_was_wanted_and_what_there_was(books: Books) -> None:
    bank, party, other = books.opened(Kind.ASSET), books.opened(funds=40), books.opened()
    command = books.call()

    asked = entry(bank, other, 1, conditions=(at_least(party, 40), at_least(party, 41)))
    refusal = refused(lambda: post_entry(command, asked))

    assert isinstance(refusal, Conflict)
    assert (refusal.code, refusal.facts) == (
        "condition_not_met",
        {"account_id": party, "rule": "at_least", "wanted_minor": 41, "actual_minor": 40},
    )
    assert not books.wrote(command)


def test_rules_of_the_account_come_before_its_conditions_and_room_comes_after(books: Books) -> None:
    party, other = books.opened(funds=40, floor=0), books.opened()
    asked = (exactly(party, 1),)
    codes = [refused(lambda: books.post(party, other, 41, conditions=asked)).code]
    books.altered(party, closed_until=instant_text(MONDAY))
    codes.append(refused(lambda: books.post(party, other, 41, conditions=asked)).code)
    books.altered(party, status="frozen")
    codes.append(refused(lambda: books.post(party, other, 41, conditions=asked)).code)

    assert codes == ["condition_not_met", "period_closed", "account_frozen"]


def test_an_account_that_is_only_asked_for_may_be_frozen_but_must_exist(books: Books) -> None:
    bank, party, frozen = books.opened(Kind.ASSET), books.opened(), books.opened(funds=5)
    books.altered(frozen, status="frozen")

    missing = refused(lambda: books.post(bank, party, 1, conditions=(at_least("acc_none", 0),)))
    books.post(bank, party, 1, conditions=(exactly(frozen, 5),))

    assert (type(missing), missing.code, missing.facts) == (NotFound, "account_not_found", {"account_id": "acc_none"})
    assert books.balances(party, frozen) == [1, 5]
    assert books.versions(frozen) == [1]


def test_an_entry_with_conditions_is_one_call_and_no_read(books: Books) -> None:
    bank, party, other = books.opened(Kind.ASSET), books.opened(), books.opened()

    with watching() as calls:
        books.post(bank, party, 1, conditions=(exactly(party, 0), at_most(other, 0)))

    assert calls.operations == ["dynamodb.TransactWriteItems"]


def test_of_thirty_two_threads_that_want_the_same_balance_one_gets_it(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()

    with ThreadPoolExecutor(32) as pool:
        codes = list(
            pool.map(lambda _: outcome(books, entry(bank, party, 5, conditions=(exactly(party, 0),))), range(32))
        )

    assert sorted(set(codes)) == ["booked", "condition_not_met"]
    assert (codes.count("booked"), books.balances(party)) == (1, [5])


def test_thirty_two_threads_that_watch_a_cap_never_pass_it(books: Books) -> None:
    """An account may be watched that the entry does not move: the check and the writes are one."""
    bank, watched = books.opened(Kind.ASSET), books.opened()
    parties = [books.opened() for _ in range(4)]

    def act(i: int) -> str:
        if i % 2:
            return outcome(books, entry(bank, watched, 10))
        return outcome(books, entry(bank, parties[i % 4], 1, conditions=(at_most(watched, 40),)))

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(act, range(32)))

    assert codes[1::2] == ["booked"] * 16
    assert set(codes[::2]) <= {"booked", "condition_not_met"}
    assert sum(books.balances(*parties)) == codes[::2].count("booked")


def test_a_process_killed_at_any_call_leaves_one_effect_though_the_balance_has_moved(books: Books) -> None:
    for point in crash_points():
        bank, party = books.opened(Kind.ASSET), books.opened()
        command, asked = books.call(), entry(bank, party, 5, conditions=(exactly(party, 0),))
        with point:
            post_entry(command, asked)

        post_entry(command, asked)

        assert books.balances(party) == [5], point


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(Rule), st.integers(-3, 3)), min_size=1, max_size=4),
    st.integers(-3, 3),
    st.sampled_from([Kind.ASSET, Kind.LIABILITY]),
)
def test_an_entry_is_booked_exactly_when_all_conditions_are_met(
    books: Books, asked: list[tuple[Rule, int]], own: int, kind: Kind
) -> None:
    fresh = Books(f"ten_{uuid.uuid4().hex}", books.tables)
    account, other = fresh.opened(kind), fresh.opened()
    if own:
        pair = (account, other) if (own > 0) == kind.debit_normal else (other, account)
        fresh.post(*pair, abs(own))
    conditions = tuple(Condition(account, rule, minor) for rule, minor in asked)

    booked = outcome(fresh, entry(account, other, 1, conditions=conditions))

    assert booked == ("booked" if all(condition.met(own) for condition in conditions) else "condition_not_met")


def outcome(books: Books, command: PostEntry) -> str:
    try:
        post_entry(books.call(), command)
    except Refusal as refusal:
        return refusal.code
    return "booked"
