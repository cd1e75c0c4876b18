"""A party is paid by its schedule: at once, later, daily, weekly or by hand; what is paid is what is there then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from app import app
from chalicelib.banking import paying, payout_runs
from chalicelib.banking.payout_schedules import Mode, new_schedule
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.core.errors import NotFound
from chalicelib.settlement.service.payouts import follow_payout
from chalicelib.settlement.worker.due import do_due
from chalicelib.settlement.worker.payments import run_schedule
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome
from tests.settlement.desk import Desk
from tests.settlement.goods import FREIGHT, PRICE, SELLERS, Trading, trading
from tests.settlement.market import differences_of, kinds, picture, refusal, trial_balance
from tests.settlement.test_races import at_once, done
from tests.support.api import Api, signing, token_for
from tests.support.calls import MONDAY, call, over
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

TUESDAY = date(2026, 3, 3)


def scheduled(place: Trading, mode: Mode, *, role: str = "seller", key: str | None = None, **more: Any) -> Outcome:
    usual: dict[str, Any] = {"delay_days": 0, "weekday": None, "minimums": {}, "now": MONDAY}
    schedule = new_schedule(mode, **usual | more)
    return payout_runs.set_schedule(place.call(key), place.party(role), schedule)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def released(place: Trading) -> Outcome:
    return place.release(place.signed())


def payouts(place: Trading, role: str = "seller") -> list[tuple[str, int]]:
    """A party's payouts as the list shows them, oldest first."""
    made = paying.list_payouts(place.tenant, after=None, limit=50).values
    return [(one.state.value, one.amount_minor) for one in reversed(made) if one.party_id == place.party(role)]


def standing(place: Trading, role: str = "seller") -> tuple[int, int]:
    """What a party is owed, and what of it is reserved."""
    account = place.account_of(role)
    return account.own_balance, account.held


def run(place: Trading, run_on: date = TUESDAY, role: str = "seller", *, days: int = 1) -> payout_runs.PayoutRun:
    """A run of a party's schedule, without its files."""
    now = place.call(days=days).now
    made = payout_runs.make_payouts(place.tenant, place.party(role), run_on, now=now)
    payout_runs.end_run(place.tenant, made, now=now)
    return made


def sound(place: Trading, tables: Tables) -> bool:
    return (trial_balance(tables, place.tenant), differences_of(tables, place.tenant)) == ({"CNY": 0}, [])


# ---- at once, and after a delay --------------------------------------------------------------------------------------


def test_with_a_delay_a_payout_waits_visibly_and_pays_what_is_left_on_its_day(
    place: Trading, session_tables: Tables
) -> None:
    scheduled(place, Mode.AT_ONCE, delay_days=3)
    deal = place.signed()
    [waiting] = _of(place, place.pay_out(place.release(deal)), "seller")
    assert (waiting.state, waiting.due_at) == (State.RESERVED, over(6))

    place.take_back(deal, 100_000)
    early = follow_payout(place.tenant, waiting.payout_id, now=place.call(days=5).now)
    paid = follow_payout(place.tenant, waiting.payout_id, now=over(6))

    assert (early.state, paid.state) == (State.RESERVED, State.CREATED)
    assert paid.amount_minor == SELLERS - 94_000
    assert standing(place) == (0, 0)
    assert sound(place, session_tables)


def test_a_minimum_stays_on_the_account_when_a_release_is_paid(place: Trading, session_tables: Tables) -> None:
    scheduled(place, Mode.AT_ONCE, minimums={"CNY": 40_000})

    place.pay_out(released(place))

    assert (payouts(place), standing(place)) == ([("created", SELLERS - 40_000)], (40_000, 0))
    place.pay_out(released(place))
    both = [("created", SELLERS - 40_000), ("created", SELLERS)]
    assert (sorted(payouts(place)), standing(place)) == (both, (40_000, 0))
    assert sound(place, session_tables)


def test_a_release_below_the_minimum_pays_nothing(place: Trading) -> None:
    scheduled(place, Mode.AT_ONCE, minimums={"CNY": SELLERS})

    place.pay_out(released(place))

    assert (payouts(place), standing(place)) == ([], (SELLERS, 0))


