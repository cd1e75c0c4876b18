"""A bank's word on payouts, through the worker: each step once, and money that contradicts is booked and shown."""

from __future__ import annotations

import pytest

from chalicelib.banking import paying
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.core.ids import derived_id
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.claims import Claim, Reason
from chalicelib.settlement.domain.receipts import Target
from chalicelib.settlement.service import claims
from chalicelib.settlement.service.allocations import Allocate, allocate
from chalicelib.settlement.service.pairings import undo_part
from tests.settlement.desk import LAST_RECEIVE, UNKNOWN_PAYOUT, Desk, moved, notification, status
from tests.settlement.market import market, refusal, trial_balance
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


def test_a_debit_of_what_was_rejected_is_a_claim_on_who_was_paid(desk: Desk) -> None:
    payout = sent(desk)
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))

    for _ in range(2):
        assert desk.tell(desk.report(moved(-500, "MB-PMT-1", end_to_end_id=payout.payout_id))) == []

    assert (desk.place.owed("mill"), desk.place.bank, desk.waiting()) == (500, 0, [])
    (claim,) = open_claims_of(desk)
    assert (claim.debtor, claim.creditor, claim.open_minor) == (desk.place.party("mill"), None, 500)
    assert (claim.reason, desk.place.balance(Purpose.CLAIMS)) == (Reason.PAID_IN_ERROR, 500)


@pytest.mark.parametrize(("paid", "waived"), [(0, 0), (200, 0), (200, 100), (500, 0), (0, 500)])
def test_a_claim_for_what_was_paid_in_error_is_undone_whatever_became_of_it(desk: Desk, paid: int, waived: int) -> None:
    payout, place = sent(desk), desk.place
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))
    desk.tell(desk.report(moved(-500, end_to_end_id=payout.payout_id)))
    (claim,) = open_claims_of(desk)
    if paid:
        claims.settle_claim(place.call(), claim.claim_id, place.money(paid))
    if waived:
        claims.waive_claim(place.call(), claim.claim_id, place.money(waived), "as agreed")
    (receipt,) = [one for one in place.receipts() if one.amount_minor == -500]

    undo_part(place.call(), receipt.receipt_id, 1, "the bank has said that it was its own")

    after = claims.get_claim(place.tenant, claim.claim_id)
    assert (after.amount_minor, after.open_minor, after.status) == (0, 0, "withdrawn")
    assert (place.owed("mill"), desk.waiting()) == (500, [("allocation_undone", -500)])
    assert (place.balance(Purpose.CLAIMS), place.balance(Purpose.CLAIM_LOSSES)) == (0, 0)
    assert trial_balance(desk.tables, place.tenant) == {"CNY": 0}


def test_what_a_bank_gives_back_of_it_is_claimed_no_more(desk: Desk) -> None:
    payout, place = sent(desk), desk.place
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))
    desk.tell(desk.report(moved(-500, "MB-PMT-1", end_to_end_id=payout.payout_id)))
    (claim,) = open_claims_of(desk)
    claims.settle_claim(place.call(), claim.claim_id, place.money(400))

    desk.tell(desk.report(moved(300, "MB-BACK", reversal=True, original_reference="MB-PMT-1")))

    after = claims.get_claim(place.tenant, claim.claim_id)
    assert (after.amount_minor, after.settled_minor, after.open_minor) == (200, 200, 0)
    assert (place.owed("mill"), place.bank, place.balance(Purpose.CLAIMS)) == (300, 300, 0)


def test_money_that_came_in_is_no_claim_and_nobodys_is_on_nobody(desk: Desk) -> None:
    desk.tell(desk.report(moved(5, "MB-IN"), moved(-5, "MB-OUT")))
    receipts = {one.amount_minor: one.receipt_id for one in desk.place.unmatched()}

    for minor, party, code in ((5, "mill", "target_takes_no_credit"), (-5, "", "party_not_found")):
        party_id = desk.place.party(party) if party else "pty_" + "0" * 26
        refused = refusal(
            lambda minor=minor, party_id=party_id: allocate(
                desk.place.call(), Allocate(receipts[minor], Target.CLAIM, party_id)
            )
        )
        assert refused.code == code


def test_a_late_debit_that_is_killed_at_any_call_is_claimed_once(desk: Desk) -> None:
    for number, point in enumerate(crash_points()):
        own = Desk(
            market(f"Market {number}", iban=f"6222{number:012}", seal=True), desk.tables, desk.callbacks, desk.payments
        )
        payout = sent(own)
        own.tell(status(payout.payout_id, "RJCT", "AC04"))
        message = own.take(own.report(moved(-500, f"L-{number}", end_to_end_id=payout.payout_id)))
        with point:
            own.handle(message)

        assert own.handle(message, receive_count=2) == [], point
        assert [one.open_minor for one in open_claims_of(own)] == [500], point
        assert (own.waiting(), own.place.balance(Purpose.CLAIMS)) == ([], 500), point


def open_claims_of(desk: Desk) -> tuple[Claim, ...]:
    return claims.list_claims(desk.place.tenant, is_open=True, after=None, limit=10).values


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
