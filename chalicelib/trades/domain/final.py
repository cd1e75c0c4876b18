"""Final settlement: what the evidence says the goods come to, and the difference to what was paid for them.

A final amount above what was paid releases nothing: the buyer is asked for the difference, and the same command settles
once that is there. Below it the difference is refunded. Leaves to `pricing.py` how the amount is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.trades.domain.evidence import Evidence
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.milestones import Point, check_reached, point
from chalicelib.trades.domain.pricing import Priced, price, price_lot
from chalicelib.trades.domain.releasing import nothing, pay
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import Ending
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, let_go, move


def final_settlement(
    terms: Terms, trade: Trade, evidence: Sequence[Evidence], lot: str = "", *, now: datetime
) -> Division:
    """Fix price and quantity by the evidence (of one lot, where lots settle by themselves), and divide what they come
    to; what was paid beyond it is refunded.

    Refused, in this order: Conflict `no_final_settlement` (the template releases instead); InvalidInput `lot_missing`,
    `lot_not_wanted`, `unknown_lot`; Conflict `trade_state`, what `check_reached` refuses, what `price` refuses,
    `top_up_in_dispute`, `final_below_released`, and what `pay` refuses.
    """
    milestone = next((one for one in terms.template.milestones if one.ends_in is Ending.FINAL_SETTLEMENT), None)
    if milestone is None:
        raise Conflict("no_final_settlement", "this trade ends in a release", command=Command.FINAL_SETTLEMENT.value)
    reached = point(terms, milestone.name, lot)
    check_state(trade, Command.FINAL_SETTLEMENT)
    check_reached(terms, trade, reached)
    priced = _priced(terms, trade, reached, evidence)
    known = _repriced(terms, trade, reached, priced)
    owed = known.price_minor + terms.on_top(Money(known.price_minor, trade.currency)).minor - trade.conceded_minor
    paid = trade.funded_minor - trade.refunded_minor
    lines = (*priced.lines, _difference(paid=paid, owed=owed))
    if paid < owed:
        return _ask(terms, trade, priced, owed - paid, lines, now)
    settled = _settle(terms, known, reached, priced, Money(paid - owed, trade.currency), now)
    return replace(settled, lines=(*lines, *settled.lines), final_amount=priced.amount, rate=priced.rate)


def _priced(terms: Terms, trade: Trade, reached: Point, evidence: Sequence[Evidence]) -> Priced:
    if reached.lot:
        return price_lot(terms, terms.lot(reached.lot), evidence, recalled=trade.recalled)
    return price(terms, evidence, recalled=trade.recalled)


def _repriced(terms: Terms, trade: Trade, reached: Point, priced: Priced) -> Trade:
    """The trade with its price as it is known now."""
    if not reached.lot:
        return replace(trade, price_minor=priced.amount.minor, final_minor=priced.amount.minor)
    provisional = terms.lot_price(terms.lot(reached.lot)).minor
    return replace(
        trade,
        price_minor=trade.price_minor - provisional + priced.amount.minor,
        final_minor=(trade.final_minor or 0) + priced.amount.minor,
    )


def _settle(terms: Terms, trade: Trade, reached: Point, priced: Priced, refund: Money, now: datetime) -> Division:
    if refund.minor > trade.free_minor:
        facts = {"final_minor": trade.final_minor, "released_minor": trade.released_minor, "free": trade.free_minor}
        code = "amount_disputed" if trade.dispute else "final_below_released"
        raise Conflict(code, "more has been released than the goods come to", **facts)
    if not priced.amount.minor:
        return _void(terms, trade, reached, refund)
    return pay(terms, trade, reached, Command.FINAL_SETTLEMENT, refund, now=now, lot_minor=priced.amount.minor)


def _void(terms: Terms, trade: Trade, reached: Point, refund: Money) -> Division:
    """Settle goods that come to nothing, since they were called back."""
    to = State.RELEASING if trade.held_minor > refund.minor else State.COMPLETED
    after = let_go(trade, Command.FINAL_SETTLEMENT, to, (), refund, done=(*trade.done, reached.key))
    return Division(after, (), refund)


def _ask(terms: Terms, trade: Trade, priced: Priced, missing: int, lines: tuple[Line, ...], now: datetime) -> Division:
    if trade.dispute is not None:
        raise Conflict("top_up_in_dispute", "the dispute is to be resolved first", missing=missing)
    days = terms.template.funding.top_up_days
    after = move(
        trade,
        Command.FINAL_SETTLEMENT,
        State.TOP_UP_DUE,
        due_minor=trade.due_minor + missing,
        final_minor=priced.amount.minor if not terms.lots else trade.final_minor,
        top_up_at=now + timedelta(days=days) if days and terms.top_up_line_id else None,
    )
    top_up = Money(missing, trade.currency)
    return Division(after, (), nothing(trade), lines, top_up=top_up, final_amount=priced.amount, rate=priced.rate)


def _difference(*, paid: int, owed: int) -> Line:
    """What is left over for the buyer, or still missing, once the final amount is known."""
    inputs: dict[str, int | str | list[int]] = {"paid_minor": paid, "owed_minor": owed}
    if paid < owed:
        return Line("difference", "top_up_from_buyer", inputs, {"top_up_minor": owed - paid})
    return Line("difference", "refund_to_buyer", inputs, {"refund_minor": paid - owed})