# ---- daily, weekly, by hand ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.DAILY, Mode.WEEKLY, Mode.BY_HAND])
def test_otherwise_what_is_released_is_the_partys_balance(place: Trading, session_tables: Tables, mode: Mode) -> None:
    scheduled(place, mode, weekday=2 if mode is Mode.WEEKLY else None)

    place.pay_out(released(place))

    assert (payouts(place), standing(place)) == ([], (SELLERS, 0))
    assert payouts(place, "carrier") == [("created", FREIGHT)]
    assert sound(place, session_tables)


@pytest.mark.parametrize("mode", [Mode.DAILY, Mode.WEEKLY])
def test_a_run_pays_what_is_available_above_the_minimum_in_one_payout(
    place: Trading, session_tables: Tables, mode: Mode
) -> None:
    scheduled(place, mode, weekday=2 if mode is Mode.WEEKLY else None, minimums={"CNY": 100})
    for _ in range(2):
        place.pay_out(released(place))
    place.owe("seller", 5)
    place.take_from("seller", 1)

    made = run(place)

    assert (made.refused, list(made.payout_ids)) == ({}, ["CNY"])
    assert (payouts(place), standing(place)) == ([("created", 2 * SELLERS + 4 - 100)], (100, 0))
    following = TUESDAY + timedelta(days=1 if mode is Mode.DAILY else 7)
    assert payout_runs.get_schedule(place.tenant, place.party("seller")).next_run_on == following
    assert sound(place, session_tables)


def test_what_is_reserved_is_not_paid_by_a_run(place: Trading) -> None:
    scheduled(place, Mode.DAILY, delay_days=2)
    place.pay_out(released(place))
    place.owe("seller", 70)

    run(place)

    assert (payouts(place), standing(place)) == ([("created", 70), ("reserved", SELLERS)], (SELLERS, SELLERS))


def test_after_its_delay_a_release_is_paid_by_the_next_run(place: Trading) -> None:
    scheduled(place, Mode.DAILY, delay_days=2)
    [waiting] = _of(place, place.pay_out(released(place)), "seller")

    follow_payout(place.tenant, waiting.payout_id, now=over(5))

    assert (payouts(place), standing(place)) == ([("cancelled", 0)], (SELLERS, 0))
    run(place)
    assert sorted(payouts(place)) == [("cancelled", 0), ("created", SELLERS)]


def test_a_run_without_money_makes_no_payout_and_the_next_day_is_set(place: Trading) -> None:
    scheduled(place, Mode.DAILY)

    made = run(place)

    assert (made.payout_ids, payouts(place)) == ({}, [])
    assert payout_runs.due_run(place.tenant, place.party("seller"), now=place.call(days=1).now) is None
    assert payout_runs.due_run(place.tenant, place.party("seller"), now=place.call(days=2).now) == date(2026, 3, 4)


def test_a_run_that_is_refused_says_why_and_pays_the_next_day(place: Trading) -> None:
    scheduled(place, Mode.DAILY)
    place.owe("seller", 70)
    place.freeze("seller")

    made = run(place)

    assert (made.payout_ids, made.refused) == ({}, {"CNY": "account_frozen"})
    place.unfreeze("seller")
    run(place, date(2026, 3, 4), days=2)
    assert payouts(place) == [("created", 70)]


def test_a_run_begins_with_the_day_where_the_calendar_is(place: Trading) -> None:
    scheduled(place, Mode.DAILY, calendar="CN", now=at("2026-03-02T23:30+08:00"))
    place.owe("seller", 70)
    due = partial(payout_runs.due_run, place.tenant, place.party("seller"))

    assert due(now=at("2026-03-02T23:59+08:00")) is None
    begins = at("2026-03-03T00:00+08:00")
    assert due(now=begins) == TUESDAY
    made = payout_runs.make_payouts(place.tenant, place.party("seller"), TUESDAY, now=begins)
    payout_runs.end_run(place.tenant, made, now=begins)
    assert due(now=at("2026-03-03T23:59+08:00")) is None
    assert due(now=at("2026-03-04T00:00+08:00")) == date(2026, 3, 4)


def test_runs_that_nobody_did_are_made_up_for_by_one(place: Trading) -> None:
    scheduled(place, Mode.DAILY)
    place.owe("seller", 70)

    run(place, days=10)

    assert payouts(place) == [("created", 70)]
    assert payout_runs.get_schedule(place.tenant, place.party("seller")).next_run_on == date(2026, 3, 13)


# ---- a change of schedule --------------------------------------------------------------------------------------------


