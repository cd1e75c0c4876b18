"""A pairing of a debit with the credit that it was taken for is undone: both wait in suspense, nothing is claimed."""

from __future__ import annotations

from functools import partial

import pytest

from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.receipts import Receipt, Target
from chalicelib.settlement.service.allocations import Allocate, allocate
from chalicelib.settlement.service.bank_reversals import pair_receipts
from chalicelib.settlement.service.claims import waive_claim
from chalicelib.settlement.service.movements import book_movement
from chalicelib.settlement.service.pairings import undo_part
from chalicelib.storage.once import Outcome
from tests.settlement.claims import claim_ids
from tests.settlement.goods import PRICE, Trading, trading
from tests.settlement.market import Deal, picture, refusal
from tests.settlement.stopping import released_of_payment, taken_by_bank
from tests.settlement.test_reserved import open_claims, sound
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points


def receipts_of(place: Trading) -> tuple[Receipt, Receipt]:
    """The payment, and the debit that was taken for its reversal."""
    found = {receipt.amount_minor > 0: receipt for receipt in place.receipts()}
    return found[True], found[False]


def taken_back(place: Trading) -> Deal:
    """A deal whose payment is taken for reversed."""
    deal = place.under()
    place.pay(deal.reference, PRICE, bank_reference=f"RCV-{deal.trade_id}")
    taken_by_bank(place, deal)
    return deal


def undo(place: Trading, key: str | None = None) -> Outcome:
    """Part the two, from the side of the debit."""
    _, reversal = receipts_of(place)
    return undo_part(place.call(key), reversal.receipt_id, 1, "another payment was meant")


def test_both_wait_in_suspense_again(place: Trading, session_tables: Tables) -> None:
    taken_back(place)

    undo(place)

    payment, reversal = receipts_of(place)
    assert (payment.unallocated_minor, payment.reversed_minor) == (PRICE, 0)
    assert (reversal.unallocated_minor, place.suspense) == (-PRICE, 0)
    assert {one.receipt_id for one in place.unmatched()} == {payment.receipt_id, reversal.receipt_id}
    assert sound(place, session_tables)


def test_the_payment_goes_back_to_its_trade(place: Trading, session_tables: Tables) -> None:
    deal = taken_back(place)
    undo(place)
    payment, _ = receipts_of(place)

    allocate(place.call(), Allocate(payment.receipt_id, Target.TRADE, deal.trade_id))

    assert (place.trade(deal).outstanding.minor, place.escrow(deal), place.suspense) == (0, PRICE, -PRICE)
    assert sound(place, session_tables)


def test_what_had_gone_on_stands_and_is_claimed_no_more(place: Trading, session_tables: Tables) -> None:
    deal, _ = released_of_payment(place)
    taken_by_bank(place, deal)
    assert place.balance(Purpose.CLAIMS) == PRICE

    undo(place)

    payment, reversal = receipts_of(place)
    assert (open_claims(place), place.balance(Purpose.CLAIMS)) == ([], 0)
    assert (payment.allocations[0].standing_minor, payment.unallocated_minor, payment.reversed_minor) == (PRICE, 0, 0)
    assert (reversal.unallocated_minor, place.suspense) == (-PRICE, -PRICE)
    assert sound(place, session_tables)


def test_a_claim_that_was_waived_is_undone_first(place: Trading) -> None:
    deal, _ = released_of_payment(place)
    taken_by_bank(place, deal)
    [claim_id] = claim_ids(place)
    waive_claim(place.call(), claim_id, place.money(1), "a cent")

    assert refusal(lambda: undo(place)).code == "claim_part_ended"


def test_an_undone_pairing_is_not_undone_again(place: Trading) -> None:
    taken_back(place)
    undo(place)

    assert refusal(lambda: undo(place)).code == "allocation_ended"


def test_the_message_that_comes_again_does_not_pair_them_again(place: Trading, session_tables: Tables) -> None:
    deal = place.under()
    place.pay(deal.reference, PRICE, bank_reference="RCV-1")
    movement = place.movement(-PRICE // 2, original_reference="RCV-1", reversal=True)
    book_movement(place.told(movement), movement)
    undo(place)
    before = picture(session_tables, place.tenant)

    book_movement(place.told(movement), movement)

    assert picture(session_tables, place.tenant) == before


def test_the_debit_is_paired_with_the_payment_that_was_meant(place: Trading, session_tables: Tables) -> None:
    taken_back(place)
    place.pay("", PRICE, bank_reference="RCV-OTHER")
    undo(place)
    _, reversal = receipts_of(place)
    other = next(one for one in place.receipts() if one.bank_reference == "RCV-OTHER")

    pair_receipts(place.call(), reversal.receipt_id, other.receipt_id, None, "this one")

    assert place.receipt(other.receipt_id).reversed_minor == PRICE
    assert place.suspense == PRICE
    assert sound(place, session_tables)


@pytest.mark.parametrize("side", [True, False], ids=["payment", "reversal"])
def test_a_reversal_that_met_its_payment_is_parted_from_either_side(
    place: Trading, session_tables: Tables, side: bool
) -> None:
    place.pay("", -PRICE, reversal=True, original_reference="RCV-1")
    place.pay("", PRICE, bank_reference="RCV-1")
    payment, reversal = receipts_of(place)
    assert (payment.unallocated_minor, reversal.unallocated_minor) == (0, 0)

    undo_part(place.call(), (payment if side else reversal).receipt_id, 1, "another one was meant")

    payment, reversal = receipts_of(place)
    assert (payment.unallocated_minor, reversal.unallocated_minor, place.suspense) == (PRICE, -PRICE, 0)
    assert sound(place, session_tables)


def prepared(place: Trading) -> partial[Outcome]:
    deal, _ = released_of_payment(place)
    taken_by_bank(place, deal)
    return partial(undo, place, "undo")


def test_a_process_killed_at_any_commit_parts_them_once(place: Trading, session_tables: Tables) -> None:
    prepared(place)()
    wanted = picture(session_tables, place.tenant)
    for point in crash_points(only="dynamodb.TransactWriteItems"):
        other = trading()
        act = prepared(other)
        with point:
            act()

        act()

        assert picture(session_tables, other.tenant) == wanted
        assert sound(other, session_tables)


def test_what_a_party_had_spent_of_three_parts_stands_again_in_them(place: Trading, session_tables: Tables) -> None:
    payment_id = str(place.pay("", 1_000, bank_reference="RCV-1").item.data["receipt_id"])
    for minor in (300, 300, 400):
        allocate(place.call(), Allocate(payment_id, Target.PARTY, place.party("buyer"), place.money(minor)))
    place.take_from("buyer", 500)
    place.pay("", -1_000, reversal=True, original_reference="RCV-1")
    assert place.balance(Purpose.CLAIMS) == 500

    undo(place)

    payment = place.receipt(payment_id)
    assert (sum(one.standing_minor for one in payment.allocations), payment.unallocated_minor) == (500, 500)
    assert (place.balance(Purpose.CLAIMS), place.suspense, place.owed("buyer")) == (0, 500 - 1_000, 0)
    assert sound(place, session_tables)
