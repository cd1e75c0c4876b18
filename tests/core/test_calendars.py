"""Business days against published days, where they end, and what must hold between any two days."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.calendars import (
    CALENDARS,
    MOST_DAYS,
    CalendarUnknown,
    Convention,
    add_business_days,
    booked_instant,
    business_days,
    calendar,
    count_business_days,
    due_day,
    end_of_business_days,
    ending_calendars,
    home_calendar,
    today_in,
)
from chalicelib.core.centres import all_centres, read_centre
from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.holidays import RULES_THROUGH, Holiday, easter, festivals
from tests.core.astronomy import lunar_day, solar_term

ONE_DAY = timedelta(days=1)
LONG = ("LONDON", "NEW_YORK", "TARGET", "weekdays")
days = st.dates(date(2023, 1, 1), date(2048, 6, 30))
calendars = st.sampled_from(LONG)
instants = st.integers(0, 25 * 365 * 86_400).map(lambda n: datetime(2023, 1, 2, tzinfo=UTC) + timedelta(seconds=n))


def is_open(name: str, *texts: str) -> set[bool]:
    return {calendar(name).is_business_day(date.fromisoformat(text)) for text in texts}


def closed_weekdays(name: str, year: int) -> list[str]:
    """The weekdays of a year on which no business is done."""
    every = (date(year, 1, 1) + timedelta(days=i) for i in range(365))
    closed = (day for day in every if day.weekday() < 5 and not calendar(name).is_business_day(day))
    return [f"{day:%m-%d}" for day in closed]


# Source: US Naval Observatory's table of Easter dates.
@pytest.mark.parametrize("text", ["1999-04-04", "2000-04-23", "2008-03-23", "2024-03-31", "2025-04-20", "2038-04-25"])
def test_easter_is_the_published_sunday(text: str) -> None:
    assert easter(int(text[:4])).isoformat() == text


@pytest.mark.parametrize(
    ("currency", "booked_on", "now", "expected"),
    [
        ("CNY", "2026-03-31", "2026-03-31T17:00+00:00", "2026-03-30T16:00+00:00"),
        ("CNY", "2026-04-01", "2026-03-31T17:00+00:00", "2026-03-31T17:00+00:00"),
        ("USD", "2026-03-07", "2026-03-10T00:00+00:00", "2026-03-07T05:00+00:00"),
        ("USD", "2026-03-09", "2026-03-10T06:00+00:00", "2026-03-09T04:00+00:00"),
        ("USD", "2026-11-02", "2026-11-03T06:00+00:00", "2026-11-02T05:00+00:00"),
        ("USD", "2026-03-09", "2026-03-10T02:00+00:00", "2026-03-10T02:00+00:00"),
        ("XAF", "2026-03-09", "2026-03-10T02:00+00:00", "2026-03-09T00:00+00:00"),
        ("CNY", "0001-01-01", "2026-03-10T02:00+00:00", "0001-01-01T00:00+00:00"),
    ],
)
def test_what_a_bank_dates_is_booked_as_its_day_begins_there(
    currency: str, booked_on: str, now: str, expected: str
) -> None:
    found = booked_instant(currency, date.fromisoformat(booked_on), datetime.fromisoformat(now))

    assert found == datetime.fromisoformat(expected)
    assert booked_instant(currency, None, datetime.fromisoformat(now)) == datetime.fromisoformat(now)


def test_the_ends_of_time_have_a_day() -> None:
    assert today_in("USD", datetime.min.replace(tzinfo=UTC)) == date.min
    assert today_in("CNY", datetime.max.replace(tzinfo=UTC)) == date.max


# Source: European Central Bank, TARGET closing days.
@pytest.mark.parametrize(
    ("year", "closed"),
    [
        (2025, ["01-01", "04-18", "04-21", "05-01", "12-25", "12-26"]),
        (2026, ["01-01", "04-03", "04-06", "05-01", "12-25"]),
    ],
)
def test_target_closes_on_six_days_a_year(year: int, closed: list[str]) -> None:
    assert closed_weekdays("TARGET", year) == closed


# Source: gov.uk, bank holidays in England and Wales.
@pytest.mark.parametrize(
    ("year", "closed"),
    [
        (2012, ["01-02", "04-06", "04-09", "05-07", "06-04", "06-05", "08-27", "12-25", "12-26"]),
        (2020, ["01-01", "04-10", "04-13", "05-08", "05-25", "08-31", "12-25", "12-28"]),
        (2021, ["01-01", "04-02", "04-05", "05-03", "05-31", "08-30", "12-27", "12-28"]),
        (2022, ["01-03", "04-15", "04-18", "05-02", "06-02", "06-03", "08-29", "09-19", "12-26", "12-27"]),
        (2023, ["01-02", "04-07", "04-10", "05-01", "05-08", "05-29", "08-28", "12-25", "12-26"]),
        (2026, ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]),
        (2027, ["01-01", "03-26", "03-29", "05-03", "05-31", "08-30", "12-27", "12-28"]),
        (2033, ["01-03", "04-15", "04-18", "05-02", "05-30", "08-29", "12-26", "12-27"]),
    ],
)
def test_london_moves_a_holiday_of_a_weekend_and_keeps_what_was_proclaimed_once(year: int, closed: list[str]) -> None:
    assert closed_weekdays("LONDON", year) == closed


# Source: Federal Reserve Banks, holiday schedules. 4 July 2026 and 11 November 2028 are Saturdays.
@pytest.mark.parametrize(
    ("year", "closed"),
    [
        (2022, ["01-17", "02-21", "05-30", "06-20", "07-04", "09-05", "10-10", "11-11", "11-24", "12-26"]),
        (2025, ["01-01", "01-20", "02-17", "05-26", "06-19", "07-04", "09-01", "10-13", "11-11", "11-27", "12-25"]),
        (2026, ["01-01", "01-19", "02-16", "05-25", "06-19", "09-07", "10-12", "11-11", "11-26", "12-25"]),
        (2028, ["01-17", "02-21", "05-29", "06-19", "07-04", "09-04", "10-09", "11-23", "12-25"]),
    ],
)
def test_new_york_moves_a_sunday_and_no_saturday(year: int, closed: list[str]) -> None:
    assert closed_weekdays("NEW_YORK", year) == closed


# Source: General Office of the State Council, notices of 8 December 2022, 25 October 2023, 12 November 2024 and 4
# November 2025; the exchanges' own of December 2023 for the eve of Spring Festival 2024.
@pytest.mark.parametrize(
    ("year", "closed"),
    [
        (
            2023,
            "01-02 01-23 01-24 01-25 01-26 01-27 04-05 05-01 05-02 05-03 06-22 06-23 09-29"
            " 10-02 10-03 10-04 10-05 10-06",
        ),
        (
            2024,
            "01-01 02-12 02-13 02-14 02-15 02-16 04-04 04-05 05-01 05-02 05-03 06-10 09-16 09-17"
            " 10-01 10-02 10-03 10-04 10-07",
        ),
        (
            2025,
            "01-01 01-28 01-29 01-30 01-31 02-03 02-04 04-04 05-01 05-02 05-05 06-02"
            " 10-01 10-02 10-03 10-06 10-07 10-08",
        ),
        (
            2026,
            "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25"
            " 10-01 10-02 10-05 10-06 10-07",
        ),
    ],
)
def test_china_closes_on_the_days_of_the_notice(year: int, closed: str) -> None:
    exchange = closed.replace("02-12", "02-09 02-12") if year == 2024 else closed

    assert closed_weekdays("CN", year) == closed.split()
    assert closed_weekdays("CN_EXCHANGE", year) == exchange.split()


def test_china_works_weekend_days_in_exchange_and_its_exchanges_do_not() -> None:
    worked = ("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11", "2026-02-14", "2026-10-10")

    assert is_open("CN", *worked) == {True}
    assert is_open("CN_EXCHANGE", *worked) == {False}


# Sources: calendars of the years; 2023 has a leap month, and so have 2025, 2028, 2031 and 2033, whose autumn is late.
@pytest.mark.parametrize(
    ("year", "spring", "dragon_boat", "mid_autumn", "qingming"),
    [
        (2023, "01-22", "06-22", "09-29", "04-05"),
        (2024, "02-10", "06-10", "09-17", "04-04"),
        (2025, "01-29", "05-31", "10-06", "04-04"),
        (2026, "02-17", "06-19", "09-25", "04-05"),
        (2027, "02-06", "06-09", "09-15", "04-05"),
        (2028, "01-26", "05-28", "10-03", "04-04"),
        (2030, "02-03", "06-05", "09-12", "04-05"),
        (2031, "01-23", "06-24", "10-01", "04-05"),
        (2033, "01-31", "06-01", "09-08", "04-04"),
        (2034, "02-19", "06-20", "09-27", "04-05"),
    ],
)
def test_chinas_festivals_are_the_published_days(
    year: int, spring: str, dragon_boat: str, mid_autumn: str, qingming: str
) -> None:
    found = [festivals()[name][year] for name in ("spring_festival", "dragon_boat", "mid_autumn", "qingming")]

    assert [f"{day:%m-%d}" for day in found] == [spring, dragon_boat, mid_autumn, qingming]


def test_chinas_festivals_of_every_year_are_where_sun_and_moon_are() -> None:
    years = range(2023, RULES_THROUGH + 1)

    assert festivals() == {
        "spring_festival": {year: lunar_day(year, 1, 1) for year in years},
        "dragon_boat": {year: lunar_day(year, 5, 5) for year in years},
        "mid_autumn": {year: lunar_day(year, 8, 15) for year in years},
        "qingming": {year: solar_term(year, 15) for year in years},
    }


LUNAR_YEARS = {
    2020: "07954 06aa0 0ad50 05b52 04b60 0a6e6 0a4e0 0d260 0ea65 0d530",
    2030: "05aa0 076a3 096d0 04afb 04ad0 0a4d0 1d0b6 0d250 0d520 0dd45",
    2040: "0b5a0 056d0 055b2 049b0 0a577 0a4b0 0aa50 1b255 06d20 0ada0",
}
"""The lunar years as almanacs print them: a bit for each of twelve months that has 30 days, the leap month (0: none),
and whether that has 30."""


def test_each_month_from_2020_to_2049_that_is_computed_begins_on_the_almanacs_day() -> None:
    begins, differing = date(2020, 1, 25), []
    for decade, texts in LUNAR_YEARS.items():
        for year, text in enumerate(texts.split(), start=decade):
            bits = int(text, 16)
            for month in range(1, 13):
                differing += [(year, month)] if lunar_day(year, month, 1) != begins else []
                begins += timedelta(days=30 if bits & (0x10000 >> month) else 29)
                if month == bits & 0xF:
                    begins += timedelta(days=30 if bits & 0x10000 else 29)

    assert differing == []
    assert begins == date(2050, 1, 23)


def test_every_notice_closes_at_least_what_the_law_closes() -> None:
    """A check of the data itself: a festival that was mistyped would be a business day."""
    statutory = {"01-01", "05-01", "10-01", "10-02", "10-03"}
    for name in ("CN", "CN_EXCHANGE"):
        centre = all_centres()[name]
        for year in range(centre.known_from.year, centre.known_through.year + 1):
            festivals = {lunar_day(year, 1, 1 + i) for i in range(3)} | {lunar_day(year, 5, 5), lunar_day(year, 8, 15)}
            fixed = {date(year, int(text[:2]), int(text[3:])) for text in statutory}
            assert festivals | fixed | {solar_term(year, 15)} <= centre.closed
            assert not centre.closed & centre.worked


# Where the days end


def test_nothing_is_counted_past_what_is_known() -> None:
    with pytest.raises(CalendarUnknown) as refused:
        add_business_days(calendar("CN"), date(2027, 2, 3), 3)

    assert refused.value.code == "calendar_unknown"
    assert refused.value.facts == {
        "calendar": "CN",
        "version": "CN.2",
        "day": "2027-02-04",
        "known_from": "2023-01-01",
        "known_through": "2026-12-31",
    }


def test_of_a_year_without_a_notice_only_the_days_of_the_law_are_known() -> None:
    """Nobody knows beforehand which weekdays are free besides, nor which weekend days are worked for them."""
    assert is_open("CN", "2027-01-01", "2027-02-05", "2027-02-06", "2027-04-05", "2028-10-03", "2029-05-02") == {False}
    assert is_open("CN_EXCHANGE", "2027-01-02", "2027-02-13") == {False}
    for name, day in (("CN", "2027-01-02"), ("CN", "2027-02-09"), ("CN_EXCHANGE", "2027-02-09"), ("CN", "2022-06-01")):
        with pytest.raises(CalendarUnknown):
            calendar(name).is_business_day(date.fromisoformat(day))


@pytest.mark.parametrize("name", sorted(CALENDARS))
def test_a_calendar_is_dated_data_with_a_source_a_zone_and_an_end(name: str) -> None:
    centre = all_centres()[name]

    assert centre.known_from < centre.known_through
    assert (centre.version >= 1, bool(centre.source), bool(centre.title)) == (True, True, True)
    assert calendar(name).zone.key == centre.zone


@pytest.mark.parametrize("name", [one for one in sorted(CALENDARS) if one != "weekdays"])
def test_the_days_on_either_side_of_what_is_known_are_not(name: str) -> None:
    days = calendar(name)
    before = next(days.known_from - i * ONE_DAY for i in range(1, 9) if (days.known_from - i * ONE_DAY).weekday() == 2)

    assert add_business_days(days, days.known_from, 2) > days.known_from
    with pytest.raises(CalendarUnknown):
        days.is_business_day(before)
    with pytest.raises(CalendarUnknown):
        add_business_days(days, days.known_through, 1)
    assert count_business_days(days, days.known_through - 6 * ONE_DAY, days.known_through) <= 5


VERSIONS = {
    ("CN", 2): "a717d3cad0518938",
    ("CN_EXCHANGE", 2): "4f83c4ac195f3471",
    ("LONDON", 1): "188000d6c25634da",
    ("NEW_YORK", 1): "280ee33618d315cf",
    ("TARGET", 1): "a5056cd8d40e5b9d",
    ("weekdays", 1): "bab136868460d8b7",
}
"""What each version was when it went out."""


def test_a_centre_that_changes_has_another_version() -> None:
    """Clocks are counted anew by the version's name: days that change without it would change under running clocks."""
    found = {}
    for name, centre in all_centres().items():
        rules = [(one.name, sorted(vars_of(one).items())) for one in centre.holidays]
        days = [sorted(map(str, centre.closed)), sorted(map(str, centre.worked)), centre.weekends_closed]
        known = [str(centre.known_from), str(centre.known_through), centre.zone, centre.clocks]
        text = json.dumps([rules, days, known], default=str)
        found[name, centre.version] = sha256(text.encode()).hexdigest()[:16]

    assert found == VERSIONS, "a changed file needs the next version, and its digest here"


