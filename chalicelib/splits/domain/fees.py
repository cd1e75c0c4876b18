"""Fees of an amount, and who bears them: the payer on top of it, or one of those who are paid out of its share."""

from __future__ import annotations

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import Money, Rounding, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.waterfall import WHOLE_BPS


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
