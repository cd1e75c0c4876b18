"""Builders of the holds' tests: a tenant of its own with a payer that has money, a payee, and what holds do to them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, Side, credit, debit
from chalicelib.ledger.holds import Hold, Terms
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.service.holds import CaptureHold, PlaceHold, capture_hold, get_hold, index, place_hold
from tests.support.calls import MONDAY, call

SECOND = timedelta(seconds=1)


def yuan(minor: int) -> Money:
    return Money(minor, "CNY")


def code_of(act: Callable[[], Any]) -> str:
    """The code an act is refused with, or "done"."""
    try:
        act()
    except Refusal as refusal:
        return refusal.code
    return "done"


def refusal_of(act: Callable[[], Any]) -> Refusal:
    """The refusal of an act that must be refused."""
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value


@dataclass(frozen=True)
class Desk:
    """A tenant with a bank, a payer that may not fall below zero and a payee. `now` is when its commands come."""

    tenant: str
    bank: str
    payer: str
    payee: str
    now: datetime = MONDAY

    def call(self, key: str | None = None, *, body: object = None, later: timedelta = timedelta(0)) -> Call:
        """A call of this tenant, `later` than Monday morning."""
        return call(key, tenant=self.tenant, body=body, now=self.now + later)

    def account(self, kind: Kind = Kind.LIABILITY, **terms: Any) -> str:
        """One more account."""
        command = OpenAccount("any", kind, terms.pop("currency", "CNY"), **terms)
        return str(open_account(self.call(), command).item.data["account_id"])

    def fund(self, minor: int) -> None:
        """Money for the payer."""
        self.pay(self.bank, self.payer, minor)

    def pay(self, debited: str, credited: str, minor: int, *, later: timedelta = timedelta(0)) -> None:
        """A transfer."""
        legs = (debit(debited, yuan(minor)), credit(credited, yuan(minor)))
        post_entry(self.call(later=later), PostEntry("transfer.posted", legs))

    def terms(self, minor: int, *, seconds: int | None = None, **changes: Any) -> Terms:
        """A hold of the payer's money for the payee, for so many seconds."""
        expires_at = None if seconds is None else self.now + timedelta(seconds=seconds)
        usual = {"debit_account_id": self.payer, "credit_account_id": self.payee, "reserved": Side.DEBIT}
        return Terms(**usual | {"amount": yuan(minor), "expires_at": expires_at} | changes)

    def hold(self, minor: int, *, indexed: bool = True, **terms: Any) -> str:
        """A hold's id; it stands in its lists as if the sequencer had come."""
        hold_id = str(place_hold(self.call(), PlaceHold(self.terms(minor, **terms))).item.subject)
        if indexed:
            index(self.tenant, hold_id)
        return hold_id

    def capture(self, hold_id: str, minor: int | None = None, *, close: bool = True, seconds: int = 0) -> Hold:
        """Capture, and the hold after."""
        amount = None if minor is None else yuan(minor)
        capture_hold(self.call(later=timedelta(seconds=seconds)), CaptureHold(hold_id, amount, close))
        return self.state(hold_id)

    def state(self, hold_id: str) -> Hold:
        """The hold as it stands."""
        return get_hold(self.tenant, hold_id).hold

    def held(self, account_id: str | None = None) -> int:
        """What is reserved of an account (the payer's unless said)."""
        return get_account(self.tenant, account_id or self.payer).held

    def posted(self, account_id: str | None = None) -> int:
        """An account's own balance (the payer's unless said)."""
        return get_account(self.tenant, account_id or self.payer).own_balance


def new_desk(funds: int = 0) -> Desk:
    """A tenant nobody else has."""
    tenant = f"ten_{uuid.uuid4().hex}"

    def opened(kind: Kind, floor: int | None) -> str:
        return str(open_account(call(tenant=tenant), OpenAccount("any", kind, "CNY", floor)).item.data["account_id"])

    desk = Desk(tenant, opened(Kind.ASSET, None), opened(Kind.LIABILITY, 0), opened(Kind.LIABILITY, 0))
    if funds:
        desk.fund(funds)
    return desk