def vars_of(rule: Holiday) -> dict[str, object]:
    return {one.name: getattr(rule, one.name) for one in fields(rule)}


def test_weekdays_end_with_the_last_of_all_days() -> None:
    with pytest.raises(CalendarUnknown):
        add_business_days(calendar("weekdays"), date(9999, 12, 30), 2)


def test_a_count_that_ends_on_the_last_known_day_is_known() -> None:
    assert add_business_days(calendar("CN"), date(2026, 12, 29), 2) == date(2026, 12, 31)
    ends = end_of_business_days(calendar("CN"), datetime(2026, 12, 29, 9, tzinfo=UTC), 2)
    assert ends == datetime(2026, 12, 31, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ("2026-10-31T15:59:59Z", []),
        ("2026-10-31T16:00:00Z", ["CN", "CN_EXCHANGE"]),
        ("2027-03-01T00:00:00Z", ["CN", "CN_EXCHANGE"]),
        ("2049-12-30T00:00:00Z", ["CN", "CN_EXCHANGE", "LONDON", "NEW_YORK", "TARGET"]),
    ],
)
def test_a_calendar_is_named_as_ending_from_sixty_days_before(now: str, named: list[str]) -> None:
    assert sorted(one.name for one in ending_calendars(datetime.fromisoformat(now))) == named


