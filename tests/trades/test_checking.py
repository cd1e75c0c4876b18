"""Templates that do not add up: each rule with a template that breaks it alone, and which of two broken ones counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR
from chalicelib.splits.domain.fees import MOST_FEES, Fee
from chalicelib.splits.domain.waterfall import ShareKind, Tier
from chalicelib.trades.domain.checking import MOST_CURRENCIES, MOST_DEDUCTIONS, MOST_ROLES, check_template
from chalicelib.trades.domain.checking_milestones import MOST_MILESTONES, computed_from
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.template import (
    Base,
    Beyond,
    Deduction,
    DeductionKind,
    DeliveryRule,
    DepositKind,
    DepositRule,
    Direction,
    DisputeRule,
    Ending,
    ExpiryRule,
    FundingRule,
    Milestone,
    Part,
    PriceMode,
    PriceRule,
    QuantityMode,
    QuantityRule,
    RetentionRule,
    Role,
    SetOffRule,
    ShareRule,
    Stray,
    Taken,
    Template,
)
from tests.trades.sketches import AGREED, ROLES, SPLIT

Change = Callable[[Template], Template]

FIRST = Milestone("shipment", (EvidenceKind.BILL_OF_LADING,), Ending.RELEASE, bps=3_000)
LAST = Milestone(
    "arrival",
    (
        EvidenceKind.WEIGHT_NOTE,
        EvidenceKind.QUALITY_CERTIFICATE,
        EvidenceKind.INDEX_FIXINGS,
        EvidenceKind.EXCHANGE_RATE,
    ),
    Ending.FINAL_SETTLEMENT,
    after=("shipment",),
    signers=("buyer", "inspector"),
    signatures=1,
    deemed_days=5,
)
SOUND = replace(
    AGREED,
    calendar="LONDON",
    quantity=QuantityRule(
        "t", QuantityMode.WEIGHED, EvidenceKind.BILL_OF_LADING, tolerance_per_mille=5, delivery=DeliveryRule(500)
    ),
    price=PriceRule(PriceMode.QUOTATION_PERIOD, EvidenceKind.BILL_OF_LADING, 1, ("USD",)),
    deductions=(Deduction("moisture", DeductionKind.STEPS, standard_milli=14_000, step_milli=500, rate_bps=75),),
    milestones=(FIRST, LAST),
    fees=(Fee("platform", 10),),
    deposit=DepositRule(DepositKind.FORFEITABLE, 2_000),
    set_off=SetOffRule(5_000),
    retention=RetentionRule(500, 365, (ShareRule("mill", ShareKind.REMAINDER),)),
    dispute=DisputeRule(("buyer", "mill"), "platform"),
    expiry=ExpiryRule(7, 14, 90),
    funding=FundingRule(over=Stray.ACCEPT, over_tolerance_bps=10, top_up_days=5),
)
"""A template that uses every rule."""


def of(**changes: Any) -> Change:
    """A change of the template's own fields."""
    return lambda template: replace(template, **changes)


def within(name: str, /, **changes: Any) -> Change:
    """A change of one of its rules."""
    return lambda template: replace(template, **{name: replace(getattr(template, name), **changes)})


def among(name: str, place: int, /, **changes: Any) -> Change:
    """A change of one of several rules."""

    def change(template: Template) -> Template:
        rules = list(getattr(template, name))
        rules[place] = replace(rules[place], **changes)
        return replace(template, **{name: tuple(rules)})

    return change


def deduction(kind: DeductionKind, **fields: Any) -> Change:
    return of(deductions=(Deduction("moisture", kind, **fields),))


def share(role: str, kind: ShareKind = ShareKind.BPS, **fields: Any) -> ShareRule:
    return ShareRule(role, kind, **fields)


REST = share("mill", ShareKind.REMAINDER)
COPPER = {"base": Base.NET, "rate_bps": 9_650}
STEPS, LINEAR, DRY = DeductionKind.STEPS, DeductionKind.LINEAR, DeductionKind.DRY_MATTER
PAYABLE, REJECT = DeductionKind.PAYABLE_METAL, DeductionKind.REJECT

