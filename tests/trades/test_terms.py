"""What a deal agrees on: kept from the template, refused in the order of its rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.core.money import MAX_MINOR
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.terms import OpenTrade
from tests.support.calls import MONDAY
from tests.trades.deals import FIXED_PRICE, STEEL, cny, opened


def refusal_of(command: OpenTrade, template_id: str = "steel") -> Refusal:
    with pytest.raises(Refusal) as refused:
        opened(command, template_id)
    return refused.value


def test_terms_keep_the_template_version_and_the_deal() -> None:
    terms, _ = opened()

    assert (terms.template_id, terms.template_version, terms.opened_at) == ("steel", 1, MONDAY)
    assert (terms.buyer_role, terms.buyer) == ("buyer", "pty_buyer")
    assert terms.provisional_amount == cny(182_500_000)
    assert [(share.role, share.kind, share.minor, share.bps) for share in terms.waterfall.shares] == [
        ("carrier", ShareKind.FIXED, 4_250_000, 0),
        ("platform", ShareKind.BPS, 0, 30),
        ("mill", ShareKind.REMAINDER, 0, 0),
    ]


def test_a_provisional_amount_is_rounded_half_to_even() -> None:
    terms, _ = opened(quantity_milli=1_500, unit_price_minor=4_250_001, fixed_shares={"carrier": 0})

    assert terms.provisional_amount == cny(6_375_002)


# A deal that breaks every rule, and how each is mended in turn: the rule told next is the next in order.
BROKEN = OpenTrade(
    currency="JPY",
    quantity_milli=0,
    unit_price_minor=0,
    parties={"smelter": "pty_1"},
    fixed_shares={"mill": 1},
    premium_minor=MAX_MINOR + 1,
)
MENDING: list[tuple[str, dict[str, Any]]] = [
    ("currency_not_allowed", {"currency": "CNY"}),
    ("quantity_not_positive", {"quantity_milli": MAX_MINOR + 1}),
    ("quantity_too_large", {"quantity_milli": 1}),
    ("price_not_positive", {"unit_price_minor": MAX_MINOR + 1}),
    ("amount_too_large", {"unit_price_minor": 1}),
    ("amount_too_large", {"premium_minor": 0}),
    ("unknown_role", {"parties": {"buyer": "pty_1", "mill": "pty_1"}}),
    ("party_missing", {"parties": {"buyer": "pty_1", "mill": "pty_1", "carrier": "pty_2"}}),
    ("buyer_is_receiver", {"parties": STEEL.parties}),
    ("unknown_share", {"fixed_shares": {}}),
    ("share_amount_missing", {"fixed_shares": {"carrier": -1}}),
    ("share_invalid", {"fixed_shares": {"carrier": 4_250_000}}),
    ("amount_not_positive", {"quantity_milli": 1_000, "unit_price_minor": 4_250_000}),
    ("split_exceeds_amount", {"unit_price_minor": 4_262_788}),
]


def test_refusals_come_in_the_order_of_their_rules() -> None:
    command, codes = BROKEN, []
    for _, mended in MENDING:
        codes.append(refusal_of(command).code)
        command = replace(command, **mended)

    assert codes == [code for code, _ in MENDING]
    assert opened(command)[0].provisional_amount == cny(4_262_788)


def test_a_premium_needs_an_index() -> None:
    assert refusal_of(replace(FIXED_PRICE, premium_minor=1), "fixed-price").code == "premium_without_index"


def test_refusals_name_the_field_and_the_role() -> None:
    no_carrier = {role: party for role, party in STEEL.parties.items() if role != "carrier"}

    missing = refusal_of(replace(STEEL, parties=no_carrier))
    both_sides = refusal_of(replace(STEEL, parties={**STEEL.parties, "mill": "pty_buyer"}))
    marketplace = refusal_of(replace(STEEL, parties={**STEEL.parties, "platform": "pty_1"}))

    assert missing.facts == {"field": "parties", "role": "carrier"}
    assert both_sides.facts == {"field": "parties", "role": "mill"}
    assert (marketplace.code, marketplace.facts["role"]) == ("unknown_role", "platform")


def test_an_amount_beyond_28_digits_is_refused() -> None:
    refusal = refusal_of(replace(STEEL, quantity_milli=MAX_MINOR, unit_price_minor=1_001))

    assert (type(refusal), refusal.code) == (InvalidInput, "amount_too_large")


def test_a_fixed_share_above_the_price_is_a_conflict() -> None:
    assert isinstance(refusal_of(replace(STEEL, fixed_shares={"carrier": 182_500_000})), Conflict)


def test_one_party_may_take_two_receiving_roles() -> None:
    terms, _ = opened(parties={"buyer": "pty_1", "mill": "pty_2", "carrier": "pty_2"})

    assert terms.parties["carrier"] == terms.parties["mill"]
