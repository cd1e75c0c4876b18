"""The life of a payout: refusals in their order, and every order of what a bank may tell."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.banking.domain import Bank
from chalicelib.banking.payout_ageing import proof_day, with_clock
from chalicelib.banking.payout_postings import (
    creation_postings,
    rejection_postings,
    return_postings,
    settlement_postings,
)
from chalicelib.banking.payout_states import GIVEN_UP, TRANSITIONS, Event, Source, State
from chalicelib.banking.payout_status import News, by_profile, news_of, words_of
from chalicelib.banking.payouts import ChargesBorneBy, Payout, advance, give_back, is_payout_id, new_payout, settle
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
        left = before.amount_minor - before.returned_minor
        return give_back(before, before.amount.of(left), bank_reference="MB-RTR-1", reason="AC04")
    if event is Event.PARTLY_RETURNED:
        return give_back(before, before.amount.of(1), bank_reference="MB-RTR-0", reason="AC04")
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
        assert (bool(end.debit_reference), bool(end.return_references)) == booked, order


def booked(before: Payout, following: Payout) -> tuple[Posting, ...]:
    """What a step books."""
    if following.debit_reference != before.debit_reference:
        return settlement_postings(following)
    if following.return_references != before.return_references:
        return return_postings(before, following)
    given_up = following.state in GIVEN_UP and before.state not in GIVEN_UP
    return rejection_postings(following) if given_up else ()


@given(st.lists(st.sampled_from(list(Event)), max_size=12))
def test_whatever_comes_each_movement_is_booked_once(events: list[Event]) -> None:
    state = payout()
    books = Counter({posting.account_id: -posting.signed for posting in creation_postings(state)})
    party, transit = books
    for event in events:
        try:
            following = told(state, event)
        except Conflict:
            assert event not in TRANSITIONS[state.state]
            continue
        books.update({posting.account_id: -posting.signed for posting in booked(state, following)})
        state = following

    debited, given_up = state.debit_reference != "", state.state in GIVEN_UP
    assert books[transit] == (0 if debited or given_up else 500)
    assert books[ACCOUNT.account_id] == 500 * debited - state.returned_minor
    assert books[party] == -500 + state.returned_minor + 500 * given_up


@pytest.mark.parametrize("event", [event for event in TRANSITIONS[State.CREATED] if event is not Event.WITHDRAWN])
def test_what_is_told_twice_changes_nothing_the_second_time(event: Event) -> None:
    once = told(payout(), event)

    assert told(once, event) is once


GRID = """
                    sending sent withdrawn accepted doubted rejected rejection_unproved cancelled settled partly_returned returned not_debited found_paid found_unpaid found_returned
