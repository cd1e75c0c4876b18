"""What one deal agrees on: a template's rules with the deal's own parties, quantity, price and amounts. Never changed.

Leaves to others: the money that comes and goes (`domain.py`), whether the parties exist (`chalicelib.settlement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR, Money, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.splits.domain import Waterfall, divide
from chalicelib.trades.evidence import check_quantity
from chalicelib.trades.template import Milestone, Part, PriceMode, PriceRule, QuantityRule, Template

MILLI = 1000


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """The deal as its parties agreed it. `quantity_milli` in thousandths of the template's unit; prices in minor units
    for one unit; `parties` names the party of each role, `fixed_shares` the amount of each fixed share, by role."""

    currency: str
    quantity_milli: int
    unit_price_minor: int
    parties: Mapping[str, str]
    fixed_shares: Mapping[str, int] = field(default_factory=dict)
    premium_minor: int = 0


@dataclass(frozen=True, slots=True)
class Identity:
    """What a trade is known by: its id, its escrow account's id, and the reference the buyer quotes to the bank."""

    trade_id: str
    escrow_account_id: str
    reference: str


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of an open trade, with all it needs of the template version it began with. `parties` has the party
    of every role but the marketplace's."""

    trade_id: str
    template_id: str
    template_version: int
    currency: str
    quantity: QuantityRule
    quantity_milli: int
    price: PriceRule
    unit_price_minor: int
    premium_minor: int
    parties: dict[str, str]
    buyer_role: str
    waterfall: Waterfall
    milestones: tuple[Milestone, ...]
    escrow_account_id: str
    reference: str
    opened_at: datetime

    @property
    def buyer(self) -> str:
        """The buyer's party id."""
        return self.parties[self.buyer_role]

    @property
    def provisional_amount(self) -> Money:
        """Agreed quantity at the agreed unit price: what the buyer is asked for first."""
        return Money(round_ratio(self.quantity_milli * self.unit_price_minor, MILLI), self.currency)

    def milestone(self, name: str) -> Milestone:
        """The milestone of this name. Raises InvalidInput `unknown_milestone`."""
        for milestone in self.milestones:
            if milestone.name == name:
                return milestone
        raise InvalidInput("unknown_milestone", "the trade has no such milestone", field="milestone", milestone=name)


def agree(template: Template, command: OpenTrade, identity: Identity, *, now: datetime) -> Terms:
    """The terms of a deal under a template.

    Raises InvalidInput, in this order: `currency_not_allowed`; `quantity_not_positive`, `quantity_too_large`,
    `price_not_positive`, `amount_too_large`, `premium_without_index`; `unknown_role`, `party_missing`,
    `buyer_is_receiver`; `unknown_share`, `share_amount_missing`, `share_invalid`; `amount_not_positive`. Then Conflict
    `split_exceeds_amount` where the fixed shares leave nothing for the rest at the provisional amount.
    """
    _check_currency(template, command)
    _check_price(template, command)
    buyer_role = _check_parties(template, command.parties)
    terms = Terms(
        trade_id=identity.trade_id,
        template_id=template.id,
        template_version=template.version,
        currency=command.currency,
        quantity=template.quantity,
        quantity_milli=command.quantity_milli,
        price=template.price,
        unit_price_minor=command.unit_price_minor,
        premium_minor=command.premium_minor,
        parties=dict(command.parties),
        buyer_role=buyer_role,
        waterfall=_waterfall(template, command.fixed_shares),
        milestones=template.milestones,
        escrow_account_id=identity.escrow_account_id,
        reference=identity.reference,
        opened_at=now,
    )
    if terms.provisional_amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "quantity times price rounds to nothing", field="unit_price_minor")
    divide(terms.waterfall, terms.provisional_amount)
    return terms


def _check_currency(template: Template, command: OpenTrade) -> None:
    if command.currency not in template.currencies:
        raise InvalidInput(
            "currency_not_allowed",
            f"the template allows {', '.join(template.currencies)}",
            field="currency",
            currency=command.currency,
            allowed=list(template.currencies),
        )


def _check_price(template: Template, command: OpenTrade) -> None:
    check_quantity(command.quantity_milli, "quantity_milli")
    if command.unit_price_minor <= 0:
        raise InvalidInput("price_not_positive", "a unit price is more than nothing", field="unit_price_minor")
    for name in ("unit_price_minor", "premium_minor"):
        if abs(getattr(command, name)) > MAX_MINOR:
            raise InvalidInput("amount_too_large", "more than 28 digits", field=name, maximum=MAX_MINOR)
    if command.premium_minor and template.price.mode is not PriceMode.INDEX_AVERAGE:
        raise InvalidInput("premium_without_index", "only an index price has a premium", field="premium_minor")


def _check_parties(template: Template, parties: Mapping[str, str]) -> str:
    """Every role but the marketplace's has a party, and the buyer is none of the others. Returns the buyer's role."""
    for role in parties:
        if role not in template.party_roles:
            raise InvalidInput("unknown_role", "the template has no such role", field="parties", role=role)
    for role in template.party_roles:
        if role not in parties:
            raise InvalidInput("party_missing", "every role needs its party", field="parties", role=role)
    buyer_role = template.role_of(Part.BUYER) or ""
    for role, party_id in parties.items():
        if role != buyer_role and party_id == parties[buyer_role]:
            raise InvalidInput("buyer_is_receiver", "the buyer cannot be paid as well", field="parties", role=role)
    return buyer_role


def _waterfall(template: Template, fixed_shares: Mapping[str, int]) -> Waterfall:
    for role in fixed_shares:
        if role not in template.fixed_roles:
            raise InvalidInput("unknown_share", "the split has no fixed share of it", field="fixed_shares", role=role)
    for role in template.fixed_roles:
        if role not in fixed_shares:
            raise InvalidInput(
                "share_amount_missing", "a fixed share needs its amount", field="fixed_shares", role=role
            )
    return template.waterfall(fixed_shares)
