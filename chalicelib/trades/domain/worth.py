"""What the goods come to, as far as is known, and how that stands to what the buyer has paid.

A lot is worth what was agreed until it is settled or called back. The buyer owes the price and the fees on top of it,
but for what was conceded to it; it has paid what came in, less what went back.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.money import Money, Rounding, round_ratio
from chalicelib.splits.domain.waterfall import WHOLE_BPS
from chalicelib.trades.domain.lines import Inputs, Line
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade


def part_of(amount: int, bps: int) -> int:
    """Basis points of an amount, rounded down."""
    return round_ratio(amount * bps, WHOLE_BPS, Rounding.FLOOR)


def worth_minor(terms: Terms, trade: Trade, lot: str = "") -> int:
    """What a lot comes to as it is known now, or (without its name) all the goods."""
    if not lot:
        return trade.price_minor
    return trade.worth[lot] if lot in trade.worth else terms.lot_price(terms.lot(lot)).minor


def repriced(terms: Terms, trade: Trade, lot: str, minor: int) -> Trade:
    """The trade once it is known what a lot, or (without its name) all the goods come to."""
    if not lot:
        return replace(trade, price_minor=minor, final_minor=minor)
    worth = trade.worth | {lot: minor}
    price = trade.price_minor - worth_minor(terms, trade, lot) + minor
    return replace(trade, price_minor=price, final_minor=sum(worth.values()), worth=worth)


def owed_minor(terms: Terms, trade: Trade) -> int:
    """What the buyer owes in all, at the price as it is known now: never less than nothing, nor than what those who
    were paid have given back to it already. What it got twice would be a claim that nobody owes."""
    on_top = terms.on_top(Money(trade.price_minor, trade.currency)).minor
    return max(trade.price_minor + on_top - trade.conceded_minor, trade.given_back_minor)


def paid_minor(trade: Trade) -> int:
    """What the buyer has paid and not got back."""
    return trade.funded_minor - trade.refunded_minor


def left_minor(trade: Trade) -> int:
    """What of the buyer's own money could still go back to it from those who were paid: what it has paid for good, less
    what they gave it back, owe it for a refund, or paid of its claim. Below nothing, it has got more than it paid."""
    return paid_minor(trade) - trade.uncovered_minor - trade.given_back_minor - trade.claims_paid_minor


def overpaid(terms: Terms, trade: Trade) -> tuple[int, int]:
    """What the buyer has paid beyond what it owes: the part that is free to go back, and the part that is not there any
    more, which is a claim on the seller."""
    beyond = max(paid_minor(trade) - owed_minor(terms, trade), 0)
    back = min(beyond, trade.free_minor)
    return back, beyond - back


def difference_line(terms: Terms, trade: Trade, lot: str = "") -> Line:
    """How what was paid stands to what is owed: what goes back, or is still missing."""
    paid, owed = paid_minor(trade), owed_minor(terms, trade)
    inputs: Inputs = {"paid_minor": paid, "owed_minor": owed}
    if paid < owed:
        return Line("difference", "top_up_from_buyer", inputs, {"top_up_minor": owed - paid}, lot)
    back, claim = overpaid(terms, trade)
    claimed = {"claim_minor": claim} if claim else {}
    return Line("difference", "refund_to_buyer", inputs, {"refund_minor": back} | claimed, lot)
