"""Limits and cursors: a cursor goes on in its own list of its own tenant, and nowhere else."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInput, Refusal
from chalicelib.storage.tables import Item
from chalicelib.web.pages import cursor_for, page_limit, start_of

KEY: Item = {"pk": {"S": "ten_a#acc_1"}, "version": {"N": "12"}}


def sealed(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def tag(name: str) -> str:
    cursor = cursor_for(name, KEY) or ""
    return str(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))["l"])


def test_a_cursor_goes_on_where_it_was_given() -> None:
    assert start_of("ten_a/accounts", {"cursor": cursor_for("ten_a/accounts", KEY) or ""}) == KEY


def test_the_last_page_has_no_cursor_and_the_first_needs_none() -> None:
    assert cursor_for("ten_a/accounts", None) is None
    assert start_of("ten_a/accounts", {}) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "===",
        "é",
        "a" * 5000,
        sealed(b"\xff"),
        sealed(b"[" * 3000),
        sealed(5),
        sealed([]),
        sealed({}),
        sealed({"l": "x", "k": KEY}),
        cursor_for("ten_b/accounts", KEY),
        cursor_for("ten_a/trades", KEY),
        sealed({"l": tag("ten_a/accounts")}),
        sealed({"l": tag("ten_a/accounts"), "k": None}),
        sealed({"l": tag("ten_a/accounts"), "k": {"pk": "ten_a"}}),
        sealed({"l": tag("ten_a/accounts"), "k": {"pk": {"S": 5}}}),
        sealed({"l": tag("ten_a/accounts"), "k": {"pk": {}}}),
        sealed({"l": tag("ten_a/accounts"), "k": {"pk": {"S": "a", "N": "1"}}}),
        sealed({"l": tag("ten_a/accounts"), "k": {"pk": {"B": "a"}}}),
        sealed({"l": tag("ten_a/accounts"), "k": {"version": {"N": "1e400"}}}),
    ],
)
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        start_of("ten_a/accounts", {"cursor": cursor})

    assert refused.value.code == "invalid_cursor"


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        assert start_of("ten_a/accounts", {"cursor": text})
    except Refusal as refusal:
        assert refusal.code == "invalid_cursor"


@pytest.mark.parametrize(("given_limit", "limit"), [(None, 50), ("1", 1), ("100", 100)])
def test_a_page_has_fifty_lines_unless_told(given_limit: str | None, limit: int) -> None:
    assert page_limit({} if given_limit is None else {"limit": given_limit}) == limit


@pytest.mark.parametrize("limit", ["0", "101", "-1", "", "x", "1.5", "1e1", "9" * 40, "\u0663", "true"])
def test_a_limit_that_is_none_is_refused_by_its_field(limit: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        page_limit({"limit": limit})

    assert refused.value.facts["field"] == "limit"
