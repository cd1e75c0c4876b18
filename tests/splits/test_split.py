"""A split's life as pure rules: the table of states, the refusals in their order, and that nothing is ever lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect, InvalidInput, Refusal
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.ledger.domain import Posting, entry_of
from chalicelib.splits.domain import postings
from chalicelib.splits.domain.fees import SplitFee
from chalicelib.splits.domain.split import (
    MOST_RECEIVERS,
    TRANSITIONS,
    Changed,
    Command,
    Divided,
    Division,
    OpenSplit,
    Split,
    State,
    add_receivers,
    divide_held,
    open_split,
    pay,
    refund,
    return_held,
)
from chalicelib.splits.domain.waterfall import KEPT, MOST_SHARES, Share, Waterfall
from tests.splits.desk import bps, cny, fixed, rest
from tests.support.calls import MONDAY

EUR = Money(1, "EUR")


def opened(minor: int, *shares: Share, fees: tuple[SplitFee, ...] = ()) -> Divided:
    command = OpenSplit("source", cny(minor), Waterfall(shares), fees, "INV 7")
    return open_split(command, split_id="spl_one", clearing_account_id="clearing", now=MONDAY)


def held(minor: int) -> Split:
    """A split that holds all of its amount."""
    return opened(minor, rest(KEPT)).split


def paid(minor: int) -> tuple[Split, Division]:
    """A closed split that two were paid by, three to one."""
    done = opened(minor, bps("a", 7500), bps("b", 2500))
    return done.split, division_of(done)


def division_of(done: Divided) -> Division:
    assert done.division is not None
    return done.division


def distributing(minor: int, *receivers: tuple[str, int]) -> tuple[Split, Division]:
    planned = add_receivers(held(minor), receivers)
    return planned.split, planned.divisions[0]


def test_an_amount_is_divided_at_once_and_what_is_kept_is_held() -> None:
    fees = (SplitFee("bank", minor=5), SplitFee("platform", bps=100, borne_by="mill"))

    done = opened(1000, fixed("carrier", 100), bps(KEPT, 2000), rest("mill"), fees=fees)

    assert done.division == Division(1, {"carrier": 100, "mill": 690})
    assert done.split == Split(
        "spl_one",
        "source",
        "clearing",
        "CNY",
        amount_minor=1000,
        on_top_minor=5,
        fees_minor=10,
        held_minor=200,
        opened_at=MONDAY,
        reference="INV 7",
        paid_minor=790,
        receivers=2,
        divisions=1,
        paid_divisions=1,
    )
    assert done.split.state is State.OPEN


def test_what_keeps_nothing_is_closed_and_has_no_account() -> None:
    split, _ = paid(100)

    assert (split.state, split.clearing_account_id) == (State.CLOSED, "")


def test_who_gets_nothing_is_no_receiver() -> None:
    done = opened(10, fixed("a", 10), rest("b"))

    assert (division_of(done).receivers, done.split.receivers) == ({"a": 10}, 1)


def test_what_is_held_is_divided_later_in_whole_or_in_part() -> None:
    first = divide_held(held(100), Waterfall((rest("a"), bps(KEPT, 5000))), cny(60))
    second = divide_held(first.split, Waterfall((rest("b"),)))

    assert (division_of(first).receivers, first.split.held_minor, first.split.state) == ({"a": 30}, 70, State.OPEN)
    assert (second.division, second.split.state) == (Division(2, {"b": 70}), State.CLOSED)


def test_receivers_are_paid_eighty_at_a_time() -> None:
    planned = add_receivers(held(1000), [(f"r{i}", 1) for i in range(2 * MOST_SHARES + 1)])

    assert [(one.number, len(one.receivers)) for one in planned.divisions] == [(1, 80), (2, 80), (3, 1)]
    assert (planned.split.state, planned.split.planned_minor, planned.split.free) == (State.DISTRIBUTING, 161, cny(839))


def test_the_share_of_who_cannot_be_paid_stays_held_and_free() -> None:
    split, division = distributing(100, ("a", 30), ("b", 50))

    after = pay(split, division, {"b": "account_frozen"})

    assert after.division.received == (("a", 30),)
    assert (after.split.held_minor, after.split.paid_minor, after.split.free) == (70, 30, cny(70))


def test_a_refund_is_taken_by_what_each_has_left_or_from_some_alone() -> None:
    split, division = paid(100)

    some = refund(split, division, cny(20), ["b"])
    rest_of_it = refund(some.split, some.division, cny(80))

    assert some.parts == (("b", cny(20)),)
    assert dict(rest_of_it.parts) == {"a": cny(75), "b": cny(5)}
    assert rest_of_it.division.back == division.receivers


def test_who_was_not_paid_gives_nothing_back() -> None:
    split, division = distributing(100, ("a", 30), ("b", 50))
    after = pay(split, division, {"b": "account_frozen"})

    assert refund(after.split, after.division, cny(30)).parts == (("a", cny(30)),)


def in_state(state: State) -> tuple[Split, Division]:
    """A split in a state, and a division of it: the one to be paid next, if any waits."""
    if state is State.CLOSED:
        return paid(100)
    done = opened(100, bps("a", 5000), bps(KEPT, 5000))
    if state is State.OPEN:
        return done.split, division_of(done)
    planned = add_receivers(done.split, [("b", 10)])
    return planned.split, planned.divisions[0]


ACTS: dict[Command, Callable[[Split, Division], Any]] = {
    Command.DIVIDE: lambda split, _: divide_held(split, Waterfall((rest("c"),))),
    Command.ADD_RECEIVERS: lambda split, _: add_receivers(split, [("c", 1)]),
    Command.PAY: lambda split, division: pay(split, division, {}),
    Command.REFUND: lambda split, _: refund(split, Division(1, {"a": 50}), cny(1)),
    Command.RETURN: lambda split, _: return_held(split),
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("command", Command, ids=lambda command: command.value)
def test_a_command_leads_where_the_table_says_or_is_refused(state: State, command: Command) -> None:
    split, division = in_state(state)
    if command in TRANSITIONS[state]:
        assert ACTS[command](split, division).split.state in TRANSITIONS[state][command]
        return

    with pytest.raises(Conflict) as refused:
        ACTS[command](split, division)

    assert (refused.value.code, refused.value.facts) == (
        "split_state",
        {"state": state.value, "command": command.value},
    )


HALF_KEPT = (bps("a", 5000), bps(KEPT, 5000))
FULL = replace(held(10**6), receivers=MOST_RECEIVERS)
CLOSED, PAID = paid(100)
WAITING, NEXT = distributing(100, ("a", 30))
EMPTY = Division(1, {"a": 75, "b": 25}, back={"a": 75})
HALF_BACK = replace(CLOSED, refunded_minor=75)


def divided(minor: int | None, *shares: Share, split: Split | None = None) -> Callable[[], object]:
    amount = None if minor is None else cny(minor)
    return lambda: divide_held(split or held(100), Waterfall(shares), amount)


@pytest.mark.parametrize(
    ("code", "facts", "act"),
    [
        ("amount_not_positive", {"field": "amount.minor"}, lambda: opened(0, fixed("source", 5), rest("b"))),
        (
            "split_exceeds_amount",
            {"amount": 4, "shares": 5, "currency": "CNY"},
            lambda: opened(4, fixed("source", 5), rest("b"), fees=(SplitFee("x", 1, borne_by="y"),)),
        ),
        (
            "fee_bearer_unknown",
            {"field": "fees[0].borne_by", "borne_by": "y"},
            lambda: opened(5, fixed("source", 5), rest("b"), fees=(SplitFee("x", 1, borne_by="y"),)),
        ),
        ("source_is_receiver", {"account_id": "source"}, lambda: opened(5, fixed("source", 5), rest("b"))),
        (
            "source_is_receiver",
            {"account_id": "source"},
            lambda: opened(MAX_MINOR, rest("b"), fees=(SplitFee("source", 1),)),
        ),
        ("amount_too_large", {"maximum": MAX_MINOR}, lambda: opened(MAX_MINOR, rest("b"), fees=(SplitFee("x", 1),))),
        ("amount_not_positive", {"field": "amount.minor"}, divided(0, rest("source"), split=CLOSED)),
        (
            "currency_mismatch",
            {"field": "amount.currency", "expected": "CNY", "given": "EUR"},
            lambda: divide_held(CLOSED, Waterfall((rest("source"),)), EUR),
        ),
        ("split_state", {"state": "closed", "command": "divide"}, divided(101, rest("source"), split=CLOSED)),
        (
            "division_exceeds_held",
            {"requested": 101, "held": 100, "currency": "CNY"},
            divided(101, fixed("source", 102), rest("b")),
        ),
        (
            "split_exceeds_amount",
            {"amount": 100, "shares": 102, "currency": "CNY"},
            divided(None, fixed("source", 102), rest("b")),
        ),
        ("source_is_receiver", {"account_id": "source"}, divided(None, bps("source", 1), rest(KEPT))),
        ("division_pays_nobody", {"split_id": "spl_one"}, divided(None, bps("a", 1), rest(KEPT), split=held(5))),
        ("too_many_receivers", {"maximum": 10_000, "receivers": 10_001}, divided(None, rest("a"), split=FULL)),
    ],
)
def test_an_amount_that_cannot_be_divided_is_refused(
    code: str, facts: dict[str, Any], act: Callable[[], object]
) -> None:
    assert told(act) == (code, facts)


@pytest.mark.parametrize(
    ("code", "facts", "split", "receivers"),
    [
        ("amount_not_positive", {"field": "receivers[0].minor"}, CLOSED, [("a", 0), ("a", 1), ("source", 1)]),
        (
            "receiver_twice",
            {"field": "receivers[1]", "account_id": "a"},
            CLOSED,
            [("a", 1), ("a", 1), ("source", 1), ("b", 0)],
        ),
        ("source_is_receiver", {"account_id": "source"}, CLOSED, [("a", 1), ("source", 1)]),
        ("split_state", {"state": "closed", "command": "add_receivers"}, CLOSED, [("a", 1)]),
        ("too_many_receivers", {"maximum": 10_000, "receivers": 10_001}, FULL, [("a", 10**7)]),
        ("division_exceeds_held", {"requested": 71, "held": 70, "currency": "CNY"}, WAITING, [("c", 71)]),
    ],
)
def test_receivers_that_cannot_be_added_are_refused(
    code: str, facts: dict[str, Any], split: Split, receivers: list[tuple[str, int]]
) -> None:
    assert told(lambda: add_receivers(split, receivers)) == (code, facts)


@pytest.mark.parametrize(
    ("code", "facts", "act"),
    [
        ("amount_not_positive", {"field": "amount.minor"}, lambda: refund(WAITING, NEXT, cny(0), ["c"])),
        (
            "currency_mismatch",
            {"field": "amount.currency", "expected": "CNY", "given": "EUR"},
            lambda: refund(WAITING, NEXT, EUR, ["c"]),
        ),
        ("division_not_paid", {"division": 1}, lambda: refund(WAITING, NEXT, cny(1), ["c"])),
        (
            "receiver_unknown",
            {"field": "account_ids[1]", "account_id": "c", "division": 1},
            lambda: refund(CLOSED, PAID, cny(101), ["a", "c"]),
        ),
        (
            "refund_exceeds_received",
            {"requested": 26, "left": 25, "currency": "CNY"},
            lambda: refund(HALF_BACK, EMPTY, cny(26)),
        ),
        (
            "refund_exceeds_received",
            {"requested": 1, "left": 0, "currency": "CNY"},
            lambda: refund(HALF_BACK, EMPTY, cny(1), ["a"]),
        ),
        ("amount_not_positive", {"field": "amount.minor"}, lambda: return_held(CLOSED, cny(-1))),
        (
            "currency_mismatch",
            {"field": "amount.currency", "expected": "CNY", "given": "EUR"},
            lambda: return_held(CLOSED, EUR),
        ),
        ("split_state", {"state": "closed", "command": "return"}, lambda: return_held(CLOSED, cny(1))),
        (
            "return_exceeds_held",
            {"requested": 101, "held": 100, "currency": "CNY"},
            lambda: return_held(held(100), cny(101)),
        ),
    ],
)
def test_money_that_cannot_go_back_is_refused(code: str, facts: dict[str, Any], act: Callable[[], object]) -> None:
    assert told(act) == (code, facts)


def told(act: Callable[[], object]) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code, refused.value.facts


@pytest.mark.parametrize(
    "changes",
    [
        {"held_minor": -1, "paid_minor": 101},
        {"held_minor": 99},
        {"planned_minor": 101, "divisions": 1},
        {"refunded_minor": 1},
        {"planned_minor": 1},
        {"divisions": 1},
        {"clearing_account_id": ""},
    ],
)
def test_a_split_that_does_not_add_up_cannot_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(Defect):
        replace(held(100), **changes)


def test_the_next_division_is_paid_and_no_other() -> None:
    with pytest.raises(Defect):
        pay(WAITING, replace(NEXT, number=2), {})


class Books:
    """The balances that the postings of a split's commands come to, and all its divisions."""

    def __init__(self, done: Divided) -> None:
        self.balances: dict[str, int] = defaultdict(int)
        self.split, self.divisions = done.split, [] if done.division is None else [done.division]
        self.book(postings.opening_postings(done.split, done.borne))

    def book(self, legs: tuple[Posting, ...]) -> None:
        if legs:
            for posting in entry_of("test", legs, occurred_at=MONDAY).postings:
                self.balances[posting.account_id] -= posting.signed

    def step(self, what: int, minor: int) -> None:
        """One command of this number with an amount, if it is allowed."""
        acts = (self._divide, self._add, self._pay, self._refund, self._refund, self._return)
        try:
            acts[what](minor)
        except (Conflict, InvalidInput):
            pass

    def _divide(self, minor: int) -> None:
        done = divide_held(self.split, Waterfall((bps("a", 3333), bps("c", 1111), rest(KEPT))), cny(minor))
        self.split = done.split
        self.divisions.append(division_of(done))
        self.book(postings.payment_postings(done.split, done.borne.shares))

    def _add(self, minor: int) -> None:
        planned = add_receivers(self.split, [("a", minor), ("d", minor)])
        self.split = planned.split
        self.divisions += planned.divisions

    def _pay(self, minor: int) -> None:
        number = self.split.paid_divisions + 1
        refused = {"d": "account_frozen"} if minor % 2 else {}
        if number <= len(self.divisions):
            done = pay(self.split, self.divisions[number - 1], refused)
            self._change(done)
            self.book(postings.payment_postings(done.split, done.parts))

    def _refund(self, minor: int) -> None:
        if self.divisions:
            done = refund(self.split, self.divisions[minor % len(self.divisions)], cny(minor))
            self._change(done)
            self.book(postings.refund_postings(done.split, done.parts))

    def _return(self, minor: int) -> None:
        returned = return_held(self.split, cny(minor))
        self.split = returned.split
        self.book(postings.return_postings(returned))

    def _change(self, done: Changed) -> None:
        self.split = done.split
        self.divisions[done.division.number - 1] = done.division


