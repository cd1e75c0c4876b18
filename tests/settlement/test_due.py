"""What time does to trades: once, in order, however late, and never what cannot be done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.core.errors import Busy
from chalicelib.ledger.service.account_life import freeze, unfreeze
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.netting import Stage
from chalicelib.settlement.kinds import SET_ASIDE
from chalicelib.settlement.worker.due import do_due, do_trade, due
from chalicelib.storage.commit import commit
from chalicelib.storage.due import due_in_turn
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.records import create
from chalicelib.storage.tables import record_key
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.terms import Lot
from tests.settlement.clearing import clearing
from tests.settlement.goods import (
    DEPOSIT,
    FEE,
    FREIGHT,
    GOODS,
    PRICE,
    RETAINED,
    SELLERS,
    WEIGHED,
    Trading,
    after,
    trading,
)
from tests.settlement.market import Deal, Line, journal_of, kinds, picture, trial_balance
from tests.splits.desk import desk_of, rest
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.events import schedule_event
from tests.support.faults import crash_points
from tests.trades.papers import delivery_note, weight_note

TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = 1, 2, 3, 4
PAID = {"carrier": FREIGHT, "seller": SELLERS}


def at(days: int) -> Callable[[], datetime]:
    return lambda: after(days)


def passed(place: Trading, deal: Deal, days: int) -> int:
    """What the schedule does of a trade when so many days have passed."""
    return do_trade(place.tenant, deal.trade_id, at(days))


def weighed(place: Trading, quantity_milli: int = 10_500, **changes: object) -> Deal:
    """A deal that is paid for and weighed, half a unit more than agreed; the buyer has signed nothing."""
    deal = place.paid(WEIGHED, **changes)
    place.told_of(deal, weight_note(quantity_milli, unit="unit"))
    return deal


def set_aside(tables: Tables, place: Trading) -> list[JournalItem]:
    return [item for item in journal_of(tables, place.tenant) if item.kind == SET_ASIDE]


# ---- silence ---------------------------------------------------------------------------------------------------------


def test_silence_becomes_acceptance_and_lets_the_money_go(place: Trading) -> None:
    deal = place.delivered()
    assert passed(place, deal, WEDNESDAY) == 0

    assert passed(place, deal, THURSDAY) == 2

    assert (place.trade(deal).state, place.all_owed(), place.fees) == (State.COMPLETED, PAID, FEE)
    assert passed(place, deal, FRIDAY) == 0


def test_a_day_late_is_the_same(place: Trading) -> None:
    deal = place.delivered()

    assert passed(place, deal, THURSDAY + 10) == 2

    assert (place.trade(deal).state, place.all_owed()) == (State.COMPLETED, PAID)


def test_a_signature_leaves_nothing_to_time(place: Trading) -> None:
    deal = place.signed()

    assert passed(place, deal, THURSDAY) == 0

    assert place.trade(deal).state is State.PERFORMING


def test_a_dispute_stops_the_clock(place: Trading) -> None:
    deal = place.delivered()
    place.dispute(deal, 100)

    assert passed(place, deal, THURSDAY) == 0

    place.resolve(deal, role="buyer", kept=100)
    assert passed(place, deal, THURSDAY) == 2


def test_a_dispute_on_the_last_day_leaves_the_rest_of_it(place: Trading) -> None:
    """No whole day is left then, which is not the same as no clock."""
    deal = place.delivered()
    place.dispute(deal, 100, days=WEDNESDAY)

    place.resolve(deal, days=WEDNESDAY, role="buyer", kept=100)

    assert passed(place, deal, WEDNESDAY) == 0
    assert passed(place, deal, THURSDAY) == 2


LOTS = replace(GOODS, id="test-lots", milestones=(replace(GOODS.milestones[0], per_lot=True),))


def test_each_lot_is_accepted_and_released_by_itself(place: Trading) -> None:
    lots = tuple(Lot(name, 5_000) for name in ("A1", "B2"))
    deal = place.paid(LOTS, lots=lots, fixed_shares={"carrier": FREIGHT})
    place.told_of(deal, delivery_note("B2"))

    assert passed(place, deal, THURSDAY) == 2

    trade = place.trade(deal)
    assert (trade.state, trade.done, trade.released_minor) == (State.RELEASING, ("delivery/B2",), PRICE // 2)
    place.told_of(deal, delivery_note("A1"))
    assert passed(place, deal, THURSDAY) == 2
    assert place.trade(deal).state is State.COMPLETED


# ---- differences -----------------------------------------------------------------------------------------------------


def test_an_accepted_weight_is_settled_and_what_is_too_much_refunded(place: Trading) -> None:
    deal = weighed(place, 9_500)

    assert passed(place, deal, THURSDAY) == 2

    assert (place.trade(deal).state, place.owed("buyer")) == (State.COMPLETED, PRICE // 20)


def test_a_difference_is_asked_for_and_settled_by_time_once_it_is_paid(place: Trading) -> None:
    """The same act of the same milestone comes due twice, and is done twice."""
    deal = weighed(place)
    assert passed(place, deal, THURSDAY) == 2
    assert (place.trade(deal).state, place.trade(deal).outstanding.minor) == (State.TOP_UP_DUE, 50_000)
    assert passed(place, deal, FRIDAY) == 0

    place.pay(deal.reference, 50_000, days=FRIDAY)

    assert passed(place, deal, FRIDAY) == 1
    assert (place.trade(deal).state, place.adds_up(deal)) == (State.COMPLETED, True)


def with_line(place: Trading, **terms: int) -> tuple[Deal, Line]:
    """A deal whose difference is drawn on a line, asked for on Thursday."""
    place.lend()
    line = place.line(**terms)
    deal = weighed(place, top_up_line_id=line.line_id)
    passed(place, deal, THURSDAY)
    return deal, line


def test_a_difference_that_is_not_paid_in_time_is_drawn_and_settled(place: Trading) -> None:
    deal, line = with_line(place)
    assert passed(place, deal, THURSDAY + 3) == 0

    assert passed(place, deal, THURSDAY + 4) == 2

    assert (place.trade(deal).state, place.escrow(deal), place.adds_up(deal)) == (State.COMPLETED, 0, True)
    assert place.credit_line(line).principal_minor == 50_000


def test_a_line_that_does_not_reach_is_set_aside_with_the_reason(place: Trading, session_tables: Tables) -> None:
    deal, _ = with_line(place, limit=49_999)

    assert passed(place, deal, THURSDAY + 4) == 1

    [item] = set_aside(session_tables, place)
    assert (item.subject, item.data["deed"], item.data["code"]) == (deal.trade_id, "top_up", "credit_limit_exceeded")
    assert item.data["facts"]["available"] == 49_999
    assert (place.trade(deal).state, passed(place, deal, THURSDAY + 4)) == (State.TOP_UP_DUE, 0)
    place.pay(deal.reference, 50_000)
    assert passed(place, deal, THURSDAY + 4) == 1


# ---- retention and expiry --------------------------------------------------------------------------------------------


def test_what_stays_back_goes_when_its_day_has_come(place: Trading) -> None:
    deal = place.signed(RETAINED)
    place.release(deal)
    assert passed(place, deal, THURSDAY + 29) == 0

    assert passed(place, deal, THURSDAY + 30) == 1

    assert (place.trade(deal).state, place.escrow(deal)) == (State.COMPLETED, 0)


@pytest.mark.parametrize(
    ("changes", "days", "owed", "claim"),
    [
        ({"draft": True}, 2, {}, 0),
        ({}, 5, {"seller": DEPOSIT}, 0),
        ({}, 20, {"buyer": PRICE}, DEPOSIT),
    ],
    ids=["a draft", "not funded", "not performed"],
)
def test_a_trade_whose_time_is_over_ends(
    place: Trading, changes: dict[str, bool], days: int, owed: dict[str, int], claim: int
) -> None:
    deal = place.under(**changes)
    if owed:
        place.pay(deal.reference, DEPOSIT if "seller" in owed else PRICE)
    assert passed(place, deal, days) == 0

    assert passed(place, deal, days + 1) == 1

    assert (place.trade(deal).state, place.all_owed()) == (State.EXPIRED, owed)
    assert (place.trade(deal).claim_minor, place.adds_up(deal)) == (claim, True)


# ---- what cannot be done ---------------------------------------------------------------------------------------------


def test_what_an_account_refuses_is_set_aside_and_stays_to_be_done_by_hand(
    place: Trading, session_tables: Tables
) -> None:
    deal = place.delivered()
    seller = party_account_id(place.tenant, place.party("seller"), "CNY")
    freeze(place.call(), seller)

    assert passed(place, deal, THURSDAY) == 2

    [item] = set_aside(session_tables, place)
    assert (item.data["deed"], item.data["milestone"], item.data["code"]) == ("release", "delivery", "account_frozen")
    assert (place.escrow(deal), passed(place, deal, FRIDAY)) == (PRICE, 0)
    unfreeze(place.call(), seller)
    place.release(deal)
    assert place.all_owed() == PAID


def test_a_retention_that_was_set_aside_is_released_by_hand(place: Trading) -> None:
    deal = place.signed(RETAINED)
    place.release(deal)
    seller = party_account_id(place.tenant, place.party("seller"), "CNY")
    freeze(place.call(), seller)
    assert passed(place, deal, 40) == 1
    unfreeze(place.call(), seller)

    place.release_retained(deal, days=41)

    assert (place.trade(deal).state, place.escrow(deal)) == (State.COMPLETED, 0)


# ---- all there is ----------------------------------------------------------------------------------------------------


def test_whatever_is_due_is_found_through_the_index_and_only_that(tables: Tables) -> None:
    place = trading()
    deals = [place.delivered(), place.under(), place.signed()]

    told = do_due(at(THURSDAY))

    assert told == {"records": 1, "acts": 2}
    assert [place.trade(deal).state for deal in deals] == [State.COMPLETED, State.AGREED, State.PERFORMING]
    assert do_due(at(THURSDAY)) == {"records": 0, "acts": 0}


def test_trades_windows_and_splits_are_done_in_one_run(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    place, window, desk = trading(), clearing(), desk_of(tables, monkeypatch)
    deal = place.delivered()
    window.add([("a", "b", 500)])
    split_id = desk.opened(10_000, rest("kept"))
    desk.add(split_id, dict.fromkeys(desk.receivers(3), 5))

    told = do_due(at(THURSDAY))

    assert told["records"] == 3
    assert place.trade(deal).state is State.COMPLETED
    assert window.whole().window.stage is Stage.CLOSED
    assert desk.held(split_id) == 10_000 - 15


def test_one_that_fails_does_not_stop_the_others(tables: Tables, caplog: pytest.LogCaptureFixture) -> None:
    place = trading()
    deals = [place.delivered() for _ in range(3)]
    key = record_key(place.tenant, "odd_1")
    commit((create(key, {}, exists="odd", due_at=MONDAY),))

    assert do_due(at(THURSDAY))["put_off"] == 1

    assert {place.trade(deal).state for deal in deals} == {State.COMPLETED}
    [line] = [record.message for record in caplog.records if "due_put_off" in record.message]
    assert '"type": "Defect"' in line
    assert "odd_1" in line


def test_the_scheduled_function_asks_for_the_time_itself(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    place = trading()
    deal = place.delivered()

    told = due(schedule_event(), None)

    assert told == {"records": 1, "acts": 2}
    assert place.trade(deal).state is State.COMPLETED


def test_two_runs_at_once_and_many_do_each_act_once(place: Trading, session_tables: Tables) -> None:
    deals = [place.delivered(), weighed(place, 9_500)]
    barrier = threading.Barrier(16)

    def run(number: int) -> None:
        barrier.wait()
        for _ in range(50):
            try:
                passed(place, deals[number % 2], THURSDAY)
                return
            except Busy:
                continue
        raise AssertionError("contention that does not end")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(16)))

    told = kinds(session_tables, place.tenant)
    assert [told.count(f"trade.{kind}") for kind in ("accepted", "released", "settled", "due_set_aside")] == [
        2,
        1,
        1,
        0,
    ]
    assert {place.trade(deal).state for deal in deals} == {State.COMPLETED}
    assert trial_balance(session_tables, place.tenant) == {"CNY": 0}


# ---- killed ----------------------------------------------------------------------------------------------------------

Made = Callable[[Trading], Deal]


def accepted(place: Trading) -> Deal:
    return place.delivered()


def drawn(place: Trading) -> Deal:
    return with_line(place)[0]


def refused(place: Trading) -> Deal:
    return with_line(place, limit=1)[0]


def expired(place: Trading) -> Deal:
    return place.paid()


@pytest.mark.parametrize("made", [accepted, drawn, refused, expired], ids=lambda made: made.__name__)
def test_a_run_that_is_killed_at_any_call_is_finished_by_the_next(
    place: Trading, session_tables: Tables, made: Made
) -> None:
    days = 20 if made is expired else THURSDAY + 3
    passed(place, made(place), days)
    wanted = picture(session_tables, place.tenant)
    for point in crash_points():
        other = trading()
        deal = made(other)
        with point:
            passed(other, deal, days)

        passed(other, deal, days)

        assert picture(session_tables, other.tenant) == wanted, point
        assert trial_balance(session_tables, other.tenant) == {"CNY": 0}, point


def test_nothing_is_listed_that_time_does_nothing_to(place: Trading) -> None:
    deal = place.signed(replace(GOODS, id="test-patient", expiry=replace(GOODS.expiry, performance_days=0)))

    listed = {position.key.pk for position in due_in_turn(MONDAY + timedelta(days=3650))}

    assert f"{place.tenant}#{deal.trade_id}" not in listed
