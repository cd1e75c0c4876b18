"""What a buyer owes; and that nothing comes back to it twice: by agreement, from receivers, and for what it lost."""

from __future__ import annotations

from tests.trades.lives import Life
from tests.trades.papers import bill_of_lading, recall_notice
from tests.trades.works import LOTS, THREE

LOT_NAMES = ("A", "B", "C")


def test_goods_that_are_called_back_after_a_refund_are_no_claim_on_the_seller() -> None:
    life = Life().funded().give(recall_notice(""))
    life.refund(2_000_000)

    life.release("start")

    assert (life.trade.refunded_minor, life.trade.claim_minor) == (life.trade.funded_minor, 0)


def test_what_was_taken_back_from_receivers_is_not_claimed_once_more() -> None:
    life = Life(LOTS, lots=THREE).funded().give(bill_of_lading(lot="A"))
    life.release("shipped", "A")
    life.unwind(800_000)

    for lot in LOT_NAMES:
        life.give(recall_notice(lot)).settle(lot)

    assert life.trade.refunded_minor + 800_000 == life.trade.funded_minor
    assert life.trade.claim_minor == 0


def test_what_receivers_still_have_of_goods_that_were_called_back_is_a_claim() -> None:
    life = Life(LOTS, lots=THREE).funded().give(bill_of_lading(lot="A"))
    life.release("shipped", "A")
    life.unwind(300_000)

    for lot in LOT_NAMES:
        life.give(recall_notice(lot)).settle(lot)

    assert life.trade.claim_minor == 500_000
