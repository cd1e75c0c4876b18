"""Opening whole deals: drafts, deposits, versions, the line for a difference, and who needs an account."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from chalicelib.banking.domain import new_party
from chalicelib.core.daycount import DayCount
from chalicelib.core.errors import Conflict, InvalidInput, NotFound
from chalicelib.core.money import Money
from chalicelib.credit import store as credit_store
from chalicelib.credit.domain import INTEREST_FIRST, open_line
from chalicelib.credit.domain import Terms as LineTerms
from chalicelib.settlement.service import opening
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.terms import Lot
from tests.banking.build import details, party_writes
from tests.settlement.goods import DEAL, DEPOSIT, GOODS, PRICE, WEIGHED, Trading
from tests.settlement.market import refusal
from tests.support.calls import over


def test_a_draft_takes_no_money_and_ends_by_itself(place: Trading) -> None:
    deal = place.under(draft=True)

    trade = place.trade(deal)
    assert (trade.state, trade.expires_at) == (State.DRAFT, over(2))
    outcome = place.pay(deal.reference, 500)
    assert (outcome.item.data["matched_minor"], outcome.item.data["returned_minor"]) == (0, 500)


def test_a_deal_says_what_is_due_and_what_of_it_first(place: Trading) -> None:
    place.publish(GOODS)

    facts = place.opened(DEAL, GOODS.id).item.data

    assert (facts["due_minor"], facts["deposit_minor"], facts["state"]) == (PRICE, DEPOSIT, "agreed")
    assert (facts["template_id"], facts["template_version"]) == ("test-goods", 1)


def test_lots_add_up_to_what_is_due(place: Trading) -> None:
    deal = place.under(lots=(Lot("A1", 4_000), Lot("B2", 6_000, 50_000)))

    assert place.trade(deal).due_minor == 400_000 + 300_000


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_of_a_template_is_not_found(place: Trading, version: int) -> None:
    command = replace(DEAL, parties={role: place.party(role) for role in DEAL.parties})

    place.publish(GOODS)
    open_it = partial(opening.open_with_expected_payment, place.call(), GOODS.id, command)

    refused = refusal(partial(open_it, version=version))

    assert open_it(version=1).item.data["template_version"] == 1
    assert (type(refused), refused.code, refused.facts["version"]) == (NotFound, "template_not_found", version)


def test_a_witness_needs_no_account(place: Trading) -> None:
    here = place.call()
    party = new_party(here.new_id("pty"), name="Survey Ltd", roles=(), details=details(), created_at=here.now)
    item = journal_item(here, "party.created", subject=party.party_id)
    once(here, lambda _: Plan(item, party_writes(place.tenant, party)))
    place.parties["surveyor"] = party.party_id

    assert place.trade(place.under()).state is State.AGREED

    place.parties["carrier"] = party.party_id
    assert refusal(place.under).code == "party_account_missing"


def other_line(place: Trading, currency: str) -> str:
    """A line that the buyer has in another currency."""
    here = place.call()
    terms = LineTerms(Money(500, currency), 600, DayCount.ACT_360, INTEREST_FIRST)
    line = open_line(
        terms,
        tenant=place.tenant,
        line_id=here.new_id("lin"),
        lender_party_id=place.party("lender"),
        borrower_party_id=place.party("buyer"),
        reference="RF18539007547034",
        on=here.now.date(),
    )
    once(here, lambda _: Plan(journal_item(here, "test.line"), credit_store.create_line(line)))
    return line.line_id


def test_the_line_for_a_difference_is_the_buyers_own_in_the_trades_currency(place: Trading) -> None:
    place.lend()
    own, strangers = place.line(), place.line(buyer="seller")

    unknown = refusal(lambda: place.under(WEIGHED, top_up_line_id="lin_none"))
    not_own = refusal(lambda: place.under(WEIGHED, top_up_line_id=strangers.line_id))
    abroad = refusal(lambda: place.under(WEIGHED, top_up_line_id=other_line(place, "EUR")))

    assert (type(unknown), unknown.code) == (NotFound, "credit_line_not_found")
    assert (type(not_own), not_own.code) == (Conflict, "line_of_another_buyer")
    assert (type(abroad), abroad.code, abroad.facts["given"]) == (InvalidInput, "currency_mismatch", "EUR")
    assert place.under(WEIGHED, top_up_line_id=own.line_id).trade_id
