"""What a deal would come to: the worked numbers of every industry, played through without a trade being there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.ledger.exchange import Rate
from chalicelib.splits.domain.fees import Fee
from chalicelib.trades.deal_bodies import DealBody, deal_of
from chalicelib.trades.documents import EvidenceBody, document_of
from chalicelib.trades.domain.evidence import Document, EvidenceKind, kind_of
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.preview import Course, Preview, preview
from chalicelib.trades.domain.template import (
    DepositKind,
    DepositRule,
    Ending,
    Milestone,
    PriceMode,
    PriceRule,
    QuantityMode,
    QuantityRule,
    RetentionRule,
    Template,
)
from chalicelib.trades.domain.terms import Lot, OpenTrade
from chalicelib.trades.template_bodies import TemplateBody, template_of
from chalicelib.trades.templates import find_template
from chalicelib.web.parse import convert
from infra import scenarios
from tests.support.api import Api, Reply, signing, token_for
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching
from tests.trades.papers import delivery_note, exchange_rate, index_fixings, recall_notice, weight_note
from tests.trades.sketches import AGREED, DEAL

AFTERWARDS = datetime(2027, 6, 1, tzinfo=UTC)
"""An instant after every document of the scenarios."""

MOST_CALLS = 50_000
"""Of one preview. Most make 5,000 to 20,000, in 1 to 4 milliseconds of CPU on a common machine; comparing calendars
that are equal and not the same adds as many."""

STEEL = replace(DEAL, fixed_shares={"carrier": 4_250_000}, premium_minor=1_500, parties={})
NOTES = (weight_note(), index_fixings())


@dataclass(frozen=True)
class Told:
    """A deal of a scenario: its template, its documents, what the scenario says its settlements come to, and whether it
    refuses the goods."""

    name: str
    template: Template
    deal: OpenTrade
    documents: tuple[Document, ...]
    finals: tuple[int, ...]
    rejected: bool

    def preview(self) -> Preview:
        return preview(self.template, self.deal, self.documents, now=AFTERWARDS)


def told() -> Iterator[Told]:
    """Every deal that the scenarios open, with the evidence they give."""
    for path in sorted(scenarios.FOLDER.glob("*.toml")):
        steps = scenarios.load(path).steps
        for opening in steps:
            if opening.call == "POST /v1/trades" and not opening.refused:
                yield deal_told(f"{path.stem}-{opening.name}", opening, steps)


def deal_told(name: str, opening: Any, steps: Any) -> Told:
    place = f"POST /v1/trades/${opening.name}/"
    own = [step for step in steps if step.call.startswith(place)]
    done = [step for step in own if not step.refused]
    body = {key: value for key, value in opening.body.items() if key in DealBody.__struct_fields__ and key != "parties"}
    documents = [document_of(convert(step.body, EvidenceBody).document) for step in done if "evidence" in step.call]
    finals = [step.expect.get("final_amount_minor") for step in done if step.call == f"{place}final-settlement"]
    return Told(
        name,
        template_told(opening.body["template_id"], steps),
        deal_of(convert(body, DealBody)),
        tuple(documents),
        tuple(dict.fromkeys(final for final in finals if final is not None)),
        rejected="quality_rejected" in {step.refused for step in own},
    )


def template_told(template_id: str, steps: Any) -> Template:
    """The template that a scenario publishes under an id, or the house's."""
    for step in steps:
        if step.call == "POST /v1/trade-templates" and step.body.get("id") == template_id and not step.refused:
            return template_of(convert(step.body, TemplateBody), step.body)
    return find_template(template_id)


DEALS = tuple(told())
SETTLED = [one for one in DEALS if not one.rejected]


def course(previewed: Preview) -> Course:
    assert previewed.final is not None
    return previewed.final


def lines_of(previewed: Preview) -> list[Line]:
    return [line for step in previewed.final.steps for line in step.lines] if previewed.final else []


def refusal_of(template: Any, deal: OpenTrade, *documents: Document) -> Refusal:
    with pytest.raises(Refusal) as refused:
        preview(template, deal, documents, now=MONDAY)
    return refused.value


# The industries


@pytest.mark.parametrize("deal", SETTLED, ids=lambda deal: deal.name)
def test_a_deal_of_an_industry_comes_to_what_its_scenario_says(deal: Told) -> None:
    previewed = deal.preview()

    settled = {line.result["amount_minor"] for line in lines_of(previewed) if line.step == "amount"}
    called_back = {0} if "recall_notice" in {kind_of(document).value for document in deal.documents} else set()
    assert not deal.documents or set(deal.finals) <= settled | called_back
    assert_adds_up(previewed)


