"""Business days against published days, and what must hold between any two days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.calendars import CALENDARS, MOST_DAYS, add_business_days, business_days, calendar, easter
from chalicelib.core.errors import Defect, InvalidInput

days = st.dates(date(1995, 1, 1), date(2100, 12, 31))
calendars = st.sampled_from(sorted(CALENDARS))


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
        (2021, ["01-01", "04-02", "04-05", "05-03", "05-31", "08-30", "12-27", "12-28"]),
        (2026, ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]),
        (2027, ["01-01", "03-26", "03-29", "05-03", "05-31", "08-30", "12-27", "12-28"]),
        (2033, ["01-03", "04-15", "04-18", "05-02", "05-30", "08-29", "12-26", "12-27"]),
    ],
)
def test_london_moves_a_holiday_of_a_weekend_to_the_next_free_day(year: int, closed: list[str]) -> None:
    assert closed_weekdays("LONDON", year) == closed


# Source: General Office of the State Council, notices of 12 November 2024 and 4 November 2025.
@pytest.mark.parametrize(
    ("year", "closed"),
    [
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
@pytest.mark.parametrize("name", ["CN", "CN_EXCHANGE"])
def test_china_closes_on_the_days_of_the_notice(name: str, year: int, closed: str) -> None:
    assert closed_weekdays(name, year) == closed.split()


def test_china_works_weekend_days_in_exchange_and_its_exchanges_do_not() -> None:
    worked = ("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11", "2026-02-14", "2026-10-10")

    assert is_open("CN", *worked) == {True}
    assert is_open("CN_EXCHANGE", *worked) == {False}


def test_china_has_as_many_business_days_as_its_notices_leave() -> None:
    counts = [len(business_days(calendar("CN"), date(year, 1, 1), date(year, 12, 31))) for year in (2025, 2026)]

    assert counts == [248, 248]


def test_of_a_year_without_notice_china_knows_the_statutory_days_of_fixed_date() -> None:
    assert closed_weekdays("CN", 2027) == ["01-01", "10-01"]
    assert closed_weekdays("CN", 2029) == ["01-01", "05-01", "05-02", "10-01", "10-02", "10-03"]
    assert is_open("CN", "2024-05-02") == {True}


def test_weekdays_knows_no_holiday() -> None:
    assert is_open("weekdays", "2026-01-01", "2026-12-25") == {True}
    assert is_open("weekdays", "2026-01-03", "2026-01-04") == {False}


def test_an_unknown_calendar_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        calendar("target")

    assert (refused.value.code, refused.value.facts["calendar"]) == ("unknown_calendar", "target")
    assert refused.value.facts["known"] == ["CN", "CN_EXCHANGE", "LONDON", "TARGET", "weekdays"]


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
    ],
)
def test_business_days_are_added_past_what_is_closed(name: str, day: str, n: int, expected: str) -> None:
    assert add_business_days(calendar(name), date.fromisoformat(day), n) == date.fromisoformat(expected)


def test_counting_backwards_and_listing_decades_are_our_defect() -> None:
    with pytest.raises(Defect):
        add_business_days(calendar("CN"), date(2026, 1, 1), -1)
    with pytest.raises(Defect):
        business_days(calendar("CN"), date(2000, 1, 1), date(2000, 1, 1) + timedelta(days=MOST_DAYS))


@pytest.mark.parametrize("name", sorted(CALENDARS))
@pytest.mark.parametrize("year", [1, 999, 9999])
def test_the_first_and_the_last_years_have_days_like_any_other(name: str, year: int) -> None:
    assert len(business_days(calendar(name), date(year, 1, 1), date(year, 1, 31))) in range(20, 24)


def test_no_days_lie_between_a_day_and_one_before_it() -> None:
    assert business_days(calendar("weekdays"), date(2026, 3, 3), date(2026, 3, 2)) == ()


@given(calendars, days, st.integers(0, 60))
def test_adding_n_and_counting_what_follows_gives_n(name: str, day: date, n: int) -> None:
    reached = add_business_days(calendar(name), day, n)

    counted = business_days(calendar(name), day + timedelta(days=1), reached)

    assert len(counted) == n
    assert not n or counted[-1] == reached


@given(calendars, days, st.integers(0, 100), st.integers(0, 100))
def test_days_of_two_spans_in_a_row_are_those_of_both(name: str, first: date, one: int, two: int) -> None:
    middle, last = first + timedelta(days=one), first + timedelta(days=one + 1 + two)

    parts = business_days(calendar(name), first, middle) + business_days(
        calendar(name), middle + timedelta(days=1), last
    )

    assert parts == business_days(calendar(name), first, last)
