"""Deals under templates of the tests' own, and every command of a trade: what the tests of whole lives stand on."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.service import claiming, ending, funding, linking, opening, settling
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.storage.commit import commit
from chalicelib.storage.once import Outcome
from chalicelib.storage.reads import fetch
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.disputes import OpenDispute, Resolution
from chalicelib.trades.domain.evidence import Document, EvidenceKind
from chalicelib.trades.domain.proof import Signature
from chalicelib.trades.domain.template import (
    DepositKind,
    DepositRule,
    DisputeRule,
    Ending,
    ExpiryRule,
    Fault,
    FundingRule,
    Milestone,
    Part,
    PriceRule,
    QuantityMode,
    QuantityRule,
    RetentionRule,
    Role,
    ShareRule,
    Stray,
    Template,
)
from chalicelib.trades.domain.terms import OpenTrade
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.service import life
from chalicelib.trades.service.evidence import RecordEvidence, record_evidence
from chalicelib.trades.store import Published, publish_template
from tests.settlement.market import Deal, Market, market
from tests.support.calls import MONDAY, over
from tests.trades.papers import delivery_note, weight_note

PRICE = 1_000_000
"""10,000.00: what the deal comes to, 10 units at 1,000.00."""

FEE, FREIGHT = 10_000, 50_000
SELLERS = PRICE - FEE - FREIGHT
DEPOSIT = 200_000

ROLES = (
    Role("buyer", "Buyer", Part.BUYER),
    Role("seller", "Seller", Part.SELLER),
    Role("carrier", "Carrier", Part.RECEIVER),
    Role("surveyor", "Surveyor", Part.WITNESS),
    Role("platform", "Marketplace", Part.MARKETPLACE),
)
SPLIT = (
    ShareRule("carrier", ShareKind.FIXED),
    ShareRule("platform", ShareKind.BPS, bps=100),
    ShareRule("seller", ShareKind.REMAINDER),
)

GOODS = Template(
    id="test-goods",
    version=1,
    title="Goods at an agreed price",
    currencies=("CNY", "EUR"),
    quantity=QuantityRule("unit"),
    price=PriceRule(),
    roles=ROLES,
    milestones=(
        Milestone(
            "delivery",
            needs=(EvidenceKind.DELIVERY_NOTE,),
            ends_in=Ending.RELEASE,
            signers=("buyer",),
            deemed_days=2,
        ),
    ),
    split=SPLIT,
    deposit=DepositRule(DepositKind.FORFEITABLE, 2000),
    dispute=DisputeRule(by=("buyer", "seller"), arbiter="surveyor"),
    expiry=ExpiryRule(2, 5, 20, funding_fault=Fault.BUYER, performance_fault=Fault.SELLER),
    funding=FundingRule(over=Stray.RETURN, late=Stray.RETURN),
)
"""Delivery lets the money go, once the buyer has signed or was silent for two business days."""

RETAINED = replace(GOODS, id="test-retained", retention=RetentionRule(bps=500, days=30))
"""The same; 5 % of the price stay back for thirty days."""

WEIGHED = replace(
    GOODS,
    id="test-weighed",
    quantity=QuantityRule("unit", QuantityMode.WEIGHED),
    milestones=(replace(GOODS.milestones[0], needs=(EvidenceKind.WEIGHT_NOTE,), ends_in=Ending.FINAL_SETTLEMENT),),
    funding=replace(GOODS.funding, top_up_days=3),
)
"""What is weighed is paid for: final settlement refunds or asks for the difference."""

DEAL = OpenTrade(
    currency="CNY",
    quantity_milli=10_000,
    unit_price_minor=100_000,
    parties={role: f"pty_{role}" for role in ("buyer", "seller", "carrier", "surveyor")},
    fixed_shares={"carrier": FREIGHT},
)

_numbers = itertools.count(1)


@dataclass
class Trading(Market):
    """A market and every command of its trades."""

    published: set[str] = field(default_factory=set)

    def publish(self, template: Template) -> None:
        """A template of the marketplace's own, if it is not there yet."""
        if template.id not in self.published:
            commit(publish_template(self.tenant, Published(template, "cli_test", MONDAY), None))
            self.published.add(template.id)

    def under(self, template: Template = GOODS, **changes: Any) -> Deal:
        """A deal under a template of the tests' own."""
        self.publish(template)
        return self.deal(replace(DEAL, **changes), template.id)

    def between(self, buyer: str, seller: str, template: Template = GOODS, **changes: Any) -> Deal:
        """A deal whose buyer and seller are these, by the names of their parties."""
        parties = {role: self.party({"buyer": buyer, "seller": seller}.get(role, role)) for role in DEAL.parties}
        command = replace(DEAL, currency=self.account.currency, parties=parties, **changes)
        self.publish(template)
        facts = opening.open_with_expected_payment(self.call(), template.id, command).item.data
        return Deal(facts["trade_id"], facts["reference"], parties)

    def paid(self, template: Template = GOODS, **changes: Any) -> Deal:
        """The same, paid for by bank."""
        deal = self.under(template, **changes)
        self.pay(deal.reference, self.trade(deal).due_minor)
        return deal

    def delivered(self, template: Template = GOODS, **changes: Any) -> Deal:
        """The same, with its delivery note: only the buyer's signature is missing."""
        deal = self.paid(template, **changes)
        self.told_of(deal, delivery_note())
        return deal

    def signed(self, template: Template = GOODS, **changes: Any) -> Deal:
        """The same, signed by the buyer: it can be released."""
        deal = self.delivered(template, **changes)
        self.sign(deal)
        return deal

    def told_and_signed(self, deal: Deal) -> None:
        """Its delivery note and the buyer's signature."""
        self.told_of(deal, delivery_note())
        signature = Signature("delivery", "buyer", deal.buyer)
        life.sign_milestone(self.call(), deal.trade_id, signature)

    def weighed_at(self, quantity_milli: int, *, template: Template = WEIGHED, **changes: Any) -> Deal:
        """A deal that is paid for, weighed and signed: it can be settled."""
        deal = self.paid(template, **changes)
        self.told_of(deal, weight_note(quantity_milli, unit="unit"))
        self.sign(deal)
        return deal

    def told_of(self, deal: Deal, document: Document) -> Outcome:
        """A document, on the day it is of."""
        return record_evidence(self.call(), RecordEvidence(deal.trade_id, document))

    def sign(self, deal: Deal, milestone: str = "delivery", *, role: str = "buyer", lot: str = "") -> Outcome:
        return life.sign_milestone(self.call(), deal.trade_id, Signature(milestone, role, self.party(role), lot))

    def dispute(
        self, deal: Deal, minor: int, *, role: str = "buyer", of_retention: bool = False, days: int = 0
    ) -> Outcome:
        command = OpenDispute(role, self.party(role), minor, of_retention)
        currency = self.account.currency
        return life.open_dispute(self.call(days=days), deal.trade_id, command, currency=currency, reason="short by two")

    def resolve(
        self, deal: Deal, *, key: str | None = None, role: str = "surveyor", days: int = 0, **division: int
    ) -> Outcome:
        command = Resolution(role, self.party(role), division)
        return ending.resolve_dispute(self.call(key, body=division, days=days), deal.trade_id, command)

    def fund(self, deal: Deal, minor: int, *, key: str | None = None) -> Outcome:
        return funding.fund_from_account(self.call(key, body=minor), deal.trade_id, self.money(minor))

    def refund(self, deal: Deal, minor: int, *, key: str | None = None) -> Outcome:
        return ending.refund_from_escrow(self.call(key, body=minor), deal.trade_id, self.money(minor))

    def take_back(self, deal: Deal, minor: int, *, key: str | None = None, advance: bool = False) -> Outcome:
        here, amount = self.call(key, body=minor), self.money(minor)
        return claiming.refund_from_receivers(here, deal.trade_id, amount, advance=advance)

    def cancel(self, deal: Deal, fault: Fault = Fault.NONE, *, key: str | None = None) -> Outcome:
        return ending.cancel_trade(self.call(key, body=fault.value), deal.trade_id, fault)

    def expire(self, deal: Deal, *, days: int, key: str | None = None) -> Outcome:
        return ending.expire_trade(self.call(key, now=over(days)), deal.trade_id)

    def claim(self, deal: Deal, minor: int, *, key: str | None = None) -> Outcome:
        return claiming.settle_claim_by_account(self.call(key, body=minor), deal.trade_id, self.money(minor))

    def link(self, upstream: Deal, downstream: Deal, *, key: str | None = None) -> Outcome:
        return linking.link_back_to_back(self.call(key), upstream.trade_id, downstream.trade_id)

    def release_retained(self, deal: Deal, *, days: int, key: str | None = None) -> Outcome:
        return settling.release_retained(self.call(key, days=days), deal.trade_id)

    def put(self, trade: Trade) -> None:
        """Write a trade as it is told."""
        key = trades_store.state_key(self.tenant, trade.trade_id)
        version = trades_store.take_trade(fetch((key,)), self.tenant, trade.trade_id).version
        commit((trades_store.save_trade(self.tenant, trade, version=version),))

    # ---- what the books say ------------------------------------------------------------------------------------------

    @property
    def fees(self) -> int:
        return self.balance(Purpose.FEE_INCOME)

    def all_owed(self, *roles: str) -> dict[str, int]:
        """What the parties' own accounts stand at, without those that stand at nothing."""
        return {role: minor for role in roles or self.parties if (minor := self.owed(role))}

    def money_of(self, deal: Deal) -> tuple[int, int, int, int]:
        """What was funded, released, refunded and is held: the first is the sum of the others."""
        trade = self.trade(deal)
        return trade.funded_minor, trade.released_minor, trade.refunded_minor, trade.held_minor

    def adds_up(self, *deals: Deal) -> bool:
        """Whether each escrow holds what its trade says, and the bank should send what it is short of."""
        return all(self._adds_up(deal, self.trade(deal)) for deal in deals)

    def _adds_up(self, deal: Deal, trade: Trade) -> bool:
        expected = self.expected(deal.reference)
        short = (expected.expected_minor or 0) - expected.received_minor
        return (self.escrow(deal), short) == (trade.held_minor, trade.outstanding.minor)


def trading(currency: str = "CNY", *, seal: bool = False) -> Trading:
    """A market that nobody else has."""
    number = next(_numbers)
    place = market(f"Market {uuid.uuid4()}", iban=f"622{uuid.uuid4().int % 10**12:012}{number}", currency=currency)
    return Trading(place.account, seal)


def after(days: int) -> datetime:
    """The instant so many days after the Monday on which everything begins."""
    return MONDAY + timedelta(days=days)
