"""What a bank takes back: out of wherever the money went, in one commit; what was released is a claim on the payer."""

from __future__ import annotations

from functools import partial

import pytest

from chalicelib.banking.movements import Movement
from chalicelib.banking.payout_states import State as PayoutState
from chalicelib.core.errors import Refusal
from chalicelib.credit import history as credit_history
from chalicelib.credit import store as credit_store
from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.receipts import Target
from chalicelib.settlement.service.allocations import Allocate, allocate
from chalicelib.settlement.service.bank_reversals import pair_receipts
from chalicelib.settlement.service.ending import cancel_trade, refund_from_escrow
from chalicelib.settlement.service.movements import book_movement
from chalicelib.settlement.store import claims
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Fault
from tests.settlement.market import (
    DUE,
    THURSDAY,
    Deal,
    Line,
    Market,
    day,
    deliverable,
    journal_of,
    market,
    refusal,
    trial_balance,
)
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points
from tests.support.races import race

ORIGINAL = "MB-ORIGINAL"


def paid(place: Market, reference: str, minor: int, **more: object) -> str:
    """A payment that the bank will take back: its receipt."""
    given = {"bank_reference": ORIGINAL, **more}
    return str(place.pay(reference, minor, **given).item.data["receipt_id"])


def taken_back(place: Market, minor: int, *, days: int = 0, **more: object) -> Outcome:
    """The bank takes so much of it back, naming it by its own reference unless told."""
    given = {"original_reference": ORIGINAL, "reversal": True, "return_reason": "FOCR", **more}
    movement = place.movement(-minor, booked_on=day(days), **given)
    return book_movement(place.told(movement, days=days), movement)


def open_claims(place: Market) -> list[tuple[str, int]]:
    """Who owes how much, after money was released that the bank took back."""
    page = claims.list_claims(place.tenant, is_open=True, after=None, limit=100)
    return sorted((claim.debtor, claim.open_minor) for claim in page.values)


def sound(tables: Tables, place: Market) -> bool:
    """Whether the books balance, and suspense is what receipts have left."""
    left = sum(receipt.unallocated_minor for receipt in place.unmatched())
    return place.suspense == left and set(trial_balance(tables, place.tenant).values()) == {0}


# ---- of a trade ------------------------------------------------------------------------------------------------------


def test_a_payment_taken_back_is_owed_again(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    receipt_id = paid(steel, deal.reference, DUE)

    taken_back(steel, DUE)

    trade = steel.trade(deal)
    assert (steel.bank, steel.escrow(deal), steel.suspense) == (0, 0, 0)
    assert (trade.state, trade.outstanding.minor, trade.reversed_minor) == (State.AGREED, DUE, DUE)
    assert steel.expected(deal.reference).status == "expected"
    assert (steel.receipt(receipt_id).reversed_minor, open_claims(steel)) == (DUE, [])
    assert sound(tables, steel)


def test_the_event_of_the_trade_says_what_it_lost(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE)

    taken_back(steel, DUE)

    [event] = [item for item in journal_of(tables, steel.tenant) if item.kind == "trade.unfunded"]
    assert (event.subject, event.data["unfunded_minor"], event.data["trade_state"]) == (deal.trade_id, DUE, "agreed")


def test_a_part_taken_back_leaves_the_rest(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE)

    taken_back(steel, 5)
    taken_back(steel, 7)

    assert (steel.escrow(deal), steel.trade(deal).outstanding.minor) == (DUE - 12, 12)
    assert steel.trade(deal).state is State.DEPOSITED
    assert sound(tables, steel)


def test_a_reversal_that_is_told_twice_is_one(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE)

    for _ in range(2):
        taken_back(steel, DUE, bank_reference="MB-REV")

    assert (steel.bank, steel.escrow(deal), steel.suspense) == (0, 0, 0)


@pytest.mark.parametrize("name", ["uetr", "end_to_end_id"])
def test_the_payment_is_found_by_what_the_payer_called_it(tables: Tables, name: str) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE, **{name: "7a562c67-ca16-48ba-b074-65581be6f001"})

    taken_back(steel, DUE, original_reference="", **{name: "7a562c67-ca16-48ba-b074-65581be6f001"})

    assert (steel.bank, steel.escrow(deal), steel.suspense) == (0, 0, 0)


