"""Walks of a trade through commands drawn by chance, each with the money counted beside it by an independent book.

A step tries to get somewhere: it gives a document that is still missing, signs where a signature is, releases what is
open. Many are refused all the same, and a refusal must change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

from chalicelib.core.errors import Refusal
from chalicelib.splits.domain.fees import Fee
from chalicelib.splits.domain.waterfall import ShareKind
from chalicelib.trades.domain.evidence import Document, EvidenceKind
from chalicelib.trades.domain.milestones import Point, missing_evidence, points
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import Ending, Fault, FundingRule, ShareRule, Stray, Template
from chalicelib.trades.domain.terms import Lot
from chalicelib.trades.domain.trade import Division, Trade, check_state, move
from tests.trades.lives import Life
from tests.trades.papers import (
    bill_of_lading,
    certificate,
    customs_release,
    delivery_note,
    delivery_photo,
    recall_notice,
    weight_note,
)
from tests.trades.works import ARRIVED, DEAL, LOTS, SHIPPED, START, THREE, WORKS

KEEPING = (
    ShareRule("carrier", ShareKind.FIXED),
    ShareRule("kept", ShareKind.BPS, bps=1000),
    ShareRule("seller", ShareKind.REMAINDER),
)
PAPERS = replace(
    SHIPPED, name="papers", needs=(EvidenceKind.CUSTOMS_RELEASE,), per_lot=False, bps=1000, signers=("seller",)
)
WHOLE = replace(ARRIVED, per_lot=False)
TOLERANT = FundingRule(Stray.ACCEPT, Stray.RETURN, over_tolerance_bps=50, short_tolerance_bps=50, top_up_days=3)
ROADS: tuple[tuple[Template, tuple[Lot, ...]], ...] = (
    (WORKS, ()),
    (LOTS, THREE),
    (replace(WORKS, split=KEEPING, retention=None, funding=TOLERANT), ()),
    (replace(LOTS, milestones=(replace(SHIPPED, per_lot=False), WHOLE), fees=(Fee("platform", 100, 10_000),)), ()),
    (replace(LOTS, milestones=(SHIPPED, replace(ARRIVED, ends_in=Ending.RELEASE, deemed_days=1), PAPERS)), THREE),
    (replace(WORKS, retention=None, fees=(), deposit=None, milestones=(replace(WHOLE, signers=()),)), THREE[:1]),
    (replace(LOTS, milestones=(replace(WHOLE, signers=()),)), ()),
    (replace(WORKS, milestones=(replace(START, bps=0),)), ()),
    (replace(WORKS, milestones=(replace(START, bps=0),), retention=None, fees=()), ()),
    (replace(WORKS, split=(ShareRule("kept", ShareKind.REMAINDER),), retention=None, fees=()), ()),
)
"""Templates that differ in what they let meet: parts, lots, fees on top and taken, retention, what is kept."""

DOCUMENTS: dict[EvidenceKind, Callable[[str], Document]] = {
    EvidenceKind.DELIVERY_NOTE: delivery_note,
    EvidenceKind.QUALITY_CERTIFICATE: lambda lot: certificate(lot=lot),
    EvidenceKind.BILL_OF_LADING: lambda lot: bill_of_lading(lot=lot),
    EvidenceKind.CUSTOMS_RELEASE: customs_release,
}
RECEIVERS = ("buyer", "seller", "carrier", "surveyor", "platform", "kept")


class Walk:
    """A trade on its way, and what an independent book says of it: paid in, refunded, got by role."""

    def __init__(self, rng: Random, road: int | None = None) -> None:
        self.rng = rng
        template, lots = ROADS[rng.randrange(len(ROADS)) if road is None else road]
        quantity = {"quantity_milli": sum(lot.quantity_milli for lot in lots)} if lots else {}
        deal = replace(DEAL, fixed_shares=dict.fromkeys(template.fixed_roles, 200_000), lots=lots, **quantity)
        draft = rng.random() < 0.1
        self.life = Life(template, deal, draft=draft, top_up_line_id=rng.choice(["", "lin_1"]))
        self.paid = self.refunded = 0
        self.got: Counter[str] = Counter()
        self.moves: Counter[tuple[State, Command, State]] = Counter()
        if not draft and rng.random() < 0.5:
            self.go(Command.FUND, self.life.fund)

    @property
    def trade(self) -> Trade:
        return self.life.trade

    def run(self, steps: int) -> Walk:
        for _ in range(steps):
            command, act = self.rng.choice(self._acts())
            if command is None:
                act()
            else:
                self.go(command, act)
        return self

    def go(self, command: Command, act: Callable[[], object]) -> None:
        """Try a command; what it did is counted, and a refusal has changed nothing."""
        before, divided = self.trade, len(self.life.divisions)
        try:
            act()
        except Refusal:
            assert self.trade == before
            return
        if self.trade == before:
            return
        self.moves[before.state, command, self.trade.state] += 1
        self.paid += self.trade.funded_minor - before.funded_minor
        for division in self.life.divisions[divided:]:
            self.count(division)

    def count(self, division: Division) -> None:
        self.refunded += division.refund.minor
        self.got.update({role: part.minor for role, part in division.shares})

    def _acts(self) -> list[tuple[Command | None, Callable[[], object]]]:
        life, often, rarely = self.life, self._towards(), self.rng.random() < 0.15
        acts: list[tuple[Command | None, Callable[[], object]]] = [
            *often * 3,
            (Command.AGREE, life.agree),
            (Command.FUND, lambda: life.fund(self._some(self.trade.outstanding.minor))),
            (Command.FUND, lambda: life.fund(self.trade.outstanding.minor or 1)),
            (Command.LINK, self._link),
            (Command.RELEASE_RETENTION, life.release_retention),
            (Command.RESOLVE, lambda: life.resolve(self._parts())),
            (Command.SETTLE_CLAIM, lambda: life.settle_claim(self._some(self.trade.claim_minor))),
            (None, lambda: life.later(self.rng.choice([0, 1, 4]), hours=self.rng.randrange(24))),
            (None, self._pass_time),
        ]
        return acts + (self._rare() if rarely else [])

    def _towards(self) -> list[tuple[Command | None, Callable[[], object]]]:
        """What brings some open point nearer."""
        reached = self.rng.choice([one for one in points(self.life.terms) if one.key not in self.trade.done] or [None])
        if reached is None:
            return []
        name, lot = reached.milestone.name, reached.lot
        acts: list[tuple[Command | None, Callable[[], object]]] = [(Command.ADD_EVIDENCE, lambda: self._give(reached))]
        if reached.milestone.signers:
            role = self.rng.choice(reached.milestone.signers)
            acts.append((Command.SIGN, lambda: self.life.sign(name, role, lot=lot)))
        if reached.milestone.ends_in is Ending.RELEASE:
            return [*acts, (Command.RELEASE, lambda: self.life.release(name, lot))]
        return [*acts, (Command.FINAL_SETTLEMENT, lambda: self.life.settle(lot))]

    def _rare(self) -> list[tuple[Command | None, Callable[[], object]]]:
        life, lots = self.life, [lot.name for lot in self.life.terms.lots] or [""]
        return [
            *[(Command.ADD_EVIDENCE, lambda lot=lot: life.give(recall_notice(lot))) for lot in lots],
            (Command.ADD_EVIDENCE, lambda: life.give(delivery_photo())),
            (Command.DISPUTE, lambda: life.dispute(self._some(self.trade.free_minor), "seller")),
            (Command.DISPUTE, lambda: life.dispute(self._some(self.trade.free_minor))),
            (Command.DISPUTE, lambda: life.dispute(self._some(self.trade.retained_minor), of_retention=True)),
            (Command.RESOLVE, lambda: life.resolve({"kept": self.trade.frozen_minor}, "buyer")),
            (Command.REFUND, lambda: life.refund(self._some(self.trade.free_minor))),
            (Command.UNWIND, lambda: life.unwind(self._some(self._unwindable()))),
            (Command.CANCEL, lambda: life.cancel(self.rng.choice(list(Fault)))),
            (Command.EXPIRE, life.expire),
            (None, lambda: life.later(90)),
        ]

    def _give(self, reached: Point) -> Life:
        missing = missing_evidence(self.life.terms, self.trade, reached)
        kind, _, lot = self.rng.choice(missing or ["delivery_note"]).partition("/")
        if kind == "weight_note":
            return self.life.give(weight_note(self._weighed(lot), lot=lot))
        return self.life.give(DOCUMENTS[EvidenceKind(kind)](lot))

    def _weighed(self, lot: str) -> int:
        agreed = self.life.terms.lot(lot).quantity_milli if lot else self.life.terms.quantity_milli
        return self.rng.choice([agreed, agreed // 2, agreed + 1_000, self.rng.randrange(1, 2 * agreed)])

    def _pass_time(self) -> None:
        """What is due, as the schedule does it."""
        act = self.life.due()
        command = {
            "accept": Command.ACCEPT,
            "retention": Command.RELEASE_RETENTION,
            "top_up": Command.FUND,
            "expire": Command.EXPIRE,
        }
        if act is not None:
            release = Command.FINAL_SETTLEMENT if act.key.startswith(ARRIVED.name) else Command.RELEASE
            self.go(command.get(act.deed.value, release), self.life.pass_time)

    def _link(self) -> None:
        check_state(self.trade, Command.LINK)
        self.life.trade = move(self.trade, Command.LINK, self.trade.stage, funds=f"trd_{self.rng.randrange(100)}")

    def _some(self, minor: int) -> int:
        """All of it, a part, or a little more than it."""
        return self.rng.choice([minor, minor, self.rng.randrange(1, minor + 2), minor + 1]) or 1

    def _unwindable(self) -> int:
        return sum(one.minor - one.back_minor for one in self.trade.got.values())

    def _parts(self) -> dict[str, int]:
        """Some division of the disputed amount that adds up, now and then one that does not."""
        cuts = sorted(self.rng.randrange(self.trade.frozen_minor + 1) for _ in range(2))
        bounds = [0, *cuts, self.trade.frozen_minor]
        roles = self.rng.sample(RECEIVERS, 3)
        return {role: upper - lower for role, lower, upper in zip(roles, bounds, bounds[1:], strict=False)}
