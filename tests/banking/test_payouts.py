"""The life of a payout: refusals in their order, and every order of what a bank may tell."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.banking.payouts import (
    LIFE,
    Event,
    News,
    Payout,
    State,
    advance,
    creation_postings,
    give_back,
    is_payout_id,
    new_payout,
    news_of,
    rejection_postings,
    return_postings,
    settle,
    settlement_postings,
)
from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Posting
from chalicelib.messages.model import BatchStatus, PaymentStatus, StatusReport
from tests.banking.build import ACCOUNT, PAYOUT_ID, cny, payout
from tests.support.calls import MONDAY


def told(before: Payout, event: Event) -> Payout:
    """The payout after an event, whichever function takes it."""
    if event is Event.SETTLED:
        return settle(before, before.amount, bank_reference="MB-PMT-1")
    if event is Event.RETURNED:
        return give_back(before, before.amount, bank_reference="MB-RTR-1", reason="AC04")
    return advance(before, event, reason="AC01")


def after(events: tuple[Event, ...]) -> Payout:
    state = payout()
    for event in events:
        state = told(state, event)
    return state


def code_of(act: object, *arguments: object, **named: object) -> str:
    with pytest.raises(Refusal) as refused:
        act(*arguments, **named)  # type: ignore[operator]
    return refused.value.code


@pytest.mark.parametrize(
    ("events", "state", "booked"),
    [
        ({Event.SENT}, State.SENT, (0, 0)),
        ({Event.SENT, Event.ACCEPTED}, State.ACCEPTED, (0, 0)),
        ({Event.SENT, Event.ACCEPTED, Event.SETTLED}, State.SETTLED, (1, 0)),
        ({Event.SENT, Event.ACCEPTED, Event.SETTLED, Event.RETURNED}, State.RETURNED, (1, 1)),
        ({Event.SENT, Event.ACCEPTED, Event.REJECTED}, State.REJECTED, (0, 0)),
        ({Event.SENT, Event.ACCEPTED, Event.DOUBTED}, State.UNKNOWN, (0, 0)),
        ({Event.SENT, Event.DOUBTED, Event.SETTLED}, State.SETTLED, (1, 0)),
        ({Event.SENT, Event.DOUBTED, Event.REJECTED}, State.REJECTED, (0, 0)),
    ],
)
def test_every_order_of_what_is_told_ends_the_same(events: set[Event], state: State, booked: tuple[int, int]) -> None:
    for order in itertools.permutations(sorted(events, key=lambda event: event.value)):
        end = after(order)

        assert end.state is state, order
        assert (bool(end.debit_reference), bool(end.return_reference)) == booked, order


def booked(before: Payout, following: Payout) -> tuple[Posting, ...]:
    """What a step books."""
    if following.debit_reference != before.debit_reference:
        return settlement_postings(following)
    if following.return_reference != before.return_reference:
        return return_postings(following)
    rejected = following.state is State.REJECTED and before.state is not State.REJECTED
    return rejection_postings(following) if rejected else ()


@given(st.lists(st.sampled_from(list(Event)), max_size=12))
def test_whatever_comes_each_movement_is_booked_once(events: list[Event]) -> None:
    state = payout()
    books = Counter({posting.account_id: -posting.signed for posting in creation_postings(state)})
    party, transit = books
    for event in events:
        try:
            following = told(state, event)
        except Conflict:
            assert (event is Event.REJECTED) != (state.state is State.REJECTED)
            continue
        books.update({posting.account_id: -posting.signed for posting in booked(state, following)})
        state = following

    debited, returned, rejected = (
        state.debit_reference != "",
        state.return_reference != "",
        state.state is State.REJECTED,
    )
    assert books[transit] == (0 if debited or rejected else 500)
    assert books[ACCOUNT.account_id] == 500 * (debited - returned)
    assert books[party] == -500 + 500 * (returned or rejected)


@pytest.mark.parametrize("event", list(Event))
def test_what_is_told_twice_changes_nothing_the_second_time(event: Event) -> None:
    once = told(payout(), event)

    assert told(once, event) is once


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.SETTLED, Event.REJECTED),
        (State.RETURNED, Event.REJECTED),
        (State.REJECTED, Event.SETTLED),
        (State.REJECTED, Event.RETURNED),
    ],
)
def test_what_contradicts_booked_money_is_refused(state: State, event: Event) -> None:
    with pytest.raises(Conflict) as refused:
        told(replace(payout(), state=state), event)

    assert refused.value.code == "payout_state"
    assert refused.value.facts["state"] == state.value


def test_all_else_has_its_place_in_the_table() -> None:
    missing = {(state, event) for state in State for event in Event if event not in LIFE[state]}

    assert missing == {
        (State.SETTLED, Event.REJECTED),
        (State.RETURNED, Event.REJECTED),
        (State.REJECTED, Event.SETTLED),
        (State.REJECTED, Event.RETURNED),
    }


def test_a_second_debit_is_refused_before_its_amount_is_looked_at() -> None:
    settled = settle(payout(), cny(500), bank_reference="MB-PMT-1")

    assert code_of(settle, settled, cny(7), bank_reference="MB-PMT-2") == "payout_settled_twice"


def test_a_debit_of_another_amount_is_refused() -> None:
    assert code_of(settle, payout(), cny(499), bank_reference="MB-PMT-1") == "payout_amount_differs"
    assert code_of(settle, payout(), Money(500, "EUR"), bank_reference="MB-PMT-1") == "payout_amount_differs"


def test_a_bank_may_keep_a_charge_from_what_comes_back_but_not_add_to_it() -> None:
    returned = give_back(payout(), cny(480), bank_reference="MB-RTR-1", reason="AC04")

    assert (returned.returned_minor, returned.reason) == (480, "AC04")
    assert code_of(give_back, payout(), cny(501), bank_reference="MB-RTR-1", reason="") == "payout_amount_differs"
    assert code_of(give_back, payout(), cny(-1), bank_reference="MB-RTR-1", reason="") == "payout_amount_differs"


def test_a_second_return_is_refused() -> None:
    returned = give_back(payout(), cny(480), bank_reference="MB-RTR-1", reason="AC04")

    assert code_of(give_back, returned, cny(20), bank_reference="MB-RTR-2", reason="") == "payout_returned_twice"


def test_the_reason_of_a_rejection_is_kept() -> None:
    assert advance(payout(), Event.REJECTED, reason="AC04").reason == "AC04"


def test_each_step_books_what_it_says() -> None:
    returned = replace(payout(), returned_minor=480)
    steps = (creation_postings, rejection_postings, settlement_postings, return_postings)

    signed = [[posting.signed for posting in step(returned)] for step in steps]
    creation, rejection, settlement, back = ([p.account_id for p in step(returned)] for step in steps)

    assert signed == [[500, -500], [500, -500], [500, -500], [480, -480]]
    assert rejection == creation[::-1]
    assert settlement == [creation[1], ACCOUNT.account_id]
    assert back == [ACCOUNT.account_id, creation[0]]


@pytest.mark.parametrize(
    ("amount", "remittance", "code"),
    [
        (cny(0), " x", "amount_not_positive"),
        (Money(1, "EUR"), " x", "currency_mismatch"),
        (cny(1), " x", "invalid_remittance"),
        (cny(1), "x" * 141, "invalid_remittance"),
        (cny(1), "line\nbreak", "invalid_remittance"),
    ],
)
def test_a_payout_is_refused_in_this_order(amount: Money, remittance: str, code: str) -> None:
    arguments = {"party_id": "pty_1", "account": ACCOUNT, "now": MONDAY, "remittance": remittance}

    assert code_of(new_payout, PAYOUT_ID, amount, **arguments) == code


@pytest.mark.parametrize("text", ["", "pay_", "po-1", PAYOUT_ID.upper(), PAYOUT_ID + "0", f"{PAYOUT_ID}\n"])
def test_ids_of_another_form_are_not_ours(text: str) -> None:
    assert is_payout_id(PAYOUT_ID)
    assert not is_payout_id(text)


def report(status: str, reason: str = "", *, group: tuple[str, str] = ("", "")) -> StatusReport:
    payments = (PaymentStatus(PAYOUT_ID, PAYOUT_ID, PAYOUT_ID, status, reason),)
    return StatusReport("MB-P002-1", None, PAYOUT_ID, *group, batches=(), payments=payments)


def whole(status: str, reason: str = "", *batches: BatchStatus) -> StatusReport:
    return StatusReport("MB-P002-1", None, PAYOUT_ID, status, reason, batches=batches, payments=())


@pytest.mark.parametrize(
    ("message", "news"),
    [
        (report("ACCP"), News(PAYOUT_ID, Event.ACCEPTED)),
        (report("ACSC"), News(PAYOUT_ID, Event.ACCEPTED)),
        (report("PDNG"), None),
        (report("RJCT", "AC04"), News(PAYOUT_ID, Event.REJECTED, "AC04")),
        (report("RJCT", group=("PART", "AC01")), News(PAYOUT_ID, Event.REJECTED, "AC01")),
        (report("RJCT", "AM05"), News(PAYOUT_ID, Event.DOUBTED, "AM05")),
        (report("RJCT", group=("RJCT", "DUPL")), News(PAYOUT_ID, Event.SENT, "DUPL")),
        (report("RJCT", "DU04"), News(PAYOUT_ID, Event.SENT, "DU04")),
        (whole("RJCT", "FF01"), News(PAYOUT_ID, Event.REJECTED, "FF01")),
        (whole("RJCT", "DUPL"), News(PAYOUT_ID, Event.SENT, "DUPL")),
        (whole("ACTC"), News(PAYOUT_ID, Event.ACCEPTED)),
        (whole("PART", "", BatchStatus(PAYOUT_ID, "RJCT", "AM10")), News(PAYOUT_ID, Event.REJECTED, "AM10")),
        (whole("PART"), None),
        (whole(""), None),
    ],
)
def test_a_status_report_says_this_of_the_payout(message: StatusReport, news: News | None) -> None:
    assert news_of(message) == (() if news is None else (news,))


def test_a_status_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        news_of(report("XXXX"))

    assert refused.value.code == "unknown_payment_status"


def test_a_file_told_to_be_there_already_does_not_fail_a_payout() -> None:
    for before in (payout(), told(payout(), Event.ACCEPTED), told(payout(), Event.SETTLED)):
        (news,) = news_of(whole("RJCT", "DUPL"))

        assert advance(before, news.event, reason=news.reason).state is not State.REJECTED
