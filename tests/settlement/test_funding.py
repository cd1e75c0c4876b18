"""Money for a trade that comes from the buyer's own account, and what becomes of money that does not belong there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.core.money import Money
from chalicelib.settlement.kinds import is_paid_out_after
from chalicelib.settlement.service import funding
from chalicelib.settlement.service.payouts import payouts_due
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import FundingRule, Stray
from tests.settlement.goods import (
    DEPOSIT,
    GOODS,
    PRICE,
    Trading,
)
from tests.settlement.market import refusal


def test_a_buyer_funds_a_trade_from_its_own_account_in_parts(place: Trading) -> None:
    deal = place.under()
    place.owe("buyer", PRICE)

    first = place.fund(deal, DEPOSIT).item.data
    second = place.fund(deal, PRICE - DEPOSIT).item.data

    assert (first["trade_state"], first["outstanding_minor"]) == ("deposited", PRICE - DEPOSIT)
    assert (second["trade_state"], second["outstanding_minor"]) == ("funded", 0)
    assert (place.all_owed(), place.escrow(deal)) == ({}, PRICE)
    expected = place.expected(deal.reference)
    assert (expected.expected_minor, expected.received_minor) == (0, 0)


def test_account_bank_and_line_fund_a_trade_together(place: Trading) -> None:
    place.lend()
    line, deal = place.line(), place.under()
    place.owe("buyer", 300_000)

    place.fund(deal, 300_000)
    place.draw(line, deal, 300_000)
    place.pay(deal.reference, 400_000)

    expected = place.expected(deal.reference)
    assert (expected.expected_minor, expected.received_minor, expected.status) == (400_000, 400_000, "met")
    assert (place.trade(deal).state, place.adds_up(deal)) == (State.FUNDED, True)


def test_an_account_that_does_not_reach_funds_nothing(place: Trading) -> None:
    deal = place.under()
    place.owe("buyer", 5)

    refused = refusal(lambda: place.fund(deal, 6))

    assert (refused.code, refused.facts["requested"], refused.facts["available"]) == ("insufficient_funds", 6, 5)
    assert (place.owed("buyer"), place.escrow(deal)) == (5, 0)


FUNDINGS: list[tuple[str, type[Refusal], str, Money]] = [
    ("amount_not_positive", InvalidInput, "paid", Money(0, "EUR")),
    ("currency_mismatch", InvalidInput, "paid", Money(PRICE + 1, "EUR")),
    ("trade_state", Conflict, "paid", Money(PRICE + 1, "CNY")),
    ("more_than_outstanding", Conflict, "under", Money(PRICE + 1, "CNY")),
]


@pytest.mark.parametrize(("code", "kind", "made", "amount"), FUNDINGS, ids=[row[0] for row in FUNDINGS])
def test_funding_from_an_account_is_refused_in_this_order(
    place: Trading, code: str, kind: type[Refusal], made: str, amount: Money
) -> None:
    deal = getattr(place, made)()
    place.owe("buyer", 2 * PRICE)

    refused = refusal(lambda: funding.fund_from_account(place.call(), deal.trade_id, amount))

    assert (refused.code, type(refused)) == (code, kind)
    assert place.owed("buyer") == 2 * PRICE


# ---- what does not belong to the trade -------------------------------------------------------------------------------

HELD = replace(GOODS, id="test-held", funding=FundingRule(over=Stray.HOLD, late=Stray.HOLD))
TOLERANT = replace(GOODS, id="test-tolerant", funding=FundingRule(Stray.ACCEPT, Stray.HOLD, 100, 100))


def test_what_is_too_much_goes_to_the_buyer_and_is_paid_back_by_bank(place: Trading) -> None:
    deal = place.under()

    outcome = place.pay(deal.reference, PRICE + 700)

    facts = outcome.item.data
    assert (facts["matched_minor"], facts["returned_minor"], facts["suspense_minor"]) == (PRICE, 700, 0)
    assert (place.all_owed(), place.escrow(deal), place.suspense) == ({"buyer": 700}, PRICE, 0)
    assert is_paid_out_after(outcome.item)
    [due] = payouts_due(place.tenant, outcome.item.entry_id)
    assert (due.party_id, due.amount, due.remittance) == (deal.buyer, place.money(700), deal.reference)


def test_what_comes_after_the_end_goes_back_as_the_template_says(place: Trading) -> None:
    deals = [place.under(template) for template in (GOODS, HELD)]
    for deal in deals:
        place.cancel(deal)

    returned, held = (place.pay(deal.reference, 500).item for deal in deals)

    assert (returned.data["returned_minor"], held.data["suspense_minor"]) == (500, 500)
    assert (place.all_owed(), place.suspense) == ({"buyer": 500}, 500)
    assert (returned.subject, is_paid_out_after(held)) == (deals[0].trade_id, False)
    assert [receipt.reason for receipt in place.unmatched()] == ["more_than_expected"]


@pytest.mark.parametrize(("minor", "due"), [(PRICE + 10_000, PRICE + 10_000), (PRICE - 10_000, PRICE - 10_000)])
def test_a_payment_within_the_tolerance_is_taken_as_exact(place: Trading, minor: int, due: int) -> None:
    deal = place.under(TOLERANT)

    place.pay(deal.reference, minor)

    trade, expected = place.trade(deal), place.expected(deal.reference)
    assert (trade.state, trade.funded_minor, trade.due_minor) == (State.FUNDED, minor, due)
    assert (expected.expected_minor, expected.received_minor, expected.status) == (due, minor, "met")
    assert place.adds_up(deal)


def test_a_payment_that_is_all_in_its_place_asks_for_no_payout(place: Trading) -> None:
    deal = place.under()

    outcome = place.pay(deal.reference, PRICE)

    assert (is_paid_out_after(outcome.item), payouts_due(place.tenant, outcome.item.entry_id)) == (False, ())