BROKEN: list[tuple[str, Change]] = [
    ("template_id_invalid", of(id="Steel")),
    ("template_id_invalid", of(id="steel/2")),
    ("template_id_invalid", of(id="x" * 41)),
    ("template_version_invalid", of(version=0)),
    ("template_title_missing", of(title=" ")),
    ("template_title_missing", of(title="x" * 141)),
    ("template_without_currency", of(currencies=())),
    ("unknown_currency", of(currencies=("CNY", "CNX"))),
    ("template_currency_twice", of(currencies=("CNY", "CNY"))),
    ("template_currency_twice", of(currencies=("CNY",) * (MOST_CURRENCIES + 1))),
    ("unknown_currency", within("price", currencies=("USX",))),
    ("template_currency_twice", within("price", currencies=("USD", "USD"))),
    ("template_price_currency_not_another", within("price", currencies=("USD", "CNY"))),
    ("unknown_calendar", of(calendar="Mars")),
    ("template_unit_missing", within("quantity", unit="")),
    ("template_tolerance_invalid", within("quantity", tolerance_per_mille=1_000)),
    ("template_tolerance_invalid", within("quantity", tolerance_per_mille=-1)),
    ("template_tolerance_invalid", within("quantity", mode=QuantityMode.METERED, document=None)),
    ("template_quantity_document_invalid", within("quantity", document=EvidenceKind.WEIGHT_NOTE)),
    ("template_quantity_document_invalid", within("quantity", document=EvidenceKind.DELIVERY_NOTE)),
    (
        "template_quantity_document_invalid",
        within("quantity", mode=QuantityMode.DOCUMENT, document=None, tolerance_per_mille=0),
    ),
    (
        "template_quantity_document_invalid",
        within("quantity", mode=QuantityMode.METERED, tolerance_per_mille=0),
    ),
    ("template_rounding_invalid", within("quantity", rounded_to_milli=0)),
    ("template_delivery_invalid", within("quantity", delivery=DeliveryRule(10_001))),
    ("template_delivery_invalid", within("quantity", delivery=DeliveryRule(-1))),
    ("template_delivery_invalid", within("quantity", delivery=DeliveryRule(500, under=Beyond.CUT))),
    ("template_delivery_invalid", of(quantity=QuantityRule("t", delivery=DeliveryRule(500)))),
    ("template_anchor_invalid", within("price", anchor=None)),
    ("template_anchor_invalid", within("price", mode=PriceMode.MONTH_AVERAGE, months_after=0)),
    ("template_months_invalid", within("price", months_after=25)),
    ("template_months_invalid", within("price", months_after=-1)),
    ("template_months_invalid", within("price", mode=PriceMode.INDEX_AVERAGE, anchor=None)),
    ("template_too_many_deductions", of(deductions=SOUND.deductions * (MOST_DEDUCTIONS + 1))),
    ("template_property_missing", among("deductions", 0, property="")),
    ("template_deduction_invalid", among("deductions", 0, step_milli=0)),
    ("template_deduction_invalid", among("deductions", 0, standard_milli=-1)),
    ("template_deduction_invalid", among("deductions", 0, most_milli=MAX_MINOR + 1)),
    ("template_deduction_invalid", among("deductions", 0, rate_bps=10_001)),
    ("template_deduction_invalid", among("deductions", 0, rate_bps=0)),
    ("template_deduction_invalid", among("deductions", 0, rate_minor=5)),
    ("template_deduction_invalid", deduction(LINEAR, rate_minor=5)),
    ("template_deduction_invalid", deduction(LINEAR, rate_bps=5, unit_milli=1)),
    ("template_deduction_invalid", deduction(STEPS, rate_bps=5, takes=Taken.PRICE, rounded_to_milli=1)),
    ("template_deduction_invalid", deduction(DRY, standard_milli=100_000)),
    ("template_deduction_invalid", deduction(DRY, rate_bps=1)),
    ("template_deduction_invalid", deduction(DRY, adds=True)),
    ("template_deduction_invalid", deduction(DRY, direction=Direction.UNDER)),
    ("template_deduction_invalid", deduction(DRY, takes=Taken.PRICE)),
    ("template_deduction_invalid", deduction(PAYABLE, rate_bps=9_650)),
    ("template_deduction_invalid", deduction(PAYABLE, base=Base.NET)),
    ("template_deduction_invalid", deduction(PAYABLE, **COPPER, standard_milli=1)),
    ("template_deduction_invalid", deduction(PAYABLE, **COPPER, adds=True)),
    ("template_deduction_invalid", deduction(PAYABLE, **COPPER, takes=Taken.PRICE)),
    ("template_deduction_invalid", deduction(REJECT, rate_bps=1)),
    ("template_deduction_invalid", deduction(REJECT, most_milli=1)),
    (
        "template_too_many_roles",
        of(roles=(*ROLES, *(Role(f"role {i}", "A role", Part.WITNESS) for i in range(MOST_ROLES)))),
    ),
    ("template_role_name_invalid", among("roles", 2, name="kept")),
    ("template_role_name_invalid", among("roles", 2, name="a/b")),
    ("template_role_name_invalid", among("roles", 2, name="")),
    ("template_role_name_invalid", among("roles", 2, title="")),
    ("template_role_twice", among("roles", 2, name="mill")),
    ("template_needs_one_buyer", among("roles", 0, part=Part.WITNESS)),
    ("template_needs_one_buyer", among("roles", 2, part=Part.BUYER)),
    ("template_needs_one_seller", among("roles", 1, part=Part.RECEIVER)),
    ("template_needs_one_seller", among("roles", 2, part=Part.SELLER)),
    ("template_marketplace_twice", among("roles", 2, part=Part.MARKETPLACE)),
    ("template_role_currency_invalid", among("roles", 0, paid_in_price_currency=True)),
    ("template_role_currency_invalid", among("roles", 4, paid_in_price_currency=True)),
    ("template_split_role_unknown", among("split", 2, role="smelter")),
    ("template_split_role_unknown", among("split", 2, role="buyer")),
    ("template_split_role_unknown", among("split", 2, role="inspector")),
    ("template_split_role_unknown", of(split=(share("", ShareKind.REMAINDER, shares=(share("nobody"),)),))),
    ("share_invalid", among("split", 0, cap_minor=5)),
    ("share_invalid", among("split", 1, bps=10_001)),
    ("tiers_invalid", of(split=(share("carrier", ShareKind.TIERED, tiers=(Tier(5, 1),)), REST))),
    ("split_empty", of(split=())),
    ("split_role_twice", of(split=(*SPLIT, share("carrier", bps=1)))),
    ("split_two_remainders", of(split=(*SPLIT[:2], REST, share("carrier", ShareKind.REMAINDER))[1:])),
    ("split_over_whole", of(split=(share("carrier", bps=9_999), share("platform", bps=2), REST))),
    ("split_leaves_rest", of(split=SPLIT[:2])),
    (
        "split_two_remainders",
        of(split=(share("", ShareKind.REMAINDER, shares=(REST, share("carrier", ShareKind.REMAINDER))),)),
    ),
    ("template_split_role_unknown", among("milestones", 0, split=(share("smelter", ShareKind.REMAINDER),))),
    ("split_leaves_rest", among("milestones", 0, split=(share("mill", bps=9_999),))),
    ("template_split_role_unknown", within("retention", split=(share("kept", ShareKind.REMAINDER),))),
    ("split_leaves_rest", within("retention", split=(share("mill", bps=9_999),))),
    ("template_too_many_fees", of(fees=(Fee("platform", 1),) * (MOST_FEES + 1))),
    ("template_fee_role_unknown", of(fees=(Fee("bank", 10),))),
    ("template_fee_role_unknown", of(fees=(Fee("buyer", 10),))),
    ("template_fee_role_unknown", of(fees=(Fee("platform", 10, borne_by="inspector"),))),
    ("template_fees_over_whole", of(fees=(Fee("platform", 9_000), Fee("carrier", 1_001)))),
    (
        "template_fee_bearer_without_share",
        among("milestones", 0, split=(share("carrier", ShareKind.REMAINDER),)),
    ),
    ("template_needs_milestone", of(milestones=())),
    (
        "template_too_many_milestones",
        of(milestones=tuple(replace(FIRST, name=f"m{i}", bps=1) for i in range(MOST_MILESTONES + 1))),
    ),
    ("template_milestone_name_invalid", among("milestones", 0, name="ship/ment")),
    ("template_milestone_name_invalid", among("milestones", 0, title=" ")),
    ("template_milestone_twice", among("milestones", 0, name="arrival")),
    ("template_milestone_unknown", among("milestones", 0, after=("departure",))),
    ("template_milestone_unreachable", among("milestones", 0, after=("arrival",))),
    ("template_milestone_unreachable", among("milestones", 1, after=("arrival",))),
    ("template_signer_unknown", among("milestones", 1, signers=("buyer", "notary"))),
    ("template_signer_unknown", among("milestones", 1, signers=("buyer", "platform"))),
    ("template_signer_twice", among("milestones", 1, signers=("buyer", "buyer"))),
    ("template_signatures_invalid", among("milestones", 1, signatures=3)),
    ("template_signatures_invalid", among("milestones", 1, signatures=-1)),
    ("template_deemed_days_invalid", among("milestones", 0, deemed_days=1)),
    ("template_deemed_days_invalid", among("milestones", 1, deemed_days=-1)),
    ("template_deemed_days_invalid", among("milestones", 1, deemed_days=3_651)),
    ("template_needs_invalid", among("milestones", 0, needs=(EvidenceKind.BILL_OF_LADING,) * 2)),
    ("template_needs_invalid", among("milestones", 0, needs=(EvidenceKind.RECALL_NOTICE,))),
    ("template_milestone_without_proof", among("milestones", 0, needs=())),
    ("template_milestone_share_invalid", among("milestones", 0, bps=-1)),
    ("template_milestone_share_invalid", among("milestones", 0, bps=10_001)),
    ("template_milestones_over_whole", among("milestones", 0, bps=10_000)),
    ("template_milestones_over_whole", among("milestones", 1, bps=7_001)),
    ("template_two_last_milestones", among("milestones", 0, bps=0)),
    ("template_milestones_leave_rest", among("milestones", 1, bps=6_999)),
    ("template_two_final_settlements", among("milestones", 0, ends_in=Ending.FINAL_SETTLEMENT)),
    ("template_evidence_does_not_fix_terms", among("milestones", 1, ends_in=Ending.RELEASE)),
    (
        "template_evidence_does_not_fix_terms",
        of(quantity=QuantityRule("t"), price=PriceRule(), deductions=()),
    ),
    ("template_evidence_does_not_fix_terms", among("milestones", 1, needs=LAST.needs[:-1])),
    ("template_evidence_does_not_fix_terms", among("milestones", 1, needs=LAST.needs[1:])),
    ("template_evidence_does_not_fix_terms", among("milestones", 1, after=())),
    ("template_deposit_invalid", within("deposit", bps=0)),
    ("template_deposit_invalid", within("deposit", bps=10_001)),
    ("template_deposit_over_20_percent", within("deposit", bps=2_001)),
    ("template_retention_invalid", within("retention", bps=0)),
    ("template_retention_invalid", within("retention", bps=10_000)),
    ("template_retention_invalid", within("retention", days=0)),
    ("template_retention_invalid", within("retention", days=3_651)),
    ("template_retention_over_last_milestone", within("retention", bps=7_001)),
    ("template_set_off_invalid", of(set_off=SetOffRule(0))),
    ("template_set_off_invalid", of(set_off=SetOffRule(10_001))),
    ("template_dispute_role_unknown", within("dispute", by=("buyer", "notary"))),
    ("template_dispute_role_unknown", within("dispute", by=("platform",))),
    ("template_dispute_role_unknown", within("dispute", by=())),
    ("template_arbiter_unknown", within("dispute", arbiter="notary")),
    ("template_arbiter_is_a_side", within("dispute", arbiter="buyer")),
    ("template_arbiter_is_a_side", within("dispute", by=("buyer",), arbiter="mill")),
    ("template_expiry_invalid", within("expiry", draft_days=-1)),
    ("template_expiry_invalid", within("expiry", funding_days=3_651)),
    ("template_expiry_invalid", within("expiry", performance_days=-1)),
    ("template_funding_tolerance_invalid", within("funding", over_tolerance_bps=10_001)),
    ("template_funding_tolerance_invalid", within("funding", short_tolerance_bps=-1)),
    ("template_funding_tolerance_invalid", within("funding", over=Stray.RETURN)),
    ("template_funding_tolerance_invalid", within("funding", over_tolerance_bps=0)),
    ("template_late_money_accepted", within("funding", late=Stray.ACCEPT)),
    ("template_top_up_days_invalid", within("funding", top_up_days=-1)),
]
NAMES = [f"{i}-{code}" for i, (code, _) in enumerate(BROKEN)]


