"""Money that comes back from those who were paid: each gives its part, and nobody more than it has."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal
from chalicelib.ledger.domain import Purpose
from chalicelib.trades.domain.template import Fault
from tests.settlement.goods import (
    DEPOSIT,
    FEE,
    FREIGHT,
    PRICE,
    SELLERS,
    Trading,
)
from tests.settlement.market import Deal, facts_of, refusal


def released(place: Trading) -> Deal:
    deal = place.signed()
    place.release(deal)
    return deal


def test_a_refund_is_taken_back_from_each_in_proportion(place: Trading) -> None:
    deal = released(place)

    facts = facts_of(place.take_back(deal, 100_000))

    assert facts["taken_back_minor"] == {"carrier": 5_000, "platform": 1_000, "seller": 94_000}
    assert (facts["state"], facts["refund_to_buyer_minor"]) == ("completed", 100_000)
    assert place.all_owed() == {"buyer": 100_000, "carrier": FREIGHT - 5_000, "seller": SELLERS - 94_000}
    assert place.fees == FEE - 1_000


def test_refunds_in_parts_come_to_all_that_was_paid(place: Trading) -> None:
    deal = released(place)

    for minor in (333_333, 333_333, 333_334):
        place.take_back(deal, minor)

    assert (place.all_owed(), place.fees) == ({"buyer": PRICE}, 0)
    assert refusal(lambda: place.take_back(deal, 1)).code == "refund_exceeds_received"


def test_what_is_taken_back_repays_the_line_that_funded_the_trade(place: Trading) -> None:
    place.lend()
    line, deal = place.line(), place.under()
    place.draw(line, deal, PRICE)
    place.told_and_signed(deal)
    place.release(deal)

    facts = facts_of(place.take_back(deal, 400_000))

    assert (facts["refund_to_principal_minor"], facts["refund_to_buyer_minor"]) == (400_000, 0)
    assert (place.balance(Purpose.LOAN, line.line_id), place.owed("buyer")) == (PRICE - 400_000, 0)


def test_what_a_receiver_has_not_got_any_more_is_claimed_from_it(place: Trading) -> None:
    deal = place.signed()
    place.pay_out(place.release(deal))

    facts = facts_of(place.take_back(deal, 100_000))

    assert facts["claimed_minor"] == {"carrier": 5_000, "seller": 94_000}
    assert (place.owed("buyer"), place.trade(deal).got["seller"].back_minor) == (1_000, 94_000)


TAKEN: list[tuple[str, type[Refusal], bool, int]] = [
    ("amount_not_positive", InvalidInput, False, 0),
    ("trade_state", Conflict, False, PRICE + 1),
    ("refund_exceeds_received", Conflict, True, PRICE + 1),
]


@pytest.mark.parametrize(("code", "kind", "paid", "minor"), TAKEN, ids=[row[0] for row in TAKEN])
def test_taking_back_is_refused_in_this_order(
    place: Trading, code: str, kind: type[Refusal], paid: bool, minor: int
) -> None:
    deal = released(place) if paid else place.under()

    refused = refusal(lambda: place.take_back(deal, minor))

    assert (refused.code, type(refused)) == (code, kind)


# ---- claims ----------------------------------------------------------------------------------------------------------


def test_a_claim_is_paid_in_parts_out_of_the_sellers_account(place: Trading) -> None:
    deal = place.paid()
    place.cancel(deal, Fault.SELLER)
    place.owe("seller", DEPOSIT)

    facts = place.claim(deal, 150_000).item.data

    assert (facts["settled_minor"], facts["claim_minor"], facts["state"]) == (150_000, 50_000, "cancelled")
    place.claim(deal, 50_000)
    assert place.all_owed() == {"buyer": PRICE + DEPOSIT}
    assert refusal(lambda: place.claim(deal, 1)).code == "claim_exceeded"


def test_a_seller_without_money_pays_no_claim(place: Trading) -> None:
    deal = place.paid()
    place.cancel(deal, Fault.SELLER)

    refused = refusal(lambda: place.claim(deal, 1))

    assert (refused.code, place.trade(deal).claim_minor) == ("insufficient_funds", DEPOSIT)


def test_a_claim_of_no_trade_is_not_found(place: Trading) -> None:
    deal = Deal(f"trd_{'0' * 26}", "", {})

    for act in (place.claim, place.take_back, place.refund):
        refused = refusal(lambda act=act: act(deal, 1))
        assert (type(refused), refused.code) == (NotFound, "trade_not_found")


CLAIMS = [
    ("amount_not_positive", InvalidInput, 0),
    ("trade_state", Conflict, 1),
]


@pytest.mark.parametrize(("code", "kind", "minor"), CLAIMS, ids=[row[0] for row in CLAIMS])
def test_a_claim_is_refused_in_this_order(place: Trading, code: str, kind: type[Refusal], minor: int) -> None:
    deal = place.paid()

    refused = refusal(lambda: place.claim(deal, minor))

    assert (refused.code, type(refused)) == (code, kind)
