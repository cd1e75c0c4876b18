"""Vehicle identification numbers: 17 characters by ISO 3779, and the check digit where a number must have one.

Character 9 is a check digit by law in North America (49 CFR 565.15; first characters 1 to 5) and in China (GB 16735;
first character L). Makers elsewhere may use it for something else, so there it is not checked.
"""

from __future__ import annotations

import re

from chalicelib.core.errors import InvalidInput

CHECKED = frozenset("12345L")
_VIN = re.compile("[0-9A-HJ-NPR-Z]{17}")
_VALUES = {
    letter: value for value, letters in enumerate("AJ BKS CLT DMU ENV FW GPX HY RZ".split(), 1) for letter in letters
}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def check_vin(vin: str, field: str) -> None:
    """Raises InvalidInput `vin_invalid` (17 capital letters and digits without I, O and Q), `vin_check_digit_wrong`."""
    if not _VIN.fullmatch(vin):
        raise InvalidInput("vin_invalid", "17 digits and capital letters without I, O and Q", field=field)
    if vin[0] in CHECKED and vin[8] != check_digit(vin):
        raise InvalidInput("vin_check_digit_wrong", "character 9 does not fit the others", field=field)


def check_digit(vin: str) -> str:
    """What character 9 of a number must be, where it is a check digit."""
    values = (int(one) if one.isdigit() else _VALUES[one] for one in vin)
    return "0123456789X"[sum(value * weight for value, weight in zip(values, _WEIGHTS, strict=True)) % 11]
