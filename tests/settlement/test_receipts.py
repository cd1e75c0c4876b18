"""Receipts: what is left of one is moved once, by a command of its own, keeps its days, and can be taken back."""

from __future__ import annotations

from datetime import date
from functools import partial

import pytest

from chalicelib.core.calendars import today_in
from chalicelib.ledger.domain import Kind, Purpose, credit, debit, purpose_account_id
from chalicelib.ledger.service.accounts import OpenAccount, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.settlement.domain.receipts import Receipt, Target
from chalicelib.settlement.service.allocations import Allocate, allocate, undo_allocation
from chalicelib.settlement.service.bank_reversals import pair_receipts
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.states import State
from tests.settlement.desk import Desk
from tests.settlement.market import DUE, PAID, Deal, Line, Market, day, market, refusal, state_of, trial_balance
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points
from tests.support.races import race


def stray(place: Market, minor: int, **more: object) -> str:
    """Money that nobody knows: the id of its receipt."""
    return str(place.pay("", minor, **more).item.data["receipt_id"])


def move(
    place: Market,
    receipt_id: str,
    to: Target,
    target_id: str,
    minor: int | None = None,
    *,
    key: str | None = None,
    days: int = 0,
    value_on: date | None = None,
) -> Outcome:
    amount = None if minor is None else place.money(minor)
    command = Allocate(receipt_id, to, target_id, amount, value_on)
    return allocate(place.call(key, body=minor, days=days), command)


def left(place: Market) -> dict[str, int]:
    """What waits in suspense, by receipt; it is all that the suspense account has."""
    rest = {receipt.receipt_id: receipt.unallocated_minor for receipt in place.unmatched()}
    assert place.suspense == sum(rest.values())
    return rest


def charges(place: Market) -> str:
    """An expense account of the marketplace's own."""
    command = OpenAccount(name="Bank charges", kind=Kind.EXPENSE, currency="CNY")
    return str(open_account(place.call("charges"), command).item.data["account_id"])


# ---- each movement is a receipt --------------------------------------------------------------------------------------


