"""Which part of what an escrow holds came from one payment: in proportion, on all that has left it so far.

Each payment gets units of the escrow as it comes in, at what a unit is worth then; what leaves the escrow lowers the
worth of all units alike. So a payment's part never depends on which payment came first, and one that comes after a
release has no part in that release. An emptied escrow begins a new round.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.money import round_ratio
from chalicelib.trades.domain.trade import Trade

SCALE = 1000
"""Units that the first money of a round gets for each minor unit."""


def with_inflow(before: Trade, after: Trade) -> Trade:
    """The trade after a payment, with the units that the payment got."""
    came = after.funded_minor - before.funded_minor
    if came <= 0:
        return after
    if not before.held_minor:
        return replace(after, funding_round=before.funding_round + 1, funding_units=came * SCALE)
    units = max(1, round_ratio(came * before.funding_units, before.held_minor))
    return replace(after, funding_units=before.funding_units + units)


def units_of(before: Trade, after: Trade) -> int:
    """The units that a payment got."""
    same = before.funding_round == after.funding_round
    return after.funding_units - (before.funding_units if same else 0)


def unreleased_minor(trade: Trade, units: int, funding_round: int) -> int:
    """What the escrow still holds of a payment."""
    if funding_round != trade.funding_round or not trade.funding_units:
        return 0
    return min(trade.held_minor, round_ratio(trade.held_minor * units, trade.funding_units))


def without_units(trade: Trade, units: int) -> Trade:
    """The trade without units whose money has been taken back."""
    return replace(trade, funding_units=max(trade.funding_units - units, 0))
