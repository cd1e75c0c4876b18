"""Facts about ISO 4217 that the table must know."""

from __future__ import annotations

import pytest

from chalicelib.core.currencies import EXPONENTS


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        ("CNY", 2),
        ("EUR", 2),
        ("USD", 2),
        ("HUF", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("VND", 0),
        ("CLP", 0),
        ("ISK", 0),
        ("BHD", 3),
        ("KWD", 3),
        ("TND", 3),
        ("UYW", 4),
    ],
)
def test_decimals(currency: str, decimals: int) -> None:
    assert EXPONENTS[currency] == decimals


@pytest.mark.parametrize("currency", ["DEM", "HRK", "ZWL", "SLL", "BGN", "ANG", "XAU", "XTS", "XXX", "CLF", "CHE"])
def test_dead_currencies_metals_tests_and_funds_are_not_known(currency: str) -> None:
    assert currency not in EXPONENTS


def test_every_code_is_three_capital_letters_listed_once() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in EXPONENTS)
    assert len(EXPONENTS) == 156
    assert [sum(1 for decimals in EXPONENTS.values() if decimals == n) for n in (0, 2, 3, 4)] == [16, 132, 7, 1]


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        EXPONENTS["CNY"] = 3  # type: ignore[index]