@given(
    st.integers(1, 10**6),
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 5), st.one_of(st.integers(1, 50), st.integers(1, 10**6))), max_size=20),
)
def test_whatever_is_done_the_postings_come_to_what_the_split_says(
    minor: int, kept: int, steps: list[tuple[int, int]]
) -> None:
    books = Books(opened(minor, bps("a", 10_000 - kept), bps(KEPT, kept), fees=(SplitFee("x", 3),)))

    for what, amount in steps:
        books.step(what, amount)

    split = books.split
    got = sum(books.balances[name] for name in "abcd")
    assert books.balances["clearing"] == split.held_minor
    assert got == split.paid_minor - split.refunded_minor
    assert -books.balances["source"] == minor + 3 - split.refunded_minor - split.returned_minor
    assert min(books.balances[name] for name in ("a", "b", "c", "d", "clearing")) >= 0


@given(st.integers(1, 10**6), st.lists(st.integers(1, 10**6), max_size=8))
def test_refunds_in_any_number_of_steps_give_the_whole_back(minor: int, parts: list[int]) -> None:
    split, division = paid(minor)
    for part in parts:
        left = split.paid_minor - split.refunded_minor
        if part < left:
            done = refund(split, division, cny(part))
            split, division = done.split, done.division

    done = refund(split, division, cny(split.paid_minor - split.refunded_minor))

    assert {account: minor for account, minor in done.division.back.items() if minor} == done.division.receivers
