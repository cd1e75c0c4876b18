"""Payouts made by callers, and payouts that a bank does not answer, through the workers as AWS runs them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.banking import paying, payout_commands
from chalicelib.banking.payout_commands import StartAttempt
from chalicelib.banking.payout_states import Source, State
from chalicelib.banking.payouts import Payout
from chalicelib.core.errors import Conflict
from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.service.own_income import unpaid_interest_minor
from chalicelib.settlement.worker import payments, relay
from chalicelib.settlement.worker.due import do_due
from tests.settlement.desk import Desk, moved, status
from tests.settlement.market import DRAWN
from tests.support.calls import MONDAY
from tests.support.events import queue_event, stream_event
from tests.support.faults import crash_points

FRIDAY = MONDAY.replace(hour=0) + timedelta(days=4, hours=-8)
"""As it begins in Shanghai."""


def made(desk: Desk, minor: int = 500) -> str:
    """The entry of a payout made by a caller."""
    place = desk.place
    place.owe("mill", minor)
    command = paying.CreatePayout(place.party("mill"), place.money(minor))
    return paying.create_payout(place.call(), command).item.entry_id


def handled(desk: Desk) -> list[str]:
    """What of the messages in the payout queue fails."""
    failures: list[str] = []
    for message in desk.payments.taken():
        group = message.get("payout_id") or message["entry_id"]
        answer = payments.payouts(queue_event((group, message)), None)
        failures += [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    return failures


def only(desk: Desk) -> Payout:
    (payout,) = desk.payouts().values()
    return payout


def sent(desk: Desk) -> Payout:
    desk.asked_again(made(desk))
    assert handled(desk) == []
    return only(desk)


def run(now: datetime) -> None:
    do_due(lambda: now)


def test_a_payout_made_by_hand_is_sent(desk: Desk) -> None:
    entry_id = made(desk)

    relay.relay(stream_event((None, desk.journal_image(entry_id))), None)

    assert handled(desk) == []
    assert only(desk).state is State.SENT
    assert desk.payments.files() == [only(desk).file_key]


def test_another_attempt_is_sent_under_its_own_id(desk: Desk) -> None:
    payout = sent(desk)
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))

    outcome = payout_commands.start_attempt(desk.place.call(), StartAttempt(payout.payout_id))
    desk.asked_again(outcome.item.entry_id)

    assert handled(desk) == []
    assert (only(desk).state, only(desk).current_id) == (State.SENT, outcome.item.data["attempt_id"])
    desk.tell(desk.report(moved(-500, end_to_end_id=only(desk).current_id)))
    assert (only(desk).state, desk.place.bank) == (State.SETTLED, 0)


def test_a_file_asked_for_again_is_written_again(desk: Desk) -> None:
    payout = sent(desk)

    outcome = payout_commands.resend_payout(desk.place.call(), payout.payout_id)
    desk.asked_again(outcome.item.entry_id)

    assert handled(desk) == []
    first, again = desk.payments.files()
    assert desk.payments.read(first) == desk.payments.read(again)


def test_a_worker_killed_while_sending_sends_one_file(desk: Desk) -> None:
    for number, point in enumerate(crash_points()):
        entry_id = made(desk)
        desk.asked_again(entry_id)
        (message,) = desk.payments.taken()
        with point:
            payments.payouts(queue_event((message["payout_id"], message)), None)

        assert payments.payouts(queue_event((message["payout_id"], message)), None)["batchItemFailures"] == [], point

        assert len(desk.payments.files()) == number + 1, point
        assert paying.get_payout(desk.place.tenant, message["payout_id"]).state is State.SENT, point


def test_a_bank_that_never_answers_is_noticed_listed_and_named_without_values(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    payout = sent(desk)
    tenant = desk.place.tenant
    run(FRIDAY - timedelta(minutes=1))
    assert paying.list_overdue(tenant, after=None, limit=10).values == ()

    for days in range(30):
        run(FRIDAY + timedelta(days=days))

    (listed,) = paying.list_overdue(tenant, after=None, limit=10).values
    assert (listed.payout_id, listed.state, listed.overdue_since) == (payout.payout_id, State.SENT, FRIDAY)
    named = [record.message for record in caplog.records if "payout_overdue" in record.message]
    assert len(named) == 30
    assert f'"payout_id": "{payout.payout_id}", "state": "sent"' in named[0]
    desk.tell(desk.report(moved(-500, end_to_end_id=payout.payout_id)))
    run(FRIDAY + timedelta(days=60))
    assert paying.list_overdue(tenant, after=None, limit=10).values == ()
    assert len([record for record in caplog.records if "payout_overdue" in record.message]) == 30


def test_a_payout_whose_message_was_lost_is_asked_for_again(desk: Desk) -> None:
    made(desk)

    run(MONDAY + timedelta(minutes=14))
    assert desk.payments.taken() == []
    run(MONDAY + timedelta(minutes=16))

    assert handled(desk) == []
    assert only(desk).state is State.SENT
    assert paying.list_overdue(desk.place.tenant, after=None, limit=10).values == ()


def test_a_debit_of_a_dead_attempt_is_booked_shown_and_named(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    payout = sent(desk)
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))

    assert desk.tell(desk.report(moved(-500, end_to_end_id=payout.payout_id))) == []

    assert (desk.place.owed("mill"), desk.place.bank, desk.waiting()) == (500, 0, [])
    assert only(desk).late_debit_reference
    assert [record.message for record in caplog.records if "payout_contradicted" in record.message]


def test_returns_in_parts_come_to_the_whole_and_a_third_cent_is_suspense(desk: Desk) -> None:
    place = desk.place
    desk.asked_again(made(desk, 100_000))
    handled(desk)
    payout = only(desk)
    desk.tell(desk.report(moved(-100_000, end_to_end_id=payout.payout_id)))

    states = []
    for minor, charge in ((39_500, 500), (59_500, 500), (1, 0)):
        back = moved(minor, end_to_end_id=payout.payout_id, return_reason="AC04")
        desk.tell(desk.report(back | ({"charges_minor": charge} if charge else {})))
        states.append(only(desk).state)

    assert states == [State.PARTLY_RETURNED, State.RETURNED, State.RETURNED]
    assert (place.owed("mill"), place.bank, place.suspense) == (99_000, 99_001, 1)


def test_interest_that_is_not_paid_in_yet_is_not_paid_out(desk: Desk) -> None:
    place = desk.place
    place.lend()
    line = place.line()
    place.draw(line, place.deal(), DRAWN)
    accrue_due(MONDAY + timedelta(days=10))
    earned = place.balance(Purpose.INTEREST_INCOME)
    owed = unpaid_interest_minor(place.tenant, "CNY")
    assert owed == earned > 0

    command = paying.CreatePayout(place.party("lender"), place.money(1), source=Source.INTEREST_INCOME, kept_minor=owed)
    with pytest.raises(Conflict) as refused:
        paying.create_payout(place.call(), command)

    assert (refused.value.code, refused.value.facts["requested"], refused.value.facts["available"]) == (
        "insufficient_funds",
        1,
        0,
    )
    place.pay(line.reference, earned, days=10, booked_on=(MONDAY + timedelta(days=10)).date())
    assert unpaid_interest_minor(place.tenant, "CNY") == 0
    assert unpaid_interest_minor(place.tenant, "EUR") == 0
    everything = replace(command, amount=place.money(earned), kept_minor=0)
    assert paying.create_payout(place.call(), everything).item.kind == "payout.created"
