"""What an account and an entry may be: refusals in their order, and properties of rooms and balance."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.ledger.domain import (
    KIND_OF_PURPOSE,
    MOST_POSTINGS,
    Account,
    Entry,
    Kind,
    Posting,
    Purpose,
    check_occurred_at,
    credit,
    debit,
    entry_of,
    movement_content,
    movement_key,
    new_account,
    purpose_account,
    purpose_account_id,
    rooms,
    transfer,
)
from tests.support.calls import MONDAY, TENANT

limits = st.one_of(st.none(), st.integers(0, 10**9))


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def refusal_of(*postings: Posting) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        Entry("entry.posted", postings, MONDAY)
    return refused.value


@pytest.mark.parametrize(
    ("postings", "code", "facts"),
    [
        ((), "too_few_postings", {"field": "postings", "minimum": 2}),
        ((debit("a", cny(1)),), "too_few_postings", {"field": "postings", "minimum": 2}),
        (
            (debit("a", cny(1)),) * (MOST_POSTINGS + 1),
            "too_many_postings",
            {"field": "postings", "maximum": MOST_POSTINGS},
        ),
        ((debit("a", cny(1)), credit("a", cny(0))), "amount_not_positive", {"field": "postings[1].amount"}),
        ((debit("a", cny(-1)), credit("b", eur(1))), "amount_not_positive", {"field": "postings[0].amount"}),
        (
            (debit("a", cny(1)), credit("a", cny(2))),
            "account_on_both_sides",
            {"field": "postings[1].account_id", "account_id": "a"},
        ),
        (
            (debit("a", cny(1)), debit("a", eur(1)), credit("b", cny(2))),
            "account_in_two_currencies",
            {"field": "postings[1].account_id", "account_id": "a"},
        ),
        (
            (debit("a", cny(5)), credit("b", cny(3))),
            "unbalanced",
            {"field": "postings", "currency": "CNY", "difference": 2},
        ),
        (
            (debit("a", cny(5)), credit("b", cny(5)), debit("c", eur(1)), credit("d", eur(2))),
            "unbalanced",
            {"field": "postings", "currency": "EUR", "difference": -1},
        ),
    ],
)
def test_an_entry_refuses_to_exist_by_the_first_rule_it_breaks(
    postings: tuple[Posting, ...], code: str, facts: dict[str, object]
) -> None:
    refusal = refusal_of(*postings)

    assert (refusal.code, refusal.facts) == (code, facts)


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=10), st.integers(1, 5))
def test_an_entry_balances_however_a_side_is_divided(amounts: list[int], accounts: int) -> None:
    debits = tuple(debit(f"d{i % accounts}", cny(amount)) for i, amount in enumerate(amounts))

    entry = Entry("entry.posted", (*debits, credit("c", cny(sum(amounts)))), MONDAY)

    assert sum(posting.signed for posting in entry.postings) == 0


PAIR_RULE = "a key has 1 to 40 of a to z, 0 to 9, dot, dash and underscore"
VALUE_RULE = "a value has 1 to 500 printable characters"


@pytest.mark.parametrize(
    ("metadata", "code", "facts"),
    [
        ({f"k{i}": "" for i in range(21)}, "too_many_metadata", {"field": "metadata", "maximum": 20}),
        ({"": "x"}, "invalid_metadata", {"field": "metadata", "rule": PAIR_RULE}),
        ({"k" * 41: ""}, "invalid_metadata", {"field": "metadata", "rule": PAIR_RULE}),
        ({"Key": "x"}, "invalid_metadata", {"field": "metadata", "rule": PAIR_RULE}),
        ({"k\n": "x"}, "invalid_metadata", {"field": "metadata", "rule": PAIR_RULE}),
        ({"k#": "x"}, "invalid_metadata", {"field": "metadata", "rule": PAIR_RULE}),
        ({"k": ""}, "invalid_metadata", {"field": "metadata.k", "rule": VALUE_RULE}),
        ({"k": "x" * 501}, "invalid_metadata", {"field": "metadata.k", "rule": VALUE_RULE}),
        ({"a": "x", "k": "x\n"}, "invalid_metadata", {"field": "metadata.k", "rule": VALUE_RULE}),
        ({"k": "\u202e"}, "invalid_metadata", {"field": "metadata.k", "rule": VALUE_RULE}),
        ({f"k{i}": "x" * 500 for i in range(5)}, "metadata_too_large", {"field": "metadata", "maximum": 2048}),
        ({"k": "钢" * 400, "l": "钢" * 300}, "metadata_too_large", {"field": "metadata", "maximum": 2048}),
    ],
)
def test_absurd_metadata_is_refused_by_the_first_rule_it_breaks(
    metadata: dict[str, str], code: str, facts: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Entry("entry.posted", (debit("a", cny(1)), credit("b", cny(1))), MONDAY, metadata=metadata)

    assert (refused.value.code, refused.value.facts) == (code, facts)


def test_metadata_may_be_as_large_as_its_limits() -> None:
    pairs = {f"{'k' * 38}{i:02}": "x" for i in range(20)}

    for metadata in (pairs, {"k": "x" * 500, "a.b-c_1": "钢材 №7"}, {f"k{i}": "x" * 500 for i in range(4)}):
        Entry("entry.posted", (debit("a", cny(1)), credit("b", cny(1))), MONDAY, metadata=metadata)


def test_our_own_rules_may_leave_legs_of_zero_out_but_not_unbalanced() -> None:
    entry = entry_of("trade.settled", [debit("a", cny(5)), debit("b", cny(0)), credit("c", cny(5))], occurred_at=MONDAY)

    assert [posting.account_id for posting in entry.postings] == ["a", "c"]
    with pytest.raises(Defect):
        entry_of("trade.settled", [debit("a", cny(5)), credit("c", cny(4))], occurred_at=MONDAY)


def test_a_transfer_is_an_entry_of_two_postings() -> None:
    entry = transfer("transfer.posted", debited="a", credited="b", amount=cny(7), occurred_at=MONDAY)

    assert entry.postings == (debit("a", cny(7)), credit("b", cny(7)))


@given(st.sampled_from(Kind), limits, limits, st.integers(-(10**9), 10**9))
def test_rooms_end_exactly_at_the_limits(kind: Kind, below: int | None, above: int | None, balance: int) -> None:
    floor, ceiling = None if below is None else -below, above
    account = Account("a", "any", kind, "CNY", floor=floor, ceiling=ceiling, balance=balance)

    debit_room, credit_room = rooms(account)

    for moved in (balance + debit_room, balance - credit_room):
        own = moved if kind.debit_normal else -moved
        assert own in (
            -MAX_MINOR if floor is None else floor,
            MAX_MINOR if ceiling is None else ceiling,
        )
    assert debit_room + credit_room == (MAX_MINOR if ceiling is None else ceiling) - (
        -MAX_MINOR if floor is None else floor
    )


@pytest.mark.parametrize(
    ("floor", "ceiling"),
    [(1, None), (None, -1), (-MAX_MINOR - 1, None), (None, MAX_MINOR + 1), (5, 1)],
)
def test_an_account_opens_at_zero_so_zero_lies_between_its_limits(floor: int | None, ceiling: int | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        new_account(Account("a", "any", Kind.ASSET, "CNY", floor=floor, ceiling=ceiling))

    assert refused.value.code == "invalid_limits"


@pytest.mark.parametrize(("kind", "own"), [(Kind.ASSET, 5), (Kind.EXPENSE, 5), (Kind.LIABILITY, -5)])
def test_the_own_balance_is_positive_on_the_normal_side(kind: Kind, own: int) -> None:
    assert Account("a", "any", kind, "CNY", balance=5).own_balance == own


def test_every_purpose_but_general_has_a_kind_and_an_id_of_its_own() -> None:
    assert set(KIND_OF_PURPOSE) == set(Purpose) - {Purpose.GENERAL}
    ids = {purpose_account_id(TENANT, purpose, "CNY", "x") for purpose in Purpose}
    assert len(ids) == len(Purpose)
    assert purpose_account_id(TENANT, Purpose.PARTY, "CNY", "x") != purpose_account_id(
        "other", Purpose.PARTY, "CNY", "x"
    )


def test_a_purpose_account_has_the_floor_zero_unless_told() -> None:
    account = purpose_account(TENANT, Purpose.PARTY, "CNY", name="Mill", owner="pty_mill")

    assert (account.floor, account.kind, account.owner) == (0, Kind.LIABILITY, "pty_mill")
    assert account.account_id == purpose_account_id(TENANT, Purpose.PARTY, "CNY", "pty_mill")


def test_one_bank_movement_has_one_key_and_content_whoever_tells_of_it() -> None:
    assert movement_key("acc_bank", "NTRF1") == "bank:acc_bank:NTRF1"
    assert movement_content(cny(-5)) == {"minor": -5, "currency": "CNY"}


def test_an_entry_may_be_a_minute_ahead_and_no_more() -> None:
    assert check_occurred_at(MONDAY + timedelta(seconds=60), now=MONDAY)
    with pytest.raises(InvalidInput):
        check_occurred_at(MONDAY + timedelta(seconds=60, microseconds=1), now=MONDAY)
