"""What a bank takes back of a trade, wherever that stands: all of it is owed again or claimed, and the books agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.claims import Reason
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Fault
from tests.settlement.goods import PRICE, RETAINED, Trading
from tests.settlement.market import THURSDAY, Deal
from tests.settlement.stopping import released_by_lot, taken_by_bank
from tests.settlement.test_reserved import open_claims, sound
from tests.support.dynamodb_local import Tables

KEPT = PRICE // 20
DISPUTED = 300_000


def funded(place: Trading) -> Deal:
    deal = place.under(RETAINED)
    place.pay(deal.reference, PRICE, bank_reference=f"RCV-{deal.trade_id}")
    return deal


def performing(place: Trading) -> Deal:
    deal = funded(place)
    place.told_and_signed(deal)
    return deal


def disputed(place: Trading) -> Deal:
    deal = funded(place)
    place.dispute(deal, DISPUTED)
    return deal


def part_released(place: Trading) -> Deal:
    return released_by_lot(place, of=4, released=1)[0]


def part_released_and_disputed(place: Trading) -> Deal:
    deal = part_released(place)
    place.dispute(deal, DISPUTED)
    return deal


def part_refunded(place: Trading) -> Deal:
    deal = funded(place)
    place.refund(deal, DISPUTED)
    return deal


def retained(place: Trading) -> Deal:
    deal = performing(place)
    place.release(deal)
    return deal


def retained_and_disputed(place: Trading) -> Deal:
    deal = retained(place)
    place.dispute(deal, KEPT // 2, of_retention=True, days=THURSDAY)
    return deal


def completed(place: Trading) -> Deal:
    deal = retained(place)
    place.release_retained(deal, days=40)
    return deal


def refunded(place: Trading) -> Deal:
    deal = funded(place)
    place.refund(deal, PRICE)
    return deal


def cancelled(place: Trading) -> Deal:
    deal = funded(place)
    place.cancel(deal, Fault.SELLER)
    return deal


def expired(place: Trading) -> Deal:
    deal = funded(place)
    place.expire(deal, days=30)
    return deal


STATES: list[tuple[Callable[[Trading], Deal], State, int, int, int]] = [
    (funded, State.AGREED, PRICE, 0, 0),
    (performing, State.AGREED, PRICE, 0, 0),
    (disputed, State.DISPUTED, PRICE, 0, 0),
    (part_released, State.TOP_UP_DUE, PRICE * 3 // 4, PRICE // 4, 0),
    (part_released_and_disputed, State.DISPUTED, PRICE * 3 // 4, PRICE // 4, 0),
    (part_refunded, State.DEPOSITED, PRICE - DISPUTED, DISPUTED, 0),
    (retained, State.COMPLETED, 0, PRICE - KEPT, KEPT),
    (retained_and_disputed, State.DISPUTED, 0, PRICE - KEPT, KEPT),
    (completed, State.COMPLETED, 0, PRICE, 0),
    (refunded, State.REFUNDED, 0, PRICE, 0),
    (cancelled, State.CANCELLED, 0, PRICE, 0),
    (expired, State.EXPIRED, 0, PRICE, 0),
]
"""Where a trade stands when its payment is taken back; where it stands then, what it is owed again, and what the buyer
owes the marketplace and the seller."""


@pytest.mark.parametrize(
    ("made", "state", "owed_again", "marketplaces", "sellers"), STATES, ids=[row[0].__name__ for row in STATES]
)
def test_all_that_a_bank_takes_back_is_owed_again_or_claimed(
    place: Trading,
    session_tables: Tables,
    made: Callable[[Trading], Deal],
    state: State,
    owed_again: int,
    marketplaces: int,
    sellers: int,
) -> None:
    deal = made(place)
    before = place.trade(deal).outstanding.minor

    taken_by_bank(place, deal)

    trade = place.trade(deal)
    of_reversal = [one for one in open_claims(place) if one.reason is Reason.REVERSED_BY_BANK]
    claimed = {one.creditor: one.open_minor for one in of_reversal}
    wanted = {None: marketplaces, deal.parties["seller"]: sellers}
    assert claimed == {creditor: minor for creditor, minor in wanted.items() if minor}
    assert {one.debtor for one in of_reversal} <= {deal.buyer}
    assert (trade.state, trade.outstanding.minor - before) == (state, owed_again)
    assert (trade.held_minor, place.escrow(deal), place.bank) == (0, 0, 0)
    assert place.balance(Purpose.CLAIMS) == marketplaces
    assert sound(place, session_tables)
