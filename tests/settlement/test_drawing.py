"""A drawdown makes a lender's money escrow in one commit, within every limit, once."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound, Refusal
from chalicelib.core.money import Money
from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.credit import CreditFunding
from chalicelib.settlement.service import lending
from chalicelib.settlement.store.credit import load_credit_funding
from chalicelib.trades.domain.states import State
from tests.settlement.market import DRAWN, DUE, LENT, PAID, Deal, Line, Market, market, refusal, state_of
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

OTHER_IBAN = "NL35MOCK0000000012"


def ready(place: Market, *, lent: int = LENT, limit: int = LENT) -> tuple[Line, Deal]:
    """A line on this much of the lender's money, and a deal of its buyer."""
    place.lend(lent)
    return place.line(limit=limit), place.deal()


def drawn(place: Market, *, line_id: str, trade_id: str, minor: int = 5) -> Refusal:
    command = lending.DrawIntoEscrow(line_id, trade_id, place.money(minor))
    return refusal(lambda: lending.draw_into_escrow(place.call(), command))


def test_a_drawdown_moves_lender_loan_escrow_trade_and_expectation_at_once(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    steel.pay(deal.reference, PAID)

    facts = steel.draw(line, deal, DRAWN).item.data

    assert steel.balance(Purpose.LENDER_UNDRAWN, line.lender) == LENT - DRAWN
    assert steel.balance(Purpose.LENDER_DRAWN, line.lender) == DRAWN
    assert steel.balance(Purpose.LOAN, line.line_id) == DRAWN
    assert steel.escrow(deal) == steel.trade(deal).held_minor == DUE
    assert steel.credit_line(line).principal_minor == DRAWN
    expected = steel.expected(deal.reference)
    assert (expected.expected_minor, expected.received_minor, expected.status) == (PAID, PAID, "met")
    assert facts == {
        "trade_id": deal.trade_id,
        "line_id": line.line_id,
        "drawn_minor": DRAWN,
        "currency": "CNY",
        "trade_state": "funded",
        "outstanding_minor": 0,
    }


def test_a_drawdown_is_one_read_and_one_commit(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)

    with watching() as calls:
        steel.draw(line, deal, 5)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_a_trade_may_be_drawn_for_in_parts_by_one_line(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    for minor in (1, 2, 3):
        steel.draw(line, deal, minor)

    funding = load_credit_funding(steel.tenant, deal.trade_id)

    assert funding == CreditFunding(line.line_id, 6)
    assert steel.escrow(deal) == 6


def test_a_draw_on_a_later_day_recognises_the_interest_so_far(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    steel.draw(line, deal, DRAWN)

    steel.draw(line, deal, 5, days=3)

    assert steel.balance(Purpose.INTEREST_RECEIVABLE, line.line_id) == 41_250
    assert steel.balance(Purpose.INTEREST_INCOME) == 41_250


def test_a_draw_by_a_clock_behind_the_accrual_counts_from_its_own_day(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    steel.draw(line, deal, DRAWN)
    accrue_due(steel.call(days=1).now)

    steel.draw(line, deal, 5)

    assert steel.credit_line(line).principal_since == steel.call().now.date()
    assert steel.balance(Purpose.INTEREST_RECEIVABLE, line.line_id) == 13_750


@pytest.mark.parametrize(
    ("code", "line_id", "trade_id", "kind"),
    [
        ("trade_not_found", "lin_none", "trd_none", NotFound),
        ("credit_line_not_found", "lin_none", "", NotFound),
        ("trade_not_found", "", "trd_00000000000000000000000000", NotFound),
    ],
)
def test_what_is_not_there_is_not_drawn_on(
    tables: Tables, code: str, line_id: str, trade_id: str, kind: type[Refusal]
) -> None:
    steel = market()
    line, deal = ready(steel)
    before = state_of(tables)

    refused = drawn(steel, line_id=line_id or line.line_id, trade_id=trade_id or deal.trade_id)

    assert (refused.code, type(refused)) == (code, kind)
    assert state_of(tables) == before


def test_another_tenants_line_and_trade_are_not_found(tables: Tables) -> None:
    steel, grain = market(), market("Grain Marketplace", iban=OTHER_IBAN)
    line, deal = ready(steel)
    own_line, own_deal = ready(grain)

    foreign_line = drawn(grain, line_id=line.line_id, trade_id=own_deal.trade_id)
    foreign_trade = drawn(grain, line_id=own_line.line_id, trade_id=deal.trade_id)

    assert (type(foreign_line), foreign_line.code) == (NotFound, "credit_line_not_found")
    assert (type(foreign_trade), foreign_trade.code) == (NotFound, "trade_not_found")


def test_another_buyers_line_is_refused(tables: Tables) -> None:
    steel = market()
    _, deal = ready(steel)
    other = steel.line(buyer="other_buyer")

    refused = drawn(steel, line_id=other.line_id, trade_id=deal.trade_id)

    assert (refused.code, refused.facts) == ("line_of_another_buyer", {"line_id": other.line_id})


def test_a_second_line_for_one_trade_is_refused(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    steel.draw(line, deal, 5)
    second = steel.line()

    refused = drawn(steel, line_id=second.line_id, trade_id=deal.trade_id)

    assert (refused.code, refused.facts) == ("trade_has_another_line", {"line_id": line.line_id})


def test_the_lenders_money_is_the_limit_of_every_line_on_it(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel, lent=100)
    before = state_of(tables)

    refused = drawn(steel, line_id=line.line_id, trade_id=deal.trade_id, minor=101)

    assert (refused.code, refused.facts["requested"], refused.facts["available"]) == ("insufficient_funds", 101, 100)
    assert state_of(tables) == before


def test_a_line_is_drawn_to_its_limit_and_no_further(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel, limit=100)
    steel.draw(line, deal, 100)

    refused = drawn(steel, line_id=line.line_id, trade_id=deal.trade_id, minor=1)

    assert (refused.code, refused.facts["available"]) == ("credit_limit_exceeded", 0)


def test_money_in_another_currency_is_refused(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    command = lending.DrawIntoEscrow(line.line_id, deal.trade_id, Money(5, "EUR"))

    refused = refusal(lambda: lending.draw_into_escrow(steel.call(), command))

    assert (type(refused), refused.code) == (InvalidInput, "currency_mismatch")
    assert refused.facts["expected"] == "CNY"


def test_a_trade_that_is_funded_takes_no_more(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    steel.pay(deal.reference, DUE)

    refused = drawn(steel, line_id=line.line_id, trade_id=deal.trade_id)

    assert (type(refused), refused.code, refused.facts["state"]) == (Conflict, "trade_state", "funded")


def test_more_than_is_outstanding_is_refused_whole(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    steel.pay(deal.reference, PAID)

    refused = drawn(steel, line_id=line.line_id, trade_id=deal.trade_id, minor=DRAWN + 1)

    assert (refused.code, refused.facts["outstanding"]) == ("more_than_outstanding", DRAWN)
    assert steel.escrow(deal) == PAID


def test_a_drawdown_sent_again_is_answered_the_same_after_the_trade_is_over(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    first = steel.draw(line, deal, DUE, key="draw")
    steel.weighed(deal)
    steel.settle(deal)

    again = steel.draw(line, deal, DUE, key="draw")

    assert again.replayed
    assert again.item == first.item
    assert steel.trade(deal).state is State.COMPLETED


def test_the_same_key_for_another_amount_is_refused(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel)
    steel.draw(line, deal, 5, key="draw")

    assert isinstance(refusal(lambda: steel.draw(line, deal, 6, key="draw")), KeyReused)
    assert steel.escrow(deal) == 5


def test_a_refused_drawdown_leaves_its_key_free(tables: Tables) -> None:
    steel = market()
    line, deal = ready(steel, lent=5)
    refusal(lambda: steel.draw(line, deal, 6, key="draw"))

    assert not steel.draw(line, deal, 5, key="draw").replayed
