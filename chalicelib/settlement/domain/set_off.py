"""Claims that are set off against what a trade pays their debtor, where the trade's terms agree to that. Pure.

A claim is set off only between the same legal persons: one of the marketplace, which owes the debtor what it is paid,
or one of the buyer, whose money it is. It is due, in the money's currency, and not of a trade in dispute. Lenders, fees
and an upstream trade have had theirs before. The oldest claims come first, up to a part of what the debtor gets.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.settlement.domain.claims import Claim
from chalicelib.splits.domain.waterfall import WHOLE_BPS


@dataclass(frozen=True, slots=True)
class SetOff:
    """What of a claim is paid by what its debtor gets."""

    claim: Claim
    minor: int


def may_be_set_off(claim: Claim, *, payer: str, currency: str, today: date) -> bool:
    """Whether a claim may be set off against money in a currency that `payer` pays its debtor today."""
    is_mutual = claim.creditor in (None, payer)
    return is_mutual and claim.is_open and claim.currency == currency and claim.due_on <= today


def set_off(claims: Iterable[Claim], amount: Money, max_bps: int) -> tuple[SetOff, ...]:
    """What of each claim, the oldest first, is paid by an amount that its debtor gets: at most `max_bps` of it in all,
    rounded down."""
    left = amount.minor * max_bps // WHOLE_BPS
    parts: list[SetOff] = []
    for claim in sorted(claims, key=lambda each: (each.due_on, each.opened_at, each.claim_id)):
        if part := min(left, claim.open_minor):
            parts.append(SetOff(claim, part))
            left -= part
    return tuple(parts)
