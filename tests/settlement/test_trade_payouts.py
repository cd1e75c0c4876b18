"""What a trade shows of its payouts: each unit that was set aside for a receiver stands in one place, in few reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from chalicelib.banking.payout_states import Event, State
from chalicelib.banking.payouts import Payout, advance, give_back, next_attempt, settle
from chalicelib.banking.reservations import SHORT, Reserved, let_go, lower, put_off
from chalicelib.core.money import Money
from chalicelib.settlement.domain.trade_payouts import PayoutStage, ReceiverPayouts, payout_stage, sum_payouts
from tests.settlement.goods import FREIGHT, PRICE, SELLERS, Trading
from tests.settlement.stopping import released_by_lot, stopped
from tests.settlement.test_costs import Bill
from tests.support.api import Api, signing, token_for
from tests.support.calls import MONDAY
from tests.support.faults import fault

AMOUNTS = ("reserved", "short", "on_the_way", "paid", "returned", "charges", "unreserved")


def reserved(minor: int = 1_000, account: str = "acc_mill") -> Payout:
    entry = Reserved("ten", "ent_1", account, "pty_mill", Money(minor, "CNY"), MONDAY)
    return entry.payout()


def made(minor: int = 1_000) -> Payout:
    return replace(reserved(minor), state=State.CREATED, bank_id="bank_a")


def back(payout: Payout, minor: int, charge: int = 0) -> Payout:
    sent = advance(payout, Event.SENT)
    return give_back(
        settle(sent, sent.amount, bank_reference="D"), Money(minor, "CNY"), bank_reference="R", reason="AC04",
        charge_minor=charge,
    )  # fmt: skip


def standing(*payouts: Payout) -> dict[str, int]:
    """Where the amounts of one receiver's payouts stand, what is nothing left out."""
    [one] = sum_payouts(payouts)
    return {name: minor for name in AMOUNTS if (minor := getattr(one, f"{name}_minor"))}


