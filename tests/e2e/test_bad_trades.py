"""What a trade must refuse, through the API: proof, signatures, amounts and commands that are out of place, each by the
code that names the rule; and money that is too little, too much or too late, by each policy of a template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra import clock
from tests.e2e.goods import (
    DEPOSIT,
    ISSUED,
    MILESTONE,
    RETAINED,
    dispute_body,
    funded,
    opened,
    proved,
    publish_goods,
    released,
    signature_body,
    template_body,
)
from tests.e2e.market import DUE, Market, delivered, money, open_parties, wait_for
from tests.e2e.problems import assert_problem
from tests.support.local_stack import LocalStack

BEFORE_ALL = "before anything is paid"
STAGES: dict[str, Callable[[Market, str], str]] = {
    "draft": lambda market, name: opened(market, name, draft=True),
    BEFORE_ALL: opened,
    "funded": funded,
    "proved": proved,
    "retained": released,
}
"""How far a trade has come."""


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market]) -> Iterator[Market]:
    """A marketplace with a trade at each stage; no refusal changes any of them."""
    made = new_market()
    open_parties(made)
    publish_goods(made)
    for name, come in STAGES.items():
        come(made, name)
    cancelled = funded(made, "cancelled")
    made.web.made(f"{cancelled}/cancellation", {"fault": "seller"})
    disputed = proved(made, "disputed")
    made.web.made(f"{disputed}/disputes", dispute_body(made.ids))
    before = {name: trade_of(made, name) for name in (*STAGES, "cancelled", "disputed")}
    yield made
    assert {name: trade_of(made, name) for name in before} == before


def trade_of(market: Market, name: str) -> dict[str, Any]:
    """A trade as it is shown."""
    return dict(market.web.read(f"/v1/trades/{market.ids[name]}")["trade"])


def document(kind: str, **content: Any) -> dict[str, Any]:
    """A document of March."""
    usual = {"type": kind, "document_reference": "X-1", "issued_at": "2026-03-02T08:00:00Z"}
    return {"document": {name: value for name, value in (usual | content).items() if value is not None}}


NOTE = {"document_reference": "D-1", "issued_at": ISSUED}
Body = Callable[[dict[str, str]], dict[str, Any]]
DELIVERY = {"milestone": MILESTONE}
DECISION = {"role": "platform", "division": {"buyer": 40, "seller": 60}}

REFUSED: list[tuple[str, str, dict[str, Any] | Body, int, str]] = [
    # Evidence of the wrong type, twice, contradicting, of the future, after the fact.
    ("funded", "evidence", document("customs_release", declaration="3101"), 400, "evidence_not_wanted"),
    ("funded", "evidence", document("hearsay"), 400, "invalid_field"),
    ("funded", "evidence", document("delivery_note", issued_at="2126-03-02T08:00:00Z"), 400, "issued_in_future"),
    ("funded", "evidence", document("delivery_note", document_reference=" "), 400, "text_missing"),
    ("funded", "evidence", document("delivery_note", lot="A1"), 400, "unknown_lot"),
    (
        "proved",
        "evidence",
        document("delivery_note", **NOTE),
        409,
        "evidence_twice",
    ),
    ("proved", "evidence", delivered("D-2"), 409, "evidence_contradicts"),
    ("retained", "evidence", delivered("D-2"), 409, "trade_state"),
    ("draft", "evidence", delivered(), 409, "trade_state"),
    # Signers without the role, for nothing known, twice.
    ("proved", "signatures", lambda ids: signature_body(ids, "seller"), 400, "not_a_signer"),
    ("proved", "signatures", lambda ids: signature_body(ids | {"buyer": ids["seller"]}), 400, "signer_without_role"),
    ("proved", "signatures", lambda ids: signature_body(ids) | {"milestone": "harvest"}, 400, "unknown_milestone"),
    ("proved", "signatures", lambda ids: signature_body(ids) | {"lot": "A1"}, 400, "lot_not_wanted"),
    ("retained", "signatures", signature_body, 409, "trade_state"),
    ("draft", "signatures", signature_body, 409, "trade_state"),
    # Releases that nothing shows, or that the escrow has no money for.
    ("funded", "releases", DELIVERY, 409, "evidence_missing"),
    ("proved", "releases", DELIVERY, 409, "signatures_missing"),
    ("proved", "releases", {"milestone": "harvest"}, 400, "unknown_milestone"),
    (BEFORE_ALL, "releases", DELIVERY, 409, "trade_state"),
    ("retained", "releases", DELIVERY, 409, "trade_state"),
    ("proved", "final-settlement", {}, 409, "no_final_settlement"),
    ("retained", "retention-release", {}, 409, "retention_not_due"),
    ("funded", "retention-release", {}, 409, "trade_state"),
    # Funding in another currency, over, of nothing, without money, at the wrong time.
    (BEFORE_ALL, "fundings", {"amount": {"minor": 1, "currency": "EUR"}}, 400, "currency_mismatch"),
    (BEFORE_ALL, "fundings", {"amount": money(DUE + 1)}, 409, "more_than_outstanding"),
    (BEFORE_ALL, "fundings", {"amount": money(0)}, 400, "amount_not_positive"),
    (BEFORE_ALL, "fundings", {"amount": money(DUE)}, 409, "insufficient_funds"),
    ("funded", "fundings", {"amount": money(1)}, 409, "trade_state"),
    ("draft", "fundings", {"amount": money(1)}, 409, "trade_state"),
    ("cancelled", "fundings", {"amount": money(1)}, 409, "trade_state"),
    # More back than there is.
    ("funded", "refunds", {"amount": money(DUE + 1)}, 409, "refund_exceeds_escrow"),
    ("retained", "refunds", {"amount": money(1)}, 409, "refund_exceeds_escrow"),
    ("retained", "refunds", {"amount": money(DUE), "from": "receivers"}, 409, "refund_exceeds_received"),
    (BEFORE_ALL, "refunds", {"amount": money(1)}, 409, "trade_state"),
    ("cancelled", "claim-settlements", {"amount": money(DEPOSIT + 1)}, 409, "claim_exceeded"),
    ("funded", "claim-settlements", {"amount": money(1)}, 409, "trade_state"),
    # Disputes by strangers, over more than there is, decided wrongly.
    ("funded", "disputes", lambda ids: dispute_body(ids) | {"role": "platform"}, 400, "not_a_disputant"),
    ("funded", "disputes", lambda ids: dispute_body(ids) | {"role": "seller"}, 400, "signer_without_role"),
    ("funded", "disputes", lambda ids: dispute_body(ids, DUE + 1), 409, "dispute_exceeds_escrow"),
    ("retained", "disputes", lambda ids: dispute_body(ids, RETAINED + 1), 409, "dispute_exceeds_escrow"),
    ("disputed", "disputes", dispute_body, 409, "trade_state"),
    ("disputed", "dispute-resolution", DECISION | {"role": "buyer"}, 400, "arbiter_required"),
    ("disputed", "dispute-resolution", DECISION | {"division": {"broker": 100}}, 400, "unknown_role"),
    ("disputed", "dispute-resolution", DECISION | {"division": {"buyer": -1, "seller": 101}}, 400, "amount_negative"),
    ("disputed", "dispute-resolution", DECISION | {"division": {"buyer": 99}}, 409, "resolution_does_not_add_up"),
    ("funded", "dispute-resolution", DECISION, 409, "trade_state"),
    # Endings and links out of state.
    ("funded", "agreement", {}, 409, "trade_state"),
    ("retained", "cancellation", {"fault": "none"}, 409, "trade_state"),
    ("cancelled", "cancellation", {"fault": "none"}, 409, "trade_state"),
    ("funded", "back-to-back", lambda ids: {"downstream_trade_id": ids["proved"]}, 409, "link_party_differs"),
]
"""At which stage, which command, with which body, and what it is refused with."""


@pytest.mark.parametrize(
    ("stage", "command", "body", "status", "code"),
    REFUSED,
    ids=[f"{number}-{command} {stage}: {code}" for number, (stage, command, _, _, code) in enumerate(REFUSED)],
)
def test_a_command_out_of_place_is_refused_by_its_rule(
    stage: str, command: str, body: dict[str, Any] | Body, status: int, code: str, market: Market
) -> None:
    content = body(market.ids) if callable(body) else body

    reply = market.web.post(f"/v1/trades/{market.ids[stage]}/{command}", content)

    assert_problem(reply, status, code)


def test_evidence_after_the_fact_and_a_second_release_are_refused(market: Market) -> None:
    """Of a trade that goes on: half of the price waits for the buyer's signature."""
    half = template_body("bad")["milestones"][0] | {"bps": 5000, "signers": [], "deemed_days": 0}
    last = {"name": "acceptance", "needs": ["delivery_note"], "signers": ["buyer"], "ends_in": "release"}
    market.web.made("/v1/trade-templates", template_body("halves", milestones=[half, last]))
    path = funded(market, "halved", template_id="halves")
    market.web.made(f"{path}/evidence", delivered())
    market.web.made(f"{path}/releases", DELIVERY)

    assert_problem(market.web.post(f"{path}/releases", DELIVERY), 409, "milestone_done")
    assert_problem(market.web.post(f"{path}/evidence", delivered()), 409, "evidence_twice")
    signature = signature_body(market.ids) | {"milestone": "acceptance"}
    market.web.made(f"{path}/signatures", signature)
    assert_problem(market.web.post(f"{path}/signatures", signature), 409, "signed_twice")


