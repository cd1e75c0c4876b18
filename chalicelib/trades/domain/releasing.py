"""Letting escrow money go for a milestone that is reached.

The milestone's part of the price goes to the roles; the last milestone of all takes what is left. What is in dispute
stays where it is. Money for goods that were called back goes to the buyer instead.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain.clocks import gone_on
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.milestones import (
    Point,
    check_not_done,
    check_reached,
    is_last,
    is_recalled,
    keys_of_lot,
    point,
    points,
)
from chalicelib.trades.domain.portion import Portion, divided, last_portion, portion_of
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import Ending
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, let_go
from chalicelib.trades.domain.worth import difference_line, overpaid, repriced, worth_minor


def release(terms: Terms, trade: Trade, name: str, lot: str = "", *, now: datetime) -> Division:
    """Let go of a milestone's money, whose terms were agreed from the start. That of a lot that was called back is
    refunded, see `call_back`.

    Refused, in this order: InvalidInput `unknown_milestone`, `lot_missing`, `lot_not_wanted`, `unknown_lot`; Conflict
    `needs_final_settlement`, `trade_state`, what `check_reached` refuses, and what `pay` refuses.
    """
    reached = point(terms, name, lot)
    if reached.milestone.ends_in is not Ending.RELEASE:
        raise Conflict("needs_final_settlement", "price and quantity are still to be fixed", milestone=name)
    check_state(trade, Command.RELEASE)
    if is_recalled(terms, trade, reached):
        return call_back(terms, trade, reached, Command.RELEASE, now=now)
    check_reached(terms, trade, reached)
    known = _without_recalled(terms, trade, reached)
    if known != trade:
        return settle(terms, known, reached, Command.RELEASE, now=now)
    return pay(terms, trade, reached, Command.RELEASE, nothing(trade), now=now)


def call_back(terms: Terms, trade: Trade, reached: Point, command: Command, *, now: datetime) -> Division:
    """Give the buyer back what it has paid for a lot (for all goods, of a trade without lots) that was called back: it
    is worth nothing now, and all that was still to be released for it is done. What the escrow does not hold any more
    of it is a claim on the seller.

    Raises Conflict `milestone_done`, and what `pay` refuses.
    """
    check_not_done(trade, reached)
    known = repriced(terms, trade, reached.lot, 0)
    return settle(terms, known, reached, command, now=now, keys=keys_of_lot(terms, trade, reached))


def settle(
    terms: Terms,
    trade: Trade,
    reached: Point,
    command: Command,
    *,
    now: datetime,
    keys: tuple[str, ...] = (),
    lines: tuple[Line, ...] = (),
) -> Division:
    """Give the buyer back what it has paid beyond what it owes, now that `trade` knows the price, and let the point's
    money go. What has been released beyond it is a claim on the seller, found anew by each settlement; `keys` are the
    points that are done by this.

    Raises Conflict `amount_disputed` where what should go back is in dispute, and what `pay` refuses.
    """
    back, claim = overpaid(terms, trade)
    if claim and trade.dispute is not None:
        raise Conflict("amount_disputed", "what should go back is in dispute", requested=back + claim, free=back)
    difference = difference_line(terms, trade, reached.lot)
    claimed = replace(trade, claim_minor=claim)
    division = pay(terms, claimed, reached, command, Money(back, trade.currency), now=now, keys=keys)
    return replace(division, lines=(*lines, difference, *division.lines))


def pay(
    terms: Terms,
    trade: Trade,
    reached: Point,
    command: Command,
    refund: Money,
    *,
    now: datetime,
    keys: tuple[str, ...] = (),
) -> Division:
    """Let a reached point's money go, and give `refund` back to the buyer in the same step. `keys` are the points that
    are done by this, if not it alone. While another lot is still to be settled finally the trade goes on, also with an
    empty escrow: that lot may ask for more.

    Raises Conflict `amount_disputed`, `nothing_to_release`, `split_exceeds_amount`, `fee_exceeds_share`.
    """
    done = keys or (reached.key,)
    last = is_last(terms, trade, done)
    at_stake = replace(trade, refunded_minor=trade.refunded_minor + refund.minor)
    portion = _portion(terms, at_stake, reached, last=last)
    moves = portion.price or portion.retained or refund.minor
    if not moves and at_stake.held_minor and worth_minor(terms, at_stake, reached.lot):
        code = "amount_disputed" if trade.dispute else "nothing_to_release"
        raise Conflict(code, "nothing of it is free", free=at_stake.free_minor, currency=trade.currency)
    parts = divided(terms, at_stake, reached.milestone.split, portion, reached.lot)
    after = let_go(
        trade,
        command,
        parts.shares,
        refund,
        otherwise=State.RETAINED if last else State.RELEASING,
        goes_on=not last and _is_to_settle(terms, (*trade.done, *done)),
        charged_minor=portion.upto,
        retained_minor=trade.retained_minor + portion.retained,
        done=(*trade.done, *done),
        by_split=parts.by_split,
    )
    return Division(gone_on(terms, trade, after, now), parts.shares, refund, parts.lines, rate=rate_of(terms, after))


def _is_to_settle(terms: Terms, done: tuple[str, ...]) -> bool:
    """Whether some final settlement is still to come."""
    return any(one.milestone.ends_in is Ending.FINAL_SETTLEMENT and one.key not in done for one in points(terms))


def rate_of(terms: Terms, trade: Trade) -> Rate | None:
    """What one unit of the price's currency is worth in the trade's, finally or provisionally; None where they are
    one."""
    return None if terms.price_currency == terms.currency else trade.rate or terms.rate


def nothing(trade: Trade) -> Money:
    """No money, in the trade's currency."""
    return Money(0, trade.currency)


def _without_recalled(terms: Terms, trade: Trade, reached: Point) -> Trade:
    """The trade without the worth of lots that were called back, where a point is of all lots."""
    for lot in () if reached.lot else trade.recalled:
        if worth_minor(terms, trade, lot):
            trade = repriced(terms, trade, lot, 0)
    return trade


def _portion(terms: Terms, trade: Trade, reached: Point, *, last: bool) -> Portion:
    if last:
        return last_portion(terms, trade, reached)
    if is_recalled(terms, trade, reached):
        return Portion(0, 0, trade.charged_minor)
    return portion_of(terms, trade, reached)