reserved            - - - - - - - - - - - - - - -
stopped             - - - - - - - - - - - - - - -
created             sending sent cancelled accepted unknown rejected rejection_unproved cancelled settled partly_returned returned -           -          -            -
sending             sending sent -         accepted unknown rejected rejection_unproved cancelled settled partly_returned returned -           -          -            -
sent                =       =    -         accepted unknown rejected rejection_unproved cancelled settled partly_returned returned -           accepted   rejected     -
accepted            =       =    -         =        unknown rejected rejection_unproved cancelled settled partly_returned returned -           accepted   rejected     -
unknown             =       =    -         =        =       rejected rejection_unproved cancelled settled partly_returned returned -           accepted   rejected     -
rejection_unproved  =       =    -         =        =       rejected =                  cancelled settled partly_returned returned rejected    accepted   rejected     -
settled             =       =    -         =        =       -        -                  -         =       partly_returned returned -           -          -            -
partly_returned     =       =    -         =        =       -        -                  -         =       =               returned -           -          -            returned
returned            =       =    -         =        =       -        -                  -         =       -               -        -           -          -            -
rejected            =       =    -         =        =       =        =                  =         -       -               -        =           -          -            -
cancelled           =       =    -         =        =       =        =                  =         -       -               -        =           -          -            -
"""  # noqa: E501 (a table is read across)
"""What each event does in each state: the state after, `=` where nothing changes, `-` where it is refused."""


def test_what_each_event_does_in_each_state_is_this() -> None:
    head, *rows = [line.split() for line in GRID.strip().splitlines()]
    wanted = {
        (State(state), Event(event)): None if cell == "-" else State(state if cell == "=" else cell)
        for state, *cells in rows
        for event, cell in zip(head, cells, strict=True)
    }

    assert wanted == {(state, event): TRANSITIONS[state].get(event) for state in State for event in Event}


@pytest.mark.parametrize(("state", "event"), [(s, e) for s in State for e in Event if e not in TRANSITIONS[s]])
def test_what_has_no_place_in_the_table_is_refused(state: State, event: Event) -> None:
    with pytest.raises(Conflict) as refused:
        told(replace(payout(), state=state), event)

    came_back = state is State.RETURNED and event in {Event.RETURNED, Event.PARTLY_RETURNED}
    assert refused.value.code == ("payout_returned_twice" if came_back else "payout_state")
    assert refused.value.facts["state"] == state.value


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


def test_a_return_of_far_less_is_one_in_part_and_the_rest_may_follow() -> None:
    part = give_back(payout(), cny(100), bank_reference="MB-RTR-1", reason="AC04")
    whole = give_back(part, cny(390), bank_reference="MB-RTR-2", reason="AC04")

    assert (part.state, part.returned_minor) == (State.PARTLY_RETURNED, 100)
    assert (whole.state, whole.returned_minor, whole.return_charges_minor) == (State.RETURNED, 490, 10)
    assert give_back(whole, cny(100), bank_reference="MB-RTR-1", reason="AC04") is whole


@pytest.mark.parametrize("borne_by", ["party", "marketplace"])
def test_two_returns_less_charges_come_to_the_whole_and_a_third_cent_is_refused(borne_by: ChargesBorneBy) -> None:
    before = replace(payout(), amount_minor=100_000, charges_borne_by=borne_by)
    part = give_back(before, cny(39_500), bank_reference="MB-RTR-1", reason="AC04", charge_minor=500)
    whole = give_back(part, cny(59_500), bank_reference="MB-RTR-2", reason="AC04", charge_minor=500)

    postings = (*return_postings(before, part), *return_postings(part, whole))
    books = Counter[str]()
    for posting in postings:
        books[posting.account_id] += posting.signed
    assert (part.state, whole.state) == (State.PARTLY_RETURNED, State.RETURNED)
    assert books[ACCOUNT.account_id] == 99_000
    assert sorted(books.values()) == ([-99_000, 0, 99_000] if borne_by == "party" else [-100_000, 1_000, 99_000])
    assert whole.regained_minor == (99_000 if borne_by == "party" else 100_000)
    assert code_of(give_back, whole, cny(1), bank_reference="MB-RTR-3", reason="") == "payout_returned_twice"


def test_a_stated_charge_says_that_the_rest_is_still_to_come() -> None:
    part = give_back(payout(), cny(460), bank_reference="MB-RTR-1", reason="AC04", charge_minor=1)

    assert part.state is State.PARTLY_RETURNED


def test_a_return_beyond_what_is_left_is_refused() -> None:
    part = give_back(payout(), cny(100), bank_reference="MB-RTR-1", reason="AC04")

    assert code_of(give_back, part, cny(401), bank_reference="MB-RTR-2", reason="") == "payout_amount_differs"


def test_a_second_return_is_refused() -> None:
    returned = give_back(payout(), cny(480), bank_reference="MB-RTR-1", reason="AC04")

    assert code_of(give_back, returned, cny(20), bank_reference="MB-RTR-2", reason="") == "payout_returned_twice"


def test_the_reason_of_a_rejection_is_kept() -> None:
    assert advance(payout(), Event.REJECTED, reason="AC04").reason == "AC04"


def test_each_step_books_what_it_says() -> None:
    sent = payout()
    steps = (creation_postings(sent), rejection_postings(sent), settlement_postings(sent))
    back = return_postings(sent, replace(sent, returned_minor=480))

    creation, rejection, settlement = ([p.account_id for p in step] for step in steps)
    assert [[posting.signed for posting in step] for step in steps] == [[500, -500]] * 3
    assert rejection == creation[::-1]
    assert settlement == [creation[1], ACCOUNT.account_id]
    assert [p.signed for p in back if p.signed] == [480, -480]
    assert [p.account_id for p in back if p.signed] == [ACCOUNT.account_id, creation[0]]


@pytest.mark.parametrize("source", list(Source))
def test_a_payout_takes_its_money_from_its_source_and_gives_it_back_there(source: Source) -> None:
    made = replace(payout(), source=source)

    assert creation_postings(made)[0].account_id == rejection_postings(made)[1].account_id
    assert (
        return_postings(made, replace(made, returned_minor=1))[-1].account_id == creation_postings(made)[0].account_id
    )


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
        (report("CANC", "CUST"), News(PAYOUT_ID, Event.CANCELLED, "CUST")),
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
    told_of = [news_of(word) for word in words_of(message)]

    assert [each for each in told_of if each] == ([] if news is None else [news])


@pytest.mark.parametrize("statuses", [("RJCT", "ACSC"), ("ACSC", "RJCT"), ("PDNG", "RJCT")])
def test_batches_that_say_different_things_of_one_payment_are_not_guessed_at(statuses: tuple[str, str]) -> None:
    batches = [BatchStatus(f"b{i}", status, "") for i, status in enumerate(statuses)]
    (word,) = words_of(whole("PART", "", *batches))

    with pytest.raises(InvalidInput) as refused:
        news_of(word)

    assert (refused.value.code, refused.value.facts["field"]) == ("element_twice", "OrgnlPmtInfAndSts/PmtInfSts")


def test_batches_that_say_the_same_say_it_once() -> None:
    batches = (BatchStatus("b0", "RJCT", "AC04"), BatchStatus("b1", "", ""), BatchStatus("b2", "RJCT", "AC04"))

    assert [news_of(word) for word in words_of(whole("PART", "", *batches))] == [
        News(PAYOUT_ID, Event.REJECTED, "AC04")
    ]


def test_the_reason_of_another_batch_is_not_a_payments() -> None:
    payments = (PaymentStatus(PAYOUT_ID, PAYOUT_ID, "b0", "RJCT", ""),)
    for batch_id, event in (("b0", Event.SENT), ("b1", Event.REJECTED)):
        batches = (BatchStatus("b0", "RJCT", "") if batch_id != "b0" else BatchStatus("b0", "RJCT", "DUPL"),)
        batches += (BatchStatus("b1", "RJCT", "DUPL"),)
        (word,) = words_of(StatusReport("MB-P002-1", None, PAYOUT_ID, "", "", batches=batches, payments=payments))
        news = news_of(word)
        assert news is not None
        assert news.event is event


def test_a_status_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        news_of(next(words_of(report("XXXX"))))

    assert refused.value.code == "unknown_payment_status"


def test_a_bank_that_rejects_what_it_has_debited_does_not_end_a_payout_by_that() -> None:
    bank = Bank("bank_late", "Late Bank", "", rejects_before_booking=False)

    for event, reason in ((Event.REJECTED, "AC04"), (Event.CANCELLED, "CANC")):
        news = News(PAYOUT_ID, event, "AC04")
        assert by_profile(news, replace(bank, rejects_before_booking=True)) == news
        assert by_profile(news, bank) == News(PAYOUT_ID, Event.REJECTION_UNPROVED, reason)
    accepted = News(PAYOUT_ID, Event.ACCEPTED)
    assert by_profile(accepted, bank) is accepted


@pytest.mark.parametrize(("reason", "end"), [("AC04", State.REJECTED), ("CANC", State.CANCELLED)])
def test_a_rejection_ends_as_what_it_was_once_no_debit_is_proved(reason: str, end: State) -> None:
    waiting = advance(payout(), Event.REJECTION_UNPROVED, reason=reason)

    assert advance(waiting, Event.NOT_DEBITED).state is end


def test_a_file_told_to_be_there_already_does_not_fail_a_payout() -> None:
    for before in (payout(), told(payout(), Event.ACCEPTED), told(payout(), Event.SETTLED)):
        news = news_of(next(words_of(whole("RJCT", "DUPL"))))

        assert news is not None
        assert advance(before, news.event, reason=news.reason).state is not State.REJECTED


@pytest.mark.parametrize(
    ("currency", "execute_on", "days", "last"),
    [
        ("CNY", date(2026, 2, 13), 3, date(2026, 2, 25)),  # Saturday the 14th is worked, the 15th to the 23rd are free
        ("EUR", date(2026, 4, 2), 1, date(2026, 4, 7)),  # Good Friday and Easter Monday are no days of TARGET
        ("USD", date(2026, 11, 25), 1, date(2026, 11, 27)),  # Thanksgiving
        ("CNY", date(2026, 12, 30), 3, None),  # China's days of 2027 are not known
    ],
)
def test_a_rejected_payouts_debit_is_possible_for_business_days_of_its_currency(
    currency: str, execute_on: date, days: int, last: date | None
) -> None:
    sent = replace(payout(), currency=currency, execute_on=execute_on)
    bank = Bank("bank_late", "Late Bank", "", rejects_before_booking=False, debit_days=days)

    assert proof_day(sent, bank) == last


NEW_YEAR = datetime(2026, 12, 30, 4, tzinfo=UTC)


def test_news_is_awaited_by_weekdays_where_the_business_days_are_not_known() -> None:
    sent = replace(payout(), execute_on=date(2026, 12, 30), news_at=NEW_YEAR)
    waiting = with_clock(sent, replace(sent, state=State.SENT), Bank("b", "B", "", news_days=3), now=NEW_YEAR)

    assert waiting.due_at == datetime(2027, 1, 4, 16, tzinfo=UTC)
