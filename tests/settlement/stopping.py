"""Deals of which a bank takes the payment back after it was released."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.banking.payouts import Payout
from chalicelib.settlement.service import settling
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.terms import Lot
from tests.settlement.goods import GOODS, PRICE, Trading
from tests.settlement.market import THURSDAY, Deal
from tests.trades.papers import delivery_note

BY_LOT = replace(GOODS, id="test-by-lot", milestones=(replace(GOODS.milestones[0], per_lot=True, signers=()),))


def released_of_payment(place: Trading) -> tuple[Deal, Outcome]:
    """A deal whose money came by bank and was let go a moment ago."""
    deal = place.under()
    place.pay(deal.reference, PRICE, bank_reference=f"RCV-{deal.trade_id}")
    place.told_and_signed(deal)
    return deal, place.release(deal)


def taken_by_bank(place: Trading, deal: Deal) -> None:
    """The bank takes its payment back."""
    place.pay("", -PRICE, days=THURSDAY, reversal=True, original_reference=f"RCV-{deal.trade_id}")


def stopped(place: Trading) -> tuple[Deal, Outcome, list[Payout]]:
    """A deal whose payouts have been stopped."""
    deal, outcome = released_of_payment(place)
    taken_by_bank(place, deal)
    return deal, outcome, place.pay_out(outcome, days=THURSDAY)


def released_by_lot(place: Trading, of: int, released: int) -> tuple[Deal, list[Outcome]]:
    """A deal of so many lots, its money come by bank, and the releases of the first ones."""
    lots = tuple(Lot(f"L{number}", 10_000 // of) for number in range(of))
    deal = place.under(BY_LOT, lots=lots, fixed_shares={"carrier": PRICE // 100})
    place.pay(deal.reference, PRICE, bank_reference=f"RCV-{deal.trade_id}")
    for lot in lots[:released]:
        place.told_of(deal, delivery_note(lot.name))
    call = place.call
    names = [lot.name for lot in lots[:released]]
    return deal, [settling.release_milestone(call(days=THURSDAY), deal.trade_id, "delivery", lot) for lot in names]
