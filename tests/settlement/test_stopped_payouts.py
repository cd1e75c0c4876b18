"""What a trade has let go is not paid out once a bank has taken its money back: decided when a payout is to be made."""

from __future__ import annotations

from functools import partial

from chalicelib.banking.payout_states import State
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.claims import Claim, Reason
from chalicelib.settlement.service import claims
from chalicelib.settlement.service.pairings import undo_part
from chalicelib.settlement.service.payouts import follow_payout, follow_reserved, payouts_due, resume_payout
from chalicelib.settlement.worker.payments import stop
from chalicelib.storage.once import Outcome
from tests.settlement.goods import PRICE, RETAINED, SELLERS, Trading
from tests.settlement.market import THURSDAY, Deal, refusal
from tests.settlement.stopping import released_by_lot, released_of_payment, stopped, taken_by_bank
from tests.settlement.test_races import at_once
from tests.settlement.test_reserved import STARTED, open_claims, payouts_of, sound, standing
from tests.support.dynamodb_local import Tables
from tests.trades.papers import weight_note


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


# ---- what the buyer may get back of money that it has not paid for good ----------------------------------------------


def taken_after_the_payouts(place: Trading) -> Deal:
    """A deal that is paid out, and whose payment the bank takes back then: the buyer owes it."""
    deal, outcome = released_of_payment(place)
    place.pay_out(outcome, days=THURSDAY)
    taken_by_bank(place, deal)
    return deal


def reversal_claim(place: Trading) -> Claim:
    [claim] = [one for one in open_claims(place) if one.reason is Reason.REVERSED_BY_BANK]
    return claim


def pay_claim(place: Trading, claim: Claim, minor: int) -> Outcome:
    """Money comes to the debtor, and it pays."""
    place.owe({place.party(role): role for role in ("buyer", "seller", "carrier")}[claim.debtor], minor)
    return claims.settle_claim(place.call(), claim.claim_id, place.money(minor))


def test_a_buyer_gets_nothing_back_from_receivers_that_its_bank_has_taken_back(
    place: Trading, session_tables: Tables
) -> None:
    deal = taken_after_the_payouts(place)

    refused = refusal(lambda: place.take_back(deal, 1))

    assert (refused.code, refused.facts["left"]) == ("refund_exceeds_paid", 0)
    assert refused.facts["owed_for_reversals"] == PRICE
    assert sound(place, session_tables)


def test_what_the_buyer_pays_of_the_claim_can_be_refunded_and_no_more_when_that_is_undone(
    place: Trading, session_tables: Tables
) -> None:
    deal = taken_after_the_payouts(place)
    claim = reversal_claim(place)

    paid = pay_claim(place, claim, 1_000)
    assert refusal(lambda: place.take_back(deal, 1_001)).facts["left"] == 1_000
    claims.undo_claim_part(place.call(), claim.claim_id, paid.item.entry_id, "in error")

    assert refusal(lambda: place.take_back(deal, 1)).facts["left"] == 0
    pay_claim(place, reversal_claim(place), 2_000)
    place.take_back(deal, 2_000)
    assert place.trade(deal).uncovered_minor == PRICE - 2_000
    assert sound(place, session_tables)


def test_a_waiver_of_the_claim_is_no_payment(place: Trading) -> None:
    deal = taken_after_the_payouts(place)
    claim = reversal_claim(place)

    claims.waive_claim(place.call(), claim.claim_id, place.money(claim.open_minor), "as agreed")

    assert refusal(lambda: place.take_back(deal, 1)).code == "refund_exceeds_paid"


def test_a_refund_that_is_still_owed_is_not_paid_to_a_buyer_whose_bank_took_the_payment_back(
    place: Trading, session_tables: Tables
) -> None:
    deal, outcome = released_of_payment(place)
    place.pay_out(outcome, days=THURSDAY)
    place.take_back(deal, 100_000)
    taken_by_bank(place, deal)
    [owed] = [one for one in open_claims(place) if one.debtor == place.party("seller")]

    refused = refusal(lambda: pay_claim(place, owed, 1_000))

    assert (refused.code, refused.facts["owed_for_reversals"]) == ("claim_exceeds_paid", PRICE)
    pay_claim(place, reversal_claim(place), PRICE)
    pay_claim(place, owed, 1_000)
    assert sound(place, session_tables)


