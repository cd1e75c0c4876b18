"""Terms in days that are no business days: they end at midnight where the template's calendar is, in every command that
begins one, over nights that clocks make longer or shorter, and so many days later where a dispute has stood between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.calendars import calendar, end_of_days, put_off
from chalicelib.trades.domain.template import ExpiryRule
from tests.trades.lives import Life
from tests.trades.papers import weight_note
from tests.trades.standing import WEIGHED
from tests.trades.works import WORKS

DAYS = 2


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


MIDNIGHTS = [
    ("CN", "2026-03-02T07:00+08:00", "2026-03-05T00:00+08:00"),
    ("CN", "2026-03-02T00:00+08:00", "2026-03-05T00:00+08:00"),
    ("CN", "2026-03-02T23:59+08:00", "2026-03-05T00:00+08:00"),
    ("NEW_YORK", "2026-03-02T20:00-05:00", "2026-03-05T00:00-05:00"),
    ("NEW_YORK", "2026-03-06T20:00-05:00", "2026-03-09T00:00-04:00"),
    ("NEW_YORK", "2026-10-30T23:30-04:00", "2026-11-02T00:00-05:00"),
    ("weekdays", "2026-03-02T09:00+00:00", "2026-03-05T00:00+00:00"),
    ("weekdays", "2026-03-02T00:00+00:00", "2026-03-05T00:00+00:00"),
]
"""A calendar, an instant, and that at which two days after it have passed."""


def life_under(days: str, now: str, **changes: bool) -> Life:
    expiry = ExpiryRule(draft_days=90, funding_days=DAYS, performance_days=DAYS)
    life = Life(replace(WORKS, calendar=days, expiry=expiry), **changes)
    life.now = at(now)
    return life


def agreed(days: str, now: str) -> datetime | None:
    return life_under(days, now, draft=True).agree().trade.expires_at


def funded(days: str, now: str) -> datetime | None:
    return life_under(days, now).funded().trade.expires_at


def unfunded(days: str, now: str) -> datetime | None:
    life = life_under(days, "2026-01-01T09:00+00:00").funded()
    life.now = at(now)
    return life.unfund(1).trade.expires_at


def asked_for_more(days: str, now: str) -> datetime | None:
    template = replace(WEIGHED, calendar=days, funding=replace(WEIGHED.funding, top_up_days=DAYS))
    life = Life(template, top_up_line_id="lin_1").give(weight_note(110_000)).sign("arrived", "buyer").funded()
    life.now = at(now)
    life.settle()
    return life.trade.top_up_at


@pytest.mark.parametrize(("days", "now", "ends"), MIDNIGHTS)
@pytest.mark.parametrize("term", [agreed, funded, unfunded, asked_for_more])
def test_a_term_ends_at_midnight_where_the_calendar_is(
    term: Callable[[str, str], datetime | None], days: str, now: str, ends: str
) -> None:
    assert term(days, now) == at(ends)


@pytest.mark.parametrize(
    ("days", "now", "disputed", "resolved", "ends"),
    [
        ("NEW_YORK", "2026-03-05T15:00Z", "2026-03-07T04:00Z", "2026-03-09T05:00Z", "2026-03-11T00:00-04:00"),
        ("NEW_YORK", "2026-10-29T14:00Z", "2026-10-30T05:00Z", "2026-11-03T04:00Z", "2026-11-04T00:00-05:00"),
        ("CN", "2026-03-02T10:00+08:00", "2026-03-03T07:00+08:00", "2026-03-03T09:00+08:00", "2026-03-05T00:00+08:00"),
        ("CN", "2026-03-02T10:00+08:00", "2026-03-03T23:00+08:00", "2026-03-04T01:00+08:00", "2026-03-06T00:00+08:00"),
        ("weekdays", "2026-03-02T10:00Z", "2026-03-03T23:00Z", "2026-03-05T01:00Z", "2026-03-07T00:00Z"),
    ],
)  # fmt: skip
def test_a_dispute_puts_a_term_off_by_whole_days(days: str, now: str, disputed: str, resolved: str, ends: str) -> None:
    life = life_under(days, now).funded()
    life.now = at(disputed)
    life.dispute(1_000)
    life.now = at(resolved)

    life.resolve({"kept": 1_000})

    assert life.trade.expires_at == at(ends)


def test_a_term_that_ended_within_a_day_is_put_off_to_the_end_of_one() -> None:
    assert put_off(calendar("CN"), at("2026-03-05T08:00+08:00"), 1) == at("2026-03-07T00:00+08:00")
    assert put_off(calendar("CN"), at("2026-03-05T00:00+08:00"), 0) == at("2026-03-05T00:00+08:00")


@given(
    st.sampled_from(["CN", "NEW_YORK", "LONDON", "weekdays"]),
    st.integers(0, 3 * 365 * 86_400).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n)),
    st.integers(0, 400),
)
def test_so_many_days_are_whole_days_that_follow(name: str, now: datetime, n: int) -> None:
    days = calendar(name)

    ends = end_of_days(days, now, n)

    assert (ends.astimezone(days.zone).hour, (days.day_of(ends) - days.day_of(now)).days) == (0, n + 1)
    assert put_off(days, ends, 3) == end_of_days(days, now, n + 3)
