"""Year fractions against published values, and what must hold between any two dates."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.daycount import DayCount, days_30_360, year_fraction
from chalicelib.core.errors import Defect

dates = st.dates(date(1900, 1, 1), date(2200, 12, 31))

# Source: ISDA's memo on day-count fractions and its worked examples (1999); the last two are whole years.
ACT_ACT = [
    ("2003-11-01", "2004-05-01", Fraction(61, 365) + Fraction(121, 366)),
    ("1999-02-01", "1999-07-01", Fraction(150, 365)),
    ("1999-07-01", "2000-07-01", Fraction(184, 365) + Fraction(182, 366)),
    ("2002-08-15", "2003-07-15", Fraction(334, 365)),
    ("2003-07-15", "2004-01-15", Fraction(170, 365) + Fraction(14, 366)),
    ("1999-07-30", "2000-01-30", Fraction(155, 365) + Fraction(29, 366)),
    ("2000-01-30", "2000-06-30", Fraction(152, 366)),
    ("1999-11-30", "2000-04-30", Fraction(32, 365) + Fraction(120, 366)),
    ("1900-01-01", "1901-01-01", Fraction(1)),
    ("2000-01-01", "2001-01-01", Fraction(1)),
]

# Source: ISDA's sheet of 30/360 day counts, the bond-basis column.
BOND_BASIS = [
    ("2006-08-20", "2007-02-20", 180),
    ("2006-08-31", "2007-02-28", 178),
    ("2007-02-28", "2007-08-31", 183),
    ("2007-08-31", "2008-02-29", 179),
    ("2008-02-29", "2008-08-31", 182),
    ("2006-01-31", "2006-02-28", 28),
    ("2006-01-30", "2006-02-28", 28),
    ("2006-02-28", "2006-03-03", 5),
    ("2006-09-30", "2006-10-31", 30),
    ("2006-10-31", "2006-11-28", 28),
    ("2007-08-31", "2008-02-28", 178),
    ("2008-02-28", "2008-08-30", 182),
    ("2007-02-26", "2008-02-29", 363),
    ("2008-02-29", "2009-02-28", 359),
    ("2008-02-28", "2008-03-31", 33),
]


def fraction(convention: DayCount, start: date, end: date) -> Fraction:
    return Fraction(*year_fraction(convention, start, end))


@pytest.mark.parametrize(("start", "end", "expected"), ACT_ACT)
def test_act_act_divides_each_day_by_the_length_of_its_own_year(start: str, end: str, expected: Fraction) -> None:
    assert fraction(DayCount.ACT_ACT, date.fromisoformat(start), date.fromisoformat(end)) == expected


@pytest.mark.parametrize(("start", "end", "expected"), BOND_BASIS)
def test_bond_basis_gives_every_month_thirty_days(start: str, end: str, expected: int) -> None:
    assert days_30_360(date.fromisoformat(start), date.fromisoformat(end)) == expected
    assert year_fraction(DayCount.THIRTY_360, date.fromisoformat(start), date.fromisoformat(end)) == (expected, 360)


def test_fixed_years_count_calendar_days() -> None:
    start, end = date(2024, 1, 15), date(2025, 1, 15)

    assert year_fraction(DayCount.ACT_360, start, end) == (366, 360)
    assert year_fraction(DayCount.ACT_365F, start, end) == (366, 365)


def test_names_are_the_ones_contracts_use() -> None:
    assert [convention.value for convention in DayCount] == ["ACT/360", "ACT/365F", "ACT/ACT", "30/360"]


@pytest.mark.parametrize("convention", DayCount)
def test_an_end_before_the_start_is_a_defect(convention: DayCount) -> None:
    with pytest.raises(Defect):
        year_fraction(convention, date(2026, 3, 3), date(2026, 3, 2))


@given(convention=st.sampled_from(DayCount), start=dates, days=st.integers(0, 5000))
def test_a_year_fraction_never_falls_from_one_day_to_the_next(convention: DayCount, start: date, days: int) -> None:
    end = start + timedelta(days=days)

    later = fraction(convention, start, end + timedelta(days=1))

    assert 0 <= fraction(convention, start, end) <= later


@given(
    convention=st.sampled_from([DayCount.ACT_360, DayCount.ACT_365F, DayCount.ACT_ACT]), three=st.tuples(*[dates] * 3)
)
def test_counts_of_actual_days_add_up_over_any_cut(convention: DayCount, three: tuple[date, date, date]) -> None:
    start, cut, end = sorted(three)

    parts = fraction(convention, start, cut) + fraction(convention, cut, end)

    assert parts == fraction(convention, start, end)


@given(start=dates, years=st.integers(0, 90))
def test_the_same_day_of_another_year_is_whole_years_away(start: date, years: int) -> None:
    first = start.replace(day=min(start.day, 28))

    assert fraction(DayCount.THIRTY_360, first, first.replace(year=first.year + years)) == years
