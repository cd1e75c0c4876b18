"""The commands in the life of a trade, back to back, of netting windows and of splits, whose capacity is counted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.operations import Operation
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service.accounts import OpenAccount, open_account
from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.service import netting
from chalicelib.splits.domain.split import OpenSplit
from chalicelib.splits.domain.waterfall import KEPT, Share, ShareKind, Waterfall
from chalicelib.splits.service import distributing, splitting
from chalicelib.splits.service.distributing import AddReceivers
from chalicelib.splits.service.splitting import DivideHeld, RefundSplit
from chalicelib.trades.service import life
from tests.settlement.clearing import LATER, Clearing, clearing
from tests.settlement.goods import DEPOSIT, PRICE, RETAINED, WEIGHED, Trading, trading
from tests.support.calls import MONDAY
from tests.trades.papers import delivery_note

MONTH = 40
"""Days after which a retention is let go."""
RECEIVERS = 80
PART = 1_000
ENTROPY = bytes(10)


def trade_operations() -> Iterator[Operation]:
    """Every command that `operations` has not, in an order in which each finds what it needs."""
    place = trading(seal=True)
    yield from _proof(place)
    yield from _money_back(place)
    yield from _retention(place)
    yield from _back_to_back()
    yield from _netting()
    yield from _splits(place)


def _proof(place: Trading) -> Iterator[Operation]:
    draft = place.under(draft=True)
    yield "agree to a trade", lambda: life.agree_trade(place.call(), draft.trade_id)
    place.owe("buyer", PRICE)
    funded = place.under()
    yield "fund a trade by account", lambda: place.fund(funded, PRICE)
    place.told_of(funded, delivery_note())
    yield "sign a milestone", lambda: place.sign(funded)
    yield "open a dispute", lambda: place.dispute(funded, PART)
    yield "decide a dispute", lambda: place.resolve(funded, buyer=PART - 1, seller=1)


def _money_back(place: Trading) -> Iterator[Operation]:
    refunded, cancelled = place.paid(), place.paid()
    yield "refund from the escrow", lambda: place.refund(refunded, PART)
    yield "cancel a trade", lambda: place.cancel(cancelled)
    released = place.signed()
    place.release(released)
    yield "refund from the receivers", lambda: place.take_back(released, PART)
    weighed = place.weighed_at(9_000, template=WEIGHED)
    yield "final settlement with a refund", lambda: place.settle(weighed)
    overdue = place.paid(RETAINED)
    yield "let a trade expire", lambda: place.expire(overdue, days=20)
    place.owe("seller", DEPOSIT)
    yield "settle a claim", lambda: place.claim(overdue, DEPOSIT)


def _retention(place: Trading) -> Iterator[Operation]:
    kept = place.signed(RETAINED)
    yield "release but for a retention", lambda: place.release(kept)
    yield "release a retention", lambda: place.release_retained(kept, days=MONTH)


def _back_to_back() -> Iterator[Operation]:
    place = trading(seal=True)
    upstream, downstream = place.between("factory", "farm"), place.between("pharmacy", "factory")
    yield "link two trades", lambda: place.link(upstream, downstream)
    place.pay(downstream.reference, PRICE)
    place.told_and_signed(downstream)
    yield "release into another trade", lambda: place.release(downstream)


def _netting() -> Iterator[Operation]:
    cleared = clearing(Mode.MULTILATERAL)
    owed = [("a", "b", PART), ("b", "c", PART), ("a", "c", PART)] * 30
    for name in "abc":
        cleared.place.party(name)
    yield "add 90 obligations", lambda: cleared.add(owed)
    yield "add one obligation", lambda: cleared.add(owed[:1], first=len(owed) + 1)
    yield "close a window to more", lambda: cleared.close(now=LATER)
    yield "net 91 obligations of three", partial(_advance, cleared)


def _advance(cleared: Clearing) -> None:
    netting.advance(cleared.tenant, cleared.net_id, now=LATER)


def _splits(place: Trading) -> Iterator[Operation]:
    source, *receivers = (_account(place) for _ in range(RECEIVERS + 1))
    whole = place.money(RECEIVERS * PART)
    *parts, last = (Share(one, ShareKind.FIXED, minor=PART) for one in receivers)
    equal = Waterfall((*parts, Share(last.role, ShareKind.REMAINDER)))
    kept = Waterfall((Share(KEPT, ShareKind.REMAINDER),))
    made: list[str] = []

    def opened(waterfall: Waterfall) -> None:
        outcome = splitting.open_split(place.call(), OpenSplit(source, whole, waterfall))
        made.append(outcome.item.data["split"]["split_id"])

    yield f"split among {RECEIVERS} receivers", partial(opened, equal)
    some, part = place.money(RECEIVERS), place.money(PART)
    yield "refund of a split", lambda: splitting.refund_split(place.call(), RefundSplit(made[0], some))
    yield "take an amount to be split", partial(opened, kept)
    one = Waterfall((Share(receivers[0], ShareKind.REMAINDER),))
    yield "divide a part of it", lambda: splitting.divide_held(place.call(), DivideHeld(made[1], one, part))
    later = tuple((one, 1) for one in receivers)
    yield "add receivers of a page", lambda: distributing.add_receivers(place.call(), AddReceivers(made[1], later))
    yield "pay the receivers of a page", partial(_pay_due, place.tenant, made)
    yield "return the rest of a split", lambda: splitting.return_held(place.call(), made[1], None)


def _pay_due(tenant: str, made: list[str]) -> None:
    distributing.pay_due(tenant, made[1], now=MONDAY, entropy=ENTROPY)


def _account(place: Trading) -> str:
    opened = open_account(place.call(), OpenAccount("one of the bench", Kind.LIABILITY, "CNY"))
    return str(opened.item.data["account_id"])