def test_a_trades_own_claim_is_not_paid_to_such_a_buyer_either(place: Trading) -> None:
    deal = place.under(STARTED)
    place.pay(deal.reference, PRICE, bank_reference=f"RCV-{deal.trade_id}")
    place.sign(deal, "start")
    place.pay_out(place.release(deal, milestone="start"))
    place.told_of(deal, weight_note(5_000, unit="unit"))
    place.sign(deal)
    place.pay_out(place.settle(deal, days=0))
    taken_by_bank(place, deal)
    place.owe("seller", PRICE)

    assert refusal(lambda: place.claim(deal, 1)).code == "claim_exceeds_paid"


def test_parting_a_reversal_from_its_receipt_has_the_buyer_owe_nothing(place: Trading, session_tables: Tables) -> None:
    deal = taken_after_the_payouts(place)
    [reversal] = [one for one in place.receipts() if one.is_reversal]

    undo_part(place.call(), reversal.receipt_id, reversal.allocations[0].number, "not that one")

    assert (place.trade(deal).uncovered_minor, open_claims(place)) == (0, [])
    place.take_back(deal, 1)
    assert sound(place, session_tables)


# ---- what was to be paid back to the payer ---------------------------------------------------------------------------


def late(place: Trading, minor: int = 500) -> Outcome:
    """Money for a deal that is over: it is to go back to its buyer by bank."""
    deal = place.under()
    place.cancel(deal)
    return place.pay(deal.reference, minor, bank_reference="LATE")


def take_late_back(place: Trading, minor: int) -> None:
    place.pay("", -minor, days=THURSDAY, reversal=True, original_reference="LATE", bank_reference=f"BACK-{minor}")


def test_what_the_bank_takes_back_is_not_paid_back_as_well(place: Trading, session_tables: Tables) -> None:
    outcome = late(place)

    take_late_back(place, 500)

    assert (place.bank, standing(place, "buyer"), open_claims(place)) == (0, (0, 0, 0), [])
    assert [(one.state, one.amount_minor) for one in place.pay_out(outcome)] == [(State.CANCELLED, 0)]
    assert sound(place, session_tables)


def test_what_the_bank_takes_back_in_part_is_paid_back_in_part(place: Trading, session_tables: Tables) -> None:
    outcome = late(place)

    take_late_back(place, 200)

    assert [(one.state, one.amount_minor) for one in place.pay_out(outcome)] == [(State.CREATED, 300)]
    assert (place.bank, standing(place, "buyer"), open_claims(place)) == (300, (0, 0, 0), [])
    assert sound(place, session_tables)


def test_what_was_paid_back_before_the_bank_takes_it_back_is_a_claim(place: Trading, session_tables: Tables) -> None:
    outcome = late(place)
    place.pay_out(outcome)

    take_late_back(place, 500)

    assert [(one.debtor, one.open_minor) for one in open_claims(place)] == [(place.party("buyer"), 500)]
    assert sound(place, session_tables)


def test_a_return_is_taken_back_and_paid_once_whoever_comes_first(place: Trading, session_tables: Tables) -> None:
    for number in range(3):
        deal = place.under()
        place.cancel(deal)
        outcome = place.pay(deal.reference, 500, bank_reference=f"LATE-{number}")
        [due] = payouts_due(place.tenant, outcome.item.entry_id)
        back = partial(
            place.pay, "", -500, reversal=True, original_reference=f"LATE-{number}", bank_reference=f"B{number}"
        )

        at_once(*(partial(follow_reserved, due, now=place.call().now) for _ in range(6)), back)

        paid = [one.amount_minor for one in place.pay_out(outcome) if one.state is State.CREATED]
        claimed = [one.open_minor for one in open_claims(place)]
        assert sum(claimed) == place.balance(Purpose.PAYOUTS_IN_TRANSIT), (paid, claimed)
        assert sound(place, session_tables)
