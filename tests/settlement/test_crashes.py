"""A process killed before or after any of its calls, then asked again under the same key: one effect, one answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.core.daycount import DayCount
from chalicelib.credit.domain import Terms
from chalicelib.settlement.service import lending
from chalicelib.settlement.service.movements import book_in_suspense, book_movement
from chalicelib.storage.once import Outcome
from tests.settlement.market import (
    DRAWN,
    DUE,
    PAID,
    Market,
    day,
    deliverable,
    funded_by_credit,
    market,
    picture,
    trial_balance,
)
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points

Act = Callable[[], Outcome]


def trade_opened(place: Market) -> Act:
    place.deal()
    return partial(place.opened, key="act")


def lender_opened(place: Market) -> Act:
    party_id, here = place.party("lender"), place.call("act")
    return lambda: lending.open_lender(here, party_id, "CNY")


def line_opened(place: Market) -> Act:
    place.lender()
    terms = Terms(place.money(100), 600, DayCount.ACT_360)
    command, here = lending.OpenLine(place.party("lender"), place.party("buyer"), terms), place.call("act")
    return lambda: lending.open_credit_line(here, command)


def drawn(place: Market) -> Act:
    place.lend()
    line, deal = place.line(), place.deal()
    place.pay(deal.reference, PAID)
    return partial(place.draw, line, deal, DRAWN, key="act")


def escrow_paid(place: Market) -> Act:
    return told(place, DUE + 5, place.deal().reference)


def lender_paid(place: Market) -> Act:
    return told(place, 5, place.lender())


def line_repaid(place: Market) -> Act:
    place.lend()
    line = place.line()
    place.draw(line, place.deal(), DRAWN)
    return told(place, 962_024, line.reference, days=3)


def line_repaid_late(place: Market) -> Act:
    place.lend()
    line = place.line()
    place.draw(line, place.deal(), DRAWN)
    told(place, 5_000, line.reference, days=3)()
    movement = place.movement(962_024, line.reference, booked_on=day(1), value_on=day(1))
    return lambda: book_movement(place.told(movement, days=3), movement)


def unknown_money(place: Market) -> Act:
    return told(place, -5, "")


def contradiction(place: Market) -> Act:
    movement = place.movement(-5)
    return lambda: book_in_suspense(place.told(movement), movement, "payout_state")


def settled_with_a_line(place: Market) -> Act:
    deal, _ = funded_by_credit(place)
    return partial(place.settle, deal, key="act")


def settled_without(place: Market) -> Act:
    deal = place.deal()
    place.pay(deal.reference, DUE)
    place.weighed(deal)
    return partial(place.settle, deal, key="act")


def top_up_asked(place: Market) -> Act:
    deal = place.deal()
    place.pay(deal.reference, DUE)
    place.weighed(deal, 498_320, 370_000)
    return partial(place.settle, deal, key="act")


def released(place: Market) -> Act:
    return partial(place.release, deliverable(place), key="act")


def told(place: Market, minor: int, reference: str, *, days: int = 0) -> Act:
    movement = place.movement(minor, reference)
    return lambda: book_movement(place.told(movement, days=days), movement)


COMMANDS = (
    trade_opened,
    lender_opened,
    line_opened,
    drawn,
    escrow_paid,
    lender_paid,
    line_repaid,
    line_repaid_late,
    unknown_money,
    contradiction,
    settled_with_a_line,
    settled_without,
    top_up_asked,
    released,
)
by_name = pytest.mark.parametrize("prepared", COMMANDS, ids=[command.__name__ for command in COMMANDS])


def fresh(prepared: Callable[[Market], Act], number: int) -> tuple[Market, Act]:
    """A market of its own in which everything is ready for the command."""
    place = market(f"Marketplace {number}", iban=f"6222{number:012}")
    return place, prepared(place)


def undisturbed(tables: Tables, prepared: Callable[[Market], Act]) -> dict[str, Any]:
    """The books after the command was done once, by nobody disturbed."""
    place, act = fresh(prepared, 0)
    act()
    return picture(tables, place.tenant)


@by_name
def test_a_process_killed_at_any_call_leaves_one_effect_after_a_retry(
    tables: Tables, prepared: Callable[[Market], Act]
) -> None:
    wanted = undisturbed(tables, prepared)
    for number, point in enumerate(crash_points(), 1):
        place, act = fresh(prepared, number)
        with point:
            act()

        outcome = act()

        assert picture(tables, place.tenant) == wanted, point
        assert set(trial_balance(tables, place.tenant).values()) == {0}, point
        assert answered_again(act, outcome), point


@pytest.mark.parametrize("prepared", [escrow_paid, settled_with_a_line, released], ids=lambda command: command.__name__)
def test_a_lost_answer_is_absorbed_and_counted_once(tables: Tables, prepared: Callable[[Market], Act]) -> None:
    wanted = undisturbed(tables, prepared)
    for number, point in enumerate(lost_points(only="dynamodb.TransactWriteItems"), 1):
        place, act = fresh(prepared, number)
        with point:
            outcome = act()

        assert picture(tables, place.tenant) == wanted, point
        assert answered_again(act, outcome), point


def answered_again(act: Act, outcome: Outcome) -> bool:
    again = act()
    return again.replayed and again.item == outcome.item
