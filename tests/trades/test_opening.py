"""What a deal must say under its template: kept from the template, refused in the order of its rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.core.money import MAX_MINOR
from chalicelib.ledger.exchange import Rate
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.opening import LONGEST_NAME, MOST_LOTS
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import ExpiryRule, PriceMode, PriceRule, ShareRule, Template
from chalicelib.trades.domain.terms import Lot, OpenTrade, Terms, Window
from tests.support.calls import MONDAY, over
from tests.trades.deals import FIXED_PRICE, STEEL, cny, opened
from tests.trades.lives import Life, refusal_of
from tests.trades.works import ACCEPTANCE, DEAL, LOTS, SPLIT, START, THREE, WORKS

DAY = MONDAY.date()
MONTHLY = replace(WORKS, price=PriceRule(PriceMode.MONTH_AVERAGE, currencies=("USD", "CNY")))
"""At the average of a month, priced in dollars or yuan."""


def refused(command: OpenTrade, template: str | Template = "steel") -> Refusal:
    return refusal_of(opened, command, template)


def test_terms_keep_the_template_version_and_the_deal() -> None:
    terms, trade = opened()

    assert (terms.template.id, terms.template.version, terms.opened_at) == ("steel", 1, MONDAY)
    assert (terms.template.buyer, terms.buyer, terms.seller) == ("buyer", "pty_buyer", "pty_mill")
    assert (terms.currency, terms.price_currency) == ("CNY", "CNY")
    assert terms.provisional_price == terms.due == cny(182_500_000)
    assert (trade.state, trade.due_minor, trade.price_minor) == (State.AGREED, 182_500_000, 182_500_000)
    assert (trade.outstanding, trade.held) == (cny(182_500_000), cny(0))


def test_the_split_has_the_amounts_of_the_deal() -> None:
    terms, _ = opened()

    assert [(share.role, share.kind, share.minor, share.bps) for share in terms.waterfall().shares] == [
        ("carrier", ShareKind.FIXED, 4_250_000, 0),
        ("platform", ShareKind.BPS, 0, 30),
        ("mill", ShareKind.REMAINDER, 0, 0),
    ]


def test_fees_that_the_buyer_bears_are_due_on_top_of_the_price() -> None:
    terms, trade = opened(DEAL, WORKS)

    assert (terms.provisional_price, terms.due, terms.deposit) == (cny(10_000_000), cny(10_050_000), cny(2_000_000))
    assert (trade.price_minor, trade.due_minor) == (10_000_000, 10_050_000)


def test_lots_are_summed_at_their_own_prices() -> None:
    lots = (Lot("A", 40_000), Lot("B", 40_000, 90_000), Lot("C", 20_000))

    terms, trade = opened(DEAL, LOTS, lots=lots)

    assert trade.price_minor == 4_000_000 + 3_600_000 + 2_000_000
    assert terms.lot_price(terms.lot("B")) == cny(3_600_000)


def test_a_provisional_amount_is_rounded_half_to_even() -> None:
    terms, _ = opened(quantity_milli=1_500, unit_price_minor=4_250_001, fixed_shares={"carrier": 0})

    assert terms.provisional_price == cny(6_375_002)


def test_a_price_in_another_currency_is_provisional_at_the_deals_rate() -> None:
    terms, trade = opened(priced_in("USD", Rate(71_234, 10_000)), MONTHLY)

    assert (terms.price_currency, trade.price_minor) == ("USD", 71_234_000)


def priced_in(currency: str, rate: Rate | None) -> OpenTrade:
    return replace(DEAL, price_currency=currency, rate=rate, window=Window(DAY, DAY + timedelta(days=27)))


@pytest.mark.parametrize(
    ("currency", "rate", "code"),
    [
        ("", None, "price_currency_not_allowed"),
        ("EUR", None, "price_currency_not_allowed"),
        ("USD", None, "rate_missing"),
        ("CNY", Rate(1, 1), "rate_without_price_currency"),
    ],
    ids=["none", "unknown", "without_rate", "the_same"],
)
def test_the_currency_of_prices_is_one_the_template_names_and_has_a_rate_where_it_is_another(
    currency: str, rate: Rate | None, code: str
) -> None:
    assert refused(priced_in(currency, rate), MONTHLY).code == code


def test_a_rate_is_refused_where_prices_are_in_the_trades_currency() -> None:
    assert refused(replace(STEEL, rate=Rate(7, 1))).code == "rate_without_price_currency"
    assert refused(replace(STEEL, price_currency="CNY")).code == "price_currency_not_allowed"


# A deal that breaks every rule, and how each is mended in turn: the rule told next is the next in order.
BROKEN = OpenTrade(
    currency="JPY",
    quantity_milli=0,
    unit_price_minor=0,
    parties={"smelter": "pty_1"},
    fixed_shares={"mill": 1},
    premium_minor=MAX_MINOR + 1,
    floor_minor=0,
    window=Window(DAY, DAY - timedelta(days=1)),
    lots=(Lot("A", 1),) * (MOST_LOTS + 1),
)
MENDING: list[tuple[str, dict[str, Any]]] = [
    ("currency_not_allowed", {"currency": "XXX"}),
    ("unknown_currency", {"currency": "CNY"}),
    ("quantity_not_positive", {"quantity_milli": MAX_MINOR + 1}),
    ("quantity_too_large", {"quantity_milli": 1}),
    ("price_not_positive", {"unit_price_minor": MAX_MINOR + 1}),
    ("amount_too_large", {"unit_price_minor": 1}),
    ("amount_too_large", {"premium_minor": 0}),
    ("price_bounds_cross", {"floor_minor": 2, "cap_minor": 1}),
    ("price_bounds_cross", {"floor_minor": None, "cap_minor": None}),
    ("window_backwards", {"window": Window(DAY, DAY + timedelta(days=367))}),
    ("window_too_long", {"window": None}),
    ("too_many_lots", {"lots": (Lot("A/1", 0),)}),
    ("lot_name_invalid", {"lots": (Lot("A" * (LONGEST_NAME + 1), 0),)}),
    ("lot_name_invalid", {"lots": (Lot("A", 0),)}),
    ("quantity_not_positive", {"lots": (Lot("A", 1, 0),)}),
    ("price_not_positive", {"lots": (Lot("A", 1), Lot("A", 1))}),
    ("lot_twice", {"lots": (Lot("A", 1), Lot("B", 1))}),
    ("lots_do_not_add_up", {"lots": ()}),
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
        codes.append(refused(command).code)
        command = replace(command, **mended)

    assert codes == [code for code, _ in MENDING]
    assert opened(command)[0].provisional_price == cny(4_262_788)


def test_a_window_is_given_where_the_template_averages_and_nowhere_else() -> None:
    window = Window(DAY, DAY)

    assert refused(DEAL, replace(WORKS, price=PriceRule(PriceMode.MONTH_AVERAGE))).code == "window_missing"
    assert refused(replace(DEAL, window=window), WORKS).code == "window_not_wanted"
    assert opened(replace(STEEL, window=window))[0].window == window


def test_a_premium_needs_an_index() -> None:
    assert refused(replace(FIXED_PRICE, premium_minor=1), "fixed-price").code == "premium_without_index"


def test_refusals_name_the_field_and_the_role() -> None:
    no_carrier = {role: party for role, party in STEEL.parties.items() if role != "carrier"}

    missing = refused(replace(STEEL, parties=no_carrier))
    both_sides = refused(replace(STEEL, parties={**STEEL.parties, "mill": "pty_buyer"}))
    marketplace = refused(replace(STEEL, parties={**STEEL.parties, "platform": "pty_1"}))
    lots = refused(replace(DEAL, lots=THREE[:2]), LOTS)

    assert missing.facts == {"field": "parties", "role": "carrier"}
    assert both_sides.facts == {"field": "parties", "role": "mill"}
    assert (marketplace.code, marketplace.facts["role"]) == ("unknown_role", "platform")
    assert lots.facts == {"field": "lots", "lots_milli": 80_000, "quantity_milli": 100_000}


def test_an_amount_beyond_28_digits_is_refused() -> None:
    refusal = refused(replace(STEEL, quantity_milli=MAX_MINOR, unit_price_minor=1_001))

    assert (type(refusal), refusal.code) == (InvalidInput, "amount_too_large")


def test_a_fixed_share_above_what_its_split_divides_is_a_conflict() -> None:
    advance = replace(START, split=SPLIT)
    template = replace(WORKS, milestones=(advance, ACCEPTANCE), split=(ShareRule("seller", ShareKind.REMAINDER),))

    whole = refused(replace(STEEL, fixed_shares={"carrier": 182_500_001}))
    part = refused(replace(DEAL, fixed_shares={"carrier": 3_000_001}), template)

    assert (type(whole), whole.code, whole.facts["amount"]) == (Conflict, "split_exceeds_amount", 182_500_000)
    assert (type(part), part.code, part.facts["amount"]) == (Conflict, "split_exceeds_amount", 3_000_000)


def test_one_party_may_take_two_receiving_roles() -> None:
    terms, _ = opened(parties={"buyer": "pty_1", "mill": "pty_2", "carrier": "pty_2"})

    assert terms.parties["carrier"] == terms.parties["mill"]


def test_a_draft_binds_nobody_and_expires_by_its_own_days_until_it_is_agreed() -> None:
    life = Life(draft=True)
    drafted = life.trade

    agreed = life.later(1).agree().trade

    assert (drafted.state, drafted.expires_at) == (State.DRAFT, over(7))
    assert (agreed.state, agreed.expires_at) == (State.AGREED, over(11))


def test_without_days_nothing_expires() -> None:
    template = replace(WORKS, expiry=ExpiryRule())

    assert Life(template).funded().trade.expires_at is None
    assert Life(template, draft=True).agree().trade.expires_at is None


def test_a_terms_lookup_refuses_what_the_deal_does_not_have() -> None:
    terms: Terms = Life(LOTS, lots=THREE).terms

    assert refusal_of(terms.lot, "D").facts == {"field": "lot", "lot": "D"}
    assert refusal_of(terms.milestone, "installed").facts == {"field": "milestone", "milestone": "installed"}
