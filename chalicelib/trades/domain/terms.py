"""What one deal agrees on: a template's rules with the deal's own parties, quantity, price and amounts. Never changed.

Leaves to others: the money that comes and goes (`trade.py` and the commands beside it), whether the parties exist
(`chalicelib.settlement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from fractions import Fraction

from chalicelib.core.calendars import Calendar, calendar
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import Money, Rounding, exponent, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.ledger.exchange import Rate
from chalicelib.splits.domain.fees import charge
from chalicelib.splits.domain.waterfall import WHOLE_BPS, Share, ShareKind, Tier, Waterfall
from chalicelib.trades.domain.template import Milestone, ShareRule, Template

MILLI = 1000
NOTHING_YET: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Lot:
    """A part of the goods that settles by itself. `unit_price_minor` None: at the deal's own price."""

    name: str
    quantity_milli: int
    unit_price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Days on which prices are averaged, the first and the last included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """The deal as its parties agreed it. `quantity_milli` in thousandths of the template's unit; prices in minor units
    for one unit; `parties` names the party of each role, `fixed_shares` the amount of each fixed share, by role.

    `floor_minor` and `cap_minor` bound the final unit price. Where prices are in another currency (`price_currency`),
    `rate` says what one unit of it is worth in the trade's until evidence says it finally. A `draft` binds nobody yet.
    """

    currency: str
    quantity_milli: int
    unit_price_minor: int
    parties: Mapping[str, str]
    fixed_shares: Mapping[str, int] = field(default_factory=dict)
    premium_minor: int = 0
    floor_minor: int | None = None
    cap_minor: int | None = None
    window: Window | None = None
    price_currency: str = ""
    rate: Rate | None = None
    lots: tuple[Lot, ...] = ()
    top_up_line_id: str = ""
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """What a trade is known by: its id, its escrow account's id, and the reference the buyer quotes to the bank."""

    trade_id: str
    escrow_account_id: str
    reference: str


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of an open trade, with the template version it began with. `parties` has the party of every role but
    the marketplace's; `price_currency` is the trade's own unless prices are in another."""

    trade_id: str
    template: Template
    currency: str
    price_currency: str
    quantity_milli: int
    unit_price_minor: int
    parties: dict[str, str]
    fixed_shares: dict[str, int]
    premium_minor: int
    floor_minor: int | None
    cap_minor: int | None
    window: Window | None
    rate: Rate | None
    lots: tuple[Lot, ...]
    top_up_line_id: str
    escrow_account_id: str
    reference: str
    opened_at: datetime

    @property
    def days(self) -> Calendar:
        """The calendar of its deadlines."""
        return calendar(self.template.calendar)

    @property
    def buyer(self) -> str:
        """The buyer's party id."""
        return self.parties[self.template.buyer]

    @property
    def seller(self) -> str:
        """The seller's party id."""
        return self.parties[self.template.seller]

    @property
    def provisional_price(self) -> Money:
        """Agreed quantity at the agreed unit price, without fees; the sum of its lots where it has any."""
        if self.lots:
            return Money(sum(self.lot_price(lot).minor for lot in self.lots), self.currency)
        return self.amount(Fraction(self.quantity_milli), Fraction(self.unit_price_minor), self.rate)

    @property
    def due(self) -> Money:
        """What the buyer is asked for first: the provisional price and the fees that it bears."""
        return self.provisional_price + self.on_top(self.provisional_price)

    @property
    def deposit(self) -> Money:
        """The part of the provisional price that is paid first, rounded down; nothing without a deposit."""
        rule = self.template.deposit
        price = self.provisional_price
        return price.of(round_ratio(price.minor * rule.bps, WHOLE_BPS, Rounding.FLOOR) if rule else 0)

    def lot(self, name: str) -> Lot:
        """The lot of this name. Raises InvalidInput `unknown_lot`."""
        for lot in self.lots:
            if lot.name == name:
                return lot
        raise InvalidInput("unknown_lot", "the trade has no such lot", field="lot", lot=name)

    def lot_price(self, lot: Lot) -> Money:
        """What a lot comes to at the agreed quantity and price."""
        unit_price = self.unit_price_minor if lot.unit_price_minor is None else lot.unit_price_minor
        return self.amount(Fraction(lot.quantity_milli), Fraction(unit_price), self.rate)

    def amount(self, quantity_milli: Fraction, unit_price: Fraction, rate: Rate | None) -> Money:
        """Quantity times unit price (minor units of the price's currency) in the trade's currency, rounded once, half
        to even. Raises InvalidInput `amount_too_large`."""
        exact = quantity_milli * unit_price * Fraction(1, MILLI)
        if rate is not None:
            exact *= Fraction(rate.numerator, rate.denominator)
            exact *= Fraction(10) ** (exponent(self.currency) - exponent(self.price_currency))
        return Money(round_ratio(exact.numerator, exact.denominator), self.currency)

    @property
    def closing(self) -> Milestone:
        """The milestone that takes the rest of the price: the one without `bps`, or the last where all have some. The
        retention stays back from its money."""
        milestones = self.template.milestones
        return next((one for one in milestones if not one.bps), milestones[-1])

    def bps_of(self, milestone: Milestone) -> int:
        """The part of the price (of a lot's, where it is per lot) that a milestone lets go."""
        others = sum(one.bps for one in self.template.milestones)
        return milestone.bps or WHOLE_BPS - others

    def on_top(self, price: Money) -> Money:
        """The fees of a price that the buyer bears on top of it."""
        return price.of(sum(charge(fee, price).on_top.minor for fee in self.template.fees))

    def milestone(self, name: str) -> Milestone:
        """The milestone of this name. Raises InvalidInput `unknown_milestone`."""
        for milestone in self.template.milestones:
            if milestone.name == name:
                return milestone
        raise InvalidInput("unknown_milestone", "the trade has no such milestone", field="milestone", milestone=name)

    def waterfall(
        self, own: tuple[ShareRule, ...] = (), *, had: Mapping[str, int] = NOTHING_YET, upto: int = 0
    ) -> Waterfall:
        """The split with this deal's amounts: a milestone's own one, or (empty) the template's. See `waterfall_of`."""
        return waterfall_of(own or self.template.split, self.fixed_shares, had=had, upto=upto)


