"""Trades that end otherwise than by performance: what each command books, refuses, and leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.ledger.domain import Purpose
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Fault
from tests.settlement.goods import (
    DEPOSIT,
    FEE,
    FREIGHT,
    PRICE,
    RETAINED,
    SELLERS,
    Trading,
)
from tests.settlement.market import Deal, facts_of, refusal
from tests.support.faults import watching

# ---- cancellation ----------------------------------------------------------------------------------------------------


def test_a_cancellation_gives_the_buyer_all_of_it_back(place: Trading) -> None:
    deal = place.paid()

    facts = facts_of(place.cancel(deal))

    assert (facts["state"], facts["refund_minor"], facts["refund_to_buyer_minor"]) == ("cancelled", PRICE, PRICE)
    assert (place.all_owed(), place.escrow(deal)) == ({"buyer": PRICE}, 0)
    assert place.trade(deal).state is State.CANCELLED
    assert place.adds_up(deal)


def test_a_buyer_in_default_forfeits_the_deposit_to_the_seller(place: Trading) -> None:
    deal = place.paid()

    facts = facts_of(place.cancel(deal, Fault.BUYER))

    assert (facts["shares_minor"], facts["refund_minor"]) == ({"seller": DEPOSIT}, PRICE - DEPOSIT)
    assert place.all_owed() == {"seller": DEPOSIT, "buyer": PRICE - DEPOSIT}
    assert [line["result"] for line in facts["lines"]] == [
        {"forfeited_minor": DEPOSIT, "refund_minor": PRICE - DEPOSIT, "claim_minor": 0}
    ]


def test_a_seller_in_default_owes_as_much_as_the_deposit_again(place: Trading) -> None:
    deal = place.paid()

    place.cancel(deal, Fault.SELLER)

    assert (place.all_owed(), place.trade(deal).claim_minor) == ({"buyer": PRICE}, DEPOSIT)


def test_a_deal_that_nobody_has_paid_for_is_cancelled_without_an_entry(place: Trading) -> None:
    deal = place.under()

    outcome = place.cancel(deal)

    assert outcome.item.legs == ()
    assert facts_of(outcome)["currency"] == "CNY"
    assert place.trade(deal).state is State.CANCELLED
    assert place.expected(deal.reference).expected_minor == 0


def test_what_was_cancelled_expects_nothing_more_by_bank(place: Trading) -> None:
    deal = place.under()
    place.pay(deal.reference, 300_000)

    place.cancel(deal)

    expected = place.expected(deal.reference)
    assert (expected.expected_minor, expected.received_minor, expected.status) == (300_000, 300_000, "met")
    assert place.owed("buyer") == 300_000


def test_a_refund_of_a_cancellation_repays_the_line_that_funded_it(place: Trading) -> None:
    place.lend()
    line, deal = place.line(), place.under()
    place.draw(line, deal, 600_000)
    place.pay(deal.reference, PRICE - 600_000)

    facts = facts_of(place.cancel(deal, Fault.BUYER))

    assert (facts["refund_to_principal_minor"], facts["refund_to_buyer_minor"]) == (600_000, PRICE - DEPOSIT - 600_000)
    assert (place.balance(Purpose.LOAN, line.line_id), place.owed("buyer")) == (0, PRICE - DEPOSIT - 600_000)


# ---- expiry ----------------------------------------------------------------------------------------------------------


def test_a_deal_that_is_not_funded_in_time_forfeits_the_deposit(place: Trading) -> None:
    deal = place.under()
    place.pay(deal.reference, DEPOSIT)

    facts = facts_of(place.expire(deal, days=5))

    assert (facts["state"], facts["shares_minor"], facts["refund_minor"]) == ("expired", {"seller": DEPOSIT}, 0)
    assert (place.all_owed(), place.adds_up(deal)) == ({"seller": DEPOSIT}, True)


def test_a_deal_that_is_not_performed_in_time_is_refunded_and_leaves_a_claim(place: Trading) -> None:
    deal = place.paid()

    place.expire(deal, days=20)

    assert (place.all_owed(), place.trade(deal).claim_minor) == ({"buyer": PRICE}, DEPOSIT)


def test_a_deal_whose_time_is_not_over_does_not_expire(place: Trading) -> None:
    deal = place.paid()

    assert refusal(lambda: place.expire(deal, days=19)).code == "not_due"


# ---- refunds ---------------------------------------------------------------------------------------------------------


def test_a_refund_in_parts_comes_to_all_of_it(place: Trading) -> None:
    deal = place.paid()

    first, second = (facts_of(place.refund(deal, minor)) for minor in (400_000, 600_000))

    assert [facts["state"] for facts in (first, second)] == ["funded", "refunded"]
    assert (place.all_owed(), place.money_of(deal)) == ({"buyer": PRICE}, (PRICE, 0, PRICE, 0))
    assert place.adds_up(deal)


def test_what_was_refunded_by_agreement_is_not_paid_out_to_anybody_else(place: Trading) -> None:
    deal = place.signed()
    place.refund(deal, 100_000)

    place.release(deal)

    assert place.all_owed() == {"buyer": 100_000, "carrier": FREIGHT, "seller": SELLERS - 99_000}
    assert place.fees == FEE - 1_000
    assert place.money_of(deal) == (PRICE, PRICE - 100_000, 100_000, 0)


REFUNDS: list[tuple[str, type[Refusal], Callable[[Trading], Deal], int]] = [
    ("amount_not_positive", InvalidInput, Trading.under, 0),
    ("trade_state", Conflict, Trading.under, PRICE + 1),
    ("refund_exceeds_escrow", Conflict, Trading.paid, PRICE + 1),
]


@pytest.mark.parametrize(("code", "kind", "made", "minor"), REFUNDS, ids=[row[0] for row in REFUNDS])
def test_a_refund_is_refused_in_this_order(
    place: Trading, code: str, kind: type[Refusal], made: Callable[[Trading], Deal], minor: int
) -> None:
    deal = made(place)

    refused = refusal(lambda: place.refund(deal, minor))

    assert (refused.code, type(refused)) == (code, kind)
    assert place.owed("buyer") == 0


# ---- disputes --------------------------------------------------------------------------------------------------------


def test_a_dispute_freezes_its_amount_and_the_rest_is_released(place: Trading) -> None:
    deal = place.signed()
    place.dispute(deal, 300_000)

    facts = facts_of(place.release(deal))

    assert (facts["state"], facts["released_minor"]) == ("disputed", PRICE - 300_000)
    assert place.escrow(deal) == 300_000


def test_the_arbiter_divides_the_disputed_amount_in_any_way_that_adds_up(place: Trading) -> None:
    deal = place.signed()
    place.dispute(deal, 300_000)
    place.release(deal)
    before = place.owed("seller")

    facts = facts_of(place.resolve(deal, buyer=100_000, seller=150_000, carrier=50_000))

    assert (facts["shares_minor"], facts["refund_minor"]) == ({"seller": 150_000, "carrier": 50_000}, 100_000)
    assert (facts["state"], place.escrow(deal)) == ("completed", 0)
    assert (place.owed("buyer"), place.owed("carrier")) == (100_000, FREIGHT + 50_000)
    assert place.owed("seller") == before + 150_000


def test_a_dispute_that_is_given_up_leaves_all_as_it_was(place: Trading) -> None:
    deal = place.signed()
    place.dispute(deal, 300_000)

    outcome = place.resolve(deal, role="buyer", kept=300_000)

    assert outcome.item.legs == ()
    assert facts_of(place.release(deal))["shares_minor"] == {"carrier": FREIGHT, "platform": FEE, "seller": SELLERS}


RESOLUTIONS: list[tuple[str, type[Refusal], str, dict[str, int]]] = [
    ("arbiter_required", InvalidInput, "buyer", {"nobody": -1}),
    ("unknown_role", InvalidInput, "surveyor", {"nobody": -1}),
    ("amount_negative", InvalidInput, "surveyor", {"seller": -1}),
    ("resolution_does_not_add_up", Conflict, "surveyor", {"seller": 1}),
]


@pytest.mark.parametrize(("code", "kind", "role", "division"), RESOLUTIONS, ids=[row[0] for row in RESOLUTIONS])
def test_a_decision_is_refused_in_this_order(
    place: Trading, code: str, kind: type[Refusal], role: str, division: dict[str, int]
) -> None:
    deal = place.paid()
    place.dispute(deal, 300_000)

    refused = refusal(lambda: place.resolve(deal, role=role, **division))

    assert (refused.code, type(refused)) == (code, kind)
    assert place.escrow(deal) == PRICE


# ---- retention -------------------------------------------------------------------------------------------------------


def test_what_stays_back_goes_to_the_seller_when_its_day_has_come(place: Trading) -> None:
    deal = place.signed(RETAINED)
    facts = facts_of(place.release(deal))
    assert (facts["released_minor"], place.escrow(deal)) == (PRICE - 50_000, 50_000)
    assert refusal(lambda: place.release_retained(deal, days=29)).code == "retention_not_due"

    late = facts_of(place.release_retained(deal, days=40))

    assert (late["shares_minor"], late["state"]) == ({"seller": 50_000}, "completed")
    # The marketplace has its part of what is divided, and the retention is the seller's alone.
    assert (place.owed("seller"), place.fees, place.escrow(deal)) == (SELLERS + 500, FEE - 500, 0)


# ---- any of them -----------------------------------------------------------------------------------------------------


def replayable(place: Trading, name: str) -> Callable[[], object]:
    """A command under one key, ready to be done."""
    if name == "expire":
        return partial(place.expire, place.paid(), days=20, key="once")
    deal = place.signed()
    if name == "resolve":
        place.dispute(deal, 100)
        return partial(place.resolve, deal, key="once", buyer=100)
    return partial(getattr(place, name), deal, *([100] if name == "refund" else []), key="once")


@pytest.mark.parametrize("name", ["cancel", "expire", "refund", "resolve", "release"])
def test_a_command_sent_again_is_answered_the_same_and_reads_once(place: Trading, name: str) -> None:
    act = replayable(place, name)
    first = act()
    deeds = place.all_owed()

    with watching() as calls:
        again = act()

    assert (again.replayed, again.item) == (True, first.item)  # type: ignore[attr-defined]
    assert (calls.operations, place.all_owed()) == (["dynamodb.BatchGetItem"], deeds)
