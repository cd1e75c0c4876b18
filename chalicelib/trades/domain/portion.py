"""What of the escrow a milestone lets go: how much of the price, what of that stays back, and whose the rest is.

Fees are of the price: each release charges what the fees of all that was let go so far come to, less what was charged
before. The buyer's part of a fee is in the escrow on top of the price; the rest is taken from the bearer's share. What
stays back has paid its fees when it is kept. Leaves to others: whether a milestone is reached (`milestones.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.fees import Fee, charge
from chalicelib.splits.domain.waterfall import KEPT, ShareKind, Shares, portions
from chalicelib.splits.domain.waterfall import Portion as Divided
from chalicelib.trades.domain.lines import Inputs, Line
from chalicelib.trades.domain.milestones import Point
from chalicelib.trades.domain.template import ShareRule, Template
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.domain.worth import part_of, worth_minor


@dataclass(frozen=True, slots=True)
class Portion:
    """What is let go: `price` minor units by the split, `retained` stay back, and the fees are those of the price up to
    `upto`. `lines` say how it was found."""

    price: int
    retained: int
    upto: int
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """What comes due of a fee: its part on top and its part that is taken from the bearer's share."""

    fee: Fee
    bearer: str
    on_top: int
    taken: int


@dataclass(frozen=True, slots=True)
class Parts:
    """A portion divided: what each role gets, what of it the split gave it in all so far, and how it was computed."""

    shares: Shares
    by_split: dict[str, int]
    lines: tuple[Line, ...]


def portion_of(terms: Terms, trade: Trade, reached: Point) -> Portion:
    """What a point lets go that is not the last one: its part of the price (of its lot's), as far as it is there.

    Raises Conflict `amount_disputed` where it is not there since it is in dispute.
    """
    milestone = reached.milestone
    worth = worth_minor(terms, trade, reached.lot)
    whole = part_of(worth, terms.bps_of(milestone))
    due = fees_due(terms, trade, trade.charged_minor + whole)
    there = max(trade.free_minor - _on_top(due), 0)
    if trade.frozen_price_minor and whole > there:
        facts = {"requested": whole, "free": trade.free_minor, "disputed": trade.frozen_minor}
        raise Conflict("amount_disputed", "what is not in dispute does not reach", **facts)
    price = min(whole, there)
    retained = min(_retained(terms, reached, worth), max(price - _taken(due), 0))
    inputs: Inputs = {"worth_minor": worth, "bps": terms.bps_of(milestone)}
    line = Line("portion", "part_of_price", inputs, {"minor": price})
    if price < whole:
        line = Line("portion", "all_that_is_left", {"free_minor": trade.free_minor}, {"minor": price})
    return Portion(price - retained, retained, trade.charged_minor + price, (line, *_retention_line(retained, price)))


def last_portion(terms: Terms, trade: Trade, reached: Point) -> Portion:
    """What the last point of all lets go: all that is free, to the last unit, but what stays back. Money that was
    accepted beyond what was due, and what earlier splits kept, goes with it."""
    worth = min(worth_minor(terms, trade, reached.lot), trade.price_minor - trade.conceded_minor)
    return rest(terms, trade, trade.free_minor, retained=_retained(terms, reached, max(worth, 0)))


def rest(terms: Terms, trade: Trade, amount: int, *, retained: int = 0) -> Portion:
    """An amount as what is left of the price, with the fees of all that was not conceded and is not in dispute."""
    upto = max(trade.charged_minor, trade.price_minor - trade.conceded_minor - trade.frozen_price_minor)
    due = fees_due(terms, trade, upto)
    price = max(amount - _on_top(due), 0)
    retained = min(retained, max(price - _taken(due), 0))
    inputs: Inputs = {"free_minor": amount, "on_top_minor": _on_top(due)}
    line = Line("portion", "all_that_is_left", inputs, {"minor": price})
    return Portion(price - retained, retained, upto, (line, *_retention_line(retained, price)))


