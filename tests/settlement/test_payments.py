"""What is settled or released is paid out by worker: each party once, by a file of its own, whatever dies meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.banking.payout_states import State
from chalicelib.queues.worker import WorkerFailed
from chalicelib.settlement.worker import relay
from chalicelib.settlement.worker.due import do_due
from chalicelib.settlement.worker.payments import pay_due
from tests.banking.build import BANK, MILL_IBAN
from tests.settlement.desk import Desk, moved, notification, status
from tests.settlement.market import DUE, deliverable, funded_by_credit, picture
from tests.support.events import stream_event
from tests.support.faults import crash_points, fault, never_sent, server_error

FIVE = {"seller": 2_921_950, "carrier": 40_000, "inspector": 15_000, "warehouse": 8_050}


def released(desk: Desk) -> str:
    """A release to the four parties of a fixed-price deal: its entry's id."""
    return desk.place.release(deliverable(desk.place)).item.entry_id


def amounts(desk: Desk) -> dict[str, int]:
    return {role: payout.amount_minor for role, payout in desk.payouts().items()}


def states(desk: Desk) -> set[State]:
    return {payout.state for payout in desk.payouts().values()}


# ---- asking ----------------------------------------------------------------------------------------------------------


def test_a_release_asks_for_its_payouts_once(desk: Desk) -> None:
    entry_id = released(desk)
    image = desk.journal_image(entry_id)

    relay.relay(stream_event((None, image), (None, image)), None)

    assert desk.payments.taken() == [{"tenant": desk.place.tenant, "entry_id": entry_id}]


def test_a_final_settlement_asks_for_its_payouts(desk: Desk) -> None:
    deal, _ = funded_by_credit(desk.place)
    entry_id = desk.place.settle(deal).item.entry_id

    assert desk.asked(entry_id) == [{"tenant": desk.place.tenant, "entry_id": entry_id}]


def test_other_entries_ask_for_nothing(desk: Desk) -> None:
    deal = desk.place.deal()
    payment = desk.place.pay(deal.reference, DUE).item.entry_id
    desk.place.weighed(deal, 498_320, 370_000)
    top_up = desk.place.settle(deal).item.entry_id

    assert desk.asked(payment) == desk.asked(top_up) == []


def test_only_a_new_entry_asks(desk: Desk) -> None:
    image = desk.journal_image(released(desk))

    relay.relay(stream_event((image, image), (image, None)), None)

    assert desk.payments.taken() == []


def test_a_queue_out_of_reach_fails_the_streams_batch_so_that_it_comes_again(desk: Desk) -> None:
    entry_id = released(desk)

    with fault(never_sent, times=99, only="sqs"), pytest.raises(WorkerFailed):
        desk.asked(entry_id)

    assert desk.asked(entry_id) == [{"tenant": desk.place.tenant, "entry_id": entry_id}]


def test_a_relay_killed_at_any_call_asks_in_the_end(desk: Desk) -> None:
    deal = deliverable(desk.place, fixed_shares={"carrier": 40_000, "inspector": 0, "warehouse": 0})
    entry_id = desk.place.release(deal).item.entry_id
    for point in crash_points():
        with point:
            desk.asked(entry_id)

        desk.asked(entry_id)

        # Asked twice within five minutes, the queue drops the second; asked later, the worker finds all of it done.
        assert desk.pay({"tenant": desk.place.tenant, "entry_id": entry_id}) == [], point
    assert states(desk) == {State.SENT}


# ---- paying ----------------------------------------------------------------------------------------------------------


def test_every_receiver_is_paid_its_share_by_a_file_of_its_own(desk: Desk) -> None:
    (message,) = desk.asked(released(desk))

    assert desk.pay(message) == []

    assert amounts(desk) == FIVE
    assert states(desk) == {State.SENT}
    assert [desk.place.owed(role) for role in FIVE] == [0, 0, 0, 0]
    files = {f"payment-files/{BANK}/{payout.payout_id}.xml" for payout in desk.payouts().values()}
    assert set(desk.payments.files()) == files
    assert MILL_IBAN in desk.payments.read(files.pop()).decode()


def test_the_file_says_what_is_paid_for(desk: Desk) -> None:
    deal = deliverable(desk.place)
    (message,) = desk.asked(desk.place.release(deal).item.entry_id)

    desk.pay(message)

    for payout in desk.payouts().values():
        assert (payout.subject, payout.remittance) == (deal.trade_id, deal.reference)


def test_a_refund_to_the_buyer_is_paid_out_too_and_the_fee_is_not(desk: Desk) -> None:
    place = desk.place
    deal = place.deal()
    place.pay(deal.reference, DUE)
    place.weighed(deal)
    (message,) = desk.asked(place.settle(deal).item.entry_id)

    desk.pay(message)

    assert amounts(desk) == {"buyer": 962_024, "carrier": 4_250_000, "mill": 176_743_363}


def test_a_refund_that_repaid_a_line_is_not_paid_out(desk: Desk) -> None:
    deal, _ = funded_by_credit(desk.place)
    (message,) = desk.asked(desk.place.settle(deal).item.entry_id)

    desk.pay(message)

    assert amounts(desk) == {"carrier": 4_250_000, "mill": 176_743_363}


