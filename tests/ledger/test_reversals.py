"""Reversals: whole or in parts, never twice over, by rule and on DynamoDB Local."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Busy, Conflict, InvalidInput, NotFound, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Entry, Kind, Posting, Purpose, credit, debit, purpose_account
from chalicelib.ledger.reversals import MOST_REVERSALS, REVERSIBLE, Reversed, remaining, reversal, with_reversal
from chalicelib.ledger.service.batches import post_batch
from chalicelib.ledger.service.entries import get_entry, post_entry
from chalicelib.ledger.service.holds import CaptureHold, capture_hold
from chalicelib.ledger.service.reversals import ReverseEntry, get_reversals, reverse_entry
from chalicelib.ledger.store import accounts
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from tests.ledger.books import Books, entry, new_books, refused
from tests.ledger.holding import SECOND, new_desk
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Books:
    return new_books(session_tables, monkeypatch)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


LEGS = (debit("a", cny(10)), credit("b", cny(4)), credit("b", cny(1)), credit("c", cny(5)))
ALL_BACK = (credit("a", cny(10)), debit("b", cny(5)), debit("c", cny(5)))


def test_all_that_is_left_is_taken_back_on_the_other_side() -> None:
    state = with_reversal(Reversed(), "ent_1", (credit("a", cny(4)), debit("b", cny(4))))

    assert reversal("entry.posted", LEGS, Reversed(), None) == ALL_BACK
    assert reversal("entry.posted", LEGS, state, None) == (credit("a", cny(6)), debit("b", cny(1)), debit("c", cny(5)))
    assert remaining(LEGS, state) == (debit("a", cny(6)), credit("b", cny(1)), credit("c", cny(5)))


FULL = Reversed({"a": 10, "b": 5, "c": 5}, ("ent_1",))
PARTLY = Reversed({"a": 3, "b": 3}, ("ent_1",))
NEARLY = Reversed({"a": 3, "b": 3}, ("ent_1",) * (MOST_REVERSALS - 1))


@pytest.mark.parametrize(
    ("kind", "state", "parts", "error", "code", "facts"),
    [
        ("trade.settled", FULL, None, Conflict, "entry_not_reversible", {"kind": "trade.settled"}),
        ("entry.reversed", Reversed(), None, Conflict, "entry_not_reversible", {"kind": "entry.reversed"}),
        ("entry.posted", FULL, None, Conflict, "entry_fully_reversed", {}),
        ("entry.posted", FULL, (credit("x", cny(1)),), Conflict, "entry_fully_reversed", {}),
        (
            "entry.posted",
            PARTLY,
            (credit("a", cny(1)), debit("x", cny(1))),
            InvalidInput,
            "posting_not_in_entry",
            {"field": "postings[1]", "account_id": "x"},
        ),
        (
            "entry.posted",
            PARTLY,
            (debit("a", cny(1)), credit("b", cny(1))),
            InvalidInput,
            "posting_not_in_entry",
            {"field": "postings[0]", "account_id": "a"},
        ),
        (
            "entry.posted",
            PARTLY,
            (credit("a", Money(1, "EUR")), debit("b", Money(1, "EUR"))),
            InvalidInput,
            "posting_not_in_entry",
            {"field": "postings[0]", "account_id": "a"},
        ),
        (
            "entry.posted",
            PARTLY,
            (credit("a", cny(3)), debit("b", cny(2)), debit("b", cny(1))),
            Conflict,
            "reversal_exceeds_entry",
            {"field": "postings[2]", "account_id": "b", "requested": 1, "remaining": 0},
        ),
        (
            "entry.posted",
            NEARLY,
            (credit("a", cny(1)), debit("b", cny(1))),
            Conflict,
            "too_many_reversals",
            {"maximum": MOST_REVERSALS},
        ),
    ],
)
def test_what_is_not_taken_back_is_refused_by_the_first_rule(
    kind: str,
    state: Reversed,
    parts: tuple[Posting, ...] | None,
    error: type[Refusal],
    code: str,
    facts: dict[str, object],
) -> None:
    refusal = refused(lambda: reversal(kind, LEGS, state, parts))

    assert (type(refusal), refusal.code, refusal.facts) == (error, code, facts)


def test_the_last_reversal_that_there_may_be_takes_back_the_rest() -> None:
    rest = (credit("a", cny(7)), debit("b", cny(2)), debit("c", cny(5)))

    assert reversal("entry.posted", LEGS, NEARLY, None) == reversal("entry.posted", LEGS, NEARLY, rest) == rest


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(0, 2**32))
def test_parts_add_up_to_the_entry_and_never_beyond(amounts: list[int], seed: int) -> None:
    legs = (debit("a", cny(sum(amounts))), *(credit(f"b{i}", cny(amount)) for i, amount in enumerate(amounts)))
    chance, state, reversed_in_all = random.Random(seed), Reversed(), 0
    for number in range(40):
        rest = {leg.account_id: leg.amount.minor for leg in remaining(legs, state) if leg.account_id != "a"}
        if not rest:
            break
        account_id = chance.choice(sorted(rest))
        minor = chance.randint(1, rest[account_id] + 1)
        parts = (credit("a", cny(minor)), debit(account_id, cny(minor)))
        try:
            taken = reversal("entry.posted", legs, state, parts)
        except Conflict as refusal:
            assert (refusal.code, minor) == ("reversal_exceeds_entry", rest[account_id] + 1)
            continue
        state, reversed_in_all = with_reversal(state, f"ent_{number}", taken), reversed_in_all + minor
        if remaining(legs, state):
            Entry("entry.reversed", reversal("entry.posted", legs, state, None), MONDAY)

    assert state.taken.get("a", 0) == reversed_in_all <= sum(amounts)


def posted(books: Books, minor: int = 10) -> tuple[str, str, str]:
    """An entry of a bank and a party, and who they are."""
    bank, party = books.opened(Kind.ASSET), books.opened(floor=0)
    return books.post(bank, party, minor).item.entry_id, bank, party


def part_of(bank: str, party: str, minor: int) -> tuple[Posting, ...]:
    return credit(bank, cny(minor)), debit(party, cny(minor))


def back(books: Books, entry_id: str, parts: tuple[Posting, ...] | None = None, key: str | None = None) -> Outcome:
    return reverse_entry(books.call(key), ReverseEntry(entry_id, parts))


def test_a_whole_entry_is_taken_back_by_an_entry_that_names_it(books: Books) -> None:
    entry_id, bank, party = posted(books)

    outcome = reverse_entry(
        books.call(), ReverseEntry(entry_id, reason="wrong party", occurred_at=MONDAY, metadata={"case": "7"})
    )

    item = get_entry(books.tenant, outcome.item.entry_id)
    assert (item.kind, item.subject, item.metadata, item.data) == (
        "entry.reversed",
        entry_id,
        {"case": "7"},
        {"reason": "wrong party"},
    )
    assert books.balances(bank, party) == [0, 0]
    told = get_reversals(books.tenant, entry_id)
    assert (told.state.entry_ids, told.remaining, told.reversible) == ((item.entry_id,), (), True)


def test_parts_are_taken_back_until_nothing_is_left(books: Books) -> None:
    entry_id, bank, party = posted(books)

    ids = [back(books, entry_id, part_of(bank, party, minor)).item.entry_id for minor in (3, 4)]
    beyond = refused(lambda: back(books, entry_id, part_of(bank, party, 4)))
    left = get_reversals(books.tenant, entry_id).remaining
    rest = back(books, entry_id).item
    none_left = refused(lambda: back(books, entry_id))

    assert (beyond.code, beyond.facts["requested"], beyond.facts["remaining"]) == ("reversal_exceeds_entry", 4, 3)
    assert left == (debit(bank, cny(3)), credit(party, cny(3)))
    assert [leg.amount for leg in rest.legs] == [-3, 3]
    assert none_left.code == "entry_fully_reversed"
    assert get_reversals(books.tenant, entry_id).state.entry_ids == (*ids, rest.entry_id)
    assert books.balances(bank, party) == [0, 0]


def test_a_repeated_reversal_has_the_same_answer_though_nothing_is_left(books: Books) -> None:
    entry_id, _, party = posted(books)
    first = back(books, entry_id, key="r")

    again = back(books, entry_id, key="r")

    assert (again.item, again.replayed, books.balances(party)) == (first.item, True, [0])


def test_rules_of_the_request_come_first_then_the_entry_then_its_state_then_the_accounts(books: Books) -> None:
    entry_id, bank, party = posted(books)
    late, bad = MONDAY + timedelta(minutes=2), (credit(bank, cny(1)), debit(party, cny(2)))
    books.post(party, bank, 10)

    told = [
        refused(lambda command=command: reverse_entry(books.call(), command))  # type: ignore[misc]
        for command in (
            ReverseEntry("ent_none", bad, occurred_at=late, metadata={"A": "b"}),
            ReverseEntry("ent_none", bad, metadata={"A": "b"}),
            ReverseEntry("ent_none", metadata={"A": "b"}),
            ReverseEntry("ent_none", part_of("x", "y", 1)),
            ReverseEntry(entry_id, part_of("x", party, 11)),
            ReverseEntry(entry_id, part_of(bank, party, 11)),
            ReverseEntry(entry_id, part_of(bank, party, 1)),
        )
    ]

    assert [refusal.code for refusal in told] == [
        "occurred_in_future",
        "unbalanced",
        "invalid_metadata",
        "entry_not_found",
        "posting_not_in_entry",
        "reversal_exceeds_entry",
        "insufficient_funds",
    ]
    assert get_reversals(books.tenant, entry_id).state == Reversed()


def test_what_was_not_booked_by_hand_is_not_reversed_by_hand(books: Books) -> None:
    escrow = purpose_account(books.tenant, Purpose.ESCROW, "CNY", name="escrow", owner="trd_1", floor=None)
    bank, here, trade = books.opened(Kind.ASSET), books.call(), books.call()
    opening = accounts.open_account(books.tenant, escrow, opened_by=here)
    once(here, lambda _: Plan(journal_item(here, "account.opened"), (opening,)))
    funding = Entry("trade.funded", entry(bank, escrow.account_id, 5).postings, MONDAY)
    funded = once(trade, lambda _: plan_entry(trade, funding)).item
    entry_id, *_ = posted(books)
    undone = back(books, entry_id).item.entry_id

    refusals = [refused(lambda told=told: back(books, told)) for told in (funded.entry_id, undone, here.entry_id)]  # type: ignore[misc]

    assert [(refusal.code, refusal.facts["kind"]) for refusal in refusals] == [
        ("entry_not_reversible", kind) for kind in ("trade.funded", "entry.reversed", "account.opened")
    ]
    assert not get_reversals(books.tenant, funded.entry_id).reversible
    assert get_reversals(books.tenant, funded.entry_id).remaining == ()


def test_entries_of_a_batch_are_taken_back_one_by_one_and_the_batch_is_no_entry(books: Books) -> None:
    bank, party = books.opened(Kind.ASSET), books.opened()
    done = post_batch(books.call(), [Keyed(str(uuid.uuid4()), entry(bank, party, minor)) for minor in (3, 4)])

    back(books, done.items[0].entry_id)

    assert books.balances(party) == [4]
    assert refused(lambda: back(books, done.outcome.item.entry_id)).code == "entry_not_reversible"
    assert "batch.posted" not in REVERSIBLE


def test_another_tenants_entry_does_not_exist(books: Books) -> None:
    entry_id, *_ = posted(books)
    other = Books(f"ten_{uuid.uuid4().hex}", books.tables)

    for act in (lambda: back(other, entry_id), lambda: get_reversals(other.tenant, entry_id)):
        refusal = refused(act)
        assert (type(refusal), refusal.code) == (NotFound, "entry_not_found")


def test_a_reversal_short_of_funds_first_lets_go_of_holds_whose_time_is_over(books: Books) -> None:
    desk = new_desk()
    legs = (debit(desk.bank, cny(10)), credit(desk.payer, cny(10)))
    entry_id = post_entry(desk.call(), PostEntry("entry.posted", legs)).item.entry_id
    desk.hold(6, seconds=1)

    too_early = refused(lambda: reverse_entry(desk.call(), ReverseEntry(entry_id)))
    reverse_entry(desk.call(later=SECOND), ReverseEntry(entry_id))

    assert (too_early.code, too_early.facts["available"]) == ("insufficient_funds", 4)
    assert (desk.posted(), desk.held()) == (0, 0)


def test_a_captured_hold_is_taken_back_like_a_transfer(books: Books) -> None:
    desk = new_desk(funds=10)
    hold_id = desk.hold(3)
    command = desk.call()
    capture_hold(command, CaptureHold(hold_id))

    reverse_entry(desk.call(), ReverseEntry(command.entry_id))

    assert (desk.posted(desk.payee), desk.posted()) == (0, 10)


def test_a_reversal_is_one_read_and_one_write(books: Books) -> None:
    entry_id, bank, party = posted(books)

    with watching() as calls:
        back(books, entry_id, part_of(bank, party, 1))

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_of_thirty_two_threads_that_take_back_one_entry_one_does(books: Books) -> None:
    entry_id, bank, party = posted(books)
    books.post(bank, party, 1000)

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(lambda _: outcome(books, entry_id, None), range(32)))

    assert (codes.count("booked"), set(codes)) == (1, {"booked", "entry_fully_reversed"})
    assert books.balances(party) == [1000]


def test_thirty_two_threads_that_take_back_parts_never_take_more_than_there_was(books: Books) -> None:
    entry_id, bank, party = posted(books, 100)
    books.post(bank, party, 1000)

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(lambda _: outcome(books, entry_id, part_of(bank, party, 7)), range(32)))

    assert (codes.count("booked"), set(codes)) == (14, {"booked", "reversal_exceeds_entry"})
    assert books.balances(party) == [1002]
    assert get_reversals(books.tenant, entry_id).state.taken == {bank: 98, party: 98}


def outcome(books: Books, entry_id: str, parts: tuple[Posting, ...] | None) -> str:
    """What becomes of a reversal whose sender asks again, under the same key, while the books are busy."""
    command = books.call()
    for _ in range(50):
        try:
            reverse_entry(command, ReverseEntry(entry_id, parts))
        except Busy:
            continue
        except Refusal as refusal:
            return refusal.code
        return "booked"
    return "busy"


def test_a_process_killed_at_any_call_of_a_reversal_leaves_one_effect_after_a_retry(books: Books) -> None:
    for parts in (True, False):
        for point in crash_points():
            entry_id, bank, party = posted(books)
            command = books.call()
            told = ReverseEntry(entry_id, part_of(bank, party, 4) if parts else None)
            with point:
                reverse_entry(command, told)

            reverse_entry(command, told)

            assert books.balances(party) == [6 if parts else 0], point
            assert get_reversals(books.tenant, entry_id).state.entry_ids == (command.entry_id,), point


def test_a_lost_answer_of_a_reversal_is_absorbed_and_counted_once(books: Books) -> None:
    for point in lost_points():
        entry_id, bank, party = posted(books)

        with point:
            back(books, entry_id, part_of(bank, party, 4))

        assert books.balances(party) == [6], point


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.lists(st.integers(1, 9), max_size=3))
def test_an_entry_taken_back_in_parts_leaves_the_books_as_they_were(
    books: Books, euros: list[int], yuan: list[int]
) -> None:
    fresh = Books(f"ten_{uuid.uuid4().hex}", books.tables)
    legs: list[Posting] = []
    for currency, amounts in (("EUR", euros), ("CNY", yuan)):
        for minor in amounts:
            pair = [fresh.opened(currency=currency) for _ in range(2)]
            legs += [debit(pair[0], Money(minor, currency)), credit(pair[1], Money(minor, currency))]
    entry_id = post_entry(fresh.call(), PostEntry("entry.posted", tuple(legs))).item.entry_id

    back(fresh, entry_id, (credit(legs[0].account_id, Money(1, "EUR")), debit(legs[1].account_id, Money(1, "EUR"))))
    if get_reversals(fresh.tenant, entry_id).remaining:
        back(fresh, entry_id)

    assert fresh.balances(*(leg.account_id for leg in legs)) == [0] * len(legs)
    assert get_reversals(fresh.tenant, entry_id).remaining == ()