def test_a_matched_payment_is_a_receipt_that_says_where_it_went(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()

    receipt_id = str(steel.pay(deal.reference, PAID).item.data["receipt_id"])

    receipt = steel.receipt(receipt_id)
    assert (receipt.amount_minor, receipt.unallocated_minor, receipt.disposition) == (PAID, 0, "matched")
    [part] = receipt.allocations
    assert (part.target, part.target_id, part.minor) == (Target.TRADE, deal.trade_id, PAID)
    assert steel.unmatched() == ()


def test_a_receipt_keeps_its_days_and_its_payer_masked(desk: Desk) -> None:
    steel = desk.place

    receipt_id = stray(
        steel,
        5,
        booked_on=day(0),
        value_on=day(1),
        counterparty_name="Li Steel Ltd",
        counterparty_account="NL91ABNA0417164300",
    )

    receipt = steel.receipt(receipt_id)
    assert (receipt.booked_on, receipt.value_on) == (day(0), day(1))
    assert (receipt.counterparty_name, receipt.counterparty_account) == ("Li Steel Ltd", "****4300")
    assert "0417164300" not in str(state_of(desk.tables))


# ---- allocated -------------------------------------------------------------------------------------------------------


def test_a_receipt_funds_the_trade_it_is_allocated_to(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    receipt_id = stray(steel, DUE)

    facts = move(steel, receipt_id, Target.TRADE, deal.trade_id).item.data

    assert (steel.escrow(deal), steel.trade(deal).state, left(steel)) == (DUE, State.FUNDED, {})
    assert steel.expected(deal.reference).status == "met"
    assert (facts["allocated_minor"], facts["unallocated_minor"]) == (DUE, 0)


def test_what_a_trade_does_not_want_stays_in_suspense(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    receipt_id = stray(steel, DUE + 7)

    move(steel, receipt_id, Target.TRADE, deal.trade_id)

    assert left(steel) == {receipt_id: 7}
    assert refusal(lambda: move(steel, receipt_id, Target.TRADE, deal.trade_id)).code == "more_than_wanted"


def test_a_repayment_counts_from_the_receipts_value_date(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)
    receipt_id = stray(steel, 60_200_000, days=10, booked_on=day(10), value_on=day(10))

    item = move(steel, receipt_id, Target.CREDIT_LINE, line.line_id, days=13).item

    assert (steel.balance(Purpose.LOAN, line.line_id), left(steel)) == (0, {})
    assert steel.balance(Purpose.INTEREST_INCOME) == 200_000
    assert today_in("CNY", item.occurred_at) == day(10)


def test_a_repayment_of_an_older_day_counts_from_the_day_that_somebody_decides(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)
    receipt_id = stray(steel, 1_000_000, booked_on=day(-200), value_on=day(-200))

    assert refusal(lambda: move(steel, receipt_id, Target.CREDIT_LINE, line.line_id)).code == "value_date_too_old"
    move(steel, receipt_id, Target.CREDIT_LINE, line.line_id, value_on=day(0))

    assert (steel.balance(Purpose.LOAN, line.line_id), left(steel)) == (59_000_000, {})


def test_a_lender_a_party_and_an_own_account_take_parts(tables: Tables) -> None:
    steel = market()
    steel.lender()
    receipt_id = stray(steel, 10)
    fees = purpose_account_id(steel.tenant, Purpose.FEE_INCOME, "CNY")

    move(steel, receipt_id, Target.LENDER, steel.party("lender"), 5)
    move(steel, receipt_id, Target.PARTY, steel.party("mill"), 3)
    move(steel, receipt_id, Target.ACCOUNT, fees, 2)

    assert steel.balance(Purpose.LENDER_UNDRAWN, steel.party("lender")) == 5
    assert (steel.owed("mill"), steel.balance(Purpose.FEE_INCOME), left(steel)) == (3, 2, {})
    assert [part.minor for part in steel.receipt(receipt_id).allocations] == [5, 3, 2]


def test_a_bank_charge_ends_in_an_own_account(tables: Tables) -> None:
    steel = market()
    receipt_id = stray(steel, -45)

    move(steel, receipt_id, Target.ACCOUNT, charges(steel))

    assert (steel.bank, left(steel)) == (-45, {})
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_a_debit_is_paired_with_the_credit_that_undoes_it(tables: Tables) -> None:
    steel = market()
    charge, refunded = stray(steel, -45), stray(steel, 45)

    pair_receipts(steel.call(), refunded, charge, None, "charged by mistake")

    assert (steel.bank, left(steel)) == (0, {})


def test_a_charge_that_was_expensed_is_paired_all_the_same(tables: Tables) -> None:
    steel = market()
    charge = stray(steel, -45)
    move(steel, charge, Target.ACCOUNT, charges(steel))
    refunded = stray(steel, 45)

    pair_receipts(steel.call(), refunded, charge, None, "charged by mistake")

    assert left(steel) == {}
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


@pytest.mark.parametrize(
    ("to", "target_id", "code"),
    [
        (Target.TRADE, "trd_none", "trade_not_found"),
        (Target.CREDIT_LINE, "lin_none", "credit_line_not_found"),
        (Target.LENDER, "pty_none", "lender_not_found"),
        (Target.PARTY, "pty_none", "account_not_found"),
        (Target.ACCOUNT, "acc_none", "account_not_found"),
    ],
)
def test_what_is_not_there_takes_nothing(tables: Tables, to: Target, target_id: str, code: str) -> None:
    steel = market()
    receipt_id = stray(steel, 5)

    assert refusal(lambda: move(steel, receipt_id, to, target_id)).code == code
    assert left(steel) == {receipt_id: 5}


def test_more_than_is_left_is_refused(tables: Tables) -> None:
    steel = market()
    receipt_id = stray(steel, 5)
    to_mill = partial(move, steel, receipt_id, Target.PARTY, steel.party("mill"))

    assert refusal(lambda: to_mill(6)).code == "receipt_exceeded"
    assert refusal(lambda: to_mill(0)).code == "amount_not_positive"
    to_mill(5)
    assert refusal(lambda: to_mill(1)).code == "receipt_allocated"


def test_an_account_that_follows_something_and_a_bank_account_take_no_receipt(tables: Tables) -> None:
    steel = market()
    deal, receipt_id = steel.deal(), stray(steel, 5)
    escrow = purpose_account_id(steel.tenant, Purpose.ESCROW, "CNY", deal.trade_id)

    assert refusal(lambda: move(steel, receipt_id, Target.ACCOUNT, escrow)).code == "account_controlled"
    assert refusal(lambda: move(steel, receipt_id, Target.ACCOUNT, steel.account.account_id)).code == "target_is_a_bank"


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_suspense_takes_no_entry_by_hand(tables: Tables) -> None:
    steel = market()
    stray(steel, 5)
    suspense = purpose_account_id(steel.tenant, Purpose.SUSPENSE, "CNY")
    fees = purpose_account_id(steel.tenant, Purpose.FEE_INCOME, "CNY")
    postings = (debit(suspense, steel.money(5)), credit(fees, steel.money(5)))

    assert refusal(lambda: post_entry(steel.call(), PostEntry("x", postings))).code == "account_controlled"


# ---- undone ----------------------------------------------------------------------------------------------------------


def test_an_allocation_is_undone_while_its_target_has_the_money(tables: Tables) -> None:
    steel = market()
    wrong, right = steel.deal(), steel.deal()
    receipt_id = stray(steel, DUE)
    move(steel, receipt_id, Target.TRADE, wrong.trade_id)

    undo_allocation(steel.call(), receipt_id, 1, "the other deal")

    assert (left(steel), steel.escrow(wrong), steel.trade(wrong).state) == ({receipt_id: DUE}, 0, State.AGREED)
    assert steel.expected(wrong.reference).status == "expected"
    move(steel, receipt_id, Target.TRADE, right.trade_id)
    assert (left(steel), steel.trade(right).state) == ({}, State.FUNDED)


def test_a_payment_that_quoted_the_wrong_trade_is_undone_too(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    receipt_id = str(steel.pay(deal.reference, PAID).item.data["receipt_id"])

    undo_allocation(steel.call(), receipt_id, 1, "not for this one")

    assert left(steel) == {receipt_id: PAID}


def test_what_a_target_has_paid_on_is_not_undone(tables: Tables) -> None:
    steel = market()
    receipt_id = stray(steel, 5)
    move(steel, receipt_id, Target.PARTY, steel.party("mill"))
    steel.take_from("mill", 1)

    refused = refusal(lambda: undo_allocation(steel.call(), receipt_id, 1, "wrong"))

    assert (refused.code, refused.facts["there"]) == ("allocation_paid_on", 4)
    assert left(steel) == {}


def test_an_undone_allocation_is_not_undone_again(tables: Tables) -> None:
    steel = market()
    receipt_id = stray(steel, 5)
    move(steel, receipt_id, Target.PARTY, steel.party("mill"))
    undo_allocation(steel.call(), receipt_id, 1, "wrong")

    assert refusal(lambda: undo_allocation(steel.call(), receipt_id, 1, "wrong")).code == "allocation_ended"
    assert refusal(lambda: undo_allocation(steel.call(), receipt_id, 9, "wrong")).code == "allocation_not_found"


def test_a_repayment_that_was_not_one_is_owed_again_as_if_never_paid(tables: Tables) -> None:
    steel = market()
    line = in_debt(steel)
    receipt_id = str(steel.pay(line.reference, 5_000_000, days=10, booked_on=day(10)).item.data["receipt_id"])

    undo_allocation(steel.call(days=14), receipt_id, 1, "another customer's")

    owed = steel.balance(Purpose.LOAN, line.line_id) + steel.balance(Purpose.INTEREST_RECEIVABLE, line.line_id)
    assert (owed, left(steel)) == (60_000_000 + 200_000, {receipt_id: 5_000_000})


# ---- at once, and cut short ------------------------------------------------------------------------------------------


def test_thirty_two_who_move_one_receipt_move_it_once(tables: Tables) -> None:
    steel = market()
    receipt_id = stray(steel, 5)
    steel.party("mill")

    acts = [partial(move, steel, receipt_id, Target.PARTY, steel.party("mill"), key=f"k{n}") for n in range(32)]
    results = race(acts)

    assert sum(isinstance(result, Outcome) for result in results) == 1
    assert (steel.owed("mill"), left(steel)) == (5, {})


@pytest.mark.parametrize("to", [Target.TRADE, Target.PARTY])
def test_a_process_killed_at_any_call_moves_a_receipt_once(tables: Tables, to: Target) -> None:
    for number, point in enumerate(crash_points(), 1):
        place = market(f"Marketplace {number}", iban=f"6222{number:012}")
        deal: Deal = place.deal()
        receipt_id = stray(place, 5)
        target = deal.trade_id if to is Target.TRADE else place.party("mill")
        act = partial(move, place, receipt_id, to, target, key="act")
        with point:
            act()

        outcome = act()

        assert outcome.item.data["unallocated_minor"] == 0
        assert (left(place), place.escrow(deal) + place.owed("mill")) == ({}, 5)


def in_debt(place: Market) -> Line:
    """A line at 12 % ACT/360 with 600,000.00 drawn on Monday."""
    place.lend()
    line = place.line(rate_bps=1200)
    place.draw(line, place.deal(), 60_000_000)
    return line


def test_receipts_are_listed_newest_first_and_by_id(tables: Tables) -> None:
    steel = market()
    first, second = stray(steel, 5), stray(steel, 6, days=1)

    page: tuple[Receipt, ...] = steel.receipts()

    assert [receipt.receipt_id for receipt in page] == [second, first]
    assert refusal(lambda: steel.receipt("rcp_none")).code == "receipt_not_found"
