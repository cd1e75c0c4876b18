"""Payouts whose money is set aside and that are not made: seen among their trade's, and overdue after a day."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib.banking import paying
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reserved_payouts import cancel_payout
from chalicelib.settlement.worker import payments
from tests.settlement.goods import SELLERS, Trading
from tests.settlement.market import Deal
from tests.settlement.stopping import stopped
from tests.settlement.test_reserved import payouts_of, released

HOUR = timedelta(hours=1)


def waiting(place: Trading) -> tuple[Deal, Payout]:
    """A payout that cannot be made since its party's account is frozen."""
    deal, outcome = released(place)
    place.freeze("seller")
    place.pay_out(outcome)
    return deal, payouts_of(place, outcome)["seller"]


def overdue(place: Trading) -> list[tuple[str, str]]:
    listed = paying.list_overdue(place.tenant, after=None, limit=50).values
    return [(one.payout_id, one.reason) for one in listed]


def of_trade(place: Trading, deal: Deal) -> list[Payout]:
    return list(paying.list_payouts_of(place.tenant, deal.trade_id, after=None, limit=50).values)


def retry(place: Trading, payout: Payout, hours: int) -> datetime:
    """The payout tried again each hour; when that was last."""
    at = payout.due_at or payout.created_at
    for _ in range(hours):
        payments.pay_due(place.tenant, payout.payout_id, now=at)
        at += HOUR
    return at


def test_one_that_is_put_off_for_a_day_is_overdue_with_its_reason_and_named_once(
    place: Trading, caplog: pytest.LogCaptureFixture
) -> None:
    _, payout = waiting(place)

    retry(place, payout, 23)
    assert overdue(place) == []
    retry(place, paying.get_payout(place.tenant, payout.payout_id), 5)

    assert overdue(place) == [(payout.payout_id, "account_frozen")]
    assert len([one for one in caplog.records if "payout_overdue" in one.message]) == 1


@pytest.mark.parametrize("end", ["paid", "cancelled"])
def test_one_that_waits_no_more_is_overdue_no_more(place: Trading, end: str) -> None:
    deal, payout = waiting(place)
    at = retry(place, payout, 25)
    assert overdue(place) == [(payout.payout_id, "account_frozen")]

    place.unfreeze("seller")
    if end == "paid":
        payments.follow_payout(place.tenant, payout.payout_id, now=at)
    else:
        cancel_payout(place.call(), payout.payout_id)

    assert overdue(place) == []
    assert [one.payout_id for one in of_trade(place, deal)].count(payout.payout_id) == 1


def test_one_that_is_stopped_is_overdue_a_day_later(place: Trading) -> None:
    deal, _, payouts = stopped(place)
    ids = {one.payout_id for one in payouts}
    [seller] = [one for one in of_trade(place, deal) if one.party_id == place.party("seller")]
    assert (seller.state, seller.reason, seller.amount_minor) == (State.STOPPED, "money_taken_back", SELLERS)
    at = seller.due_at
    assert at is not None

    payments.pay_due(place.tenant, seller.payout_id, now=at - HOUR)
    assert overdue(place) == []

    payments.pay_due(place.tenant, seller.payout_id, now=at)

    assert overdue(place) == [(seller.payout_id, "money_taken_back")]
    assert {one.payout_id for one in of_trade(place, deal)} == ids
    cancel_payout(place.call(), seller.payout_id)
    assert overdue(place) == []


def test_a_waiting_payout_is_among_those_of_its_trade(place: Trading) -> None:
    deal, payout = waiting(place)

    states = {one.payout_id: one.state for one in of_trade(place, deal)}

    assert states[payout.payout_id] is State.RESERVED
    assert len(states) == len(of_trade(place, deal)) > 1
