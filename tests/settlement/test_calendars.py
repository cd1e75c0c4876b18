"""The hourly run: clocks that another version of a calendar has counted, and how long the calendars are known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.calendars import CALENDARS
from chalicelib.settlement.worker import calendars as worker
from chalicelib.settlement.worker.due import do_due, do_trade
from chalicelib.storage.journal import JournalItem
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.trade import Progress
from chalicelib.trades.service import recounting
from chalicelib.trades.service.recounting import RECOUNTED, recount_all, recount_trade
from tests.settlement.goods import GOODS, Trading, after, trading
from tests.settlement.market import Deal, journal_of
from tests.support.dynamodb_local import Tables
from tests.support.events import schedule_event
from tests.support.faults import crash_points

CHINA = replace(GOODS, id="test-china", calendar="CN")
KEY = "delivery"
KNOWN = "CN.2"
THURSDAY_BEGINS = datetime(2026, 3, 4, 16, tzinfo=UTC)
NOW = after(1)


def clock(place: Trading, deal: Deal) -> Progress:
    return place.trade(deal).progress[KEY]


def counted_by_another(place: Trading, deal: Deal, deemed_at: datetime | None) -> None:
    """The deal's clock as another version of the calendar has left it."""
    trade = place.trade(deal)
    progress = replace(trade.progress[KEY], deemed_at=deemed_at, calendar_version="CN.1")
    place.put(replace(trade, progress={KEY: progress}))


def suspend(tables: Tables, place: Trading, deal: Deal) -> None:
    """Have a trade be where the schedule leaves one that failed too often."""
    tables.client.update_item(
        TableName=f"{tables.prefix}-records",
        Key={"pk": {"S": f"{place.tenant}#{deal.trade_id}"}, "sk": {"S": "state"}},
        UpdateExpression="SET due_key = :list",
        ExpressionAttributeValues={":list": {"S": f"suspended#{place.tenant}"}},
    )


def events(tables: Tables, place: Trading) -> list[JournalItem]:
    return [item for item in journal_of(tables, place.tenant) if item.kind == RECOUNTED]


@pytest.fixture
def place(tables: Tables) -> Trading:
    """A market in tables that no other test has: how far clocks were counted is kept for all of them."""
    return trading()


@pytest.fixture
def waiting(place: Trading) -> Deal:
    """A delivered deal whose clock waits for days that are known by now."""
    deal = place.delivered(CHINA)
    counted_by_another(place, deal, None)
    return deal


def test_a_deal_under_chinas_calendar_is_accepted_when_the_day_begins_there(place: Trading) -> None:
    deal = place.delivered(CHINA)

    assert (clock(place, deal).deemed_at, clock(place, deal).calendar_version) == (THURSDAY_BEGINS, KNOWN)


def test_a_clock_that_waits_is_no_business_of_what_is_due(place: Trading, waiting: Deal) -> None:
    assert do_trade(place.tenant, waiting.trade_id, lambda: after(300)) == 0
    assert place.trade(waiting).state is State.PERFORMING


def test_a_new_version_counts_the_clocks_that_waited_and_says_so(tables: Tables, place: Trading, waiting: Deal) -> None:
    run = recount_all("CN.2", NOW)

    assert (run.recounted, run.failures) == (1, ())
    assert clock(place, waiting).deemed_at == THURSDAY_BEGINS
    (event,) = events(tables, place)
    assert event.data == {
        "state": "performing",
        "expires_at": "2026-03-22T16:00:00.000000Z",
        "calendar": "CN",
        "calendar_version": KNOWN,
        "clocks": [{"clock": KEY, "before": None, "after": "2026-03-04T16:00:00.000000Z"}],
    }
    assert do_trade(place.tenant, waiting.trade_id, lambda: THURSDAY_BEGINS) == 2
    assert place.trade(waiting).state is State.COMPLETED


def test_the_same_versions_are_counted_by_once(place: Trading, waiting: Deal) -> None:
    recount_all("CN.2", NOW)
    counted_by_another(place, waiting, None)

    assert recount_all("CN.2", NOW).trades == 0
    assert recount_all("CN.3", NOW).recounted == 1


