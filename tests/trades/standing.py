"""Trades standing in every state, each brought there by commands, in the shapes that matter for what may come next."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache

from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Fault, ShareRule, Template
from tests.trades.lives import Life
from tests.trades.papers import bill_of_lading, certificate, customs_release, delivery_note, recall_notice, weight_note
from tests.trades.works import ARRIVED, LOTS, START, THREE, WORKS

WEIGHED = replace(LOTS, milestones=(replace(ARRIVED, per_lot=False),))
"""One final settlement, with a retention."""

NOTED = replace(WORKS, milestones=(replace(START, bps=0, signers=("buyer",), deemed_days=2),))
"""One release, with a retention."""

KEEPING = replace(
    WORKS,
    split=(ShareRule("carrier", ShareKind.FIXED), ShareRule("kept", ShareKind.REMAINDER)),
    fees=(),
    milestones=(replace(START, bps=0),),
)
BY_LOT = replace(LOTS, milestones=(ARRIVED,))
RELEASED_BY_LOT = replace(NOTED, milestones=(replace(NOTED.milestones[0], per_lot=True),))


def bare(template: Template) -> Template:
    """The template without retention."""
    return replace(template, retention=None)


@cache
def standing() -> dict[State, tuple[Life, ...]]:
    """The shapes of each state. They are shared: take a copy to go on from one."""
    calm = {
        State.DRAFT: (Life(draft=True), Life(WEIGHED, draft=True)),
        State.AGREED: (Life(), Life(WEIGHED)),
        State.FUNDING: (_paid(Life(), 1_000), _paid(Life(WEIGHED), 1_000)),
        State.DEPOSITED: (_paid(Life(), 2_000_000), _paid(Life(WEIGHED), 2_500_000)),
        State.FUNDED: tuple(_ready()),
        State.PERFORMING: tuple(life.give(customs_release()) for life in _ready()),
        State.TOP_UP_DUE: tuple(_asked()),
        State.RELEASING: tuple(_releasing()),
        State.RETAINED: tuple(_retained()),
    }
    return calm | {State.DISPUTED: tuple(_disputed(calm))} | _ended()


def _paid(life: Life, minor: int) -> Life:
    life.fund(minor)
    return life


def _name(life: Life) -> str:
    return life.terms.template.milestones[-1].name


def _lot(life: Life) -> str:
    by_lot = life.terms.template.milestones[-1].per_lot
    return next(lot.name for lot in life.terms.lots if lot.name not in life.trade.recalled) if by_lot else ""


def _ready() -> list[Life]:
    """The evidence was there before the money, and the buyer's word as well, or that alone is missing."""
    signed = (life.sign(_name(life), "buyer", lot=_lot(life)) for life in _shown())
    return [life.funded() for life in (*signed, *_shown())]


def _shown() -> list[Life]:
    return [
        Life(WEIGHED).give(weight_note(100_000)),
        Life(bare(WEIGHED)).give(weight_note(100_000)),
        Life(bare(WEIGHED)).give(weight_note(120_000)),
        Life(WEIGHED).give(recall_notice("")),
        Life(BY_LOT, lots=THREE).give(weight_note(40_000, lot="A")),
        Life(NOTED).give(delivery_note()),
        Life(bare(NOTED)).give(delivery_note()),
        Life(bare(NOTED)).give(recall_notice("")),
        Life(RELEASED_BY_LOT, lots=THREE).give(delivery_note("A")),
    ]


def _asked() -> list[Life]:
    """The buyer is asked for more: at once, and after lots have been released, with a retention and without."""
    lives = [Life(WEIGHED).give(weight_note(120_000)).sign("arrived", "buyer").funded()]
    for template in (BY_LOT, bare(BY_LOT)):
        life = _first_lot(template)
        lives.append(life.give(weight_note(50_000, lot="B")).sign("arrived", "buyer", lot="B"))
    shipped = Life(LOTS, lots=THREE).funded().give(bill_of_lading(lot="A"), weight_note(50_000, lot="A"))
    lives.append(shipped.sign("arrived", "buyer", lot="A"))
    for life, lot in zip(lives, ("", "B", "B", "A"), strict=True):
        life.settle(lot)
    return lives