def test_by_a_trades_reference_the_one_receipt_that_fits_is_found(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    steel.pay(deal.reference, DUE)

    taken_back(steel, DUE, original_reference="", references=(deal.reference,))

    assert (steel.bank, steel.escrow(deal), steel.suspense) == (0, 0, 0)


def test_where_two_receipts_fit_a_reference_a_person_says_which(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    first, _ = (str(steel.pay(deal.reference, 7).item.data["receipt_id"]) for _ in range(2))

    own = str(taken_back(steel, 7, original_reference="", references=(deal.reference,)).item.data["receipt_id"])

    assert (steel.escrow(deal), steel.suspense) == (14, -7)
    pair_receipts(steel.call(), own, first, None, "the bank has told us")
    assert (steel.escrow(deal), steel.suspense, steel.receipt(first).reversed_minor) == (7, 0, 7)


def test_a_payment_that_comes_again_funds_the_trade_again(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE)
    taken_back(steel, DUE)

    steel.pay(deal.reference, DUE)

    assert (steel.trade(deal).state, steel.escrow(deal)) == (State.FUNDED, DUE)
    assert steel.expected(deal.reference).status == "met"


@pytest.mark.parametrize("ending", ["cancelled", "refunded"])
def test_of_a_trade_that_has_ended_all_of_it_is_a_claim(tables: Tables, ending: str) -> None:
    place = market()
    deal = deliverable(place)
    due = place.trade(deal).due_minor
    if ending == "cancelled":
        cancel_trade(place.call(), deal.trade_id, Fault.NONE)
    else:
        refund(place, deal, due)

    taken_back(place, due, original_reference=place.receipts()[0].bank_reference)

    assert (place.trade(deal).state.value, open_claims(place)) == (ending, [(deal.buyer, due)])
    assert sound(tables, place)


def test_no_release_goes_on_without_the_money(tables: Tables) -> None:
    place = market()
    deal = deliverable(place)
    taken_back(place, place.trade(deal).due_minor, original_reference=place.receipts()[0].bank_reference)

    assert refusal(lambda: place.release(deal)).code == "trade_state"
    assert place.trade(deal).stage in {State.AGREED, State.FUNDING}


def test_what_was_released_is_a_claim_on_the_buyer(tables: Tables) -> None:
    place = market()
    deal = deliverable(place)
    due = place.trade(deal).due_minor
    place.release(deal)

    taken_back(place, due, original_reference=place.receipts()[0].bank_reference)

    assert open_claims(place) == [(deal.buyer, due)]
    assert (place.bank, place.balance(Purpose.CLAIMS), place.trade(deal).state) == (0, due, State.COMPLETED)
    assert sound(tables, place)


def test_payouts_of_the_trade_that_have_no_file_are_stopped(tables: Tables) -> None:
    place = market()
    deal = deliverable(place)
    released = place.release(deal)

    taken_back(place, 5, days=THURSDAY, original_reference=place.receipts()[0].bank_reference)

    payouts = place.pay_out(released, days=THURSDAY)
    assert payouts
    assert {(one.state, one.reason) for one in payouts} == {(PayoutState.STOPPED, "money_taken_back")}


def test_a_receipts_part_of_the_escrow_is_in_proportion_to_all_that_left_it(tables: Tables) -> None:
    place = market()
    place.lend()
    line, deal = place.line(), place.deal()
    paid(place, deal.reference, 80_000_000)
    place.draw(line, deal, DUE - 80_000_000)
    refund(place, deal, 70_000_001)

    taken_back(place, 80_000_000)

    held = DUE - 70_000_001
    its = round(held * 80_000_000 / DUE)
    assert place.escrow(deal) == held - its
    assert open_claims(place) == [(deal.buyer, 80_000_000 - its)]
    assert sound(tables, place)


# ---- of what is not a trade's ----------------------------------------------------------------------------------------


def test_what_waits_in_suspense_is_less_then(tables: Tables) -> None:
    steel = market()
    receipt_id = paid(steel, "", 10)

    taken_back(steel, 4)

    receipt = steel.receipt(receipt_id)
    assert (receipt.unallocated_minor, receipt.reversed_minor, steel.suspense, steel.bank) == (6, 4, 6, 6)


def test_of_a_receipt_in_two_places_suspense_gives_first(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE + 5)

    taken_back(steel, 8)

    assert (steel.suspense, steel.escrow(deal), steel.trade(deal).outstanding.minor) == (0, DUE - 3, 3)


def test_more_than_the_receipt_waits_in_suspense(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE)

    taken_back(steel, DUE + 5)

    [waiting] = steel.unmatched()
    assert (waiting.reason, waiting.unallocated_minor, steel.escrow(deal)) == ("more_than_receipt", -5, 0)
    assert sound(tables, steel)


def test_a_lenders_undrawn_money_goes_and_the_drawn_is_a_claim(tables: Tables) -> None:
    steel = market()
    paid(steel, steel.lender(), 100)
    line, deal = steel.line(), steel.deal()
    steel.draw(line, deal, 60)

    taken_back(steel, 100)

    assert steel.balance(Purpose.LENDER_UNDRAWN, steel.party("lender")) == 0
    assert open_claims(steel) == [(steel.party("lender"), 60)]
    assert sound(tables, steel)


@pytest.mark.parametrize(("after", "owed"), [(14, 60_280_000), (18, 60_360_000)])
def test_a_repayment_that_bounces_is_owed_as_if_never_paid(tables: Tables, after: int, owed: int) -> None:
    steel = market()
    line = in_debt(steel)
    accrue_due(steel.call(days=10).now)
    paid(steel, line.reference, 5_000_000, days=10, booked_on=day(10))
    accrue_due(steel.call(days=14).now)

    taken_back(steel, 5_000_000, days=14)
    accrue_due(steel.call(days=after).now)

    balances = (steel.balance(one, line.line_id) for one in (Purpose.LOAN, Purpose.INTEREST_RECEIVABLE))
    assert sum(balances) == owed
    assert sound(tables, steel)


def test_a_repayment_that_bounces_behind_more_than_one_commit_replays_is_owed_from_the_day_of_the_bounce(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    steel = market()
    line = in_debt(steel)
    accrue_due(steel.call(days=10).now)
    paid(steel, line.reference, 5_000_000, days=10, booked_on=day(10))
    for days in (11, 12, 13):
        accrue_due(steel.call(days=days).now)
        steel.pay(line.reference, 1_000_000, days=days, booked_on=day(days))
    for module in (credit_store, credit_history):
        monkeypatch.setattr(module, "MAX_LATER_EVENTS", 2)

    refused = refusal(lambda: credit_store.events_behind(steel.tenant, line.line_id, day(10)))
    assert (refused.code, refused.facts["earliest_on"]) == ("too_many_later_events", day(11).isoformat())
    assert len(credit_store.events_behind(steel.tenant, line.line_id, day(11))) == 2
    taken_back(steel, 5_000_000, days=14)

    accrue_due(steel.call(days=14).now)

    balances = (steel.balance(one, line.line_id) for one in (Purpose.LOAN, Purpose.INTEREST_RECEIVABLE))
    assert sum(balances) == 57_271_636  # 65 - 8 million, 200,000 for ten days, then 18,400, 18,073, 17,745 and 17,418
    assert sound(tables, steel)
    assert open_claims(steel) == []


def test_a_bounced_repayment_takes_a_line_over_its_limit_where_no_more_is_drawn(tables: Tables) -> None:
    steel = market()
    steel.lend()
    line = steel.line(limit=100)
    steel.draw(line, steel.deal(), 100)
    paid(steel, line.reference, 60)
    steel.draw(line, steel.deal(), 60)

    taken_back(steel, 60)

    assert (steel.balance(Purpose.LOAN, line.line_id), steel.credit_line(line).shown_status) == (160, "over_limit")
    assert refusal(lambda: steel.draw(line, steel.deal(), 1)).code == "credit_limit_exceeded"


def test_a_party_gives_what_it_has_and_owes_the_rest(tables: Tables) -> None:
    steel = market()
    receipt_id = paid(steel, "", 10)
    allocate(steel.call(), Allocate(receipt_id, Target.PARTY, steel.party("mill")))
    steel.take_from("mill", 7)

    taken_back(steel, 10)

    assert (steel.owed("mill"), open_claims(steel)) == (0, [(steel.party("mill"), 7)])
    assert sound(tables, steel)


# ---- of what is not known --------------------------------------------------------------------------------------------


def test_a_reversal_that_comes_first_meets_its_payment(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    taken_back(steel, DUE)
    assert steel.suspense == -DUE

    paid(steel, deal.reference, DUE)

    assert (steel.bank, steel.suspense, steel.escrow(deal), steel.unmatched()) == (0, 0, 0, ())
    assert steel.trade(deal).state is State.AGREED


def test_the_rest_of_a_payment_that_a_reversal_waited_for_goes_to_its_place(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    taken_back(steel, 5)

    paid(steel, deal.reference, DUE)

    assert (steel.bank, steel.suspense, steel.escrow(deal)) == (DUE - 5, 0, DUE - 5)


def test_one_that_fits_nothing_keeps_its_amount_on_hold_on_the_trade_it_quotes(tables: Tables) -> None:
    place = market()
    deal = deliverable(place)
    other = paid(place, "", 5)
    held = place.escrow(deal)

    own = taken_back(place, 5, original_reference="UNKNOWN", references=(deal.reference,))
    receipt_id = str(own.item.data["receipt_id"])

    assert (place.trade(deal).reversal_hold_minor, place.escrow(deal), place.suspense) == (5, held, 0)
    assert refusal(lambda: place.release(deal)).code == "amount_on_hold"
    pair_receipts(place.call(), receipt_id, other, None, "this one")
    assert (place.trade(deal).reversal_hold_minor, place.release(deal).replayed) == (0, False)
    assert sound(tables, place)


# ---- at once, and cut short ------------------------------------------------------------------------------------------


def test_a_release_and_a_reversal_at_once_lose_nothing(tables: Tables) -> None:
    for number in range(4):
        place = market(f"Marketplace {number}", iban=f"6222{number:012}")
        deal = deliverable(place)
        due = place.trade(deal).due_minor
        original = place.receipts()[0].bank_reference

        released, reversed_ = race(
            [partial(place.release, deal), partial(taken_back, place, due, original_reference=original)]
        )

        assert isinstance(reversed_, Outcome), reversed_
        claimed = due if isinstance(released, Outcome) else 0
        assert not isinstance(released, Refusal) or released.code == "trade_state"
        assert open_claims(place) == ([(deal.buyer, claimed)] if claimed else [])
        assert place.bank == 0
        assert sound(tables, place)


def test_one_message_takes_back_all_parts_of_a_target(tables: Tables) -> None:
    place = market()
    line, deal = in_debt(place), place.deal()
    for to, target_id in ((Target.TRADE, deal.trade_id), (Target.CREDIT_LINE, line.line_id)):
        receipt_id = paid(place, "", 6_000_000, bank_reference=f"MB-{to.value}")
        for _ in range(3):
            allocate(place.call(), Allocate(receipt_id, to, target_id, place.money(2_000_000)))

        taken_back(place, 6_000_000, original_reference=f"MB-{to.value}")

        assert (place.suspense, place.receipt(receipt_id).reversed_minor) == (0, 6_000_000)
    assert (place.escrow(deal), place.trade(deal).outstanding.minor) == (0, DUE)
    assert place.credit_line(line).principal_minor == 60_000_000
    assert sound(tables, place)


@pytest.mark.parametrize("kind", ["trade", "released", "line", "parts"])
def test_a_process_killed_at_any_call_takes_back_once(tables: Tables, kind: str) -> None:
    for number, point in enumerate(crash_points(), 1):
        place = market(f"Marketplace {number}", iban=f"6222{number:012}")
        movement = prepared(place, kind)
        act = partial(book_movement, place.told(movement, days=14), movement)
        with point:
            act()

        outcome = act()

        assert outcome.item.kind == "movement.reversed"
        assert act().replayed
        assert sound(tables, place), point


def prepared(place: Market, kind: str) -> Movement:
    """A reversal that is about to be booked."""
    if kind == "line":
        line = in_debt(place)
        reference = str(place.receipt(paid(place, line.reference, 5_000_000)).bank_reference)
        return place.movement(-5_000_000, original_reference=reference, reversal=True)
    if kind == "parts":
        deal, receipt_id = place.deal(), paid(place, "", 3_000_000)
        for _ in range(2):
            allocate(place.call(), Allocate(receipt_id, Target.TRADE, deal.trade_id, place.money(1_000_000)))
        return place.movement(-3_000_000, original_reference=ORIGINAL, reversal=True)
    deal = deliverable(place)
    if kind == "released":
        place.release(deal)
    original = place.receipts()[0]
    return place.movement(-original.amount_minor, original_reference=original.bank_reference, reversal=True)


def refund(place: Market, deal: Deal, minor: int) -> None:
    refund_from_escrow(place.call(), deal.trade_id, place.money(minor))


def in_debt(place: Market) -> Line:
    """A line at 12 % ACT/360 with 600,000.00 drawn on Monday."""
    place.lend()
    line = place.line(rate_bps=1200)
    place.draw(line, place.deal(), 60_000_000)
    return line
