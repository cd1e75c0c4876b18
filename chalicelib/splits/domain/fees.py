"""Fees of an amount, and who bears them: the payer on top of it, or one of those who are paid out of its share.

`Fee` is a trade's: of a price that is released in parts, borne by two sides. `SplitFee` is that of a split on its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money, Rounding, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.waterfall import KEPT, WHOLE_BPS, Shares

MOST_FEES = 5


@dataclass(frozen=True, slots=True)
class Fee:
    """`role` gets `bps` of the amount. The payer bears `payer_bps` of that on top of the amount; the rest is taken from
    the share of `borne_by`."""

    role: str
    bps: int
    payer_bps: int = 0
    borne_by: str = ""

    def __post_init__(self) -> None:
        if not (0 <= self.bps <= WHOLE_BPS and 0 <= self.payer_bps <= WHOLE_BPS):
            raise InvalidInput("fee_invalid", "a fee is 0 to 10000 bps, and so is the payer's part", role=self.role)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a fee comes to: `on_top` from the payer and `taken` from the share of whoever bears the rest."""

    fee: Fee
    on_top: Money
    taken: Money


def charge(fee: Fee, amount: Money) -> Charge:
    """A fee of an amount, rounded down, and its two parts; the payer's is rounded down, the other takes the rest.

    Neither part falls when the amount grows, so fees of an amount that is released in parts can be charged part by
    part: what the sum so far comes to, less what has been charged.
    """
    whole = round_ratio(amount.minor * fee.bps, WHOLE_BPS, Rounding.FLOOR)
    on_top = round_ratio(whole * fee.payer_bps, WHOLE_BPS, Rounding.FLOOR)
    return Charge(fee, amount.of(on_top), amount.of(whole - on_top))


@dataclass(frozen=True, slots=True)
class SplitFee:
    """`role` gets `minor` units and `bps` of the amount, floored. It is taken from the share of `borne_by`, or (empty)
    comes from the payer on top of the amount. Raises InvalidInput `fee_invalid`."""

    role: str
    minor: int = 0
    bps: int = 0
    borne_by: str = ""

    def __post_init__(self) -> None:
        named = self.role not in {"", KEPT}
        if not (named and 0 <= self.minor <= MAX_MINOR and 0 <= self.bps <= WHOLE_BPS):
            raise InvalidInput("fee_invalid", "a fee is an amount, and 0 to 10000 bps, to somebody", role=self.role)

    def of(self, amount: Money) -> int:
        """Minor units that the fee of an amount comes to."""
        return self.minor + round_ratio(amount.minor * self.bps, WHOLE_BPS, Rounding.FLOOR)


@dataclass(frozen=True, slots=True)
class Borne:
    """What fees make of a split: `on_top` from the payer, the `shares` that are left, `fees` by who gets them."""

    on_top: Money
    shares: Shares
    fees: Shares


def bear(fees: Sequence[SplitFee], shares: Shares, amount: Money) -> Borne:
    """Charge fees on the split of an amount. Shares and fees come to the amount and what is on top of it.

    Raises InvalidInput `too_many_fees`, `fee_bearer_unknown` where somebody who gets no share is to bear one; Conflict
    `fee_exceeds_share` where all fees on a share come to more than it.
    """
    if len(fees) > MOST_FEES:
        raise InvalidInput("too_many_fees", f"at most {MOST_FEES} fees", field="fees", maximum=MOST_FEES)
    left = {role: part.minor for role, part in shares}
    gets: dict[str, int] = defaultdict(int)
    on_top = 0
    for i, fee in enumerate(fees):
        minor = fee.of(amount)
        gets[fee.role] += minor
        if not fee.borne_by:
            on_top += minor
        elif fee.borne_by in left and fee.borne_by != KEPT:
            left[fee.borne_by] -= minor
        else:
            facts = {"field": f"fees[{i}].borne_by", "borne_by": fee.borne_by}
            raise InvalidInput("fee_bearer_unknown", "who bears a fee gets a share of its own", **facts)
    _check_covered(shares, left)
    return Borne(
        amount.of(on_top),
        tuple((role, amount.of(minor)) for role, minor in left.items()),
        tuple((role, amount.of(minor)) for role, minor in gets.items()),
    )


def _check_covered(shares: Shares, left: dict[str, int]) -> None:
    for role, part in shares:
        if left[role] < 0:
            facts = {"borne_by": role, "share": part.minor, "fees": part.minor - left[role]}
            raise Conflict("fee_exceeds_share", "the share is smaller than the fees that are taken from it", **facts)