# Zones


@pytest.mark.parametrize(
    ("name", "ready", "days", "ends"),
    [
        ("CN", "2026-03-02T07:00+08:00", 1, "2026-03-03T16:00Z"),
        ("CN", "2026-03-02T09:00+08:00", 1, "2026-03-03T16:00Z"),
        ("CN", "2026-03-02T23:59+08:00", 1, "2026-03-03T16:00Z"),
        ("CN", "2026-03-03T00:00+08:00", 1, "2026-03-04T16:00Z"),
        ("CN", "2026-02-13T17:00Z", 1, "2026-02-24T16:00Z"),
        ("LONDON", "2026-03-27T12:00Z", 1, "2026-03-30T23:00Z"),
        ("LONDON", "2026-10-23T12:00Z", 1, "2026-10-27T00:00Z"),
        ("TARGET", "2026-03-26T12:00Z", 1, "2026-03-27T23:00Z"),
        ("TARGET", "2026-03-27T12:00Z", 1, "2026-03-30T22:00Z"),
        ("NEW_YORK", "2026-03-06T12:00Z", 1, "2026-03-10T04:00Z"),
        ("NEW_YORK", "2026-03-06T04:59Z", 1, "2026-03-07T05:00Z"),
        ("NEW_YORK", "2026-11-01T03:30Z", 1, "2026-11-03T05:00Z"),
        ("TARGET", "2026-12-31T22:30Z", 1, "2027-01-04T23:00Z"),
        ("TARGET", "2026-12-31T23:30Z", 1, "2027-01-04T23:00Z"),
        ("LONDON", "2028-02-28T12:00Z", 1, "2028-03-01T00:00Z"),
        ("weekdays", "2026-03-02T23:59Z", 1, "2026-03-04T00:00Z"),
        ("CN", "2026-03-02T23:59+08:00", 0, "2026-03-02T16:00Z"),
    ],
)
def test_a_business_day_ends_at_midnight_where_the_calendar_is(name: str, ready: str, days: int, ends: str) -> None:
    found = end_of_business_days(calendar(name), datetime.fromisoformat(ready), days)

    assert found == datetime.fromisoformat(ends)