def test_a_party_in_two_roles_gets_one_payout_of_both_shares(desk: Desk) -> None:
    place = desk.place
    place.parties["carrier"] = place.party("mill")
    deal = place.deal()
    place.pay(deal.reference, DUE)
    place.weighed(deal)
    (message,) = desk.asked(place.settle(deal).item.entry_id)

    desk.pay(message)

    assert sorted(payout.amount_minor for payout in desk.payouts().values()) == [962_024, 180_993_363]


def test_a_message_that_comes_again_pays_nobody_twice(desk: Desk) -> None:
    (message,) = desk.asked(released(desk))
    desk.pay(message)
    before = picture(desk.tables, desk.place.tenant)

    assert desk.pay(message) == []

    assert picture(desk.tables, desk.place.tenant) == before


def test_a_message_of_another_kind_of_entry_pays_nobody(desk: Desk) -> None:
    entry_id = desk.place.pay("", 5).item.entry_id

    assert desk.pay({"tenant": desk.place.tenant, "entry_id": entry_id}) == []

    assert desk.payouts() == {}


def test_an_entry_that_is_not_there_comes_again(desk: Desk) -> None:
    assert desk.pay({"tenant": desk.place.tenant, "entry_id": "ent_none"}) == ["m0"]


def test_one_party_that_cannot_be_paid_holds_up_no_other(desk: Desk) -> None:
    entry_id = released(desk)
    desk.place.freeze("carrier")

    assert desk.pay({"tenant": desk.place.tenant, "entry_id": entry_id}) == []

    waiting = desk.payouts().pop("carrier")
    assert (waiting.state, waiting.reason, waiting.amount_minor) == (State.RESERVED, "account_frozen", FIVE["carrier"])
    others = {role: payout.state for role, payout in desk.payouts().items() if role != "carrier"}
    assert others == dict.fromkeys(FIVE.keys() - {"carrier"}, State.SENT)


def test_details_that_cannot_be_opened_leave_the_payout_made_and_the_message_comes_again(desk: Desk) -> None:
    (message,) = desk.asked(released(desk))

    with fault(server_error, times=99, only="kms"):
        assert desk.pay(message) == ["m0"]
    assert (states(desk), desk.payments.files()) == ({State.CREATED}, [])

    assert desk.pay(message) == []
    assert (states(desk), len(desk.payments.files())) == ({State.SENT}, 4)


@pytest.mark.parametrize(
    ("carrier", "seller", "only"),
    [(0, 2_985_000, ""), (40_000, 2_945_000, "dynamodb.TransactWriteItems")],
    ids=["any call for one party", "any commit for two"],
)
def test_a_worker_killed_pays_each_party_once_in_the_end(desk: Desk, carrier: int, seller: int, only: str) -> None:
    shares = {"carrier": carrier, "inspector": 0, "warehouse": 0}
    for point in crash_points(only):
        deal = deliverable(desk.place, fixed_shares=shares)
        message = {"tenant": desk.place.tenant, "entry_id": desk.place.release(deal).item.entry_id}
        with point:
            desk.pay(message)

        assert desk.pay(message) == [], point

        mine = [payout for payout in desk.payouts_of(deal.trade_id) if payout.state is State.SENT]
        assert sorted(payout.amount_minor for payout in mine) == [minor for minor in (carrier, seller) if minor], point
        assert (desk.place.owed("carrier"), desk.place.owed("seller")) == (0, 0), point
        assert all(desk.payments.read(payout.file_key) for payout in mine), point


# ---- and back --------------------------------------------------------------------------------------------------------


def test_the_bank_accepts_and_debits_and_every_payout_is_settled(desk: Desk) -> None:
    (message,) = desk.asked(released(desk))
    desk.pay(message)
    bank = desk.place.bank

    for payout in desk.payouts().values():
        desk.tell(status(payout.payout_id, "ACSC"))
    debits = [
        moved(-payout.amount_minor, f"MB-PMT-{i}", end_to_end_id=payout.payout_id)
        for i, payout in enumerate(desk.payouts().values())
    ]
    assert desk.tell(notification(*debits, iban=desk.place.account.iban)) == []

    assert states(desk) == {State.SETTLED}
    assert desk.place.bank == bank - sum(FIVE.values())


# ---- what waited -----------------------------------------------------------------------------------------------------


def test_a_payout_that_could_not_be_made_is_asked_for_again_when_it_is_due(desk: Desk) -> None:
    entry_id = released(desk)
    desk.place.freeze("carrier")
    desk.pay({"tenant": desk.place.tenant, "entry_id": entry_id})
    waiting = desk.payouts()["carrier"]
    desk.place.unfreeze("carrier")
    assert waiting.due_at is not None

    do_due(lambda: waiting.due_at - timedelta(seconds=1))
    early = desk.payments.taken()
    do_due(lambda: waiting.due_at)
    asked = desk.payments.taken()

    assert (early, asked) == ([], [{"tenant": desk.place.tenant, "payout_id": waiting.payout_id}])
    pay_due(**asked[0], now=waiting.due_at)
    assert states(desk) == {State.SENT}
    do_due(lambda: waiting.due_at + timedelta(days=1))
    assert desk.payments.taken() == []