def waterfall_of(
    split: tuple[ShareRule, ...], agreed: Mapping[str, int], *, had: Mapping[str, int] = NOTHING_YET, upto: int = 0
) -> Waterfall:
    """A split with the amounts that a deal agreed on for its fixed and capped shares, by role.

    Such amounts, and the tiers, are of the whole trade, however many parts it is released in: of an amount what a role
    `had` before is taken off, and tiers begin where the price stands that was divided before (`upto`). Tiers within a
    group begin anew with each part.
    """
    return Waterfall(tuple(_share(rule, agreed, had, upto) for rule in split))


def _share(rule: ShareRule, agreed: Mapping[str, int], had: Mapping[str, int], upto: int) -> Share:
    by_deal = rule.kind is ShareKind.FIXED or (rule.kind is ShareKind.CAPPED and not rule.cap_minor)
    minor = agreed.get(rule.role, 0) if by_deal else rule.cap_minor
    inner = tuple(_share(one, agreed, had, 0) for one in rule.shares)
    return Share(rule.role, rule.kind, max(minor - _had(rule, had), 0), rule.bps, _tiers_from(rule.tiers, upto), inner)


def _had(rule: ShareRule, had: Mapping[str, int]) -> int:
    return sum(_had(one, had) for one in rule.shares) if rule.shares else had.get(rule.role, 0)


def _tiers_from(tiers: tuple[Tier, ...], upto: int) -> tuple[Tier, ...]:
    ends = ((tier.up_to_minor, tier.bps) for tier in tiers)
    return tuple(Tier(None if end is None else end - upto, bps) for end, bps in ends if end is None or end > upto)