@pytest.mark.parametrize("name", sorted(CALENDARS))
def test_a_centres_clocks_are_those_of_its_zone(name: str) -> None:
    """By this machine's time zone files, hour by hour of some years and day by day of all."""
    days, centre = calendar(name), all_centres()[name]
    first = max(datetime(1996, 1, 1, tzinfo=UTC), days.begins(days.known_from))
    hours = 24 * 366 * 3
    every_hour = (first + timedelta(hours=i) for i in range(hours))
    every_day = (first + timedelta(days=i) for i in range((date(2049, 12, 31) - first.date()).days))
    zone = ZoneInfo(centre.zone)

    differing = [at for part in (every_hour, every_day) for at in part if _shown(at, zone) != _shown(at, days.zone)]

    assert differing == []


def _shown(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat()


@given(st.sampled_from(["LONDON", "NEW_YORK", "TARGET"]), instants, st.integers(0, 40))
def test_an_end_is_found_by_walking_hour_by_hour_as_well(name: str, now: datetime, n: int) -> None:
    """The clocks of the zone itself are watched: a day is over when they show the next one."""
    zone, count, at = ZoneInfo(all_centres()[name].zone), n, now.replace(minute=0, second=0, microsecond=0)
    day = now.astimezone(zone).date()
    while True:
        at += timedelta(hours=1)
        shown = at.astimezone(zone).date()
        if shown == day:
            continue
        if not count:
            break
        day = shown
        count -= calendar(name).is_business_day(day)

    assert end_of_business_days(calendar(name), now, n) == at


def test_money_is_at_home_where_its_banks_are() -> None:
    late = datetime(2026, 3, 2, 20, tzinfo=UTC)
    early = datetime(2026, 3, 3, 3, tzinfo=UTC)

    assert [home_calendar(one).name for one in ("CNY", "EUR", "GBP", "USD", "JPY")] == [
        "CN",
        "TARGET",
        "LONDON",
        "NEW_YORK",
        "weekdays",
    ]
    assert (today_in("CNY", late), today_in("EUR", late), today_in("JPY", late)) == (
        date(2026, 3, 3),
        date(2026, 3, 2),
        date(2026, 3, 2),
    )
    assert (today_in("USD", early), today_in("GBP", early)) == (date(2026, 3, 2), date(2026, 3, 3))


# Several centres


def test_joined_calendars_do_business_on_the_days_on_which_all_do() -> None:
    both = calendar("LONDON+NEW_YORK")

    assert not both.is_business_day(date(2026, 5, 4))
    assert not both.is_business_day(date(2026, 6, 19))
    assert both.is_business_day(date(2026, 5, 5))
    assert (both.version, both.zone.key) == ("LONDON.1+NEW_YORK.1", "Europe/London")


def test_joined_calendars_know_what_all_of_them_know() -> None:
    both = calendar("TARGET+CN")

    assert (both.known_from, both.known_through) == (date(2023, 1, 1), date(2026, 12, 31))
    assert both.zone.key == "Europe/Berlin"
    assert not both.is_business_day(date(2028, 4, 14)), "Good Friday, whatever China does"
    with pytest.raises(CalendarUnknown):
        both.is_business_day(date(2028, 4, 18))


@pytest.mark.parametrize("name", ["target", "", "+", "CN+", "CN+CN", "CN+MARS", "CN+TARGET+LONDON+NEW_YORK+weekdays"])
def test_an_unknown_calendar_is_refused_and_the_known_are_named(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        calendar(name)

    assert (refused.value.code, refused.value.facts["calendar"]) == ("unknown_calendar", name)
    assert refused.value.facts["known"] == ["CN", "CN_EXCHANGE", "LONDON", "NEW_YORK", "TARGET", "weekdays"]


# Due days


@pytest.mark.parametrize(
    ("day", "convention", "due"),
    [
        ("2026-02-28", Convention.FOLLOWING, "2026-03-02"),
        ("2026-02-28", Convention.MODIFIED_FOLLOWING, "2026-02-27"),
        ("2026-02-28", Convention.PRECEDING, "2026-02-27"),
        ("2026-02-28", Convention.NONE, "2026-02-28"),
        ("2026-05-31", Convention.FOLLOWING, "2026-06-01"),
        ("2026-05-31", Convention.MODIFIED_FOLLOWING, "2026-05-29"),
        ("2026-05-31", Convention.PRECEDING, "2026-05-29"),
        ("2026-05-16", Convention.MODIFIED_FOLLOWING, "2026-05-18"),
        ("2026-06-03", Convention.PRECEDING, "2026-06-03"),
        ("2026-06-03", Convention.MODIFIED_FOLLOWING, "2026-06-03"),
    ],
)
def test_a_due_day_moves_by_its_convention(day: str, convention: Convention, due: str) -> None:
    found = due_day(calendar("weekdays"), date.fromisoformat(day), convention)

    assert found.isoformat() == due


def test_a_due_day_is_worked_where_its_weekend_is() -> None:
    assert due_day(calendar("CN"), date(2026, 2, 28), Convention.FOLLOWING) == date(2026, 2, 28)
    assert due_day(calendar("CN_EXCHANGE"), date(2026, 2, 28), Convention.FOLLOWING) == date(2026, 3, 2)


def test_a_due_day_that_would_move_past_what_is_known_is_refused() -> None:
    days = calendar("CN")

    with pytest.raises(CalendarUnknown):
        due_day(days, date(2027, 1, 1), Convention.FOLLOWING)
    assert due_day(days, date(2027, 1, 1), Convention.PRECEDING) == date(2026, 12, 31)
    assert due_day(days, date(2027, 1, 2), Convention.NONE) == date(2027, 1, 2)


# Counting


@pytest.mark.parametrize(
    ("name", "day", "n", "expected"),
    [
        ("weekdays", "2026-03-02", 5, "2026-03-09"),
        ("weekdays", "2026-03-07", 1, "2026-03-09"),
        ("weekdays", "2026-03-07", 0, "2026-03-07"),
        ("TARGET", "2026-04-02", 1, "2026-04-07"),
        ("CN", "2026-02-13", 1, "2026-02-14"),
        ("CN", "2026-02-14", 1, "2026-02-24"),
        ("CN_EXCHANGE", "2026-02-13", 1, "2026-02-24"),
        ("CN", "2026-09-30", 3, "2026-10-10"),
        ("weekdays", "2026-03-02", 2900, "2037-04-13"),
    ],
)
def test_business_days_are_added_past_what_is_closed(name: str, day: str, n: int, expected: str) -> None:
    assert add_business_days(calendar(name), date.fromisoformat(day), n) == date.fromisoformat(expected)


def test_counting_backwards_and_listing_decades_are_our_defect() -> None:
    with pytest.raises(Defect):
        add_business_days(calendar("CN"), date(2026, 1, 1), -1)
    with pytest.raises(Defect):
        business_days(calendar("weekdays"), date(2000, 1, 1), date(2000, 1, 1) + timedelta(days=MOST_DAYS))


def test_weekdays_know_no_holiday_in_any_year() -> None:
    assert is_open("weekdays", "2026-01-01", "2026-12-25") == {True}
    assert is_open("weekdays", "2026-01-03", "2026-01-04") == {False}
    for year in (1, 999, 9999):
        assert len(business_days(calendar("weekdays"), date(year, 1, 1), date(year, 1, 31))) in range(20, 24)


def test_no_days_lie_between_a_day_and_one_before_it() -> None:
    assert business_days(calendar("weekdays"), date(2026, 3, 3), date(2026, 3, 2)) == ()
    assert count_business_days(calendar("weekdays"), date(2026, 3, 3), date(2026, 3, 2)) == 0


def test_a_file_says_all_that_a_centre_is() -> None:
    centre = read_centre(
        'name = "X"\ntitle = "X"\nversion = 3\nzone = "UTC"\nclocks = "UTC0"\nsource = "made up"\n'
        "known_from = 2026-01-01\nknown_through = 2026-12-31\n"
        '[[exceptions]]\nyear = 2026\nclosed = "01-05..01-07"\nworked = "01-10"\n'
        '[[holidays]]\nname = "Y"\nday = "02-02"\n'
    )

    closed = [date(2026, 1, 5), date(2026, 1, 7), date(2026, 2, 2), date(2026, 1, 11)]
    assert [centre.is_open(day) for day in closed] == [False] * 4
    assert [centre.is_open(date(2026, 1, day)) for day in (8, 10)] == [True, True]
    assert [centre.is_open(date(2027, 2, day)) for day in (2, 3)] == [False, None]


@given(calendars, days, st.integers(0, 60))
def test_adding_n_and_counting_what_follows_gives_n(name: str, day: date, n: int) -> None:
    reached = add_business_days(calendar(name), day, n)

    counted = business_days(calendar(name), day + ONE_DAY, reached)

    assert len(counted) == n == count_business_days(calendar(name), day + ONE_DAY, reached)
    assert not n or counted[-1] == reached


@given(calendars, days, st.integers(0, 100), st.integers(0, 100))
def test_days_of_two_spans_in_a_row_are_those_of_both(name: str, first: date, one: int, two: int) -> None:
    middle, last = first + timedelta(days=one), first + timedelta(days=one + 1 + two)

    parts = business_days(calendar(name), first, middle) + business_days(calendar(name), middle + ONE_DAY, last)

    assert parts == business_days(calendar(name), first, last)


@given(calendars, days, st.sampled_from(sorted(Convention, key=lambda one: one.value)))
def test_a_convention_moves_to_the_nearest_business_day_on_its_side(name: str, day: date, rule: Convention) -> None:
    days = calendar(name)
    before = max(one for i in range(9) if days.is_business_day(one := day - i * ONE_DAY))
    after = min(one for i in range(9) if days.is_business_day(one := day + i * ONE_DAY))
    modified = after if after.month == day.month else before
    expected = {
        Convention.FOLLOWING: after,
        Convention.MODIFIED_FOLLOWING: modified,
        Convention.PRECEDING: before,
        Convention.NONE: day,
    }

    assert due_day(days, day, rule) == expected[rule]


@given(st.lists(st.sampled_from(LONG), min_size=1, max_size=4, unique=True), days)
def test_a_joined_calendar_is_open_where_each_is(names: list[str], day: date) -> None:
    assert calendar("+".join(names)).is_business_day(day) == all(calendar(one).is_business_day(day) for one in names)
