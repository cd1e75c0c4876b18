"""A bank's word on payouts, through the worker: each step once, and money that contradicts is booked and shown."""

from __future__ import annotations

import pytest

from chalicelib.banking import paying
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.core.ids import derived_id
from tests.settlement.desk import LAST_RECEIVE, UNKNOWN_PAYOUT, Desk, moved, notification, status
from tests.settlement.market import market
from tests.support.calls import MONDAY
from tests.support.faults import crash_points

OTHER_IBAN = "NL35MOCK0000000012"


def sent(desk: Desk, minor: int = 500, role: str = "mill") -> Payout:
    """A payout of money that has come in for a party, its file written."""
    place = desk.place
    place.owe(role, minor)
    command = paying.CreatePayout(place.party(role), place.money(minor))
    payout_id = paying.create_payout(place.call(), command).item.data["payout_id"]
    return paying.send_payout(place.tenant, str(payout_id), now=MONDAY)


def state(desk: Desk, payout: Payout) -> State:
    return paying.get_payout(desk.place.tenant, payout.payout_id).state


def test_a_payouts_acceptance_debit_and_return_are_booked(desk: Desk) -> None:
    payout = sent(desk)

    assert desk.tell(status(payout.payout_id, "ACCP")) == []
    assert state(desk, payout) is State.ACCEPTED
    assert desk.tell(desk.report(moved(-500, "MB-PMT-1", end_to_end_id=payout.payout_id))) == []
    assert (state(desk, payout), desk.place.bank) == (State.SETTLED, 0)
    returned = moved(500, "MB-RTR-1", end_to_end_id=payout.payout_id, return_reason="AC04")
    assert desk.tell(desk.report(returned)) == []
    assert (state(desk, payout), desk.place.owed("mill"), desk.place.bank) == (State.RETURNED, 500, 500)
    assert (desk.quarantine(), desk.waiting()) == ([], [])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"minor": -499, "bank_reference": "MB-PMT-2"}, "payout_amount_differs"),
        ({"minor": 501, "bank_reference": "MB-RTR-2", "return_reason": "AC04"}, "payout_amount_differs"),
    ],
)
def test_money_that_contradicts_its_payout_is_booked_in_suspense(
    desk: Desk, entry: dict[str, object], reason: str
) -> None:
    payout = sent(desk)
    minor = int(str(entry.pop("minor")))
    message = desk.take(desk.report(moved(minor, end_to_end_id=payout.payout_id, **entry)))

    for _ in range(2):
        assert desk.handle(message) == []

    assert (desk.place.bank, desk.place.suspense) == (500 + minor, minor)
    assert (desk.waiting(), desk.quarantine()) == ([(reason, minor)], [])
    assert state(desk, payout) is State.SENT


def test_a_second_debit_of_one_payout_is_booked_in_suspense(desk: Desk) -> None:
    payout = sent(desk)
    for reference in ("MB-PMT-1", "MB-PMT-2"):
        assert desk.tell(desk.report(moved(-500, reference, end_to_end_id=payout.payout_id))) == []

    assert (desk.place.bank, desk.waiting()) == (-500, [("payout_settled_twice", -500)])


def test_a_debit_of_what_was_rejected_is_booked_in_suspense(desk: Desk) -> None:
    payout = sent(desk)
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))

    assert desk.tell(desk.report(moved(-500, end_to_end_id=payout.payout_id))) == []

    assert (desk.place.owed("mill"), desk.place.bank, desk.waiting()) == (500, 0, [("payout_state", -500)])


def test_a_debit_on_another_tenants_account_is_its_own_and_not_the_payers(desk: Desk) -> None:
    payout = sent(desk)
    grain = market("Grain Marketplace", iban=OTHER_IBAN)

    assert desk.tell(notification(moved(-500, end_to_end_id=payout.payout_id), iban=grain.account.iban)) == []

    assert (desk.waiting(grain), desk.waiting()) == ([("payout_account_differs", -500)], [])
    assert (grain.bank, desk.place.bank, state(desk, payout)) == (-500, 500, State.SENT)


def test_a_rejection_of_what_was_paid_goes_to_its_tenants_quarantine_alone(desk: Desk) -> None:
    payout = sent(desk)
    grain = market("Grain Marketplace", iban=OTHER_IBAN)
    desk.tell(desk.report(moved(-500, end_to_end_id=payout.payout_id)))

    assert desk.tell(status(payout.payout_id, "RJCT", "AC04")) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.tenant, entry.facts["payout_id"]) == (
        "payout_state",
        desk.place.tenant,
        payout.payout_id,
    )
    assert desk.quarantine(grain) == []


def test_a_debit_that_a_person_has_booked_is_put_before_people(desk: Desk) -> None:
    payout = sent(desk)
    desk.place.book_by_hand(desk.place.movement(-500, bank_reference="MB-PMT-1"))

    assert desk.tell(desk.report(moved(-500, "MB-PMT-1", end_to_end_id=payout.payout_id))) == []

    assert (desk.reasons(), desk.waiting()) == (["movement_booked_otherwise"], [])
    assert state(desk, payout) is State.SENT


def test_word_of_a_payout_that_is_not_known_yet_comes_again_and_is_then_done(desk: Desk) -> None:
    place = desk.place
    key = "later"
    payout_id = derived_id("pay", place.tenant, f"c:{key}")
    accepted = desk.take(status(payout_id, "ACCP"))
    assert desk.handle(accepted) == ["m0"]
    assert desk.quarantine() == []

    place.owe("mill", 500)
    paying.create_payout(place.call(key), paying.CreatePayout(place.party("mill"), place.money(500)))

    assert desk.handle(accepted, receive_count=2) == []
    assert paying.get_payout(place.tenant, payout_id).state is State.ACCEPTED


def test_word_of_a_payout_that_is_never_known_ends_in_quarantine(desk: Desk) -> None:
    message = desk.take(status(UNKNOWN_PAYOUT, "ACCP"))
    for receive_count in range(1, LAST_RECEIVE):
        assert desk.handle(message, receive_count=receive_count) == ["m0"]

    assert desk.handle(message, receive_count=LAST_RECEIVE) == []

    assert desk.reasons() == ["payout_not_found"]


def test_money_of_a_payout_that_is_never_known_ends_in_suspense(desk: Desk) -> None:
    message = desk.take(desk.report(moved(-500, end_to_end_id=UNKNOWN_PAYOUT)))
    assert desk.handle(message, receive_count=LAST_RECEIVE - 1) == ["m0"]

    assert desk.handle(message, receive_count=LAST_RECEIVE) == []

    assert (desk.waiting(), desk.quarantine()) == ([("payout_not_found", -500)], [])
    assert desk.place.bank == -500


def test_another_systems_payment_is_no_payout_of_ours(desk: Desk) -> None:
    assert desk.tell(status("INV-2026-17", "ACCP")) == []

    assert desk.reasons() == ["not_our_payout"]


def test_a_worker_killed_at_any_call_moves_a_payout_on_once(desk: Desk) -> None:
    for point in crash_points():
        payout = sent(desk)
        bank = desk.place.bank
        accepted = desk.take(status(payout.payout_id, "ACCP"))
        debited = desk.take(desk.report(moved(-500, end_to_end_id=payout.payout_id)))
        with point:
            desk.handle(accepted, debited)

        assert desk.handle(accepted, debited, receive_count=2) == [], point

        assert (state(desk, payout), desk.place.bank) == (State.SETTLED, bank - 500), point
    assert (desk.quarantine(), desk.waiting()) == ([], [])
