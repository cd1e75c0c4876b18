"""Instants: one text form that sorts, and refusals of everything that is no instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.instants import LONG_AGO, instant_text, parse_date, parse_instant

FIRST, LAST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001  Hypothesis takes naive bounds
instants = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@given(instants)
def test_an_instant_survives_its_text(instant: datetime) -> None:
    assert parse_instant(instant_text(instant)) == instant


@given(instants, instants)
def test_texts_sort_as_instants_do(one: datetime, other: datetime) -> None:
    assert (instant_text(one) < instant_text(other)) == (one < other)
    assert instant_text(one) >= LONG_AGO


def test_an_instant_is_told_in_utc() -> None:
    noon_in_shanghai = datetime(2026, 3, 2, 12, 0, tzinfo=timezone(timedelta(hours=8)))

    assert instant_text(noon_in_shanghai) == "2026-03-02T04:00:00.000000Z"


def test_a_naive_datetime_is_our_defect() -> None:
    with pytest.raises(Defect):
        instant_text(datetime(2026, 3, 2, 9, 0))  # noqa: DTZ001  the naive one is the point


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-02",
        "2026-03-02T09:00:00",
        "2026-02-30T09:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_instant_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_instant(text, "occurred_at")

    assert (refused.value.code, refused.value.facts) == ("invalid_instant", {"field": "occurred_at"})


@pytest.mark.parametrize("text", ["", "2026-02-30", "02.03.2026", "2026-03-02T09:00:00Z"])
def test_what_is_no_date_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_date(text, "due")

    assert (refused.value.code, refused.value.facts) == ("invalid_date", {"field": "due"})