def test_money_that_waits_goes_by_the_schedule_of_its_day(place: Trading) -> None:
    scheduled(place, Mode.AT_ONCE, delay_days=3)
    [waiting] = _of(place, place.pay_out(released(place)), "seller")

    scheduled(place, Mode.BY_HAND)

    follow_payout(place.tenant, waiting.payout_id, now=over(6))
    assert (payouts(place), standing(place)) == ([("cancelled", 0)], (SELLERS, 0))


def test_a_longer_delay_holds_for_money_that_waits_and_a_shorter_one_does_not(place: Trading) -> None:
    scheduled(place, Mode.AT_ONCE, delay_days=3)
    [waiting] = _of(place, place.pay_out(released(place)), "seller")

    scheduled(place, Mode.AT_ONCE, delay_days=1)
    shorter = follow_payout(place.tenant, waiting.payout_id, now=place.call(days=4).now)
    scheduled(place, Mode.AT_ONCE, delay_days=5)
    longer = follow_payout(place.tenant, waiting.payout_id, now=over(6))

    assert (shorter.due_at, longer.due_at) == (over(6), over(8))
    assert {shorter.state, longer.state} == {State.RESERVED}


def test_a_schedule_is_of_a_party_that_is_there(place: Trading) -> None:
    nobody = f"pty_{'0' * 26}"

    for act in (
        lambda: payout_runs.set_schedule(place.call(), nobody, payout_runs.PayoutSchedule()),
        lambda: payout_runs.get_schedule(place.tenant, nobody),
        lambda: payout_runs.due_run(place.tenant, nobody, now=MONDAY),
    ):
        refused = refusal(act)
        assert (refused.code, type(refused)) == ("party_not_found", NotFound)


# ---- by worker -------------------------------------------------------------------------------------------------------


def test_the_schedule_of_what_is_due_has_a_run_done_and_its_file_sent(desk: Desk) -> None:
    place = desk.place
    day = timedelta(days=1)
    schedule = new_schedule(Mode.DAILY, delay_days=0, weekday=None, minimums={}, now=MONDAY)
    payout_runs.set_schedule(place.call(), place.party("seller"), schedule)
    place.owe("seller", 70)

    do_due(lambda: MONDAY)
    early = desk.payments.taken()
    do_due(lambda: MONDAY + day)
    [asked] = desk.payments.taken()

    assert (early, asked) == ([], {"tenant": place.tenant, "party_id": place.party("seller")})
    for _ in range(2):
        run_schedule(**asked, now=MONDAY + day)
    [payout] = desk.payouts().values()
    assert (payout.state, payout.amount_minor, len(desk.payments.files())) == (State.SENT, 70, 1)
    do_due(lambda: MONDAY + day + timedelta(hours=1))
    assert desk.payments.taken() == []


# ---- races and crashes -----------------------------------------------------------------------------------------------


def test_many_runs_at_one_moment_make_one_payout(place: Trading, session_tables: Tables) -> None:
    scheduled(place, Mode.DAILY)
    place.owe("seller", 700)

    results = at_once(*[_as_outcome(partial(run, place))] * 16)

    assert len(done(results)) == 16
    assert (payouts(place), kinds(session_tables, place.tenant).count("payout_schedule.ran")) == ([("created", 700)], 1)
    assert sound(place, session_tables)


def test_a_run_against_entries_never_pays_more_than_there_is(place: Trading, session_tables: Tables) -> None:
    scheduled(place, Mode.DAILY)
    place.owe("seller", 700)

    results = at_once(*[_as_outcome(partial(place.take_from, "seller", 100))] * 4, _as_outcome(partial(run, place)))

    taken = sum(100 for one in results[:4] if isinstance(one, Outcome))
    assert taken + sum(minor for _, minor in payouts(place)) + standing(place)[0] == 700
    assert sound(place, session_tables)


def _as_outcome(act: Callable[[], object]) -> Callable[[], Outcome]:
    """An act as `at_once` takes commands."""

    def run_it() -> Outcome:
        act()
        return Outcome(journal_item(call(), "test.done"), replayed=False)

    return run_it


Act = Callable[[], object]


def set_anew(place: Trading) -> Act:
    scheduled(place, Mode.DAILY)
    return partial(scheduled, place, Mode.WEEKLY, weekday=3, key="act")


