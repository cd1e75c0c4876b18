"""Clocks by calendars: whole days where the calendar is, none that ends beyond what is known, and counted anew then.

A clock that another version of a calendar has counted is one whose stored state says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.calendars import Convention, calendar
from chalicelib.trades.domain.due import NEVER, Act, Deed, next_at
from chalicelib.trades.domain.preview import preview
from chalicelib.trades.domain.recounting import Change, is_outdated
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import RetentionRule, Template
from chalicelib.trades.domain.trade import Progress, Trade
from tests.trades.lives import Life, refusal_of, told
from tests.trades.papers import certificate
from tests.trades.works import ACCEPTANCE, DEAL, WORKS

KEY = "acceptance"
NOW = "CN.2"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def silent(days: str = "CN", since: str = "2027-02-03T09:00+08:00", n: int = 3, **changes: object) -> Life:
    """A funded trade, ready since an instant, whose signers say nothing; so many days stand for their word."""
    accepted = replace(ACCEPTANCE, after=(), deemed_days=n)
    life = Life(replace(WORKS, calendar=days, milestones=(accepted,), **changes))  # type: ignore[arg-type]
    life.now = at(since)
    return life.funded().give(replace(certificate(), issued_at=life.now))


def clock(life: Life) -> Progress:
    return life.trade.progress[KEY]


def counted_by_another(life: Life, **changes: object) -> Life:
    """The clock as another version of the calendar has left it."""
    progress = replace(clock(life), **({"calendar_version": "CN.1"} | changes))  # type: ignore[arg-type]
    life.trade = replace(life.trade, progress={KEY: progress})
    return life


# Midnight where the calendar is


@pytest.mark.parametrize("ready", ["07:00", "09:00", "00:00", "23:59"])
def test_silence_ends_with_the_business_day_where_the_calendar_is(ready: str) -> None:
    life = silent(since=f"2026-03-02T{ready}+08:00", n=1)

    assert clock(life).deemed_at == at("2026-03-04T00:00+08:00") == datetime(2026, 3, 3, 16, tzinfo=UTC)


def test_a_clock_that_begins_on_a_free_day_counts_the_first_business_day_after_it() -> None:
    assert clock(silent(since="2026-02-17T10:00+08:00", n=1)).deemed_at == at("2026-02-25T00:00+08:00")
    assert clock(silent("LONDON", "2026-12-25T10:00+00:00", n=1)).deemed_at == at("2026-12-30T00:00+00:00")


def test_the_retention_is_kept_until_its_day_begins_where_the_calendar_is() -> None:
    life = silent(since="2026-03-02T22:00+08:00", n=1, retention=RetentionRule(500, 10))
    life.sign(KEY, "buyer", "surveyor")
    life.now = at("2026-03-03T01:00+08:00")
    life.release(KEY)

    assert life.trade.retained_until == date(2026, 3, 13)
    assert life.trade.retention_ends_at == at("2026-03-13T00:00+08:00")
    assert next_at(life.trade) == at("2026-03-13T00:00+08:00")
    life.now = at("2026-03-12T23:59+08:00")
    assert told(life.release_retention) == ("Conflict", "retention_not_due")
    life.later(minutes=1).release_retention()
    assert life.state is State.COMPLETED


@pytest.mark.parametrize(
    ("convention", "ends"),
    [
        (Convention.NONE, "2026-05-31"),
        (Convention.FOLLOWING, "2026-06-01"),
        (Convention.MODIFIED_FOLLOWING, "2026-05-29"),
        (Convention.PRECEDING, "2026-05-29"),
    ],
)
def test_the_last_day_of_a_retention_moves_by_the_templates_convention(convention: Convention, ends: str) -> None:
    """Sunday 31 May."""
    life = silent(since="2026-05-01T09:00+08:00", n=1, retention=RetentionRule(500, 30, (), convention))
    life.sign(KEY, "buyer", "surveyor").release(KEY)

    assert life.trade.retained_until == date(2026, 5, 31)
    assert life.trade.retention_ends_at == at(f"{ends}T00:00+08:00")


# Beyond what is known


def test_silence_that_would_end_beyond_what_is_known_waits_and_no_money_goes() -> None:
    """Of February 2027 nobody knows yet which days China works."""
    life = silent()

    assert (clock(life).ready_at, clock(life).deemed_at) == (life.now, None)
    assert clock(life).waits_for_calendar
    assert (life.due(), next_at(life.trade)) == (None, NEVER)
    life.later(6)
    assert life.due() is None
    assert told(life.accept, KEY) == ("Conflict", "not_due")


def test_who_signs_while_the_clock_waits_is_heard() -> None:
    life = silent().sign(KEY, "buyer", "surveyor")

    assert not life.trade.waits_for_calendar
    assert life.release(KEY).trade.state is State.RETAINED


def test_a_trade_does_not_expire_while_its_clock_waits() -> None:
    life = silent().later(200)

    assert life.due() is None
    refusal = refusal_of(life.expire)
    assert (refusal.code, refusal.facts) == ("calendar_unknown", {"calendar": "CN"})


def test_a_dispute_stops_a_clock_that_waits_with_what_is_known_to_have_passed_taken_off() -> None:
    """From 29 December on the 30th and the 31st have passed; what came after nobody knows."""
    life = silent(since="2026-12-29T09:00+08:00", n=5).later(20).dispute(1_000)
    stopped = clock(life)

    life.later(1).resolve({"kept": 1_000})

    assert (stopped.deemed_at, stopped.days_left, stopped.waits_for_calendar) == (None, 3, False)
    assert (clock(life).resumed_at, clock(life).resumed_days) == (life.now, 3)
    assert clock(life).waits_for_calendar


def test_2900_days_of_silence_wait_in_china_and_are_counted_on_weekdays() -> None:
    assert clock(silent(since="2026-03-02T09:00+08:00", n=2_900)).waits_for_calendar
    life = silent("weekdays", "2026-03-02T09:00+00:00", n=2_900)
    assert clock(life).deemed_at == datetime(2037, 4, 14, tzinfo=UTC)

    life.later(1).dispute(1_000)

    assert clock(life).days_left == 2_899


def test_a_retention_whose_day_would_move_beyond_what_is_known_waits() -> None:
    rule = RetentionRule(500, 30, (), Convention.FOLLOWING)
    life = silent(since="2026-12-03T09:00+08:00", n=1, retention=rule).sign(KEY, "buyer", "surveyor")
    life.release(KEY)

    assert (life.trade.retained_until, life.trade.retention_ends_at) == (date(2027, 1, 2), None)
    assert (life.later(90).due(), next_at(life.trade)) == (None, NEVER)
    assert told(life.release_retention) == ("Conflict", "calendar_unknown")


def test_a_preview_of_a_deal_does_not_wait() -> None:
    rule = RetentionRule(500, 30, (), Convention.FOLLOWING)
    course = preview(replace(WORKS, calendar="CN", retention=rule), DEAL, (), now=at("2027-02-03T09:00+08:00"))

    assert course.agreed.retained_minor == 500_000


# Counted anew


def test_a_clock_that_waited_is_counted_once_its_days_are_known() -> None:
    """It has at least one business day from then on, and the trade does not expire before it."""
    life = counted_by_another(silent(since="2026-03-02T09:00+08:00"), deemed_at=None)
    life.trade = replace(life.trade, expires_at=at("2026-03-09T09:00+08:00"))
    life.now = at("2026-03-10T09:00+08:00")

    changes = life.recount()

    assert changes == (Change(KEY, None, at("2026-03-12T00:00+08:00")),)
    assert (clock(life).calendar_version, life.trade.expires_at) == (NOW, at("2026-03-12T00:00+08:00"))
    life.now = at("2026-03-12T00:00+08:00")
    assert life.due() == Act(Deed.ACCEPT, life.now, KEY)
    while life.pass_time():
        pass
    assert life.state is State.RETAINED


def test_a_clock_that_waits_still_has_not_changed() -> None:
    life = counted_by_another(silent())

    assert life.recount() == ()
    assert clock(life).waits_for_calendar


def test_a_clock_that_ran_into_days_that_are_unknown_waits() -> None:
    life = counted_by_another(silent(), deemed_at=at("2027-02-09T00:00+08:00"))

    assert life.recount() == (Change(KEY, at("2027-02-09T00:00+08:00"), None),)
    assert (life.later(30).due(), clock(life).waits_for_calendar) == (None, True)


def test_a_clock_that_ends_later_by_the_new_version_does() -> None:
    """Qingming was not known to it."""
    life = counted_by_another(silent(since="2026-04-02T09:00+08:00"), deemed_at=at("2026-04-08T00:00+08:00"))

    assert life.recount() == (Change(KEY, at("2026-04-08T00:00+08:00"), at("2026-04-09T00:00+08:00")),)


def test_a_clock_that_ends_earlier_by_the_new_version_has_one_more_business_day() -> None:
    """Saturday 28 February is worked, which it did not know: it would have ended with the 2nd of March."""
    life = counted_by_another(silent(since="2026-02-26T09:00+08:00", n=3), deemed_at=at("2026-03-04T00:00+08:00"))
    assert clock(silent(since="2026-02-26T09:00+08:00", n=3)).deemed_at == at("2026-03-03T00:00+08:00")

    life.now = at("2026-02-27T09:00+08:00")
    assert life.recount()[0].after == at("2026-03-03T00:00+08:00")

    life = counted_by_another(silent(since="2026-02-26T09:00+08:00", n=3), deemed_at=at("2026-03-04T00:00+08:00"))
    life.now = at("2026-03-02T09:00+08:00")
    assert life.recount() == ()
    assert clock(life).deemed_at == at("2026-03-04T00:00+08:00")


def test_what_has_ended_stays_ended() -> None:
    life = counted_by_another(silent(since="2026-04-02T09:00+08:00"), deemed_at=at("2026-04-08T00:00+08:00"))
    progress = replace(clock(life), accepted=True)
    life.trade = replace(life.trade, progress={KEY: progress})

    assert life.recount() == ()
    assert clock(life).accepted


@pytest.mark.parametrize(
    ("version", "deemed", "outdated"),
    [
        ("CN.1", "2026-04-08T00:00+08:00", True),
        ("CN.1", "2026-04-09T00:00+08:00", False),
        ("CN.1", "2026-04-10T00:00+08:00", False),
        (NOW, "2026-04-08T00:00+08:00", False),
        ("", "2026-04-08T00:00+00:00", True),
    ],
)
def test_silence_is_no_acceptance_before_its_calendars_own_version_ends_it(
    version: str, deemed: str, outdated: bool
) -> None:
    since = "2026-04-02T09:00+08:00"
    life = counted_by_another(silent(since=since), calendar_version=version, deemed_at=at(deemed))

    assert is_outdated(life.terms, life.trade, KEY) is outdated


def test_a_dispute_counts_a_clock_of_another_version_by_this_one() -> None:
    """That version did not know of Qingming, the 4th to the 6th of April, and had it end a day early."""
    since = "2026-04-02T09:00+08:00"
    life = counted_by_another(silent(since=since), deemed_at=at("2026-04-06T00:00+08:00"))
    life.dispute(1_000)

    assert clock(life).days_left == 3


def test_a_dispute_after_a_clock_would_have_ended_by_another_version_alone_is_in_time() -> None:
    life = counted_by_another(silent(since="2026-04-02T09:00+08:00"), deemed_at=at("2026-04-06T00:00+08:00"))
    life.now = at("2026-04-06T12:00+08:00")
    life.dispute(1_000)

    assert (clock(life).accepted, clock(life).days_left) == (False, 2)


def test_a_dispute_after_a_clock_ended_by_both_versions_finds_it_accepted() -> None:
    life = counted_by_another(silent(since="2026-04-02T09:00+08:00"), deemed_at=at("2026-04-10T00:00+08:00"))
    life.now = at("2026-04-10T12:00+08:00")
    life.dispute(1_000)

    assert clock(life).accepted


def test_a_retention_that_ends_later_by_the_new_version_is_not_over_yet() -> None:
    rule = RetentionRule(500, 30, (), Convention.FOLLOWING)
    life = silent(since="2026-05-01T09:00+08:00", n=1, retention=rule).sign(KEY, "buyer", "surveyor")
    life.release(KEY)
    ends, life.now = life.trade.retention_ends_at, at("2026-05-27T09:00+08:00")
    early = at("2026-05-27T00:00+08:00")
    life.trade = replace(life.trade, retention_ends_at=early, retention_calendar="CN.1")

    assert is_outdated(life.terms, life.trade, "retention")
    assert life.recount() == (Change("retention", early, ends),)
    assert not is_outdated(life.terms, life.trade, "retention")


def test_a_clock_from_before_versions_is_moved_to_no_earlier_instant() -> None:
    """It was counted by UTC, and does not say whether a dispute had stopped it."""
    by_utc = datetime(2026, 3, 6, tzinfo=UTC)
    life = counted_by_another(silent(since="2026-03-02T09:00+08:00"), calendar_version="", deemed_at=by_utc)

    assert life.recount() == ()
    assert clock(life).deemed_at == by_utc


def test_a_clock_from_before_versions_that_ends_in_days_nobody_knows_waits() -> None:
    into_spring = datetime(2027, 2, 9, tzinfo=UTC)
    life = counted_by_another(silent(), calendar_version="", deemed_at=into_spring)

    assert life.recount() == (Change(KEY, into_spring, None),)
    assert clock(life).waits_for_calendar


def test_a_retention_that_waited_has_its_day_once_that_is_known() -> None:
    rule = RetentionRule(500, 30, (), Convention.FOLLOWING)
    life = silent(since="2026-05-01T09:00+08:00", n=1, retention=rule).sign(KEY, "buyer", "surveyor")
    life.release(KEY)
    life.trade = replace(life.trade, retention_ends_at=None, retention_calendar="CN.1")
    life.now = at("2026-06-10T09:00+08:00")

    assert life.recount() == (Change("retention", None, at("2026-06-12T00:00+08:00")),)


def test_a_trade_that_was_stored_before_calendars_had_versions_is_read_and_ends_as_it_would_have() -> None:
    life = silent(since="2026-03-02T09:00+08:00").sign(KEY, "buyer", "surveyor")
    life.release(KEY)
    document = msgspec.to_builtins(life.trade)
    for name in ("retention_ends_at", "retention_calendar"):
        del document[name]
    for name in ("resumed_at", "resumed_days", "calendar_version"):
        del document["progress"][KEY][name]

    old = msgspec.convert(document, type=Trade)

    assert next_at(old) == datetime(2027, 3, 2, tzinfo=UTC)


def test_a_template_that_was_stored_before_its_price_had_a_calendar_is_read() -> None:
    document = msgspec.to_builtins(replace(WORKS, calendar="TARGET"))
    for name in ("quotation_calendar", "unpublished"):
        del document["price"][name]
    del document["retention"]["convention"]

    old = msgspec.convert(document, type=Template)

    assert (old, old.quotation_calendar) == (replace(WORKS, calendar="TARGET"), "TARGET")


@given(
    st.sampled_from(["weekdays", "TARGET", "LONDON", "NEW_YORK", "LONDON+NEW_YORK"]),
    st.integers(0, 20 * 365 * 24),
    st.integers(1, 15),
    st.integers(0, 30 * 24),
    st.integers(0, 60 * 24),
)
def test_a_dispute_costs_a_clock_no_day_and_gives_it_none(
    days: str, begins: int, n: int, until: int, lasts: int
) -> None:
    """What is left of the clock is what has not passed, and it runs from the resolution on."""
    ready = datetime(2023, 1, 2, tzinfo=UTC) + timedelta(hours=begins)
    life = silent(days, ready.isoformat(), n=n).later(hours=until).dispute(1_000)
    left = clock(life).days_left
    known = calendar(days)
    passed = [known.day_of(ready) + timedelta(days=i + 1) for i in range(60)]
    gone = sum(known.is_business_day(day) for day in passed if day <= known.day_of(life.now))
    over = clock(life).accepted

    assert (left, over) == ((n - gone, False) if gone <= n and not over else (None, True))
    if not over:
        life.later(hours=lasts).resolve({"kept": 1_000})
        again = clock(life)
        assert again.deemed_at is not None
        assert known.day_of(again.deemed_at) > known.day_of(life.now)
        assert again.deemed_at == known.begins(known.day_of(again.deemed_at))
