"""Letting escrow money go for a milestone: how much, what of it stays back, and whose it is.

A milestone with `bps` lets that part of the price go. One without takes all that is left, but for the retention; with
it the fees of the whole price are charged, so that the retention bears none. What is in dispute stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money, Rounding, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.fees import charge
from chalicelib.splits.domain.waterfall import KEPT, WHOLE_BPS, Shares, divide
from chalicelib.trades.domain.clocks import clocked
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.milestones import Point, check_reached, is_last, point
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import Ending, Milestone, ShareRule
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, let_go


@dataclass(frozen=True, slots=True)
class Portion:
    """What of the escrow a point lets go: `price` by its split, `retained` stays back, `fees_upto` is how much of the
    price has been charged with fees after it."""

    price: int
    retained: int
    fees_upto: int


def release(terms: Terms, trade: Trade, name: str, lot: str = "", *, now: datetime) -> Division:
    """Let go of a milestone's money, whose terms were agreed from the start. That of a lot that was called back is
    refunded.

    Refused, in this order: InvalidInput `unknown_milestone`, `lot_missing`, `lot_not_wanted`, `unknown_lot`; Conflict
    `needs_final_settlement`, `trade_state`, what `check_reached` refuses, `amount_disputed`, `nothing_to_release`,
    `release_exceeds_escrow`, `split_exceeds_amount`, `fee_exceeds_share`.
    """
    reached = point(terms, name, lot)
    if reached.milestone.ends_in is not Ending.RELEASE:
        raise Conflict("needs_final_settlement", "price and quantity are still to be fixed", milestone=name)
    check_state(trade, Command.RELEASE)
    check_reached(terms, trade, reached)
    if lot and lot in trade.recalled:
        return _recall(terms, trade, reached, now)
    return pay(terms, trade, reached, Command.RELEASE, nothing(trade), now=now)


def pay(
    terms: Terms, trade: Trade, reached: Point, command: Command, refund: Money, *, now: datetime, lot_minor: int = -1
) -> Division:
    """Let a reached point's money go, and give `refund` back to the buyer in the same step.

    `trade` knows the price as it is now; `lot_minor` is what the point's lot came to, where that is not what was
    agreed. Refused as `release`, from `amount_disputed` on.
    """
    at_stake = replace(trade, refunded_minor=trade.refunded_minor + refund.minor)
    portion = _portion(terms, at_stake, reached, lot_minor)
    shares = _shares(terms, at_stake, reached.milestone, portion)
    out = sum(part.minor for _, part in shares)
    _check_covered(at_stake, portion, out)
    paid = tuple((role, part) for role, part in shares if role != KEPT)
    held = at_stake.held_minor - sum(part.minor for _, part in paid)
    rule = terms.template.retention
    until = (now + timedelta(days=rule.days)).date() if rule and portion.retained else trade.retained_until
    after = let_go(
        trade,
        command,
        State.RELEASING if held else State.COMPLETED,
        paid,
        refund,
        charged_minor=portion.fees_upto,
        retained_minor=trade.retained_minor + portion.retained,
        retained_until=until,
        done=(*trade.done, reached.key),
    )
    return Division(clocked(terms, after, now), paid, refund, share_lines(terms, reached, portion, shares))


def nothing(trade: Trade) -> Money:
    """No money, in the trade's currency."""
    return Money(0, trade.currency)


def part_of(amount: int, bps: int) -> int:
    """Basis points of an amount, rounded down."""
    return round_ratio(amount * bps, WHOLE_BPS, Rounding.FLOOR)


def _portion(terms: Terms, trade: Trade, reached: Point, lot_minor: int) -> Portion:
    """How much of the price a point lets go. The last one of all takes what is left, to the last unit."""
    milestone, rule = reached.milestone, terms.template.retention
    base = trade.price_minor
    if reached.lot:
        base = lot_minor if lot_minor >= 0 else terms.lot_price(terms.lot(reached.lot)).minor
    if milestone.bps:
        price = part_of(base, milestone.bps)
        return Portion(price, 0, trade.charged_minor + price)
    retained = min(part_of(base, rule.bps) if rule else 0, trade.free_minor)
    if not reached.lot or is_last(terms, trade, reached):
        upto = max(trade.charged_minor, trade.price_minor - trade.conceded_minor)
        on_top = _fees(terms, trade, upto)[0]
        return Portion(trade.free_minor - retained - on_top, retained, upto)
    others = sum(one.bps for one in terms.template.milestones)
    price = part_of(base, WHOLE_BPS - others) - retained
    return Portion(price, retained, trade.charged_minor + price)