def test_a_share_beyond_the_escrow_is_refused(market: Market) -> None:
    """The freight that was agreed is more than the price."""
    split = [{"role": "seller", "kind": "fixed"}, {"role": "platform", "kind": "remainder"}]
    market.web.made("/v1/trade-templates", template_body("freight", split=split))
    deal = {"template_id": "freight", "fixed_shares": {"seller": DUE + 1}}
    body = {"currency": "CNY", "quantity_milli": 10_000, "unit_price_minor": 10_000}
    parties = {role: market.ids[role] for role in ("buyer", "seller")}

    reply = market.web.post("/v1/trades", deal | body | {"parties": parties})

    assert_problem(reply, range(400, 410), "split_exceeds_amount")


# ---- money by bank ---------------------------------------------------------------------------------------------------


def paid(market: Market, name: str, minor: int) -> None:
    """The bank tells of money for a trade, and it is booked."""
    before = market.bank_balance()
    market.pay_in(f"{name}-{before}", minor, market.web.read(f"/v1/trades/{market.ids[name]}")["terms"]["reference"])
    wait_for("the payment", lambda: market.bank_balance() == before + minor)


def under(market: Market, name: str, **rule: Any) -> str:
    """A trade under a template of its own with this funding rule; its path."""
    template = template_body(name, funding=rule, expiry={"funding_days": 1})
    market.web.made("/v1/trade-templates", template)
    return opened(market, name, template_id=name)


