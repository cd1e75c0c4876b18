"""Money that a bank says has moved: each to its place by the reference, once; what has none waits in suspense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chalicelib.banking.references import creditor_reference
from chalicelib.core.errors import Conflict
from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose, credit, debit, movement_content, movement_key, purpose_account_id
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.settlement.service.movements import book_in_suspense, book_movement
from chalicelib.settlement.store.expected import MOST_REFERENCES
from chalicelib.trades.domain.states import State
from tests.settlement.market import DRAWN, DUE, LENT, PAID, Market, kinds, market, refusal, trial_balance
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

OTHER_IBAN = "NL35MOCK0000000012"


def reasons(place: Market) -> list[tuple[str, int]]:
    """Why each piece of money waits in suspense, and how much of it, sorted."""
    return sorted((receipt.reason, receipt.unallocated_minor) for receipt in place.unmatched())


def in_debt(place: Market, minor: int = DRAWN) -> tuple[str, str]:
    """A line drawn on by this much on Monday: its id and reference."""
    place.lend()
    line = place.line()
    place.draw(line, place.deal(), minor)
    return line.line_id, line.reference


# ---- to its place ----------------------------------------------------------------------------------------------------


def test_a_buyers_payment_goes_into_the_escrow(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()

    facts = steel.pay(deal.reference, PAID).item.data

    assert (steel.bank, steel.escrow(deal), steel.suspense) == (PAID, PAID, 0)
    assert (steel.trade(deal).state, steel.trade(deal).outstanding.minor) == (State.DEPOSITED, DRAWN)
    assert steel.expected(deal.reference).status == "short"
    assert (facts["received_minor"], facts["matched_minor"], facts["suspense_minor"]) == (PAID, PAID, 0)
    assert facts["payment_reference"] == deal.reference


def test_payments_in_parts_fund_a_trade(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    for minor in (1, DUE - 2, 1):
        steel.pay(deal.reference, minor)

    assert steel.trade(deal).state is State.FUNDED
    assert (steel.escrow(deal), steel.expected(deal.reference).status) == (DUE, "met")


def test_a_lenders_money_is_undrawn_as_often_as_it_comes(tables: Tables) -> None:
    steel = market()
    reference = steel.lender()
    steel.pay(reference, 5)
    steel.pay(reference, 7)

    assert (steel.bank, steel.balance(Purpose.LENDER_UNDRAWN, steel.party("lender"))) == (12, 12)
    assert steel.expected(reference).status == "met"


def test_a_repayment_pays_interest_then_principal_and_frees_the_lenders_money(tables: Tables) -> None:
    steel = market()
    line_id, reference = in_debt(steel)
    accrue_due(steel.call(days=2).now)

    steel.pay(reference, 962_024, days=3, booked_on=steel.call(days=3).now.date())

    assert steel.balance(Purpose.LOAN, line_id) == DRAWN - 920_774
    assert steel.balance(Purpose.INTEREST_RECEIVABLE, line_id) == 0
    assert steel.balance(Purpose.INTEREST_INCOME) == 41_250
    assert steel.balance(Purpose.LENDER_UNDRAWN, steel.party("lender")) == LENT - DRAWN + 920_774
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_a_repayment_dated_ahead_counts_on_the_day_it_is_told(tables: Tables) -> None:
    steel = market()
    _, reference = in_debt(steel)

    steel.pay(reference, 41_250, days=3, booked_on=steel.call(days=30).now.date())

    assert steel.balance(Purpose.INTEREST_INCOME) == 41_250


# ---- to suspense -----------------------------------------------------------------------------------------------------


def test_money_without_a_known_reference_waits_in_suspense_and_is_shown(tables: Tables) -> None:
    steel = market()
    unknown = creditor_reference("SOMEBODYELSES")

    steel.pay(unknown, 5, text=unknown)
    steel.pay("", 7, text=unknown)

    assert (steel.bank, steel.suspense) == (12, 12)
    assert reasons(steel) == [("unknown_reference", 5), ("unknown_reference", 7)]
    assert {receipt.reference for receipt in steel.unmatched()} == {unknown}


def test_another_tenants_reference_is_unknown(tables: Tables) -> None:
    steel, grain = market(), market("Grain Marketplace", iban=OTHER_IBAN)
    deal = steel.deal()

    grain.pay(deal.reference, PAID)

    assert reasons(grain) == [("unknown_reference", PAID)]
    assert (steel.trade(deal).state, steel.bank) == (State.AGREED, 0)


def test_what_is_too_much_waits_in_suspense(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()

    steel.pay(deal.reference, DUE + 5)

    assert (steel.bank, steel.escrow(deal), steel.suspense) == (DUE + 5, DUE, 5)
    assert reasons(steel) == [("more_than_expected", 5)]
    assert steel.expected(deal.reference).status == "met"


def test_what_comes_late_waits_in_suspense_whole(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    steel.pay(deal.reference, DUE)
    steel.weighed(deal)
    steel.settle(deal)

    steel.pay(deal.reference, 5)

    assert reasons(steel) == [("more_than_expected", 5)]
    assert steel.trade(deal).funded_minor == DUE


def test_what_a_line_does_not_owe_waits_in_suspense(tables: Tables) -> None:
    steel = market()
    line_id, reference = in_debt(steel, 100)

    steel.pay(reference, 107)
    steel.pay(reference, 9)

    assert steel.balance(Purpose.LOAN, line_id) == 0
    assert reasons(steel) == [("more_than_expected", 7), ("more_than_expected", 9)]


def test_money_in_another_currency_than_its_reference_waits_in_suspense(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    in_euros = market(iban=OTHER_IBAN, currency="EUR")

    in_euros.pay(deal.reference, PAID)

    assert (reasons(in_euros), in_euros.suspense) == ([("other_currency", PAID)], PAID)
    assert steel.trade(deal).state is State.AGREED


def test_two_references_of_ours_are_a_question_that_people_answer(tables: Tables) -> None:
    steel = market()
    deal, other = steel.deal(), steel.deal()
    unknown = creditor_reference("SOMEBODYELSES")

    steel.pay("", 5, references=(deal.reference, unknown, other.reference))
    steel.pay("", 7, references=(unknown, deal.reference))

    assert reasons(steel) == [("several_references", 5)]
    assert steel.escrow(deal) == 7


def test_more_references_than_are_looked_at_do_no_harm(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    many = tuple(creditor_reference(f"X{i}") for i in range(150))

    steel.pay("", 5, references=many)
    steel.pay("", 7, references=(*many[: MOST_REFERENCES - 1], deal.reference, *many))

    assert reasons(steel) == [("unknown_reference", 5)]
    assert steel.escrow(deal) == 7


def test_a_debit_that_is_no_payouts_waits_in_suspense(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()

    steel.pay(deal.reference, -5)

    assert (steel.bank, steel.suspense) == (-5, -5)
    assert reasons(steel) == [("unknown_debit", -5)]


@pytest.mark.parametrize("minor", [PAID, -PAID])
@pytest.mark.parametrize("sign", [{"reversal": True}, {"return_reason": "AC04"}], ids=["reversed", "returned"])
def test_what_is_undone_pays_for_nothing(tables: Tables, sign: dict[str, object], minor: int) -> None:
    steel = market()
    deal = steel.deal()

    steel.pay(deal.reference, minor, **sign)

    assert reasons(steel) == [("unknown_return", minor)]
    assert (steel.bank, steel.trade(deal).state) == (minor, State.AGREED)


def test_what_contradicts_is_booked_in_suspense_with_its_reason(tables: Tables) -> None:
    steel = market()
    movement = steel.movement(-5)

    for _ in range(2):
        book_in_suspense(steel.told(movement), movement, "payout_settled_twice")

    assert (steel.bank, steel.suspense) == (-5, -5)
    assert reasons(steel) == [("payout_settled_twice", -5)]


# ---- once ------------------------------------------------------------------------------------------------------------


def test_a_movement_told_twice_is_booked_once(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    movement = steel.movement(PAID, deal.reference)
    first = book_movement(steel.told(movement), movement)
    steel.pay(deal.reference, DRAWN)

    # The statement tells it a day later, perhaps without what the notification said.
    again = book_movement(steel.told(movement, days=1), replace(movement, references=(), text=""))

    assert (first.replayed, again.replayed) == (False, True)
    assert again.item == first.item
    assert (steel.bank, steel.suspense) == (DUE, 0)


def test_a_movement_told_with_another_amount_is_a_contradiction(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    movement = steel.movement(PAID, deal.reference)
    book_movement(steel.told(movement), movement)
    other = replace(movement, amount=steel.money(PAID + 1))

    refused = refusal(lambda: book_movement(steel.told(other), other))

    assert (type(refused), refused.code, refused.facts["minor"]) == (Conflict, "movement_differs", PAID + 1)
    assert steel.bank == PAID


def test_a_movement_that_a_person_has_booked_is_left_as_it_is(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    movement = steel.movement(PAID, deal.reference)
    assert movement.key == movement_key(steel.account.account_id, movement.bank_reference)
    assert movement.content == movement_content(movement.amount)
    by_hand = steel.told(movement)
    fees = purpose_account_id(steel.tenant, Purpose.FEE_INCOME, "CNY")
    postings = (debit(steel.account.account_id, steel.money(PAID)), credit(fees, steel.money(PAID)))
    post_entry(by_hand, PostEntry("break.booked", postings))

    outcome = book_movement(steel.told(movement), movement)

    assert (outcome.replayed, outcome.item.kind) == (True, "break.booked")
    assert (steel.bank, steel.escrow(deal)) == (PAID, 0)


def test_two_payments_of_one_amount_are_two(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    steel.pay(deal.reference, 5)
    steel.pay(deal.reference, 5)

    assert steel.escrow(deal) == 10
    assert kinds(tables, steel.tenant).count("movement.booked") == 2


# ---- how -------------------------------------------------------------------------------------------------------------


def test_a_movement_took_effect_on_the_day_the_bank_booked_it(tables: Tables) -> None:
    steel = market()

    past = steel.pay("", 5, days=3).item
    ahead = steel.pay("", 5, booked_on=steel.call(days=5).now.date()).item
    undated = steel.pay("", 5, booked_on=None).item

    assert (past.occurred_at, past.recorded_at) == (datetime(2026, 3, 1, 16, tzinfo=UTC), steel.call(days=3).now)
    assert ahead.occurred_at == undated.occurred_at == steel.call().now


def test_a_payment_costs_two_reads_a_query_and_one_commit(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()

    with watching() as calls:
        steel.pay(deal.reference, 5)

    reads = ["dynamodb.BatchGetItem"] * 2 + ["dynamodb.Query"]
    assert calls.operations == [*reads, "dynamodb.TransactWriteItems"]
