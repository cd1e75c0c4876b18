"""Calls: what a fingerprint tells apart, and the namespace of our own workers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.core.call import Call, entry_id, fingerprint, worker_call

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def by_worker(key: str, content: object) -> Call:
    return worker_call(tenant="ten_a", key=key, content=content, now=MONDAY, entropy=bytes(10), actor="callbacks")


@pytest.mark.parametrize(
    "other",
    [
        ("PUT", "/v1/a", {"x": 1, "y": 2}),
        ("POST", "/v1/b", {"x": 1, "y": 2}),
        ("POST", "/v1/a", {"x": 1, "y": 3}),
        ("POST", "/v1/a", {"x": 1}),
        ("POST", "/v1/a", {"x": 1, "y": "2"}),
        ("POST", "/v1/a", b"raw"),
    ],
)
def test_method_path_and_body_are_told_apart(other: tuple[str, str, object]) -> None:
    assert fingerprint("POST", "/v1/a", {"x": 1, "y": 2}) != fingerprint(*other)


def test_the_order_of_a_bodys_fields_does_not_matter() -> None:
    assert fingerprint("POST", "/v1/a", {"x": 1, "y": 2}) == fingerprint("POST", "/v1/a", {"y": 2, "x": 1})


def test_a_workers_key_is_never_a_callers() -> None:
    theirs = entry_id("ten_a", "c:w:bank:1")

    assert by_worker("bank:1", {}).entry_id != theirs
    assert by_worker("bank:1", {}).key == "w:bank:1"


def test_a_worker_told_twice_makes_the_same_entry_with_the_same_mark() -> None:
    one, again = by_worker("bank:1", {"minor": 5}), by_worker("bank:1", {"minor": 5})

    assert (one.entry_id, one.fingerprint) == (again.entry_id, again.fingerprint)
    assert by_worker("bank:1", {"minor": 6}).fingerprint != one.fingerprint


def test_new_ids_share_the_calls_serial() -> None:
    call = by_worker("bank:1", {})

    assert call.new_id("acc") == f"acc_{call.serial}"
