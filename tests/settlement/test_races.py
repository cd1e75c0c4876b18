"""Commands at one instant: the last money is taken once, no limit is passed, and what loses is told so or waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chalicelib.core.errors import Refusal
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.service.movements import book_movement
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.states import State
from tests.settlement.market import (
    DRAWN,
    DUE,
    LENT,
    PAID,
    Deal,
    Market,
    day,
    deliverable,
    facts_of,
    funded_by_credit,
    kinds,
    market,
    trial_balance,
)
from tests.support.dynamodb_local import Tables
from tests.support.races import Result, race

ROUNDS = 3


def at_once(*acts: Callable[[], Outcome]) -> list[Result]:
    """What each of these came to, all begun at one instant."""
    return race(acts)


def payment(place: Market, deal: Deal, minor: int) -> Callable[[], Outcome]:
    """One movement of money for a deal, however often it is told."""
    movement = place.movement(minor, deal.reference)
    return lambda: book_movement(place.told(movement), movement)


def done(results: list[Result]) -> list[Outcome]:
    return [result for result in results if isinstance(result, Outcome)]


def codes(results: list[Result]) -> list[str]:
    return [result.code for result in results if isinstance(result, Refusal)]


def test_two_settlements_under_two_keys_let_the_escrow_go_once(tables: Tables) -> None:
    for number in range(ROUNDS):
        steel = market(f"Marketplace {number}", iban=f"6222{number:012}")
        deal, line = funded_by_credit(steel)

        results = at_once(partial(steel.settle, deal), partial(steel.settle, deal))

        assert len(done(results)) == 1
        assert codes(results) == ["trade_state"]
        assert (steel.escrow(deal), steel.owed("mill")) == (0, 176_743_363)
        assert steel.balance(Purpose.LOAN, line.line_id) == DRAWN - 920_774


def test_one_key_sent_by_many_is_done_once_and_answered_the_same(tables: Tables) -> None:
    steel = market()
    deal = deliverable(steel)

    results = at_once(*[partial(steel.release, deal, key="release")] * 6)

    outcomes = done(results)
    assert len(outcomes) == 6
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert {repr(outcome.item.data) for outcome in outcomes} == {repr(outcomes[0].item.data)}
    assert kinds(tables, steel.tenant).count("trade.released") == 1


def test_a_drawdown_against_a_payment_for_the_last_amount_fills_the_escrow_once(tables: Tables) -> None:
    for number in range(ROUNDS):
        steel = market(f"Marketplace {number}", iban=f"6222{number:012}")
        steel.lend()
        line, deal = steel.line(), steel.deal()
        steel.pay(deal.reference, PAID)

        draw, pay = at_once(partial(steel.draw, line, deal, DRAWN), payment(steel, deal, DRAWN))

        assert isinstance(pay, Outcome)
        assert steel.trade(deal).state is State.FUNDED
        assert steel.escrow(deal) == DUE
        if isinstance(draw, Outcome):
            assert (steel.suspense, steel.balance(Purpose.LOAN, line.line_id)) == (DRAWN, DRAWN)
        else:
            assert draw.code in {"trade_state", "more_than_outstanding"}
            assert (steel.suspense, steel.balance(Purpose.LOAN, line.line_id)) == (0, 0)
        assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_drawdowns_for_two_trades_pass_neither_the_limit_nor_the_lenders_money(tables: Tables) -> None:
    for lent, limit, code in ((LENT, 100, "credit_limit_exceeded"), (100, LENT, "insufficient_funds")):
        steel = market(f"Marketplace {code}", iban=f"6222{lent:012}")
        steel.lend(lent)
        # Two lines on one lender's money, or one line: either way there are 100 to draw.
        lines = [steel.line(limit=limit)] * 2 if lent == LENT else [steel.line(limit=limit), steel.line(limit=limit)]
        deals = [steel.deal(), steel.deal()]

        results = at_once(*(partial(steel.draw, line, deal, 60) for line, deal in zip(lines, deals, strict=True)))

        assert len(done(results)) == 1
        assert codes(results) == [code]
        assert steel.balance(Purpose.LENDER_DRAWN, lines[0].lender) == 60
        assert sum(steel.escrow(deal) for deal in deals) == 60


def test_two_lines_drawn_for_one_trade_at_once_leave_it_one(tables: Tables) -> None:
    steel = market()
    steel.lend()
    lines, deal = [steel.line(), steel.line()], steel.deal()

    results = at_once(*(partial(steel.draw, line, deal, 60) for line in lines))

    assert len(done(results)) == 1
    assert codes(results) == ["trade_has_another_line"]
    assert steel.escrow(deal) == 60


def test_a_settlement_against_the_top_up_it_waits_for(tables: Tables) -> None:
    for number in range(ROUNDS):
        steel = market(f"Marketplace {number}", iban=f"6222{number:012}")
        deal = steel.deal()
        steel.pay(deal.reference, DUE)
        steel.weighed(deal, 498_320, 370_000)
        top_up = facts_of(steel.settle(deal))["top_up_minor"]

        settle, pay = at_once(partial(steel.settle, deal), payment(steel, deal, top_up + 5))

        assert isinstance(pay, Outcome)
        assert (pay.item.data["matched_minor"], steel.suspense) == (top_up, 5)
        if isinstance(settle, Refusal):
            assert (settle.code, settle.facts["state"]) == ("trade_state", "top_up_due")
            steel.settle(deal)
        assert (steel.trade(deal).state, steel.escrow(deal)) == (State.COMPLETED, 0)


def test_a_settlement_against_the_last_payment_sees_all_of_it_or_none(tables: Tables) -> None:
    for number in range(ROUNDS):
        steel = market(f"Marketplace {number}", iban=f"6222{number:012}")
        steel.lend()
        line, deal = steel.line(), steel.deal()
        steel.pay(deal.reference, PAID)
        steel.weighed(deal)

        settle, draw = at_once(partial(steel.settle, deal), partial(steel.draw, line, deal, DRAWN, days=3))

        assert isinstance(draw, Outcome)
        outcome = settle if isinstance(settle, Outcome) else steel.settle(deal)
        # Whichever came first: the refund is the line's, never the buyer's.
        assert facts_of(outcome)["refund_to_principal_minor"] == 962_024
        assert steel.owed("buyer") == 0


def test_a_refund_against_a_repayment_of_the_whole_debt_repays_it_once(tables: Tables) -> None:
    payoff = DRAWN + 41_250
    for number in range(ROUNDS):
        steel = market(f"Marketplace {number}", iban=f"6222{number:012}")
        deal, line = funded_by_credit(steel)
        repayment = steel.movement(payoff, line.reference, booked_on=day(3))
        told = steel.told(repayment, days=3)

        settle, pay = at_once(partial(steel.settle, deal), partial(book_movement, told, repayment))

        assert isinstance(settle, Outcome)
        assert isinstance(pay, Outcome)
        assert steel.balance(Purpose.LOAN, line.line_id) == steel.credit_line(line).principal_minor == 0
        assert steel.balance(Purpose.INTEREST_INCOME) == 41_250
        # What was paid too much is the buyer's: in its account, or in suspense until somebody looks.
        assert steel.owed("buyer") + steel.suspense == 962_024
        assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_one_movement_told_by_many_at_once_is_booked_once(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()

    results = at_once(*[payment(steel, deal, PAID)] * 6)

    assert len(done(results)) == 6
    assert (steel.bank, steel.escrow(deal), steel.suspense) == (PAID, PAID, 0)


def test_many_payments_at_once_lose_nothing(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()

    results = at_once(*[payment(steel, deal, DUE // 5) for _ in range(6)])

    assert len(done(results)) == 6
    assert (steel.bank, steel.escrow(deal), steel.suspense) == (DUE // 5 * 6, DUE, DUE // 5)
    assert steel.trade(deal).state is State.FUNDED
