"""What a batch may be, and what it comes to on each account: rules that look at no books."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.core.money import Money
from chalicelib.ledger.batches import Keyed, Run, Step, bookings_of, runs_of
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import credit, debit
from tests.ledger.books import at_least, entry, exactly, refused
from tests.support.calls import MONDAY, call

CALL = call("batch")
GOOD = entry("acc_a", "acc_b", 5)


def keyed(*commands: PostEntry) -> list[Keyed]:
    return [Keyed(f"k{i}", command) for i, command in enumerate(commands)]


@pytest.mark.parametrize(
    ("bad", "code", "field"),
    [
        (Keyed("", GOOD), "idempotency_key_missing", "idempotency_key"),
        (Keyed("x" * 129, GOOD), "idempotency_key_invalid", "idempotency_key"),
        (Keyed("钢", GOOD), "idempotency_key_invalid", "idempotency_key"),
        (Keyed("k0", GOOD), "duplicate_key_in_batch", "idempotency_key"),
        (Keyed("batch", GOOD), "duplicate_key_in_batch", "idempotency_key"),
        (Keyed("k0", entry("acc_a", "acc_b", 0)), "duplicate_key_in_batch", "idempotency_key"),
        (
            Keyed("k1", replace(entry("acc_a", "acc_b", 0), occurred_at=MONDAY + timedelta(minutes=2))),
            "occurred_in_future",
            "occurred_at",
        ),
        (Keyed("k1", entry("acc_a", "acc_b", 0, metadata={"A": "b"})), "amount_not_positive", "postings[0].amount"),
        (Keyed("k1", replace(GOOD, metadata={"A": "b"})), "invalid_metadata", "metadata"),
        (
            Keyed("k1", replace(GOOD, conditions=(at_least("hot_a", 1),))),
            "account_deferred",
            "conditions[0].account_id",
        ),
    ],
)
def test_a_bad_entry_refuses_the_batch_by_its_first_rule_and_place(bad: Keyed, code: str, field: str) -> None:
    last = Keyed("k9", entry("acc_a", "acc_b", -1))

    refusal = refused(lambda: bookings_of(CALL, [*keyed(GOOD), bad, last]))

    assert (type(refusal), refusal.code) == (InvalidInput, code)
    assert (refusal.facts["index"], refusal.facts["field"]) == (1, f"entries[1].{field}")


def test_a_batch_of_nothing_is_refused() -> None:
    refusal = refused(lambda: bookings_of(CALL, []))

    assert (refusal.code, refusal.facts) == ("too_few_entries", {"field": "entries", "minimum": 1})


@pytest.mark.parametrize(("entries", "accounts"), [(97, 2), (50, 49), (9, 90)])
def test_a_batch_is_at_most_a_hundred_items(entries: int, accounts: int) -> None:
    commands = [entry("acc_0", f"acc_{1 + i % (accounts - 1)}", 1) for i in range(max(entries, accounts - 1))][:entries]
    rest = [f"acc_{i}" for i in range(entries + 1, accounts)]
    if rest:
        legs = tuple(credit(account_id, Money(1, "CNY")) for account_id in ("acc_1", *rest))
        commands[0] = PostEntry("entry.posted", (debit("acc_0", Money(len(legs), "CNY")), *legs))

    runs = runs_of(bookings_of(CALL, keyed(*commands)))
    asking = replace(commands[-1], conditions=(at_least("acc_other", 0),))
    refusal = refused(lambda: runs_of(bookings_of(CALL, keyed(*commands[:-1], asking))))

    assert len(runs) == accounts
    assert (type(refusal), refusal.code, refusal.facts) == (TooLarge, "batch_too_large", {"items": 101, "maximum": 100})


def test_more_entries_than_any_commit_holds_are_refused_before_they_are_looked_at() -> None:
    refusal = refused(lambda: bookings_of(CALL, keyed(*[entry("acc_a", "acc_b", 0)] * 100)))

    assert (refusal.code, refusal.facts) == ("batch_too_large", {"items": 101, "maximum": 100})


def test_an_account_has_one_currency_in_the_whole_batch() -> None:
    euros = entry("acc_c", "acc_a", 5, currency="EUR")

    refusal = refused(lambda: runs_of(bookings_of(CALL, keyed(GOOD, euros))))

    assert (refusal.code, refusal.facts) == (
        "account_in_two_currencies",
        {"index": 1, "field": "entries[1].postings[1].account_id", "account_id": "acc_a"},
    )


def test_each_entry_has_a_call_of_its_own_that_no_single_entry_has() -> None:
    one, two = bookings_of(CALL, keyed(GOOD, GOOD))

    assert [booking.call.key for booking in (one, two)] == ["c:k0", "c:k1"]
    assert len({CALL.fingerprint, one.call.fingerprint, two.call.fingerprint}) == 3
    assert bookings_of(CALL, keyed(GOOD, GOOD)) == (one, two)
    assert bookings_of(call("batch", body="other"), keyed(GOOD))[0].call.fingerprint != one.call.fingerprint


def test_what_each_account_is_asked_for_is_one_run_and_deferred_accounts_have_none() -> None:
    asking = entry("acc_b", "hot_c", 2, conditions=(exactly("acc_a", 5), exactly("acc_d", 0)))

    runs = {run.account_id: run for run in runs_of(bookings_of(CALL, keyed(GOOD, asking)))}

    assert list(runs) == ["acc_a", "acc_b", "acc_d"]
    assert [step.amount for step in runs["acc_a"].steps] == [5, 0]
    assert [step.amount for step in runs["acc_b"].steps] == [-5, 2]
    assert (runs["acc_a"].lines, runs["acc_b"].lines, runs["acc_d"].lines) == (1, 2, 0)
    assert (runs["acc_a"].priors, runs["acc_a"].steps[1].conditions) == ((0, 5), (exactly("acc_a", 5),))
    assert (runs["acc_b"].currency, runs["acc_d"].currency) == ("CNY", "")


@given(st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=8), st.integers(0, 20), st.integers(0, 20))
def test_a_run_needs_the_room_that_its_entries_would_need_one_by_one(
    amounts: list[int], debit_room: int, credit_room: int
) -> None:
    run = Run("acc_a", "CNY", tuple(Step(i, amount, MONDAY, ()) for i, amount in enumerate(amounts)))

    fits, debits, credits = True, debit_room, credit_room
    for amount in amounts:
        fits &= amount <= debits and -amount <= credits
        debits, credits = debits - amount, credits + amount

    assert (run.peaks[0] <= debit_room and run.peaks[1] <= credit_room) == fits
    assert run.amount == debit_room - debits


def test_the_earliest_instant_is_of_those_that_move_the_account() -> None:
    later, asks = MONDAY + timedelta(days=1), MONDAY - timedelta(days=1)
    steps = (Step(0, 5, later, ()), Step(1, 0, asks, ()), Step(2, 1, MONDAY, ()))

    assert Run("acc_a", "CNY", steps).earliest == MONDAY
