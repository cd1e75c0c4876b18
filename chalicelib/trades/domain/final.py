"""Final settlement: what the evidence says the goods come to, and the difference to what was paid for them.

A final amount above what was paid releases nothing: the buyer is asked for the difference, and the same command settles
once that is there. Below it the difference is refunded; what of that was released before, and is not there any more, is
a claim on the seller. Leaves to `pricing.py` how the amount is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.trades.domain.clocks import end_of_term
from chalicelib.trades.domain.evidence import Evidence
from chalicelib.trades.domain.milestones import Point, check_reached, is_recalled, point
from chalicelib.trades.domain.pricing import Priced, price, price_lot
from chalicelib.trades.domain.releasing import call_back, nothing, rate_of, settle
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import Ending
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, move
from chalicelib.trades.domain.worth import difference_line, owed_minor, paid_minor, repriced


def final_settlement(
    terms: Terms, trade: Trade, evidence: Sequence[Evidence], lot: str = "", *, now: datetime
) -> Division:
    """Fix price and quantity by the evidence (of one lot, where lots settle by themselves), and divide what they come
    to; what was paid beyond it is refunded. For a lot that was called back see `call_back`.

    Refused, in this order: Conflict `no_final_settlement` (the template releases instead); InvalidInput `lot_missing`,
    `lot_not_wanted`, `unknown_lot`; Conflict `trade_state`, what `check_reached` refuses, what `price` refuses,
    `top_up_in_dispute`, and what `settle` refuses.
    """
    milestone = next((one for one in terms.template.milestones if one.ends_in is Ending.FINAL_SETTLEMENT), None)
    if milestone is None:
        raise Conflict("no_final_settlement", "this trade ends in a release", command=Command.FINAL_SETTLEMENT.value)
    reached = point(terms, milestone.name, lot)
    check_state(trade, Command.FINAL_SETTLEMENT)
    if is_recalled(terms, trade, reached):
        settled = call_back(terms, trade, reached, Command.FINAL_SETTLEMENT, now=now)
        return replace(settled, final_amount=nothing(trade))
    check_reached(terms, trade, reached)
    priced = _priced(terms, trade, reached, evidence)
    known = replace(repriced(terms, trade, lot, priced.amount.minor), rate=priced.rate or trade.rate)
    if paid_minor(known) < owed_minor(terms, known):
        return _ask(terms, known, priced, now)
    settled = settle(terms, known, reached, Command.FINAL_SETTLEMENT, now=now, lines=priced.lines)
    return replace(settled, final_amount=priced.amount)


def _priced(terms: Terms, trade: Trade, reached: Point, evidence: Sequence[Evidence]) -> Priced:
    if reached.lot:
        return price_lot(terms, terms.lot(reached.lot), evidence, recalled=trade.recalled)
    return price(terms, evidence, recalled=trade.recalled)


def _ask(terms: Terms, trade: Trade, priced: Priced, now: datetime) -> Division:
    """Ask the buyer for what is missing now that the price is known. Once that is there, the same command settles."""
    missing = owed_minor(terms, trade) - paid_minor(trade)
    if trade.dispute is not None:
        raise Conflict("top_up_in_dispute", "the dispute is to be resolved first", missing=missing)
    days = terms.template.funding.top_up_days
    after = move(
        trade,
        Command.FINAL_SETTLEMENT,
        State.TOP_UP_DUE,
        due_minor=trade.funded_minor + missing,
        top_up_at=end_of_term(terms, days, now) if terms.top_up_line_id else None,
    )
    return Division(
        after,
        (),
        nothing(trade),
        (*priced.lines, difference_line(terms, trade)),
        top_up=Money(missing, trade.currency),
        final_amount=priced.amount,
        rate=rate_of(terms, trade),
    )
