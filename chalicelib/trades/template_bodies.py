"""A template as it is sent to be published, and a deal to be previewed under one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.splits.domain.fees import Fee
from chalicelib.trades.deal_bodies import DealBody
from chalicelib.trades.documents import EvidenceBody
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.opening import MOST_LOTS
from chalicelib.trades.domain.template import (
    Deduction,
    DepositRule,
    DisputeRule,
    ExpiryRule,
    FundingRule,
    Milestone,
    PriceRule,
    QuantityRule,
    RetentionRule,
    Role,
    SetOffRule,
    ShareRule,
    Template,
)
from chalicelib.web.parse import Body

MOST_DOCUMENTS = MOST_LOTS * 4
"""Documents of a preview: some for each lot."""


class TemplateBody(Body):
    """The rules of one kind of deal, in the words that the house's own templates use. Its version is given to it."""

    id: str
    title: str
    currencies: tuple[str, ...]
    quantity: QuantityRule
    price: PriceRule
    roles: tuple[Role, ...]
    milestones: tuple[Milestone, ...]
    split: tuple[ShareRule, ...]
    calendar: str = "weekdays"
    accepts: tuple[EvidenceKind, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    fees: tuple[Fee, ...] = ()
    deposit: DepositRule | None = None
    retention: RetentionRule | None = None
    dispute: DisputeRule | None = None
    expiry: ExpiryRule = ExpiryRule()
    funding: FundingRule = FundingRule()
    set_off: SetOffRule | None = None


class PreviewBody(Body):
    """A deal under a template (its newest version unless told), and sample documents. A party that is not named is made
    up; without documents the deal is computed as it was agreed."""

    deal: DealBody
    evidence: Annotated[list[EvidenceBody], msgspec.Meta(max_length=MOST_DOCUMENTS)] = msgspec.field(
        default_factory=list
    )
    version: int | None = None


def template_of(body: TemplateBody, given: Any) -> Template:
    """The template that a body describes, still without a version of its own. Raises InvalidInput `invalid_field` for a
    name in `given`, the JSON it was read from, that no rule has."""
    told = msgspec.to_builtins(body)
    check_names(given, told)
    return msgspec.convert(told | {"version": 1}, type=Template)


def check_names(given: Any, known: Any, field: str = "") -> None:
    """Nothing where every name of a JSON value is one of those that were understood. Raises InvalidInput
    `invalid_field`."""
    if isinstance(given, dict):
        for name, value in given.items():
            place = f"{field}.{name}" if field else name
            if name not in known:
                rule = f"Object contains unknown field `{name}`"
                raise InvalidInput("invalid_field", f"{place}: {rule}", field=place, rule=rule)
            check_names(value, known[name], place)
    elif isinstance(given, list):
        for i, (value, understood) in enumerate(zip(given, known, strict=True)):
            check_names(value, understood, f"{field}[{i}]")
