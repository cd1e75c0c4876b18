"""Each command of a trade, by a process that is killed before or after any of its calls and asked again: one effect."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from chalicelib.settlement.service import settling
from chalicelib.settlement.service.movements import book_movement
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.template import Fault
from tests.settlement.goods import DEPOSIT, PRICE, RETAINED, WEIGHED, Trading, trading
from tests.settlement.market import picture, trial_balance
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points
from tests.trades.papers import weight_note

Act = Callable[[], Outcome]


def funded_from_account(place: Trading) -> Act:
    deal = place.under()
    place.owe("buyer", PRICE)
    return partial(place.fund, deal, PRICE, key="act")


def too_much_paid(place: Trading) -> Act:
    movement = place.movement(PRICE + 5, place.under().reference)
    return lambda: book_movement(place.told(movement), movement)


def dispute_resolved(place: Trading) -> Act:
    deal = place.signed()
    place.dispute(deal, 300_000)
    return partial(place.resolve, deal, key="act", buyer=100_000, seller=200_000)


def refunded(place: Trading) -> Act:
    return partial(place.refund, place.paid(), 1_000, key="act")


def taken_back(place: Trading) -> Act:
    deal = place.signed()
    place.release(deal)
    return partial(place.take_back, deal, 1_000, key="act")


def cancelled(place: Trading) -> Act:
    """One that its line has funded in part: the refund repays it."""
    place.lend()
    line, deal = place.line(), place.under()
    place.draw(line, deal, 600_000)
    place.pay(deal.reference, 300_000)
    return partial(place.cancel, deal, Fault.BUYER, key="act")


def expired(place: Trading) -> Act:
    return partial(place.expire, place.paid(), days=20, key="act")


def retention_released(place: Trading) -> Act:
    deal = place.signed(RETAINED)
    place.release(deal)
    return partial(place.release_retained, deal, days=40, key="act")


def claim_settled(place: Trading) -> Act:
    deal = place.paid()
    place.cancel(deal, Fault.SELLER)
    place.owe("seller", DEPOSIT)
    return partial(place.claim, deal, DEPOSIT, key="act")


def linked(place: Trading) -> Act:
    upstream, downstream = place.between("factory", "farm"), place.between("pharmacy", "factory")
    return partial(place.link, upstream, downstream, key="act")


def fed(place: Trading) -> Act:
    upstream, downstream = place.between("factory", "farm"), place.between("pharmacy", "factory")
    place.link(upstream, downstream)
    place.pay(downstream.reference, PRICE)
    place.told_and_signed(downstream)
    return partial(place.release, downstream, key="act")


def top_up_asked(place: Trading) -> Act:
    deal = place.paid(WEIGHED)
    place.told_of(deal, weight_note(11_000, unit="unit"))
    place.sign(deal)
    here = place.call("act")
    return lambda: settling.settle_finally(here, deal.trade_id)


COMMANDS = (
    funded_from_account,
    too_much_paid,
    dispute_resolved,
    refunded,
    taken_back,
    cancelled,
    expired,
    retention_released,
    claim_settled,
    linked,
    fed,
    top_up_asked,
)


def answered_again(act: Act, outcome: Outcome) -> bool:
    again = act()
    return again.replayed and again.item == outcome.item


@pytest.mark.parametrize("prepared", COMMANDS, ids=lambda command: command.__name__)
def test_a_process_killed_at_any_call_leaves_one_effect_after_a_retry(
    place: Trading, session_tables: Tables, prepared: Callable[[Trading], Act]
) -> None:
    prepared(place)()
    wanted = picture(session_tables, place.tenant)
    for point in crash_points():
        other = trading()
        act = prepared(other)
        with point:
            act()

        outcome = act()

        assert picture(session_tables, other.tenant) == wanted, point
        assert trial_balance(session_tables, other.tenant) == {"CNY": 0}, point
        assert answered_again(act, outcome), point


@pytest.mark.parametrize("prepared", [cancelled, fed], ids=lambda command: command.__name__)
def test_a_lost_answer_is_absorbed_and_counted_once(
    place: Trading, session_tables: Tables, prepared: Callable[[Trading], Act]
) -> None:
    prepared(place)()
    wanted = picture(session_tables, place.tenant)
    for point in lost_points(only="dynamodb.TransactWriteItems"):
        other = trading()
        act = prepared(other)
        with point:
            outcome = act()

        assert picture(session_tables, other.tenant) == wanted, point
        assert answered_again(act, outcome), point
