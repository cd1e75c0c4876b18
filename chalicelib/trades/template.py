"""What a trade template says: roles, quantity, price, milestones and split of one kind of deal.

A template is data that a trader can read; the words of `templates/*.toml` are the fields here. Leaves to others: where
templates are kept (`templates.py`), what one deal makes of them (`terms.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import exponent
from chalicelib.core.values import dataclass
from chalicelib.splits.domain import Share, ShareKind, Waterfall
from chalicelib.trades.evidence import EvidenceKind

PER_MILLE = 1000


class Part(Enum):
    """What a role does with money: the buyer pays, a receiver is paid, the marketplace keeps a fee for itself."""

    BUYER = "buyer"
    RECEIVER = "receiver"
    MARKETPLACE = "marketplace"


class QuantityMode(Enum):
    """Which quantity is paid for: the agreed one, or the weighed one where it differs by more than the tolerance."""

    AGREED = "agreed"
    WEIGHED = "weighed"


class PriceMode(Enum):
    """Which unit price is paid: the agreed one, or the mean of index fixings plus the agreed premium."""

    AGREED = "agreed"
    INDEX_AVERAGE = "index_average"


class Ending(Enum):
    """What lets a milestone's money go: a final settlement of price and quantity, or a release of what was agreed."""

    FINAL_SETTLEMENT = "final_settlement"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Role:
    """A place in the deal. Every role but the marketplace's is taken by a party."""

    name: str
    title: str
    part: Part


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """`unit` is what the price is for (`t`); quantities are whole thousandths of it."""

    unit: str
    mode: QuantityMode
    tolerance_per_mille: int = 0


@dataclass(frozen=True, slots=True)
class PriceRule:
    """How the unit price becomes final."""

    mode: PriceMode


@dataclass(frozen=True, slots=True)
class Milestone:
    """A point of the trade that lets escrow money go once the evidence it `needs` is there."""

    name: str
    needs: tuple[EvidenceKind, ...]
    ends_in: Ending


@dataclass(frozen=True, slots=True)
class ShareRule:
    """A share of the split. A fixed one's amount is agreed deal by deal."""

    role: str
    kind: ShareKind
    bps: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """A version of a template. Raises InvalidInput with a code that names the rule it breaks."""

    id: str
    version: int
    title: str
    currencies: tuple[str, ...]
    quantity: QuantityRule
    price: PriceRule
    roles: tuple[Role, ...]
    milestones: tuple[Milestone, ...]
    split: tuple[ShareRule, ...]

    def __post_init__(self) -> None:
        for currency in self.currencies:
            exponent(currency)
        if code := _problem(self):
            raise InvalidInput(code, code.replace("_", " "), template_id=self.id)
        self.waterfall({rule.role: 0 for rule in self.split if rule.kind is ShareKind.FIXED})

    @property
    def party_roles(self) -> tuple[str, ...]:
        """The roles that parties take."""
        return tuple(role.name for role in self.roles if role.part is not Part.MARKETPLACE)

    @property
    def fixed_roles(self) -> tuple[str, ...]:
        """The roles whose share is an amount agreed deal by deal."""
        return tuple(rule.role for rule in self.split if rule.kind is ShareKind.FIXED)

    def role_of(self, part: Part) -> str | None:
        """The first role with this part, or None."""
        return next((role.name for role in self.roles if role.part is part), None)

    def waterfall(self, fixed_minor: Mapping[str, int]) -> Waterfall:
        """The split with the amounts one deal agreed for its fixed shares, by role."""
        return Waterfall(
            tuple(Share(rule.role, rule.kind, fixed_minor.get(rule.role, 0), rule.bps) for rule in self.split)
        )


def _problem(template: Template) -> str | None:
    """The code of the first rule a template breaks."""
    names = [role.name for role in template.roles]
    parts = [role.part for role in template.roles]
    receivers = {role.name for role in template.roles if role.part is not Part.BUYER}
    rules = (
        ("template_version_invalid", template.version < 1),
        ("template_without_currency", not template.currencies),
        ("template_tolerance_invalid", not 0 <= template.quantity.tolerance_per_mille < PER_MILLE),
        ("template_role_twice", len(set(names)) != len(names)),
        ("template_needs_one_buyer", parts.count(Part.BUYER) != 1),
        ("template_marketplace_twice", parts.count(Part.MARKETPLACE) > 1),
        ("template_split_role_unknown", any(rule.role not in receivers for rule in template.split)),
        ("template_needs_one_milestone", len(template.milestones) != 1),
        ("template_milestone_without_evidence", any(not milestone.needs for milestone in template.milestones)),
        ("template_evidence_does_not_fix_terms", any(not _fixes(template, one) for one in template.milestones)),
    )
    return next((code for code, broken in rules if broken), None)


def _fixes(template: Template, milestone: Milestone) -> bool:
    """Whether a milestone ends in what the price and quantity rules ask for, on the evidence they compute from."""
    computed_from = {
        EvidenceKind.WEIGHT_NOTE: template.quantity.mode is QuantityMode.WEIGHED,
        EvidenceKind.INDEX_FIXINGS: template.price.mode is PriceMode.INDEX_AVERAGE,
    }
    asked = {kind for kind, needed in computed_from.items() if needed}
    if milestone.ends_in is Ending.RELEASE:
        return not asked
    return bool(asked) and asked <= set(milestone.needs)
