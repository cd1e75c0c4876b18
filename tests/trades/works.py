"""Templates that use every rule of a trade's life at once, and deals under them, with round numbers.

WORKS: 100.000 t at 1,000.00 are 100,000.00. On the price come fees of 1 %, half of them on top: 100,500.00 are due. A
start lets go 30 %, the acceptance the rest, but for a retention of 5 %.

LOTS: three lots of 40, 40 and 20 t, each settled by its own weight note, after 20 % of it were released when it was
shipped; the surveyor's share is 3 % but 1,500.00 at most. One fee of 1 % is taken from the seller.
"""

from __future__ import annotations

from chalicelib.splits.domain.fees import Fee
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.evidence import EvidenceKind
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
    Template,
)
from chalicelib.trades.domain.terms import Lot, OpenTrade

ROLES = (
    Role("buyer", "Buyer", Part.BUYER),
    Role("seller", "Seller", Part.SELLER),
    Role("carrier", "Carrier", Part.RECEIVER),
    Role("surveyor", "Surveyor", Part.RECEIVER),
    Role("arbiter", "Arbiter", Part.WITNESS),
    Role("platform", "Marketplace", Part.MARKETPLACE),
)
ACCEPTED = (EvidenceKind.RECALL_NOTICE, EvidenceKind.DELIVERY_PHOTO, EvidenceKind.CUSTOMS_RELEASE)
SPLIT = (ShareRule("carrier", ShareKind.FIXED), ShareRule("seller", ShareKind.REMAINDER))
START = Milestone("start", (EvidenceKind.DELIVERY_NOTE,), Ending.RELEASE, bps=3000)
ACCEPTANCE = Milestone(
    "acceptance",
    (EvidenceKind.QUALITY_CERTIFICATE,),
    Ending.RELEASE,
    after=("start",),
    signers=("buyer", "surveyor", "arbiter"),
    signatures=2,
    deemed_days=5,
)
WORKS = Template(
    id="works",
    version=1,
    title="Goods and works",
    currencies=("CNY",),
    quantity=QuantityRule("t"),
    price=PriceRule(),
    roles=ROLES,
    milestones=(START, ACCEPTANCE),
    split=SPLIT,
    accepts=ACCEPTED,
    fees=(Fee("platform", 100, payer_bps=5000),),
    deposit=DepositRule(DepositKind.FORFEITABLE, 2000),
    retention=RetentionRule(500, 365),
    dispute=DisputeRule(("buyer", "seller"), "arbiter"),
    expiry=ExpiryRule(7, 10, 60, Fault.BUYER, Fault.SELLER),
    funding=FundingRule(top_up_days=3),
)
SHIPPED = Milestone("shipped", (EvidenceKind.BILL_OF_LADING,), Ending.RELEASE, bps=2000, per_lot=True)
ARRIVED = Milestone(
    "arrived",
    (EvidenceKind.WEIGHT_NOTE,),
    Ending.FINAL_SETTLEMENT,
    per_lot=True,
    signers=("buyer",),
    deemed_days=3,
)
LOTS = Template(
    id="lots",
    version=1,
    title="Goods in lots",
    currencies=("CNY",),
    quantity=QuantityRule("t", QuantityMode.WEIGHED),
    price=PriceRule(),
    roles=ROLES,
    milestones=(SHIPPED, ARRIVED),
    split=(
        ShareRule("carrier", ShareKind.FIXED),
        ShareRule("surveyor", ShareKind.CAPPED, bps=300, cap_minor=150_000),
        ShareRule("seller", ShareKind.REMAINDER),
    ),
    accepts=ACCEPTED,
    fees=(Fee("platform", 100),),
    deposit=DepositRule(DepositKind.FORFEITABLE, 1000),
    retention=RetentionRule(300, 90, (ShareRule("seller", ShareKind.REMAINDER),)),
    dispute=DisputeRule(("buyer", "seller"), "platform"),
    expiry=ExpiryRule(funding_days=10, performance_days=90, performance_fault=Fault.SELLER),
    funding=FundingRule(top_up_days=3),
)
PARTIES = {role: f"pty_{role}" for role in ("buyer", "seller", "carrier", "surveyor", "arbiter")}
DEAL = OpenTrade(
    currency="CNY",
    quantity_milli=100_000,
    unit_price_minor=100_000,
    parties=PARTIES,
    fixed_shares={"carrier": 200_000},
)
THREE = (Lot("A", 40_000), Lot("B", 40_000), Lot("C", 20_000))
