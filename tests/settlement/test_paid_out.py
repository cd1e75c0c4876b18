"""Which commands of a trade are followed by payouts: all that credit a party out of it, and none of the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.settlement.kinds import is_paid_out_after
from chalicelib.settlement.service.payouts import payouts_due
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.template import Fault
from tests.settlement.goods import DEPOSIT, FREIGHT, PRICE, RETAINED, SELLERS, WEIGHED, Trading
from tests.trades.papers import weight_note


def released(place: Trading) -> Outcome:
    return place.release(place.signed())


def settled(place: Trading) -> Outcome:
    deal = place.paid(WEIGHED)
    place.told_of(deal, weight_note(9_000, unit="unit"))
    place.sign(deal)
    return place.settle(deal)


def retention_released(place: Trading) -> Outcome:
    deal = place.signed(RETAINED)
    place.release(deal)
    return place.release_retained(deal, days=40)


def resolved(place: Trading) -> Outcome:
    deal = place.paid()
    place.dispute(deal, 300)
    return place.resolve(deal, buyer=100, carrier=200)


def refunded(place: Trading) -> Outcome:
    return place.refund(place.paid(), 700)


def taken_back(place: Trading) -> Outcome:
    deal = place.signed()
    place.release(deal)
    return place.take_back(deal, 100)


def cancelled(place: Trading) -> Outcome:
    return place.cancel(place.paid(), Fault.BUYER)


def expired(place: Trading) -> Outcome:
    return place.expire(place.paid(), days=20)


def claim_settled(place: Trading) -> Outcome:
    deal = place.paid()
    place.cancel(deal, Fault.SELLER)
    place.owe("seller", DEPOSIT)
    return place.claim(deal, DEPOSIT)


FOLLOWED: list[tuple[Callable[[Trading], Outcome], dict[str, int]]] = [
    (released, {"carrier": FREIGHT, "seller": SELLERS}),
    (settled, {"buyer": PRICE // 10, "carrier": FREIGHT, "seller": PRICE * 9 // 10 - FREIGHT - 9_000}),
    (retention_released, {"seller": 50_000}),
    (resolved, {"buyer": 100, "carrier": 200}),
    (refunded, {"buyer": 700}),
    (taken_back, {"buyer": 100}),
    (cancelled, {"buyer": PRICE - DEPOSIT, "seller": DEPOSIT}),
    (expired, {"buyer": PRICE}),
    (claim_settled, {"buyer": DEPOSIT}),
]


def paid(place: Trading, item: JournalItem) -> dict[str, int]:
    roles = {party_id: role for role, party_id in place.parties.items()}
    return {roles[due.party_id]: due.amount.minor for due in payouts_due(place.tenant, item.entry_id)}


@pytest.mark.parametrize(("command", "amounts"), FOLLOWED, ids=[row[0].__name__ for row in FOLLOWED])
def test_whoever_a_command_credits_is_paid_by_bank(
    place: Trading, command: Callable[[Trading], Outcome], amounts: dict[str, int]
) -> None:
    item = command(place).item

    assert (is_paid_out_after(item), paid(place, item)) == (True, amounts)


def test_a_refund_that_repays_a_line_pays_nobody(place: Trading) -> None:
    place.lend()
    line, deal = place.line(), place.under()
    place.draw(line, deal, PRICE)

    assert paid(place, place.cancel(deal).item) == {}


def test_what_moves_no_money_out_of_a_trade_asks_for_no_payouts(place: Trading) -> None:
    deal = place.under()
    place.owe("buyer", PRICE)

    items = [place.fund(deal, PRICE).item, place.cancel(place.under()).item]

    assert [is_paid_out_after(item) for item in items] == [False, False]
    assert [payouts_due(place.tenant, item.entry_id) for item in items] == [(), ()]
