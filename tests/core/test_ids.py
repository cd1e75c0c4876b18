"""Ids: time order, and derivation that keeps its parts apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ids import derived_id, serial
from chalicelib.web.parse import ID

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
parts = st.lists(st.text(max_size=6), min_size=1, max_size=4)


@given(st.integers(1, 10**9), st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_serials_sort_by_time_to_the_millisecond(later: int, one: bytes, other: bytes) -> None:
    assert serial(MONDAY, one) < serial(MONDAY + timedelta(milliseconds=later), other)


@given(st.binary(min_size=10, max_size=10))
def test_a_serial_has_26_characters_without_lookalikes(entropy: bytes) -> None:
    text = serial(MONDAY, entropy)

    assert len(text) == 26
    assert not set(text) & set("ilou")


@given(parts, parts)
def test_derived_ids_are_the_same_only_for_the_same_parts(one: list[str], other: list[str]) -> None:
    assert (derived_id("ent", *one) == derived_id("ent", *other)) == (one == other)


def test_a_derived_id_never_changes() -> None:
    assert derived_id("ent", "ten_a", "c:1") == "ent_h7fd3egsf3d6be3az1vajsxh81"


@given(parts)
def test_ids_are_what_paths_accept(one: list[str]) -> None:
    assert ID.fullmatch(derived_id("acc", *one))