@pytest.mark.parametrize("deal", [one for one in DEALS if one.rejected], ids=lambda deal: deal.name)
def test_goods_that_a_scenario_rejects_are_rejected(deal: Told) -> None:
    with pytest.raises(Conflict) as refused:
        deal.preview()

    assert refused.value.code == "quality_rejected"


def assert_adds_up(previewed: Preview) -> None:
    """What the buyer pays in all is what roles get and what it gets back."""
    for one in (previewed.agreed, previewed.final):
        if one is not None:
            paid = previewed.due_minor + one.top_up_minor
            assert paid == sum(one.shares.values()) + one.refund_minor
            assert sum(one.shares.values()) == sum(sum(step.shares.values()) for step in one.steps)


@pytest.mark.parametrize("deal", SETTLED, ids=lambda deal: deal.name)
def test_a_preview_makes_a_bounded_number_of_calls(deal: Told) -> None:
    deal.preview()

    assert calls_of(deal.preview) <= MOST_CALLS


def calls_of(work: Callable[[], object]) -> int:
    """How many functions, Python's own included, one run of `work` calls: its cost whatever machine it runs on."""
    called = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal called
        called += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return called


# Steel, by the worked numbers


def test_steel_is_computed_from_its_provisional_price_to_the_refund() -> None:
    previewed = preview(find_template("steel"), STEEL, NOTES, now=MONDAY)

    final = course(previewed)
    assert (previewed.price_minor, previewed.due_minor, previewed.currency) == (182_500_000, 182_500_000, "CNY")
    assert (final.price_minor, final.refund_minor, final.top_up_minor) == (181_537_976, 962_024, 0)
    assert final.shares == {"carrier": 4_250_000, "platform": 544_613, "mill": 176_743_363}
    assert [line.step for line in final.steps[0].lines[:4]] == ["quantity", "unit_price", "amount", "difference"]
    assert previewed.agreed.shares == {"carrier": 4_250_000, "platform": 547_500, "mill": 177_702_500}


def test_a_final_amount_above_the_provisional_one_is_added_by_the_buyer() -> None:
    final = course(preview(find_template("steel"), STEEL, (weight_note(510_000), index_fixings()), now=MONDAY))

    assert (final.price_minor, final.top_up_minor, final.refund_minor) == (185_793_000, 3_293_000, 0)
    assert final.steps[0].top_up_minor == 3_293_000


def test_without_documents_a_deal_is_computed_as_it_was_agreed() -> None:
    previewed = preview(find_template("steel"), STEEL, (), now=MONDAY)

    assert previewed.final is None
    assert previewed.agreed.price_minor == 182_500_000
    assert [step.milestone for step in previewed.agreed.steps] == ["delivery"]


# Every rule at once


FIRST = Milestone("shipment", (EvidenceKind.DELIVERY_NOTE,), Ending.RELEASE, bps=3_000)
LAST = Milestone(
    "arrival",
    (EvidenceKind.WEIGHT_NOTE,),
    Ending.FINAL_SETTLEMENT,
    after=("shipment",),
    signers=("buyer", "inspector"),
    deemed_days=5,
)
FULL = replace(
    AGREED,
    quantity=QuantityRule("t", QuantityMode.WEIGHED),
    milestones=(LAST, FIRST),
    fees=(Fee("platform", 100, payer_bps=5_000),),
    deposit=DepositRule(DepositKind.REFUNDABLE, 1_000),
    retention=RetentionRule(500, 365),
)
ROUND = replace(DEAL, quantity_milli=100_000, unit_price_minor=100_000)
"""100 t at 1,000.00 CNY: 100,000.00."""


def test_milestones_fees_deposit_and_retention_are_computed() -> None:
    previewed = preview(FULL, ROUND, (weight_note(90_000),), now=MONDAY)

    final = course(previewed)
    assert (previewed.price_minor, previewed.due_minor, previewed.deposit_minor) == (10_000_000, 10_050_000, 1_000_000)
    assert (final.price_minor, final.retained_minor) == (9_000_000, 450_000)
    # 10,000.00 less are owed, and the half of one per cent on top of them.
    assert final.refund_minor == 1_005_000
    assert final.fees == {"platform": 90_000}
    assert [step.milestone for step in final.steps] == ["shipment", "arrival", "retention"]
    assert [step.retained_minor for step in final.steps] == [0, 450_000, 0]
    assert final.steps[2].shares == {"mill": 450_000}
    assert sum(final.steps[0].shares.values()) == 3_000_000 + 15_000
    assert_adds_up(previewed)