def run_once(place: Trading) -> Act:
    scheduled(place, Mode.DAILY)
    place.owe("seller", 70)
    return partial(run, place)


def let_go(place: Trading) -> Act:
    scheduled(place, Mode.BY_HAND)
    outcome = released(place)
    return partial(place.pay_out, outcome)


def wait(place: Trading) -> Act:
    scheduled(place, Mode.AT_ONCE, delay_days=9)
    outcome = released(place)
    return partial(place.pay_out, outcome)


@pytest.mark.parametrize("prepared", [set_anew, run_once, let_go, wait], ids=lambda command: command.__name__)
def test_a_process_killed_at_any_commit_leaves_one_effect_after_a_retry(
    place: Trading, session_tables: Tables, prepared: Callable[[Trading], Act]
) -> None:
    prepared(place)()
    wanted = picture(session_tables, place.tenant)
    for point in crash_points(only="dynamodb.TransactWriteItems"):
        other = trading()
        act = prepared(other)
        with point:
            act()

        act()

        assert picture(session_tables, other.tenant) == wanted, point
        assert sound(other, session_tables), point


# ---- over HTTP -------------------------------------------------------------------------------------------------------


@dataclass
class Web:
    """A marketplace behind the API."""

    place: Trading
    api: Api

    @property
    def path(self) -> str:
        return f"/v1/parties/{self.place.party('seller')}/payout-schedule"


@pytest.fixture
def web(place: Trading) -> Iterator[Web]:
    with signing():
        yield Web(place, Api(app, token_for(place.tenant)))


def test_a_schedule_is_set_and_read(web: Web) -> None:
    assert web.api.get(web.path).body["mode"] == "at_once"
    body = {
        "mode": "weekly",
        "weekday": 3,
        "delay_days": 2,
        "minimum_balances": [{"minor": 500, "currency": "EUR"}, {"minor": 100, "currency": "CNY"}],
    }

    first, again = (web.api.post(web.path, body, key="once") for _ in range(2))

    assert (first.status, again.status, again.body) == (200, 200, first.body), first.body
    assert again.headers["idempotent-replayed"] == "true"
    assert first.body == web.api.get(web.path).body
    assert first.body["minimum_balances"] == [{"minor": 100, "currency": "CNY"}, {"minor": 500, "currency": "EUR"}]
    assert date.fromisoformat(first.body["next_run_on"]).isoweekday() == 3
    assert first.body["calendar"] == "CN"
    assert web.api.post(web.path, body | {"calendar": "NEW_YORK"}, key="other").body["calendar"] == "NEW_YORK"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_field", "mode"),
        ({"mode": "hourly"}, "invalid_field", "mode"),
        ({"mode": "weekly"}, "weekday_missing", "weekday"),
        ({"mode": "daily", "weekday": 1}, "weekday_not_wanted", "weekday"),
        ({"mode": "at_once", "delay_days": 400}, "invalid_delay", "delay_days"),
        ({"mode": "daily", "calendar": "MARS"}, "unknown_calendar", "calendar"),
        ({"mode": "daily", "calendar": ""}, "invalid_field", "calendar"),
        ({"mode": "daily", "minimum_balances": [{"minor": -1, "currency": "CNY"}]}, "amount_negative", None),
        (
            {"mode": "daily", "minimum_balances": [{"minor": 1, "currency": "CNY"}] * 2},
            "currency_twice",
            "minimum_balances",
        ),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_by_field(
    web: Web, body: dict[str, Any], code: str, field: str | None
) -> None:
    reply = web.api.post(web.path, body, key="once")

    assert (reply.status, reply.code) == (400, code)
    assert field is None or reply.body["field"] == field


def _of(place: Trading, made: list[Payout], role: str) -> list[Payout]:
    return [one for one in made if one.party_id == place.party(role)]


def test_all_that_is_released_is_paid_whatever_the_schedules(place: Trading, session_tables: Tables) -> None:
    """Seller daily, carrier by hand: the sum of payouts and balances is what was released."""
    scheduled(place, Mode.DAILY)
    scheduled(place, Mode.BY_HAND, role="carrier")
    place.pay_out(released(place))
    run(place)

    paid = sum(minor for role in ("seller", "carrier") for _, minor in payouts(place, role))
    assert paid + sum(place.all_owed().values()) + place.fees == PRICE
    assert sound(place, session_tables)