def _check_covered(trade: Trade, portion: Portion, out: int) -> None:
    facts = {"requested": out, "free": trade.free_minor, "currency": trade.currency}
    if portion.price <= 0:
        code = "amount_disputed" if trade.dispute else "nothing_to_release"
        raise Conflict(code, "nothing of it is free", **facts)
    if out + portion.retained > trade.free_minor:
        code = "amount_disputed" if trade.dispute else "release_exceeds_escrow"
        raise Conflict(code, "the escrow has less that is free", **facts)


def _shares(terms: Terms, trade: Trade, milestone: Milestone, portion: Portion) -> Shares:
    """The portion by the milestone's split, with the fees added and taken."""
    amount = Money(max(portion.price, 0), trade.currency)
    parts = dict(divide(terms.waterfall(milestone.split), amount))
    _, fees = _fees(terms, trade, portion.fees_upto)
    for role, bearer, on_top, taken in fees:
        left = parts.get(bearer, amount.of(0)).minor - taken
        if left < 0:
            facts = {"role": role, "borne_by": bearer, "fee": taken}
            raise Conflict("fee_exceeds_share", "the share is smaller than the fee that is taken from it", **facts)
        if taken:
            parts[bearer] = amount.of(left)
        parts[role] = parts.get(role, amount.of(0)) + amount.of(on_top + taken)
    return tuple(parts.items())


def _fees(terms: Terms, trade: Trade, upto: int) -> tuple[int, tuple[tuple[str, str, int, int], ...]]:
    """What comes on top, and of each fee its role, its bearer, and the two parts that come due: those of the price up
    to `upto` less those of what was charged before."""
    before, now = Money(trade.charged_minor, trade.currency), Money(upto, trade.currency)
    due: list[tuple[str, str, int, int]] = []
    for fee in terms.template.fees:
        earlier, later = charge(fee, before), charge(fee, now)
        bearer = fee.borne_by or terms.template.seller
        parts = (later.on_top - earlier.on_top, later.taken - earlier.taken)
        due.append((fee.role, bearer, parts[0].minor, parts[1].minor))
    return sum(on_top for _, _, on_top, _ in due), tuple(due)


def _recall(terms: Terms, trade: Trade, reached: Point, now: datetime) -> Division:
    """Give the buyer back what the escrow holds for a lot that was called back."""
    price = terms.lot_price(terms.lot(reached.lot))
    back = min(price.minor + terms.on_top(price).minor, trade.free_minor)
    refund = price.of(trade.free_minor if is_last(terms, trade, reached) else back)
    left = trade.held_minor - refund.minor
    empty = State.COMPLETED
    after = let_go(
        trade,
        Command.RELEASE,
        State.RELEASING if left else empty,
        (),
        refund,
        price_minor=trade.price_minor - price.minor,
        done=(*trade.done, reached.key),
    )
    line = Line("recall", "refund_of_recalled_lot", {"lot_price_minor": price.minor}, {"refund_minor": refund.minor})
    return Division(clocked(terms, after, now), (), refund, (replace(line, lot=reached.lot),))


def share_lines(terms: Terms, reached: Point, portion: Portion, shares: Shares) -> tuple[Line, ...]:
    """How each share came about: the rule of the split, and what each role gets with fees added or taken."""
    rules = {rule.role: rule for rule in _flat(reached.milestone.split or terms.template.split)}
    lines = [_share_line(rules.get(role), role, part, portion, reached.lot) for role, part in shares]
    if portion.retained:
        inputs: dict[str, int | str | list[int]] = {"portion_minor": portion.price}
        lines.append(Line("retention", "stays_back", inputs, {"minor": portion.retained}, reached.lot))
    return tuple(lines)


def _share_line(rule: ShareRule | None, role: str, part: Money, portion: Portion, lot: str) -> Line:
    inputs: dict[str, int | str | list[int]] = {"role": role}
    if rule is not None and rule.bps:
        inputs |= {"bps": rule.bps, "amount_minor": portion.price}
    return Line("share", rule.kind.value if rule else "fee", inputs, {"minor": part.minor}, lot)


def _flat(split: Sequence[ShareRule]) -> list[ShareRule]:
    return [one for rule in split for one in (rule, *_flat(rule.shares))]