def code_of(template: Template) -> str:
    with pytest.raises(InvalidInput) as refused:
        check_template(template)
    return refused.value.code


def test_a_template_that_uses_every_rule_passes() -> None:
    used = {one.name for one in fields(SOUND) if getattr(SOUND, one.name)}

    check_template(SOUND)
    assert used == {one.name for one in fields(SOUND)} - {"accepts"}


@pytest.mark.parametrize(("code", "change"), BROKEN, ids=NAMES)
def test_a_template_that_does_not_add_up_is_refused_by_its_rule(code: str, change: Change) -> None:
    assert code_of(change(SOUND)) == code


IN_ORDER: list[tuple[str, Change]] = [
    ("template_id_invalid", of(id="Steel")),
    ("template_version_invalid", of(version=0)),
    ("template_title_missing", of(title="")),
    ("unknown_currency", of(currencies=("CNX",))),
    ("template_currency_twice", within("price", currencies=("USD", "USD"))),
    ("unknown_calendar", of(calendar="Mars")),
    ("template_unit_missing", within("quantity", unit="")),
    ("template_tolerance_invalid", within("quantity", tolerance_per_mille=-1)),
    ("template_quantity_document_invalid", within("quantity", document=EvidenceKind.WEIGHT_NOTE)),
    ("template_rounding_invalid", within("quantity", rounded_to_milli=0)),
    ("template_delivery_invalid", within("quantity", delivery=DeliveryRule(-1))),
    ("template_anchor_invalid", within("price", anchor=None)),
    ("template_months_invalid", within("price", months_after=-1)),
    ("template_property_missing", among("deductions", 0, property="")),
    ("template_deduction_invalid", among("deductions", 0, step_milli=0)),
    ("template_role_name_invalid", among("roles", 3, title="")),
    ("template_role_twice", among("roles", 3, name="platform")),
    ("template_needs_one_buyer", among("roles", 0, part=Part.WITNESS)),
    ("template_needs_one_seller", among("roles", 1, part=Part.WITNESS)),
    ("template_marketplace_twice", among("roles", 3, part=Part.MARKETPLACE)),
    ("template_role_currency_invalid", among("roles", 4, paid_in_price_currency=True)),
    ("template_split_role_unknown", among("split", 1, role="smelter")),
    ("share_invalid", among("split", 0, cap_minor=5)),
    ("split_leaves_rest", among("milestones", 0, split=(share("mill", bps=9_999),))),
    ("template_fee_role_unknown", of(fees=(Fee("bank", 10_000, borne_by="mill"), Fee("platform", 1)))),
    ("template_fees_over_whole", of(fees=(Fee("carrier", 10_000, borne_by="mill"), Fee("platform", 1)))),
    ("template_milestone_name_invalid", among("milestones", 0, title=" ")),
    ("template_milestone_unknown", among("milestones", 1, after=("departure",))),
    ("template_milestone_unreachable", among("milestones", 0, after=("shipment",))),
    ("template_signer_unknown", among("milestones", 1, signers=("notary", "notary"))),
    ("template_signer_twice", among("milestones", 1, signers=("buyer", "buyer"))),
    ("template_signatures_invalid", among("milestones", 1, signatures=-1)),
    ("template_deemed_days_invalid", among("milestones", 1, deemed_days=-1)),
    ("template_needs_invalid", among("milestones", 1, needs=(EvidenceKind.BILL_OF_LADING,) * 2)),
    ("template_milestone_share_invalid", among("milestones", 1, bps=-1)),
    ("template_two_final_settlements", among("milestones", 0, ends_in=Ending.FINAL_SETTLEMENT)),
    ("template_deposit_over_20_percent", within("deposit", bps=2_001)),
    ("template_retention_invalid", within("retention", days=0)),
    ("template_dispute_role_unknown", within("dispute", by=())),
    ("template_arbiter_unknown", within("dispute", arbiter="notary")),
    ("template_expiry_invalid", within("expiry", draft_days=-1)),
    ("template_funding_tolerance_invalid", within("funding", short_tolerance_bps=-1)),
    ("template_late_money_accepted", within("funding", late=Stray.ACCEPT)),
    ("template_top_up_days_invalid", within("funding", top_up_days=-1)),
]