@pytest.mark.parametrize(
    ("rule", "minor", "state", "accepted"),
    [
        ({"over": "hold"}, DUE - 1, "deposited", DUE - 1),
        ({"over": "hold"}, DUE + 7, "funded", DUE),
        ({"over": "return"}, DUE + 7, "funded", DUE),
        ({"over": "accept", "over_tolerance_bps": 10}, DUE + 7, "funded", DUE + 7),
        ({"over": "accept", "over_tolerance_bps": 10}, DUE + 101, "funded", DUE),
        ({"short_tolerance_bps": 10}, DUE - 7, "funded", DUE - 7),
        ({"short_tolerance_bps": 10}, DUE - 101, "deposited", DUE - 101),
    ],
)
def test_a_payment_that_is_short_or_over_goes_by_the_templates_policy(
    rule: dict[str, Any], minor: int, state: str, accepted: int, market: Market
) -> None:
    name = f"pays-{minor}-{'-'.join(map(str, rule.values()))}"
    under(market, name, **rule)
    suspense = market.balance("suspense")

    paid(market, name, minor)

    trade = trade_of(market, name)
    assert (trade["state"], trade["funded_minor"]) == (state, accepted)
    assert market.balance("escrow", market.ids[name]) == accepted
    held = 0 if rule.get("over") == "return" else minor - accepted
    assert market.balance("suspense") - suspense == held
    assert market.is_balanced()


@pytest.mark.parametrize("policy", ["hold", "return"])
def test_a_payment_after_expiry_goes_by_the_templates_policy(
    policy: str, market: Market, local_stack: LocalStack, functions: Any
) -> None:
    dynamodb = local_stack.client("dynamodb")
    name, now = f"late-{policy}", clock.offset(dynamodb)
    clock.put_offset(dynamodb, now - round(timedelta(days=3).total_seconds()))
    try:
        path = under(market, name, late=policy)
    finally:
        clock.put_offset(dynamodb, now)
    clock.run_schedule(functions, "due", datetime.now(UTC) + timedelta(seconds=now))
    assert trade_of(market, name)["state"] == "expired"
    suspense = market.balance("suspense")

    paid(market, name, DUE)

    assert trade_of(market, name)["funded_minor"] == 0
    assert market.balance("suspense") - suspense == (DUE if policy == "hold" else 0)
    assert market.balance("escrow", market.ids[name]) == 0
    assert_problem(market.web.post(f"{path}/fundings", {"amount": money(1)}), 409, "trade_state")
    assert market.is_balanced()