def test_a_lot_that_is_called_back_is_refunded() -> None:
    by_lot = replace(
        AGREED, milestones=(replace(AGREED.milestones[0], per_lot=True),), accepts=(EvidenceKind.RECALL_NOTICE,)
    )
    deal = replace(ROUND, lots=(Lot("A1", 40_000), Lot("B2", 60_000)))

    final = course(preview(by_lot, deal, (delivery_note("B2"), recall_notice("A1")), now=MONDAY))

    assert (final.refund_minor, sum(final.shares.values())) == (4_000_000, 6_000_000)


def test_prices_in_another_currency_have_their_rate() -> None:
    template = replace(
        FULL,
        price=PriceRule(PriceMode.AGREED, currencies=("USD",)),
        milestones=(FIRST, replace(LAST, needs=(*LAST.needs, EvidenceKind.EXCHANGE_RATE))),
    )
    deal = replace(ROUND, price_currency="USD", rate=Rate(7, 1))

    previewed = preview(template, deal, (weight_note(100_000), exchange_rate()), now=MONDAY)

    assert (previewed.price_minor, course(previewed).price_minor) == (70_000_000, 71_234_000)
    assert (previewed.agreed.rate, course(previewed).rate) == (Rate(7, 1), Rate(71_234, 10_000))


@pytest.mark.parametrize(
    ("kind", "code", "documents"),
    [
        (InvalidInput, "quantity_not_positive", (weight_note(0),)),
        (InvalidInput, "unit_mismatch", (weight_note(unit="kg"),)),
        (InvalidInput, "evidence_not_wanted", (recall_notice(),)),
        (InvalidInput, "unknown_lot", (weight_note(lot="A1"),)),
        (Conflict, "evidence_twice", (weight_note(), weight_note())),
        (Conflict, "evidence_contradicts", (weight_note(), weight_note(1))),
        (Conflict, "evidence_missing", (delivery_note(),)),
    ],
)
def test_documents_are_refused_as_they_would_be_of_a_trade(
    kind: type[Refusal], code: str, documents: tuple[Document, ...]
) -> None:
    refusal = refusal_of(FULL, ROUND, *documents)

    assert (type(refusal), refusal.code) == (kind, code)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("currency_not_allowed", {"currency": "EUR"}),
        ("quantity_not_positive", {"quantity_milli": 0}),
        ("unknown_role", {"parties": {"notary": "pty_n"}}),
        ("buyer_is_receiver", {"parties": {"buyer": "pty_a", "mill": "pty_a"}}),
        ("share_amount_missing", {"fixed_shares": {}}),
        ("split_exceeds_amount", {"fixed_shares": {"carrier": 10**9}}),
    ],
)
def test_a_deal_is_refused_as_it_would_be_when_opened(code: str, changes: dict[str, Any]) -> None:
    assert refusal_of(FULL, replace(ROUND, **changes)).code == code


@given(
    st.integers(1, 10**7),
    st.integers(1, 10**6),
    st.integers(1, 10**7),
    st.integers(0, 2_000),
    st.integers(0, 10_000),
    st.integers(1, 2_000),
)
def test_whatever_a_deal_comes_to_adds_up(
    agreed: int, unit_price: int, weighed: int, fee_bps: int, payer_bps: int, retained_bps: int
) -> None:
    template = replace(
        FULL,
        fees=(Fee("platform", fee_bps, payer_bps),),
        retention=RetentionRule(retained_bps, 30),
        milestones=(replace(LAST, after=()),),
    )
    deal = replace(ROUND, quantity_milli=agreed, unit_price_minor=unit_price)

    try:
        previewed = preview(template, deal, (weight_note(weighed),), now=MONDAY)
    except (Conflict, InvalidInput) as refused:
        assert refused.code in {"amount_not_positive", "fee_exceeds_share", "nothing_to_release"}
        return

    assert_adds_up(previewed)


# Over HTTP