@pytest.mark.parametrize("place", range(len(IN_ORDER)), ids=[code for code, _ in IN_ORDER])
def test_of_many_broken_rules_the_first_is_told(place: int) -> None:
    template = SOUND
    for _, change in reversed(IN_ORDER[place:]):
        template = change(template)

    assert code_of(template) == IN_ORDER[place][0]


@pytest.mark.parametrize(
    "change",
    [
        deduction(DRY, standard_milli=0),
        deduction(DRY, direction=Direction.UNDER, adds=True),
        deduction(PAYABLE, **COPPER, unit_milli=1_000),
        deduction(REJECT, standard_milli=20),
        deduction(LINEAR, rate_minor=5, takes=Taken.PRICE),
        of(quantity=QuantityRule("t", QuantityMode.DOCUMENT, EvidenceKind.WEIGHT_NOTE)),
        of(milestones=(replace(FIRST, bps=3_000), replace(LAST, bps=7_000))),
        of(milestones=(replace(LAST, needs=(EvidenceKind.BILL_OF_LADING, *LAST.needs), after=()),)),
        of(milestones=(LAST, FIRST)),
        within("deposit", kind=DepositKind.REFUNDABLE, bps=10_000),
        within("retention", bps=7_000, split=()),
        among("milestones", 0, split=(share("kept", ShareKind.BPS, bps=100), REST)),
        of(fees=(Fee("platform", 10, payer_bps=10_000),)),
        within("dispute", arbiter="inspector"),
        of(deposit=None, retention=None, dispute=None, expiry=ExpiryRule(), funding=FundingRule()),
        of(split=(share("carrier", ShareKind.CAPPED, bps=100, cap_minor=5), REST)),
        of(split=(share("mill", bps=10_000),)),
        of(split=(share("group", ShareKind.REMAINDER, shares=(share("carrier", bps=100), REST)),)),
    ],
)
def test_what_lies_within_the_rules_passes(change: Change) -> None:
    check_template(change(SOUND))


def test_a_refusal_says_where_and_what() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_template(among("milestones", 1, signers=("buyer", "notary"))(SOUND))

    assert refused.value.facts == {"field": "milestones[1].signers", "milestone": "arrival", "roles": ["notary"]}


def test_the_final_amount_is_computed_from_these_documents() -> None:
    assert computed_from(AGREED) == set()
    assert computed_from(SOUND) == {EvidenceKind.BILL_OF_LADING, *LAST.needs}
