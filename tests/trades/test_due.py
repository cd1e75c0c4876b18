"""What time will do to a trade and when: told by its stored state, done once, set aside where it cannot be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.due import Act, Deed, due, next_at, set_aside
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import RetentionRule, ShareRule
from tests.support.calls import MONDAY, over
from tests.trades.lives import Life, told
from tests.trades.papers import certificate, delivery_note, weight_note
from tests.trades.standing import BY_LOT, NOTED, WEIGHED
from tests.trades.works import THREE, WORKS

EXPIRES = over(60)
DEEMED = datetime(2026, 3, 10, tzinfo=UTC)


def waiting() -> Life:
    """Only signers are missing under the acceptance, whose five business days end with Monday the 9th."""
    life = Life().funded().give(delivery_note(), certificate())
    life.release("start")
    return life


def acts(life: Life, days: int) -> list[tuple[Deed, str]]:
    """What time does in so many days, hour by hour asked at their end."""
    life.later(days)
    done = []
    for _ in range(20):
        if (act := life.pass_time()) is None:
            return done
        done.append((act.deed, act.key))
    raise AssertionError(f"time does not come to rest: {done}")


def test_a_trade_is_listed_at_the_instant_of_the_first_thing_to_come() -> None:
    assert next_at(Life(draft=True).trade) == over(7)
    assert next_at(Life().trade) == over(10)
    assert next_at(Life().funded().trade) == EXPIRES
    assert next_at(waiting().trade) == DEEMED


def test_nothing_is_due_before_its_instant_and_it_is_at_it() -> None:
    trade = waiting().trade

    assert due(trade, DEEMED - timedelta(microseconds=1)) is None
    assert due(trade, DEEMED) == Act(Deed.ACCEPT, DEEMED, "acceptance")


def test_silence_is_accepted_released_and_its_retention_goes_even_all_at_once_after_years() -> None:
    life = waiting()

    assert acts(life, 8) == [(Deed.ACCEPT, "acceptance"), (Deed.RELEASE, "acceptance")]
    assert (life.state, next_at(life.trade)) == (State.RETAINED, datetime(2027, 3, 10, tzinfo=UTC))
    assert acts(life, 365) == [(Deed.RETENTION, "")]
    assert (life.state, next_at(life.trade)) == (State.COMPLETED, None)


def test_after_an_outage_what_was_due_first_is_done_first() -> None:
    """The acceptance was due weeks before the expiry, so the trade is performed and does not expire."""
    life = waiting()

    assert acts(life, 61) == [(Deed.ACCEPT, "acceptance"), (Deed.RELEASE, "acceptance")]
    assert life.state is State.RETAINED


def test_lots_are_accepted_each_in_its_time() -> None:
    life = Life(BY_LOT, lots=THREE).funded().give(weight_note(40_000, lot="B"))
    life.later(1).give(weight_note(40_000, lot="A"))

    done = acts(life, 10)

    assert done == [
        (Deed.ACCEPT, "arrived/B"),
        (Deed.RELEASE, "arrived/B"),
        (Deed.ACCEPT, "arrived/A"),
        (Deed.RELEASE, "arrived/A"),
    ]
    assert life.trade.done == ("arrived/B", "arrived/A")


def test_a_difference_is_drawn_when_its_days_are_over_and_then_the_trade_settles_by_hand() -> None:
    life = Life(WEIGHED, top_up_line_id="lin_1").give(weight_note(110_000)).sign("arrived", "buyer").funded()
    life.settle()

    assert next_at(life.trade) == over(3)
    assert acts(life, 4) == [(Deed.TOP_UP, "")]
    assert life.state is State.FUNDED


def test_a_dispute_stops_time_but_for_what_of_the_retention_is_not_in_it() -> None:
    drawing = Life(WEIGHED, top_up_line_id="lin_1").give(weight_note(110_000)).sign("arrived", "buyer").funded()
    drawing.settle()
    drawing.dispute(1)
    retained = Life(NOTED).funded().give(delivery_note()).sign("start", "buyer")
    retained.release("start")
    retained.dispute(100_000, of_retention=True)

    assert acts(waiting().dispute(1), 400) == []
    assert acts(drawing, 400) == []
    assert acts(retained, 400) == [(Deed.RETENTION, "")]
    assert (retained.trade.held_minor, next_at(retained.trade)) == (100_000, None)


def test_what_was_left_of_a_drawing_is_left_after_a_dispute() -> None:
    life = Life(WEIGHED, top_up_line_id="lin_1").give(weight_note(110_000)).sign("arrived", "buyer").funded()
    life.settle()
    life.later(1).dispute(1).later(10).resolve({"kept": 1})

    assert next_at(life.trade) == over(13)


def test_a_retention_given_up_in_a_dispute_after_its_day_is_due_at_once() -> None:
    life = Life(NOTED).funded().give(delivery_note()).sign("start", "buyer")
    life.release("start")
    life.dispute(500_000, of_retention=True).later(400).resolve({"kept": 500_000})

    assert acts(life, 0) == [(Deed.RETENTION, "")]


def test_an_act_that_cannot_be_done_is_set_aside_and_stays_to_be_done_by_hand() -> None:
    """The carrier's amount is more than the part: time tries once, and what would free it is for people."""
    template = replace(NOTED, split=(ShareRule("carrier", ShareKind.FIXED), ShareRule("seller", ShareKind.REMAINDER)))
    life = Life(template, fixed_shares={"carrier": 9_000_000}).funded().give(delivery_note())
    life.refund(9_000_000)

    done = acts(life, 10)

    assert done == [(Deed.ACCEPT, "start"), (Deed.RELEASE, "start")]
    assert (life.trade.done, life.trade.progress["start"].accepted) == ((), True)
    assert told(life.release, "start") == ("Conflict", "split_exceeds_amount")


def test_each_kind_of_act_is_set_aside_alone() -> None:
    accepting, drawing = waiting().trade, Life(WEIGHED, top_up_line_id="lin_1")
    drawing.give(weight_note(110_000)).sign("arrived", "buyer").funded().settle()
    retained = Life(replace(WORKS, retention=RetentionRule(500, 10))).funded().give(delivery_note(), certificate())
    retained.release("start")
    retained.sign("acceptance", "buyer", "arbiter").release("acceptance")

    aside = [
        set_aside(accepting, Act(Deed.ACCEPT, DEEMED, "acceptance")),
        set_aside(drawing.trade, Act(Deed.TOP_UP, MONDAY)),
        set_aside(Life().trade, Act(Deed.EXPIRE, MONDAY)),
        set_aside(retained.trade, Act(Deed.RETENTION, MONDAY)),
    ]

    assert [next_at(trade) for trade in aside] == [EXPIRES, None, None, None]


def test_a_retention_that_was_set_aside_gets_no_other_day_and_is_released_by_hand() -> None:
    life = Life(NOTED).funded().give(delivery_note()).sign("start", "buyer")
    life.release("start")
    life.trade = set_aside(life.trade, Act(Deed.RETENTION, MONDAY))
    life.dispute(100_000, of_retention=True).resolve({"buyer": 100_000})

    assert life.trade.retained_until is None
    assert life.release_retention().released.minor == 400_000


def test_what_has_ended_has_nothing_to_come() -> None:
    expired, cancelled = Life().later(11), waiting()
    expired.expire()
    cancelled.cancel()

    assert (next_at(expired.trade), next_at(cancelled.trade)) == (None, None)
