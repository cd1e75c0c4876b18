"""Books that were closed up to an instant, and accounts that are frozen, when a bank or a night tells of before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chalicelib.banking import paying
from chalicelib.banking.payout_states import State
from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.service import account_life
from chalicelib.settlement.domain.accounts import party_account_id
from tests.settlement.desk import LAST_RECEIVE, Desk, moved, status
from tests.settlement.market import DRAWN, PAID, Market, market, refusal
from tests.settlement.test_payout_news import sent, state
from tests.support.dynamodb_local import Tables

DAY = timedelta(days=1)


def closed(place: Market, purpose: Purpose, *, days: int, owner: str = "") -> datetime:
    """The books of an account, closed up to now; the instant."""
    command = place.call(days=days)
    account_id = purpose_account_id(place.tenant, purpose, place.account.currency, owner)
    if purpose is Purpose.BANK:
        account_id = place.account.account_id
    account_life.close_period(command, account_id, command.now)
    return command.now


def test_a_movement_of_a_closed_period_is_booked_when_it_is_told(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    closed(steel, Purpose.BANK, days=2)

    item = steel.pay(deal.reference, PAID, days=3).item

    assert (steel.bank, steel.escrow(deal), steel.suspense) == (PAID, PAID, 0)
    assert item.occurred_at == item.recorded_at == steel.call(days=3).now
    assert item.data["booked_on"] == "2026-03-02"


def test_interest_of_a_closed_period_is_booked_when_it_is_accrued(tables: Tables) -> None:
    steel = market()
    steel.lend()
    line = steel.line()
    steel.draw(line, steel.deal(), DRAWN)
    until = closed(steel, Purpose.INTEREST_INCOME, days=2)

    run = accrue_due(until + DAY)

    assert (run.failures, run.days) == ((), 3)
    assert steel.balance(Purpose.INTEREST_INCOME) == 41_250


def test_a_callback_of_a_closed_period_is_no_trouble(desk: Desk) -> None:
    closed(desk.place, Purpose.BANK, days=0)

    failed = desk.tell(desk.report(moved(5, booked_on="2026-03-01")))

    assert (failed, desk.reasons(), desk.waiting()) == ([], [], [("unknown_reference", 5)])


def test_a_rejection_waits_until_its_party_is_unfrozen(desk: Desk) -> None:
    payout = sent(desk)
    party = party_account_id(desk.place.tenant, payout.party_id, "CNY")
    account_life.freeze(desk.place.call(), party)
    message = desk.take(status(payout.payout_id, "RJCT", "AC04"))

    failed = desk.handle(message, receive_count=LAST_RECEIVE)
    quarantined = desk.quarantine()
    account_life.unfreeze(desk.place.call(), party)

    assert (failed, quarantined) == (["m0"], [])
    assert desk.handle(message) == []
    assert (state(desk, payout), desk.place.owed("mill")) == (State.REJECTED, 500)


def test_money_that_comes_back_for_a_frozen_party_waits_in_suspense(desk: Desk) -> None:
    payout = sent(desk)
    desk.tell(desk.report(moved(-500, "MB-PMT-7", end_to_end_id=payout.payout_id)))
    account_life.freeze(desk.place.call(), party_account_id(desk.place.tenant, payout.party_id, "CNY"))

    failed = desk.tell(desk.report(moved(500, "MB-RTR-7", end_to_end_id=payout.payout_id, return_reason="AC04")))

    assert (failed, desk.waiting()) == ([], [("account_frozen", 500)])


def test_a_payout_of_a_frozen_party_is_asked_for_again(desk: Desk) -> None:
    desk.place.owe("mill", 500)
    party = party_account_id(desk.place.tenant, desk.place.party("mill"), "CNY")
    account_life.freeze(desk.place.call(), party)
    command = paying.CreatePayout(desk.place.party("mill"), desk.place.money(500))

    assert refusal(lambda: paying.create_payout(desk.place.call("k"), command)).code == "account_frozen"
    account_life.unfreeze(desk.place.call(), party)
    assert paying.create_payout(desk.place.call("k"), command).item.kind == "payout.created"


def test_a_movement_waits_where_the_books_were_closed_after_it_was_taken_up(desk: Desk) -> None:
    account_life.close_period(desk.place.call(days=100_000), desk.place.account.account_id, datetime.now(UTC) + DAY)
    message = desk.take(desk.report(moved(5, booked_on="2026-03-01")))

    failed = desk.handle(message, receive_count=LAST_RECEIVE)

    assert (failed, desk.quarantine(), desk.waiting()) == (["m0"], [], [])
