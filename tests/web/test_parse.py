"""What may stand in a body: a table of refusals by code and field, and a fuzz that finds no other failure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInput, Refusal, TooLarge
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.web.parse import MOST_BYTES, MOST_DEPTH, Body, Id, MoneyBody, check_id, parse, read_json


class Part(Body):
    """A part."""

    amount: MoneyBody


class Whole(Body):
    """A body with what bodies have."""

    parts: list[Part]
    part_id: Id = "prt_1"
    note: str | None = None


def whole(part: str = '{"amount": {"minor": 5, "currency": "CNY"}}', more: str = "") -> bytes:
    return f'{{"parts": [{part}]{more}}}'.encode()


def amount(minor: str = "5", currency: str = '"CNY"', more: str = "") -> bytes:
    return whole(f'{{"amount": {{"minor": {minor}, "currency": {currency}{more}}}}}')


def test_a_body_is_read_as_its_type() -> None:
    assert parse(amount("-12"), Whole).parts[0].amount.money == Money(-12, "CNY")


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"", "malformed_json", None),
        (b"{", "malformed_json", None),
        (b"{}{}", "malformed_json", None),
        (b"{'a': 1}", "malformed_json", None),
        (b"\xff\xfe{\x00}\x00", "malformed_json", None),
        (whole().decode().encode("utf-16"), "malformed_json", None),
        (b"\xef\xbb\xbf" + whole(), "malformed_json", None),
        (whole(more=', "note": "\xe9"').decode().encode("latin-1"), "malformed_json", None),
        (b'{"note": "\xed\xa0\x80"}', "malformed_json", None),
        (b'{"note": "a\nb"}', "malformed_json", None),
        (whole(more=', "note": "\\ud800"'), "invalid_text", "note"),
        (whole(more=', "note": "\\u0000"'), "invalid_text", "note"),
        (whole(more=', "note": "a\\u001fb"'), "invalid_text", "note"),
        (whole(more=', "\\udfff": 1'), "invalid_text", "body"),
        (amount("1.0"), "float_not_allowed", "parts[0].amount.minor"),
        (amount("1e3"), "float_not_allowed", "parts[0].amount.minor"),
        (amount("1E400"), "float_not_allowed", "parts[0].amount.minor"),
        (amount("NaN"), "float_not_allowed", "parts[0].amount.minor"),
        (amount("-Infinity"), "float_not_allowed", "parts[0].amount.minor"),
        (b"1.5", "float_not_allowed", "body"),
        (amount("1" * 29), "number_too_large", "parts[0].amount.minor"),
        (amount("-" + "1" * 5000), "number_too_large", "parts[0].amount.minor"),
        (amount(str(MAX_MINOR + 1)), "amount_too_large", "parts[0].amount"),
        (amount(currency='"XXX"'), "unknown_currency", "parts[0].amount"),
        (amount(currency='"cny"'), "invalid_field", "parts[0].amount.currency"),
        (amount(currency='"CNY\\n"'), "invalid_field", "parts[0].amount.currency"),
        (amount(currency="156"), "invalid_field", "parts[0].amount.currency"),
        (amount('"5"'), "invalid_field", "parts[0].amount.minor"),
        (amount("true"), "invalid_field", "parts[0].amount.minor"),
        (amount("null"), "invalid_field", "parts[0].amount.minor"),
        (amount("[5]"), "invalid_field", "parts[0].amount.minor"),
        (amount(more=', "major": 5'), "invalid_field", "parts[0].amount.major"),
        (amount(more=', "minor": 5'), "duplicate_key", "minor"),
        (whole('{"amount": {"minor": 5}}'), "invalid_field", "parts[0].amount.currency"),
        (whole("{}"), "invalid_field", "parts[0].amount"),
        (whole("5"), "invalid_field", "parts[0]"),
        (whole(more=', "x": 1'), "invalid_field", "x"),
        (whole(more=', "note": 5'), "invalid_field", "note"),
        (whole(more=', "part_id": "a#b"'), "invalid_field", "part_id"),
        (whole(more=', "part_id": ""'), "invalid_field", "part_id"),
        (whole(more=', "part_id": "a\\n"'), "invalid_field", "part_id"),
        (b'{"note": "x"}', "invalid_field", "parts"),
        (b"[]", "invalid_field", "body"),
        (b"null", "invalid_field", "body"),
        (b"[" * 60_000, "nested_too_deep", None),
        (b"[" * 20 + b"]" * 20, "nested_too_deep", None),
        (b'{"a":' * 18 + b"1" + b"}" * 18, "nested_too_deep", None),
    ],
)
def test_what_no_body_may_hold_is_refused_by_its_rule_and_field(raw: bytes, code: str, field: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(raw, Whole)

    assert (refused.value.code, refused.value.facts.get("field")) == (code, field)


def test_brackets_in_a_text_are_no_nesting() -> None:
    assert parse(whole(more=f', "note": "{"[" * 100}"'), Whole).note == "[" * 100


def test_what_nests_as_deep_as_allowed_is_read() -> None:
    assert read_json(b"[" * MOST_DEPTH + b"1" + b"]" * MOST_DEPTH)


def test_the_largest_body_is_read_and_one_byte_more_is_not() -> None:
    padded = whole() + b" " * (MOST_BYTES - len(whole()))

    assert parse(padded, Whole)
    with pytest.raises(TooLarge):
        parse(padded + b" ", Whole)


@pytest.mark.parametrize("text", ["钢材", "é", "\u2028", "a\tb\nc", "\U0001f600"])
def test_any_readable_text_is_taken(text: str) -> None:
    escaped = text.encode("ascii", "backslashreplace").decode().replace("\\U0001f600", "\\ud83d\\ude00")
    escaped = escaped.replace("\t", "\\t").replace("\n", "\\n").replace("\\xe9", "\\u00e9")

    assert parse(whole(more=f', "note": "{escaped}"'), Whole).note == text


@pytest.mark.parametrize("value", ["acc_1", "steel", "bank-de.1", "A", "a" * 64])
def test_ids_of_ours_pass(value: str) -> None:
    assert check_id("id", value) == value


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=10,
)


@given(st.one_of(st.binary(max_size=200), json_values.map(lambda value: repr(value).encode("utf-8", "replace"))))
def test_any_bytes_are_read_or_refused_and_nothing_else(raw: bytes) -> None:
    value: Any = None
    try:
        value = parse(raw, Whole)
    except Refusal as refusal:
        value = refusal.code
    assert value
