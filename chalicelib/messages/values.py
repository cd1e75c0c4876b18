"""Texts of bank messages as exact values: amounts, days, instants, counts."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR, exponent
from chalicelib.messages.errors import MessageUnreadable

_DECIMAL = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,15}", re.ASCII)
_MIDNIGHT = re.compile(r"T00:00(:00(\.0+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
MAX_AMOUNT_TEXT = 40
PLACEHOLDERS = frozenset(
    """
    NONREF NOREF NREF NOREFERENCE NONREFERENCE NOREFERENCEPROVIDED NOTPROVIDED NOTPROVIDE NONPROVIDED NOTAVAILABLE
    NOTAPPLICABLE NOTKNOWN NOTGIVEN NOTSPECIFIED NOTDEFINED NOTSET NOTUSED UNKNOWN UNDEFINED UNSPECIFIED UNAVAILABLE
    NA NAP NAV NONE NULL NIL NAN BLANK EMPTY MISSING NOID NOE2E NOENDTOENDID NOREMITTANCE
    NR NOTREPORTED NOTPRVD NONEPROVIDED NOREFERENCEAVAILABLE NOREFERENCEGIVEN NOTSTATED NOTDISCLOSED UNDISCLOSED TBA TBC
    TBD KEINE KEINEREFERENZ NICHTANGEGEBEN SANSREFERENCE SANSREF SINREFERENCIA GEENREFERENTIE NONFOURNI
    NOTFOUND NOINFO NOINFORMATION NODATA ND NOTREQUIRED NOTDETERMINED UNBEKANNT OHNE OHNEREFERENZ OHNEANGABE SINREF
    AUCUN AUCUNE NEANT NESSUNO NESSUNA NIHIL GEEN DESCONOCIDO INCONNU SCONOSCIUTO REF REFERENCE ENDTOENDID
    ZZZ ZZ 无 無 空 未提供 未知 不详 不適用 不适用 暂无 暫無 没有 沒有 未填 未填写 无参考 无附言
    """.split()
)
"""What banks write where they have no reference, in capitals and without what is neither letter nor digit."""

STEMS = ("NOTPROVIDED", "NONREF", "NOTAVAILABLE", "NOREFERENCE", "UNKNOWN", "未提供", "不适用")
"""What stands for no reference also inside of other words: `ENDTOENDID NOTPROVIDED`."""

MOST_CHARACTERS = 70
"""A longer text is no placeholder."""

LEAST_ALIKE = 4
"""So many of one character are no reference: 99999999."""


def minor_units(text: str, currency: str, *, element: str) -> int:
    """A decimal text in minor units, exactly: `("1767433.6300", "CNY") -> 176743363`. Never negative.

    More decimals than the currency has are read when they are zeros. Raises MessageUnreadable `invalid_amount`
    (no plain decimal, a sign, or too exact) or `unknown_currency`, naming `element`.
    """
    decimals = _exponent(currency, element)
    found = _DECIMAL.fullmatch(text) if len(text) <= MAX_AMOUNT_TEXT else None
    whole, part = (found["whole"], found["part"] or "") if found else ("", "")
    kept, rest = part[:decimals].ljust(decimals, "0"), part[decimals:]
    if not (whole or part) or rest.strip("0"):
        raise MessageUnreadable("invalid_amount", "no plain decimal of this currency", element=element)
    minor = int(whole + kept or "0")
    if minor > MAX_MINOR:
        raise MessageUnreadable("invalid_amount", "more than 28 digits", element=element)
    return minor


def _exponent(currency: str, element: str) -> int:
    try:
        return exponent(currency)
    except InvalidInput:
        raise MessageUnreadable("unknown_currency", "no active ISO 4217 currency", element=element) from None


def day(text: str) -> date | None:
    """The day a date or date-time text begins with; None when it is no day of the calendar."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def is_midnight(text: str) -> bool:
    """Whether a date-time text is the first instant of its day, wherever it was written."""
    return _MIDNIGHT.fullmatch(text[10:]) is not None


def instant(text: str) -> datetime | None:
    """A date-time as an aware UTC instant; one without an offset is read as UTC, and None is no date-time."""
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def count(text: str) -> int | None:
    """A non-negative whole number, or None."""
    return int(text) if _COUNT.fullmatch(text) else None


def reference(text: str) -> str:
    """An identification without surrounding space; empty for a placeholder.

    A placeholder is one of PLACEHOLDERS in any case and with any punctuation, once or repeated; one of STEMS among
    words; or nothing but punctuation, zeros, X, or one character over and over.
    """
    # Normalising sorts combining marks, which is not linear: a longer text is no placeholder in other letters.
    plain = unicodedata.normalize("NFKC", text) if len(text) <= 2 * MOST_CHARACTERS else text
    kept = "".join(filter(str.isalnum, plain.upper()))
    return "" if _is_placeholder(kept) else text.strip()


def _is_placeholder(kept: str) -> bool:
    if not kept.strip("0") or not kept.strip("X") or kept in PLACEHOLDERS:
        return True
    if len(kept) >= LEAST_ALIKE and kept == kept[0] * len(kept):
        return True
    if len(kept) > MOST_CHARACTERS:
        return False
    starts = (kept[:size] for size in range(2, len(kept) // 2 + 1))
    if any(kept == start * (len(kept) // len(start)) for start in starts if start in PLACEHOLDERS):
        return True
    rest = next((kept.replace(stem, "") for stem in STEMS if stem in kept), None)
    return rest is not None and not any(letter.isdigit() and letter != "0" for letter in rest)


def account_number(*texts: str) -> str:
    """The first of an account's identifications that is given, in capitals without spaces and hyphens."""
    given = (reference(text) for text in texts)
    return next((text.upper().replace(" ", "").replace("-", "") for text in given if text), "")