def divided(terms: Terms, trade: Trade, own: tuple[ShareRule, ...], portion: Portion, lot: str = "") -> Parts:
    """A portion by a milestone's own split, or (empty) the template's, with the fees added and taken. What is kept has
    no part.

    Raises Conflict `split_exceeds_amount`, `fee_exceeds_share`.
    """
    if not portion.price and portion.upto == trade.charged_minor:
        return Parts((), trade.by_split, ())
    waterfall = terms.waterfall(own, had=trade.by_split, upto=trade.charged_minor)
    steps = portions(waterfall, Money(portion.price, trade.currency))
    split = {step.share.role: step.amount.minor for step in steps if not step.share.shares and step.share.role != KEPT}
    due = fees_due(terms, trade, portion.upto)
    parts = _with_fees(split, due)
    shares = tuple((role, Money(minor, trade.currency)) for role, minor in parts.items() if minor)
    lines = (*portion.lines, *_split_lines(trade, steps), *_fee_lines(trade, portion, due))
    return Parts(shares, _by_split(terms.template, trade, split), tuple(_of_lot(line, lot) for line in lines))


def fees_due(terms: Terms, trade: Trade, upto: int) -> tuple[Due, ...]:
    """What comes due of each fee once so much of the price has been let go."""
    before, now = Money(trade.charged_minor, trade.currency), Money(upto, trade.currency)
    charges = ((fee, charge(fee, before), charge(fee, now)) for fee in terms.template.fees)
    return tuple(
        Due(
            fee,
            fee.borne_by or terms.template.seller,
            later.on_top.minor - earlier.on_top.minor,
            later.taken.minor - earlier.taken.minor,
        )
        for fee, earlier, later in charges
    )


def _retained(terms: Terms, reached: Point, worth: int) -> int:
    rule = terms.template.retention
    return part_of(worth, rule.bps) if rule and reached.milestone == terms.closing else 0


def _retention_line(retained: int, price: int) -> tuple[Line, ...]:
    return (Line("retention", "stays_back", {"portion_minor": price}, {"minor": retained}),) if retained else ()


def _on_top(due: tuple[Due, ...]) -> int:
    return sum(one.on_top for one in due)


def _taken(due: tuple[Due, ...]) -> int:
    return sum(one.taken for one in due)


def _with_fees(split: dict[str, int], due: tuple[Due, ...]) -> dict[str, int]:
    parts = dict(split)
    for one in due:
        left = parts.get(one.bearer, 0) - one.taken
        if left < 0:
            facts = {"role": one.fee.role, "borne_by": one.bearer, "fee": one.taken}
            raise Conflict("fee_exceeds_share", "the share is smaller than the fee that is taken from it", **facts)
        parts |= {one.bearer: left}
        parts[one.fee.role] = parts.get(one.fee.role, 0) + one.on_top + one.taken
    return parts


def _by_split(template: Template, trade: Trade, split: dict[str, int]) -> dict[str, int]:
    """What splits gave each role so far, where that limits what another may give it."""
    if not any(rule.kind in {ShareKind.FIXED, ShareKind.CAPPED} for rule in _rules(template)):
        return {}
    return trade.by_split | {role: trade.by_split.get(role, 0) + minor for role, minor in split.items() if minor}


def _rules(template: Template) -> Iterator[ShareRule]:
    own = (one.split for one in template.milestones)
    for split in (template.split, *own, template.retention.split if template.retention else ()):
        yield from _flat(split)


def _flat(split: tuple[ShareRule, ...]) -> Iterator[ShareRule]:
    for rule in split:
        yield rule
        yield from _flat(rule.shares)


def _split_lines(trade: Trade, steps: tuple[Divided, ...]) -> Iterator[Line]:
    for step in steps:
        share = step.share
        inputs: Inputs = {"role": share.role}
        if share.kind in {ShareKind.FIXED, ShareKind.CAPPED}:
            inputs |= {"most_minor": share.minor, "had_minor": trade.by_split.get(share.role, 0)}
        if share.kind not in {ShareKind.FIXED, ShareKind.REMAINDER}:
            inputs |= {"bps": share.bps} if not share.tiers else {"tiers_bps": [tier.bps for tier in share.tiers]}
            inputs["amount_minor"] = step.whole.minor
        yield Line("group" if share.shares else "share", share.kind.value, inputs, {"minor": step.amount.minor})


def _fee_lines(trade: Trade, portion: Portion, due: tuple[Due, ...]) -> Iterator[Line]:
    for one in due:
        inputs: Inputs = {
            "role": one.fee.role,
            "borne_by": one.bearer,
            "bps": one.fee.bps,
            "payer_bps": one.fee.payer_bps,
            "charged_before_minor": trade.charged_minor,
            "charged_upto_minor": portion.upto,
        }
        yield Line("fee", "of_price", inputs, {"on_top_minor": one.on_top, "taken_minor": one.taken})


def _of_lot(line: Line, lot: str) -> Line:
    return Line(line.step, line.rule, line.inputs, line.result, lot)