@pytest.fixture
def api(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    with signing():
        yield Api(app, token_for("ten_preview", "trades:read"))


BODY: dict[str, Any] = {
    "deal": {
        "currency": "CNY",
        "quantity_milli": 500_000,
        "unit_price_minor": 365_000,
        "premium_minor": 1_500,
        "fixed_shares": {"carrier": 4_250_000},
    },
    "evidence": [
        {
            "document": {
                "type": "weight_note",
                "unit": "t",
                "quantity_milli": 498_320,
                "document_reference": "WB-1",
                "issued_at": "2026-03-02T09:00:00Z",
            }
        },
        {
            "document": {
                "type": "index_fixings",
                "index": "Rebar",
                "currency": "CNY",
                "fixings": [{"date": "2026-03-02", "minor": 362_800}],
            }
        },
    ],
}


def asked(api: Api, body: dict[str, Any], template_id: str = "steel") -> Reply:
    return api.post(f"/v1/trade-templates/{template_id}/preview", body)


def test_a_preview_needs_no_key_and_books_nothing(api: Api) -> None:
    with watching() as calls:
        reply = asked(api, BODY)

    assert (reply.status, calls.operations) == (200, ["dynamodb.BatchGetItem"])
    assert reply.body["template_id"] == "steel"
    assert (reply.body["due_minor"], reply.body["price_minor"]) == (182_500_000, 182_500_000)
    final = reply.body["final"]
    assert (final["price_minor"], final["refund_minor"], final["rate"]) == (181_537_976, 962_024, None)
    assert final["shares_minor"] == {"carrier": 4_250_000, "platform": 544_613, "mill": 176_743_363}
    assert final["steps"][0]["lines"][0] == {
        "step": "quantity",
        "rule": "weighed_beyond_tolerance",
        "inputs": {
            "agreed_milli": 500_000,
            "weighed_milli": 498_320,
            "difference_milli": -1_680,
            "tolerance_per_mille": 3,
            "evidence_id": "sample-1",
        },
        "result": {"quantity_milli": 498_320},
        "lot": "",
    }


def changed(**changes: Any) -> dict[str, Any]:
    """The body with changes to the deal."""
    return BODY | {"deal": BODY["deal"] | changes}


def with_note(**changes: Any) -> dict[str, Any]:
    """The body with changes to its weight note."""
    told_again = json.loads(json.dumps(BODY))
    told_again["evidence"][0]["document"] |= changes
    return dict(told_again)


@pytest.mark.parametrize(
    ("status", "code", "field", "body"),
    [
        (400, "invalid_field", "deal", {}),
        (400, "invalid_field", "deal.quantity_milli", changed(quantity_milli="1")),
        (400, "invalid_field", "deal.colour", changed(colour="red")),
        (400, "invalid_field", "deal.draft", changed(draft=True)),
        (400, "float_not_allowed", "deal.premium_minor", changed(premium_minor=0.5)),
        (400, "invalid_field", "deal.lots[0].name", changed(lots=[{"name": "", "quantity_milli": 1}])),
        (400, "invalid_date", "window.first", changed(window={"first": "x", "last": "y"})),
        (400, "invalid_rate", None, changed(rate={"numerator": 0, "denominator": 1})),
        (400, "invalid_field", "evidence[0].document.type", with_note(type="letter")),
        (400, "invalid_instant", "evidence[0].document.issued_at", with_note(issued_at="now")),
        (400, "issued_in_future", "evidence[0].document.issued_at", with_note(issued_at="9999-03-02T09:00:00Z")),
        (400, "quantity_not_positive", "evidence[0].document.quantity_milli", with_note(quantity_milli=0)),
        (400, "unit_mismatch", "evidence[0].document.unit", with_note(unit="kg")),
        (400, "currency_not_allowed", "currency", changed(currency="XOF")),
        (404, "template_not_found", None, BODY | {"version": 99}),
        (409, "evidence_missing", None, BODY | {"evidence": BODY["evidence"][1:]}),
        (409, "evidence_twice", "evidence[1]", BODY | {"evidence": BODY["evidence"][:1] * 2}),
    ],
)
def test_what_cannot_be_previewed_is_refused_by_field(
    api: Api, status: int, code: str, field: str | None, body: dict[str, Any]
) -> None:
    reply = asked(api, body)

    assert (reply.status, reply.code, reply.body.get("field")) == (status, code, field)


def test_a_template_that_is_not_there_is_not_found(api: Api) -> None:
    assert asked(api, BODY, "brass").status == 404