STANDING: list[tuple[Payout, dict[str, int], PayoutStage]] = [
    (reserved(), {"reserved": 1_000}, PayoutStage.RESERVED),
    (replace(reserved(), state=State.STOPPED), {"reserved": 1_000}, PayoutStage.RESERVED),
    (put_off(reserved(), SHORT, now=MONDAY, until=MONDAY), {"short": 1_000}, PayoutStage.SHORT),
    (put_off(reserved(), "no_account", now=MONDAY, until=MONDAY), {"reserved": 1_000}, PayoutStage.RESERVED),
    (lower(reserved(), 400), {"reserved": 600, "unreserved": 400}, PayoutStage.RESERVED),
    (lower(reserved(), 1_000), {"unreserved": 1_000}, PayoutStage.NONE),
    (let_go(reserved(), "payout_schedule"), {"unreserved": 1_000}, PayoutStage.NONE),
    (made(), {"on_the_way": 1_000}, PayoutStage.UNANSWERED),
    (replace(made(), amount_minor=900), {"on_the_way": 900, "unreserved": 100}, PayoutStage.UNANSWERED),
    *((replace(made(), state=state), {"on_the_way": 1_000}, PayoutStage.UNANSWERED) for state in (
        State.SENDING, State.SENT, State.ACCEPTED, State.UNKNOWN, State.REJECTION_UNPROVED
    )),
    (settle(advance(made(), Event.SENT), Money(1_000, "CNY"), bank_reference="D"), {"paid": 1_000}, PayoutStage.PAID),
    (back(made(), 400), {"paid": 600, "returned": 400}, PayoutStage.RETURNED),
    (back(made(), 1_000), {"returned": 1_000}, PayoutStage.RETURNED),
    (back(made(), 980, 20), {"returned": 980, "charges": 20}, PayoutStage.RETURNED),
    (back(replace(made(), charges_borne_by="marketplace"), 980, 20), {"returned": 1_000}, PayoutStage.RETURNED),
    (advance(made(), Event.REJECTED), {"returned": 1_000}, PayoutStage.RETURNED),
    (advance(made(), Event.WITHDRAWN), {"returned": 1_000}, PayoutStage.RETURNED),
    (
        next_attempt(back(made(), 980, 20), bank_account_id="bac_2", now=MONDAY),
        {"on_the_way": 980, "charges": 20},
        PayoutStage.UNANSWERED,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("payout", "amounts", "stage"), STANDING)
def test_each_unit_of_a_payout_stands_in_one_place(payout: Payout, amounts: dict[str, int], stage: PayoutStage) -> None:
    assert standing(payout) == amounts
    assert sum(amounts.values()) == payout.reserved_minor
    assert payout_stage(sum_payouts((payout,))) is stage


def test_every_state_of_a_payout_has_its_place() -> None:
    assert {payout.state for payout, _, _ in STANDING} == set(State)


@given(st.lists(st.sampled_from([payout for payout, _, _ in STANDING]), max_size=12))
def test_receivers_get_in_all_what_was_set_aside(payouts: list[Payout]) -> None:
    sums = sum_payouts(payouts)

    total = sum(getattr(one, f"{name}_minor") for one in sums for name in AMOUNTS)
    assert total == sum(payout.reserved_minor for payout in payouts)
    assert [payout_id for one in sums for payout_id in one.payout_ids] == [one.payout_id for one in payouts]


def test_the_oldest_that_is_unanswered_says_since_when() -> None:
    later = replace(made(), created_at=MONDAY + timedelta(days=3))
    old = settle(advance(made(), Event.SENT), Money(1_000, "CNY"), bank_reference="D")

    [one] = sum_payouts((old, later, replace(later, created_at=MONDAY + timedelta(days=2))))

    assert one.unanswered_since == MONDAY + timedelta(days=2)
    assert sum_payouts((old,))[0].unanswered_since is None


def test_one_that_lacks_money_is_named_ahead_of_all_that_goes_well() -> None:
    sums = (ReceiverPayouts("a", "CNY", paid_minor=9), ReceiverPayouts("b", "CNY", short_minor=1, on_the_way_minor=4))

    assert payout_stage(sums) is PayoutStage.SHORT
    assert payout_stage(()) is PayoutStage.NONE


# ---- over HTTP -------------------------------------------------------------------------------------------------------


def shown(place: Trading, trade_id: str) -> dict[str, Any]:
    with signing():
        reply = Api(app, token_for(place.tenant)).get(f"/v1/trades/{trade_id}")
    assert reply.status == 200, reply.body
    body: dict[str, Any] = reply.body
    return body


def by_role(place: Trading, payouts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    roles = {party_id: role for role, party_id in place.parties.items()}
    return {roles[one["party_id"]]: one for one in payouts["receivers"]}


def test_a_completed_trade_whose_payouts_are_unanswered_says_so(place: Trading) -> None:
    deal = place.signed()
    outcome = place.release(deal)
    before = shown(place, deal.trade_id)["payouts"]
    made = {one.party_id: one.payout_id for one in place.pay_out(outcome, days=3)}

    body = shown(place, deal.trade_id)

    assert (before["stage"], by_role(place, before)["seller"]["reserved_minor"]) == ("reserved", SELLERS)
    assert (body["trade"]["state"], body["payouts"]["stage"]) == ("completed", "unanswered")
    seller = by_role(place, body["payouts"])["seller"]
    assert (seller["on_the_way_minor"], seller["reserved_minor"], seller["currency"]) == (SELLERS, 0, "CNY")
    assert seller["payout_ids"] == [made[place.party("seller")]]
    assert seller["unanswered_since"] == "2026-03-05T09:00:00.000000Z"
    assert seller["unanswered_days"] > 30
    assert by_role(place, body["payouts"])["carrier"]["on_the_way_minor"] == FREIGHT


def test_a_refund_to_the_buyer_is_among_the_payouts(place: Trading) -> None:
    deal = place.paid()
    place.pay_out(place.refund(deal, 100))

    buyer = by_role(place, shown(place, deal.trade_id)["payouts"])["buyer"]

    assert (buyer["on_the_way_minor"], len(buyer["payout_ids"])) == (100, 1)


def test_payouts_that_a_bank_has_stopped_stay_reserved(place: Trading) -> None:
    deal, _, payouts = stopped(place)

    receivers = by_role(place, shown(place, deal.trade_id)["payouts"])

    assert receivers["seller"]["reserved_minor"] == SELLERS
    assert {one["unanswered_since"] for one in receivers.values()} == {None}
    assert {payout_id for one in receivers.values() for payout_id in one["payout_ids"]} == {
        payout.payout_id for payout in payouts
    }


@pytest.mark.parametrize("lots", [1, 8])
def test_a_trade_is_read_with_its_payouts_in_five_reads(place: Trading, lots: int) -> None:
    """The trade, its releases, the list of its payouts (index and records), the payouts: for any few releases."""
    deal, outcomes = released_by_lot(place, of=10, released=lots)
    for outcome in outcomes:
        place.pay_out(outcome)
    bill = Bill()

    with signing(), fault(bill.take, times=100):
        reply = Api(app, token_for(place.tenant)).get(f"/v1/trades/{deal.trade_id}")

    assert reply.status == 200
    assert bill.reads == 5
    assert sum(one["on_the_way_minor"] for one in reply.body["payouts"]["receivers"]) > (PRICE // 20 * lots)
