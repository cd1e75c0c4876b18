"""Builders of deals and trades at the points that many tests begin at, with sound defaults."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.core.money import Money
from chalicelib.trades.domain.evidence import Document, Evidence
from chalicelib.trades.domain.funding import fund
from chalicelib.trades.domain.opening import open_trade
from chalicelib.trades.domain.proof import add_evidence, new_evidence
from chalicelib.trades.domain.template import Template
from chalicelib.trades.domain.terms import Identity, OpenTrade, Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.templates import find_template
from tests.support.calls import MONDAY
from tests.trades.papers import delivery_note, index_fixings, weight_note

SERIAL = "01jnb3t2q0" + "0" * 16
TRADE_ID = f"trd_{SERIAL}"
THURSDAY = MONDAY + timedelta(days=3)

STEEL = OpenTrade(
    currency="CNY",
    quantity_milli=500_000,
    unit_price_minor=365_000,
    parties={"buyer": "pty_buyer", "mill": "pty_mill", "carrier": "pty_carrier"},
    fixed_shares={"carrier": 4_250_000},
    premium_minor=1_500,
)
FIXED_PRICE = OpenTrade(
    currency="EUR",
    quantity_milli=120_000,
    unit_price_minor=25_000,
    parties={role: f"pty_{role}" for role in ("buyer", "seller", "carrier", "inspector", "warehouse")},
    fixed_shares={"carrier": 40_000, "inspector": 15_000, "warehouse": 8_050},
)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def opened(
    command: OpenTrade = STEEL, template: str | Template = "steel", *, trade_id: str = TRADE_ID, **changes: Any
) -> tuple[Terms, Trade]:
    """A trade just opened: steel unless told, `changes` to the deal."""
    identity = Identity(trade_id, "acc_escrow", "QT7K2M9P4")
    rules = find_template(template) if isinstance(template, str) else template
    return open_trade(rules, replace(command, **changes), identity, now=MONDAY)


def funded(terms: Terms, trade: Trade) -> Trade:
    """The trade with all that is outstanding paid."""
    return fund(terms, trade, trade.outstanding, now=MONDAY).trade


def piece(document: Document, evidence_id: str = "evd_1") -> Evidence:
    return new_evidence(document, evidence_id=evidence_id, recorded_by="cli_test", now=THURSDAY)


def evidenced(terms: Terms, trade: Trade, *documents: Document) -> tuple[Trade, tuple[Evidence, ...]]:
    """The trade with these documents, and all its evidence."""
    evidence: tuple[Evidence, ...] = ()
    for document in documents:
        evidence_id = f"evd_{len(evidence) + 1}"
        trade, evidence = add_evidence(terms, trade, evidence, piece(document, evidence_id), now=THURSDAY)
    return trade, evidence


def ready(quantity_milli: int = 498_320, *fixings: int) -> tuple[Terms, Trade, tuple[Evidence, ...]]:
    """A funded steel trade with a weight note of this quantity and these index fixings."""
    terms, trade = opened()
    trade, evidence = evidenced(terms, trade, weight_note(quantity_milli), index_fixings(*fixings))
    return terms, funded(terms, trade), evidence


def deliverable() -> tuple[Terms, Trade]:
    """A funded fixed-price trade with its delivery note."""
    terms, trade = opened(FIXED_PRICE, "fixed-price")
    trade, _ = evidenced(terms, trade, delivery_note())
    return terms, funded(terms, trade)
