"""A small template and deals under it, for tests of what is priced and checked: a buyer, a seller, one settlement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.opening import agree_terms
from chalicelib.trades.domain.template import (
    Deduction,
    Ending,
    Milestone,
    Part,
    PriceRule,
    QuantityRule,
    Role,
    ShareRule,
    Template,
)
from chalicelib.trades.domain.terms import Identity, OpenTrade, Terms
from tests.support.calls import MONDAY

ROLES = (
    Role("buyer", "Buyer", Part.BUYER),
    Role("mill", "Seller", Part.SELLER),
    Role("carrier", "Carrier", Part.RECEIVER),
    Role("inspector", "Inspector", Part.WITNESS),
    Role("platform", "Marketplace", Part.MARKETPLACE),
)
SPLIT = (
    ShareRule("carrier", ShareKind.FIXED),
    ShareRule("platform", ShareKind.BPS, bps=30),
    ShareRule("mill", ShareKind.REMAINDER),
)
SETTLED = Milestone("delivery", (EvidenceKind.WEIGHT_NOTE, EvidenceKind.INDEX_FIXINGS), Ending.FINAL_SETTLEMENT)
DELIVERED = Milestone("delivery", (EvidenceKind.DELIVERY_NOTE,), Ending.RELEASE)
AGREED = Template(
    id="sketch",
    version=1,
    title="Goods at an agreed price",
    currencies=("CNY",),
    quantity=QuantityRule("t"),
    price=PriceRule(),
    roles=ROLES,
    milestones=(DELIVERED,),
    split=SPLIT,
)
"""Quantity and price are agreed; a delivery note releases."""

DEAL = OpenTrade(
    currency="CNY",
    quantity_milli=500_000,
    unit_price_minor=365_000,
    parties={"buyer": "pty_buyer", "mill": "pty_mill", "carrier": "pty_carrier", "inspector": "pty_inspector"},
    fixed_shares={"carrier": 0},
)
IDENTITY = Identity("trd_01jnb3t2q00000000000000000", "acc_escrow", "QT7K2M9P4")


def terms_of(template: Template = AGREED, **deal: Any) -> Terms:
    """The terms of the deal under a template, with changes to the deal."""
    return agree_terms(template, replace(DEAL, **deal), IDENTITY, now=MONDAY)


def graded(*deductions: Deduction, **quantity: Any) -> Template:
    """The template with a deduction schedule."""
    return replace(AGREED, deductions=deductions, quantity=QuantityRule("t", **quantity))