def test_a_run_that_was_stopped_is_gone_on_with(place: Trading, waiting: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of one page of one trade; each begins where the one before it stood."""
    others = [place.delivered(CHINA) for _ in range(3)]
    for deal in others:
        counted_by_another(place, deal, None)
    monkeypatch.setattr(recounting, "MOST_PAGES", 1)
    monkeypatch.setattr(recounting, "PAGE", 1)

    runs = [recount_all("CN.2", NOW) for _ in range(24)]

    assert sum(run.recounted for run in runs) == 4
    assert all(run.trades <= 1 for run in runs)
    assert {clock(place, deal).deemed_at for deal in (waiting, *others)} == {THURSDAY_BEGINS}


def test_a_trade_that_fails_does_not_stop_the_others(tables: Tables, place: Trading, waiting: Deal) -> None:
    broken = place.delivered(CHINA)
    counted_by_another(place, broken, None)
    key = {"pk": {"S": f"{place.tenant}#{broken.trade_id}"}, "sk": {"S": "terms"}}
    tables.client.delete_item(TableName=f"{tables.prefix}-records", Key=key)

    run = recount_all("CN.2", NOW)

    assert [trade_id for trade_id, _ in run.failures] == [broken.trade_id]
    assert clock(place, waiting).deemed_at == THURSDAY_BEGINS


def test_a_trade_that_fails_has_another_pass_later_each_time(
    place: Trading, waiting: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fails = recounting.recount_trade, [True, True]

    def throttled(tenant: str, trade_id: str, *, now: datetime) -> bool:
        if fails and fails.pop():
            raise TimeoutError
        return real(tenant, trade_id, now=now)

    monkeypatch.setattr(recounting, "recount_trade", throttled)
    runs = [recount_all("CN.2", NOW + timedelta(hours=hours)) for hours in range(5)]

    assert [len(run.failures) for run in runs] == [1, 1, 0, 0, 0]
    assert [run.recounted for run in runs] == [0, 0, 0, 1, 0]
    assert clock(place, waiting).deemed_at is not None


def test_an_overdue_trade_and_a_suspended_one_are_counted_too(tables: Tables, place: Trading, waiting: Deal) -> None:
    overdue = place.delivered(CHINA)
    counted_by_another(place, overdue, NOW - timedelta(days=1))
    suspend(tables, place, waiting)

    assert recount_all("CN.2", NOW).recounted == 2
    assert clock(place, waiting).deemed_at == clock(place, overdue).deemed_at == THURSDAY_BEGINS


def test_two_runs_at_once_count_once(tables: Tables, place: Trading, waiting: Deal) -> None:
    assert [recount_trade(place.tenant, waiting.trade_id, now=NOW) for _ in range(2)] == [True, False]
    assert len(events(tables, place)) == 1


def test_a_run_that_is_killed_anywhere_and_comes_again_counts_once(
    tables: Tables, place: Trading, waiting: Deal
) -> None:
    for number, point in enumerate(crash_points(), start=1):
        counted_by_another(place, waiting, None)
        with point:
            recount_all(f"CN.{number}", NOW)

        recount_all(f"CN.{number}", NOW)

        assert clock(place, waiting).deemed_at == THURSDAY_BEGINS, point
        assert len(events(tables, place)) == number, point


def test_silence_that_the_calendar_ends_later_is_counted_anew_and_no_acceptance(tables: Tables, place: Trading) -> None:
    """The deployment's run has not come yet."""
    deal = place.delivered(CHINA)
    early = datetime(2026, 3, 3, 16, tzinfo=UTC)
    counted_by_another(place, deal, early)

    assert do_trade(place.tenant, deal.trade_id, lambda: early) == 1

    assert (place.trade(deal).state, clock(place, deal).accepted) == (State.PERFORMING, False)
    assert clock(place, deal).deemed_at == datetime(2026, 3, 5, 16, tzinfo=UTC)
    assert len(events(tables, place)) == 1
    assert do_due(lambda: datetime(2026, 3, 5, 16, tzinfo=UTC))["acts"] == 2


# How long the days are known


def test_the_hours_run_writes_how_long_the_calendars_are_known(
    tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.calendars(schedule_event(), None) == {"trades": 0, "recounted": 0}

    (line,) = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "_aws" in one]
    (metric,) = line["_aws"]["CloudWatchMetrics"]
    assert metric["Namespace"] == "Quittance"
    assert metric["Metrics"] == [{"Name": "CalendarDaysLeft", "Unit": "Count"}]
    assert metric["Dimensions"] == [["Stage"]]
    now = datetime.now(UTC)
    assert line["CalendarDaysLeft"] in {min(one.days_left(now) for one in CALENDARS.values()) + i for i in (-1, 0, 1)}
    assert abs(line["_aws"]["Timestamp"] / 1000 - now.timestamp()) < 60
