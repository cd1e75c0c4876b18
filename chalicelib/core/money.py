"""Money as an integer of minor units with a currency, and the one place where anything is rounded.

Leaves to others: who gets which share (`chalicelib.splits`), what a day's interest is (`chalicelib.credit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from chalicelib.core.currencies import EXPONENTS
from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.core.values import dataclass

MAX_MINOR = 10**27
"""The largest amount or balance, either side of zero: 28 digits. Twice as much still fits where rooms are stored."""


class Rounding(Enum):
    """How an exact ratio becomes a whole number of minor units."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    FLOOR = "floor"


def exponent(currency: str) -> int:
    """Decimals of an ISO 4217 currency (JPY 0, CNY 2, BHD 3). Raises InvalidInput `unknown_currency`."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise InvalidInput("unknown_currency", f"{currency!r} is no active ISO 4217 code", currency=currency) from None


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` minor units of `currency`; may be zero or negative. Two currencies never mix: trying is a defect."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise Defect(f"money is an integer of minor units, not {type(self.minor).__name__}")
        if abs(self.minor) > MAX_MINOR:
            raise InvalidInput("amount_too_large", "more than 28 digits", maximum=MAX_MINOR)
        exponent(self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise Defect(f"{self.currency} and {other.currency} do not mix")
        return other.minor

    def of(self, minor: int) -> Money:
        """Another amount of the same currency."""
        return Money(minor, self.currency)

    def text(self) -> str:
        """Decimal text for people and files: `Money(-1005, "CNY").text() == "-10.05"`."""
        decimals = exponent(self.currency)
        whole, part = divmod(abs(self.minor), 10**decimals)
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}.{part:0{decimals}d}" if decimals else f"{sign}{whole}"


def round_ratio(numerator: int, denominator: int, rounding: Rounding = Rounding.HALF_EVEN) -> int:
    """The exact ratio of two integers as a whole number. Every rounding in the product happens here.

    `denominator` is positive. HALF_EVEN sends ties to the even neighbour, HALF_UP away from zero, FLOOR down.
    """
    if denominator <= 0:
        raise Defect("a ratio needs a positive denominator")
    floor, rest = divmod(numerator, denominator)
    if rounding is Rounding.FLOOR:
        return floor
    twice = 2 * rest
    if twice != denominator:
        return floor + (twice > denominator)
    upwards = floor % 2 == 1 if rounding is Rounding.HALF_EVEN else numerator > 0
    return floor + upwards


def allocate(amount: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """Divide `amount` by whole-number weights so that the shares add up to it, each less than one unit from exact.

    Largest remainder method: every share is floored, spare units go to the largest remainders, the earlier share
    wins a tie, and a zero weight gets nothing. A negative amount is divided as its positive twin.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise Defect("weights are non-negative and not all zero")
    if amount.minor < 0:
        return tuple(-share for share in allocate(-amount, weights))
    shares = [amount.minor * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount.minor * weights[i] % total), i))
    for i in by_remainder[: amount.minor - sum(shares)]:
        shares[i] += 1
    return tuple(amount.of(share) for share in shares)