def _first_lot(template: Template) -> Life:
    life = Life(template, lots=THREE).funded().give(weight_note(40_000, lot="A")).sign("arrived", "buyer", lot="A")
    life.settle("A")
    return life


def _releasing() -> list[Life]:
    """One part has gone: of a start, of a lot that was weighed or noted, of lots that were called back."""
    started = [Life(), Life(bare(WORKS))]
    for life in started:
        life.funded().give(delivery_note(), certificate()).release("start")
    signed = [copy(life).sign("acceptance", "buyer", "surveyor") for life in started]
    noted = Life(RELEASED_BY_LOT, lots=THREE).funded().give(*(delivery_note(lot) for lot in "AB"))
    noted.sign("start", "buyer", lot="A").sign("start", "buyer", lot="B").release("start", "A")
    lots = [_first_lot(BY_LOT), _first_lot(bare(BY_LOT))]
    for life in lots:
        life.give(weight_note(39_000, lot="B")).sign("arrived", "buyer", lot="B")
    ends = [copy(lots[0]), copy(lots[1])]
    for life in ends:
        life.settle("B")
        life.give(weight_note(20_000, lot="C")).sign("arrived", "buyer", lot="C")
    heavy = _first_lot(BY_LOT).give(weight_note(60_000, lot="B")).sign("arrived", "buyer", lot="B")
    return [*started, *signed, noted, *lots, *ends, heavy, _first_lot(BY_LOT), *_called_back()]


def _called_back() -> list[Life]:
    """Two lots of three were called back before anything was released, and so was the third."""
    settled, released = Life(BY_LOT, lots=THREE), Life(RELEASED_BY_LOT, lots=THREE)
    for life in (settled, released):
        life.funded().give(*(recall_notice(lot) for lot in "ABC"))
    for lot in "AB":
        settled.settle(lot)
        released.release("start", lot)
    return [settled, released]


def _retained() -> list[Life]:
    """All is performed: a retention stays back, or what the split keeps, with a claim on the seller or without."""
    performed = Life(NOTED).funded().give(delivery_note()).sign("start", "buyer")
    kept = [Life(KEEPING), Life(bare(KEEPING)), Life(bare(KEEPING), fixed_shares={"carrier": 0})]
    for life in (performed, *(one.funded().give(delivery_note()) for one in kept)):
        life.release("start")
    ended = _first_lot(BY_LOT)
    ended.cancel(Fault.SELLER)
    return [performed, *kept, ended]


def _disputed(calm: dict[State, tuple[Life, ...]]) -> list[Life]:
    """In dispute over a part of what is free, over all of it, and over the retention, from every state."""
    lives = []
    for state in (State.FUNDED, State.PERFORMING, State.TOP_UP_DUE, State.RELEASING, State.RETAINED):
        for life in calm[state]:
            free, retained = life.trade.free_minor, life.trade.retained_minor
            lives += [copy(life).dispute(minor) for minor in (1_000, free) if 0 < minor <= free]
            lives += [copy(life).dispute(minor, of_retention=True) for minor in (1, retained) if 0 < minor <= retained]
    return lives


def _ended() -> dict[State, tuple[Life, ...]]:
    completed = Life(bare(NOTED)).funded().give(delivery_note()).sign("start", "buyer")
    completed.release("start")
    owing = _first_lot(BY_LOT)
    owing.cancel(Fault.SELLER)
    owing.later(100).release_retention()
    refunded, cancelled, claimed, late = ([Life().funded(), Life(WEIGHED).funded()] for _ in range(4))
    for one in refunded:
        one.refund(one.trade.free_minor)
    for one in cancelled:
        one.cancel(Fault.BUYER)
    for one in claimed:
        one.cancel(Fault.SELLER)
    late.append(_paid(Life(), 2_000_000))
    for one in late:
        one.later(400).expire()
    return {
        State.COMPLETED: (completed, owing),
        State.REFUNDED: tuple(refunded),
        State.CANCELLED: (*cancelled, *claimed),
        State.EXPIRED: tuple(late),
    }
