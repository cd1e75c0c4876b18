"""What a trade has let go is not paid out once a bank has taken its money back: decided when a payout is to be made."""

from __future__ import annotations

from chalicelib.banking.payout_states import State
from chalicelib.settlement.domain.claims import Reason
from chalicelib.settlement.service.payouts import follow_payout, payouts_due, resume_payout
from chalicelib.settlement.worker.payments import stop
from tests.settlement.goods import PRICE, RETAINED, SELLERS, Trading
from tests.settlement.market import THURSDAY, refusal
from tests.settlement.stopping import released_by_lot, released_of_payment, stopped, taken_by_bank
from tests.settlement.test_reserved import open_claims, payouts_of, sound, standing
from tests.support.dynamodb_local import Tables


def test_payouts_of_a_trade_whose_money_the_bank_takes_back_are_stopped(place: Trading, session_tables: Tables) -> None:
    _, outcome, _ = stopped(place)

    again = place.pay_out(outcome, days=THURSDAY + 1)

    assert {(one.state, one.reason) for one in again} == {(State.STOPPED, "money_taken_back")}
    assert standing(place, "seller") == (SELLERS, SELLERS, 0)
    assert [(one.reason, one.open_minor) for one in open_claims(place)] == [(Reason.REVERSED_BY_BANK, PRICE)]
    assert sound(place, session_tables)


def test_a_payout_that_waits_for_its_day_is_stopped_at_once(place: Trading) -> None:
    deal, outcome = released_of_payment(place)
    place.freeze("seller")
    place.freeze("carrier")
    place.pay_out(outcome, days=THURSDAY)
    taken_by_bank(place, deal)

    stop(place.tenant, deal.trade_id, now=place.call(days=THURSDAY).now)

    seller = payouts_of(place, outcome)["seller"]
    assert (seller.state, seller.reason) == (State.STOPPED, "money_taken_back")


def test_however_many_payouts_a_trade_has_none_is_made(place: Trading) -> None:
    deal, outcomes = released_by_lot(place, of=50, released=50)

    taken_by_bank(place, deal)

    dues = [due for outcome in outcomes for due in payouts_due(place.tenant, outcome.item.entry_id)]
    assert len(dues) > 50
    assert {one.state for outcome in outcomes for one in place.pay_out(outcome, days=THURSDAY)} == {State.STOPPED}


def test_what_is_let_go_after_the_bank_has_taken_a_part_is_paid(place: Trading, session_tables: Tables) -> None:
    deal = place.under(RETAINED)
    place.pay(deal.reference, PRICE, bank_reference=f"RCV-{deal.trade_id}")
    place.told_and_signed(deal)
    before = place.release(deal)
    place.pay("", -PRICE // 100, days=THURSDAY, reversal=True, original_reference=f"RCV-{deal.trade_id}")

    after = place.release_retained(deal, days=THURSDAY + 40)

    assert {one.state for one in place.pay_out(before, days=THURSDAY + 40)} == {State.STOPPED}
    assert {one.state for one in place.pay_out(after, days=THURSDAY + 40)} == {State.CREATED}
    assert sound(place, session_tables)


def test_a_stopped_payout_of_a_trade_that_is_over_goes_on_when_a_person_says_so(
    place: Trading, session_tables: Tables
) -> None:
    _, outcome, _ = stopped(place)
    seller = payouts_of(place, outcome)["seller"]

    resumed = resume_payout(place.call(days=THURSDAY), seller.payout_id)

    assert resumed.item.data["state"] == "reserved"
    assert {one.state for one in place.pay_out(outcome, days=THURSDAY)} == {State.CREATED, State.STOPPED}
    assert payouts_of(place, outcome)["seller"].state is State.CREATED
    code = refusal(lambda: resume_payout(place.call(), seller.payout_id)).code
    assert code == "payout_state"
    assert sound(place, session_tables)


def test_a_payout_of_a_trade_that_is_funded_again_goes_on_by_itself(place: Trading, session_tables: Tables) -> None:
    deal, [outcome] = released_by_lot(place, of=2, released=1)
    taken_by_bank(place, deal)
    place.pay_out(outcome, days=THURSDAY)
    seller = payouts_of(place, outcome)["seller"]
    refused = refusal(lambda: resume_payout(place.call(days=THURSDAY), seller.payout_id))
    assert (seller.state, refused.code) == (State.STOPPED, "trade_not_funded")

    place.pay(deal.reference, place.trade(deal).outstanding.minor, days=THURSDAY)

    assert seller.due_at is not None
    paid = follow_payout(place.tenant, seller.payout_id, now=seller.due_at)
    assert (paid.state, paid.amount_minor) == (State.CREATED, seller.amount_minor)
    assert sound(place, session_tables)
