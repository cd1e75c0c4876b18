"""Texts as exact values."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.money import Money
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.values import account_number, count, day, instant, minor_units, reference


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1767433.63", "CNY", 176743363),
        ("0.2", "EUR", 20),
        ("6329", "EUR", 632900),
        ("500", "JPY", 500),
        ("1.234", "BHD", 1234),
        ("100.00000", "EUR", 10000),
        ("12.50000", "JPY", None),
        ("12.00", "JPY", 12),
        (".5", "EUR", 50),
        ("5.", "EUR", 500),
        ("000.00", "EUR", 0),
    ],
)
def test_a_decimal_is_read_by_the_exponent_of_its_currency(text: str, currency: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(MessageUnreadable):
            minor_units(text, currency, element="Amt")
    else:
        assert minor_units(text, currency, element="Amt") == minor


@pytest.mark.parametrize(
    "text", ["", ".", "12..34", "1,000.00", "1 000", "-5.00", "+5.00", "1e3", "NaN", "0x10", "1.001", "١٢", "9" * 41]
)
def test_what_is_no_plain_decimal_of_the_currency_is_unreadable(text: str) -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        minor_units(text, "EUR", element="Ntry/Amt")

    assert (refusal.value.code, refusal.value.facts) == ("invalid_amount", {"element": "Ntry/Amt"})


def test_an_amount_past_28_digits_is_unreadable() -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        minor_units("9" * 30, "EUR", element="Amt")

    assert refusal.value.code == "invalid_amount"


@pytest.mark.parametrize("currency", ["", "XXX", "eur", "DEM"])
def test_a_currency_that_is_no_active_one_is_unreadable(currency: str) -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        minor_units("1.00", currency, element="Amt")

    assert refusal.value.code == "unknown_currency"


@given(st.integers(0, 10**27), st.sampled_from(["CNY", "JPY", "BHD", "UYW"]), st.integers(0, 5))
def test_reading_what_money_writes_gives_the_money_back(minor: int, currency: str, zeros: int) -> None:
    text = Money(minor, currency).text()
    padded = text + "0" * zeros if "." in text else text

    assert minor_units(padded, currency, element="Amt") == minor


def test_a_day_is_the_beginning_of_a_date_time() -> None:
    assert day("2026-12-06T13:37:14.000Z") == date(2026, 12, 6)


@pytest.mark.parametrize("text", ["", "2026-02-30", "06.12.2026", "yesterday"])
def test_what_is_no_day_of_the_calendar_is_none(text: str) -> None:
    assert day(text) is None


def test_an_instant_keeps_its_offset_and_drops_nanoseconds() -> None:
    assert instant("2026-04-08T13:25:56.478733084+02:00") == datetime(2026, 4, 8, 11, 25, 56, 478733, tzinfo=UTC)


def test_an_instant_without_an_offset_is_read_as_utc() -> None:
    assert instant("2026-04-08T13:25:56") == datetime(2026, 4, 8, 13, 25, 56, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "now", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_instant_is_none(text: str) -> None:
    assert instant(text) is None


def test_a_count_is_a_plain_whole_number() -> None:
    assert [count(text) for text in ("0", "35", "-1", "1.0", "")] == [0, 35, None, None, None]


PLACEHOLDERS = """
NONREF NOTPROVIDED notprovided NotProvided Not_Provided NOT-PROVIDED NOTAVAILABLE UNKNOWN unknown. N/A n/a NA n.a. NONE
none NULL null - -- . / // //NONREF * 0 0000 000-000 0000000000000000 X xxx NOREF NO-REF ＮＯＮＲＥＦ 无 [NONE]
N/R NR NOTPRVD TBA Undisclosed 不适用 暂无 没有 未填 無 未提供参考 NOTFOUND nd N/D UNBEKANNT OHNE AUCUNE NESSUNA NIHIL
REFNOTPROVIDED NOTPROVIDED0 NONREF//NONREF NOTPROVIDED/NOTPROVIDED NANA 11111111 99999999 ZZZ
"""


@pytest.mark.parametrize(
    "text",
    [
        *PLACEHOLDERS.split(),
        "",
        "  ",
        "NOT PROVIDED",
        "not  provided",
        " NONREF ",
        "NO REFERENCE",
        "0 0 0",
        "None provided",
        "NO INFO",
        "SIN REF",
        "EndToEndId NOTPROVIDED",
        "NOT PROVIDED BY BANK",
    ],
)
def test_a_placeholder_is_a_missing_reference(text: str) -> None:
    assert reference(text) == ""


REFERENCES = ["E2E-1", "0001", "NONREF-1", "N-1", "NA12", "X1", "000010", "无锡-1", "NULLE", "a b", "111"]


@pytest.mark.parametrize("text", [*REFERENCES, "NOTPROVIDED INV-2026-7"])
def test_what_a_placeholder_is_only_a_part_of_is_a_reference(text: str) -> None:
    assert reference(text) == text


def test_an_account_number_is_the_first_that_is_given_without_spaces_and_hyphens() -> None:
    assert account_number("NOTPROVIDED", "de89 3704-0044") == "DE8937040044"
    assert account_number("", "-") == ""
