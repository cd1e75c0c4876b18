"""A trade that lives through commands at a clock of its own, so that tests say only what is done to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.errors import Refusal
from chalicelib.core.money import Money
from chalicelib.trades.domain import claims, endings, proof
from chalicelib.trades.domain import due as dues
from chalicelib.trades.domain.disputes import OpenDispute, Resolution, dispute, resolve
from chalicelib.trades.domain.due import Act, Deed
from chalicelib.trades.domain.endings import Unwound
from chalicelib.trades.domain.evidence import Document, Evidence
from chalicelib.trades.domain.final import final_settlement
from chalicelib.trades.domain.funding import Funding, fund
from chalicelib.trades.domain.opening import agree
from chalicelib.trades.domain.recounting import Change, recounted
from chalicelib.trades.domain.releasing import release
from chalicelib.trades.domain.retention import release_retention
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Fault, Template
from chalicelib.trades.domain.terms import OpenTrade
from chalicelib.trades.domain.trade import Division, Trade
from chalicelib.trades.domain.unfunding import unfund
from tests.support.calls import MONDAY
from tests.trades.deals import opened
from tests.trades.works import DEAL, WORKS


class Life:
    """A trade under any commands. Each does what its rule says, or raises its refusal and changes nothing."""

    def __init__(self, template: Template = WORKS, deal: OpenTrade = DEAL, **changes: Any) -> None:
        self.terms, self.trade = opened(deal, template, **changes)
        self.evidence: tuple[Evidence, ...] = ()
        self.now: datetime = MONDAY
        self.divisions: list[Division] = []

    @property
    def state(self) -> State:
        return self.trade.state

    def later(self, days: int = 0, **more: int) -> Life:
        self.now += timedelta(days=days, **more)
        return self

    def agree(self) -> Life:
        return self._come(agree(self.terms, self.trade, now=self.now))

    def fund(self, minor: int | None = None, currency: str = "CNY") -> Funding:
        """So much is paid, or (not said) all that is outstanding."""
        amount = self.trade.outstanding if minor is None else Money(minor, currency)
        funding = fund(self.terms, self.trade, amount, now=self.now)
        self._come(funding.trade)
        return funding

    def funded(self) -> Life:
        self.fund()
        return self

    def give(self, *documents: Document) -> Life:
        for document in documents:
            evidence_id = f"evd_{len(self.evidence) + 1}"
            piece = proof.new_evidence(document, evidence_id=evidence_id, recorded_by="cli_test", now=self.now)
            trade, self.evidence = proof.add_evidence(self.terms, self.trade, self.evidence, piece, now=self.now)
            self._come(trade)
        return self

    def sign(self, milestone: str, *roles: str, lot: str = "") -> Life:
        for role in roles:
            signature = proof.Signature(milestone, role, f"pty_{role}", lot)
            self._come(proof.sign(self.terms, self.trade, signature, now=self.now))
        return self

    def accept(self, key: str) -> Life:
        return self._come(proof.accept(self.terms, self.trade, key, now=self.now))

    def release(self, name: str, lot: str = "") -> Division:
        return self._divide(release(self.terms, self.trade, name, lot, now=self.now))

    def settle(self, lot: str = "") -> Division:
        return self._divide(final_settlement(self.terms, self.trade, self.evidence, lot, now=self.now))

    def release_retention(self) -> Division:
        return self._divide(release_retention(self.terms, self.trade, now=self.now))

    def dispute(self, minor: int, role: str = "buyer", *, of_retention: bool = False) -> Life:
        command = OpenDispute(role, f"pty_{role}", minor, of_retention)
        return self._come(dispute(self.terms, self.trade, command, dispute_id="dsp_1", now=self.now))

    def resolve(self, division: Mapping[str, int], role: str | None = None) -> Division:
        """Divided so, by the arbiter unless told."""
        rule = self.terms.template.dispute
        by = role or (rule.arbiter if rule else "")
        return self._divide(resolve(self.terms, self.trade, Resolution(by, f"pty_{by}", division), now=self.now))

    def refund(self, minor: int, currency: str = "CNY") -> Division:
        return self._divide(endings.refund(self.terms, self.trade, Money(minor, currency), now=self.now))

    def unfund(self, minor: int) -> Life:
        """So much of what is held is taken out again."""
        units = self.trade.funding_units * minor // (self.trade.held_minor or 1)
        self._come(unfund(self.terms, self.trade, minor, units, now=self.now))
        return self

    def unwind(self, minor: int, currency: str = "CNY") -> Unwound:
        unwound = endings.unwind(self.terms, self.trade, Money(minor, currency))
        self._come(unwound.trade)
        return unwound

    def cancel(self, fault: Fault = Fault.NONE) -> Division:
        return self._divide(endings.cancel(self.terms, self.trade, fault, now=self.now))

    def expire(self) -> Division:
        return self._divide(endings.expire(self.terms, self.trade, now=self.now))

    def settle_claim(self, minor: int, currency: str = "CNY") -> Life:
        return self._come(claims.settle_claim(self.trade, claims.parts_of(self.trade, Money(minor, currency))))

    def recount(self) -> tuple[Change, ...]:
        """Count the clocks by their calendar as it is now."""
        trade, changes = recounted(self.terms, self.trade, self.now)
        self._come(trade)
        return changes

    def due(self) -> Act | None:
        """What is due now."""
        return dues.due(self.trade, self.now)

    def pass_time(self) -> Act | None:
        """Do what is due, if anything is; what cannot be done is set aside. A top-up by credit counts as paid."""
        act = self.due()
        if act is None:
            return None
        try:
            self._deeds()[act.deed](act)
        except Refusal:
            self.trade = dues.set_aside(self.trade, act)
        return act

    def _deeds(self) -> dict[Deed, Callable[[Act], object]]:
        return {
            Deed.ACCEPT: lambda act: self.accept(act.key),
            Deed.RECOUNT: lambda _: self.recount(),
            Deed.RELEASE: self._release_accepted,
            Deed.RETENTION: lambda _: self.release_retention(),
            Deed.TOP_UP: lambda _: self.fund(),
            Deed.EXPIRE: lambda _: self.expire(),
        }

    def _release_accepted(self, act: Act) -> Division:
        name, _, lot = act.key.partition("/")
        if self.terms.milestone(name).ends_in.value == "release":
            return self.release(name, lot)
        return self.settle(lot)

    def _divide(self, division: Division) -> Division:
        self._come(division.trade)
        self.divisions.append(division)
        return division

    def _come(self, trade: Trade) -> Life:
        self.trade = trade
        return self


def template(base: Template = WORKS, **changes: Any) -> Template:
    """The template with changes."""
    return replace(base, **changes)


def amounts(division: Division) -> dict[str, int]:
    """What each role got, in minor units."""
    return {role: part.minor for role, part in division.shares}


def refusal_of(command: Callable[..., object], *arguments: Any, **named: Any) -> Refusal:
    """The refusal that a command raises."""
    with pytest.raises(Refusal) as refused:
        command(*arguments, **named)
    return refused.value


def told(command: Callable[..., object], *arguments: Any, **named: Any) -> tuple[str, str]:
    """The kind and the code of the refusal that a command raises."""
    refusal = refusal_of(command, *arguments, **named)
    return type(refusal).__name__, refusal.code
