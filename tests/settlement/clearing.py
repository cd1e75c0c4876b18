"""What the netting tests stand on: a marketplace whose parties owe each other, in a window of the netted template."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.money import Money
from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.domain.netting import Obligation, OpenWindow
from chalicelib.settlement.service import netting, netting_windows
from chalicelib.settlement.service.netting_windows import Whole
from chalicelib.storage.once import Outcome
from tests.settlement.market import Market, market
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables

CLOSES_AT = MONDAY + timedelta(days=1)
LATER = CLOSES_AT + timedelta(days=1)
"""A day of outage after the window should have closed."""

MOST_ADVANCES = 100

Owed = tuple[str, str, int]
"""Payer, payee (letters that parties go by) and minor units."""

_numbers = itertools.count(1)


@dataclass
class Clearing:
    """A marketplace's window, its obligations, and its closing."""

    place: Market
    net_id: str

    @property
    def tenant(self) -> str:
        return self.place.tenant

    def obligation(self, reference: str, owed: Owed, **details: str) -> Obligation:
        payer, payee, minor = owed
        amount = Money(minor, self.place.account.currency)
        return Obligation(reference, self.place.party(payer), self.place.party(payee), amount, details)

    def add(self, owed: Sequence[Owed], *, first: int = 1, key: str | None = None, now: datetime = MONDAY) -> Outcome:
        """Add obligations `ses-0001`, `ses-0002` and so on, from the number `first`."""
        numbered = [self.obligation(f"ses-{number:04}", one) for number, one in enumerate(owed, first)]
        return netting_windows.add_obligations(self.place.call(key, now=now), self.net_id, numbered)

    def close(self, *, key: str | None = None, now: datetime = MONDAY) -> Outcome:
        return netting_windows.close_netting_window(self.place.call(key, now=now), self.net_id)

    def finish(self, *, now: datetime = LATER) -> Whole:
        """The window once nothing is left to do."""
        for _ in range(MOST_ADVANCES):
            if not netting.advance(self.tenant, self.net_id, now=now):
                return self.whole()
        raise AssertionError("closing does not end")

    def whole(self) -> Whole:
        return netting_windows.get_netting_window(self.tenant, self.net_id)

    def paid(self) -> dict[tuple[str, str], int]:
        """The payments that are left, by payer and payee."""
        whole, named = self.whole(), {party_id: name for name, party_id in self.place.parties.items()}
        roster = [named[party_id] for party_id in whole.roster.parties]
        return {(roster[one.payer], roster[one.payee]): one.minor for one in whole.netted.transfers}


def new_market() -> Market:
    """A marketplace that no other test knows."""
    number = next(_numbers)
    return market(f"Clearing {number}", iban=f"6299{number:012}")


def window(place: Market, mode: Mode = Mode.BILATERAL, **changes: Any) -> OpenWindow:
    """A window that closes on Tuesday, `changes` to what is asked for."""
    usual: dict[str, Any] = {
        "template_id": "netted",
        "currency": place.account.currency,
        "mode": mode,
        "closes_at": CLOSES_AT,
        "parties": {},
        "fixed_shares": {},
    }
    return OpenWindow(**usual | changes)


def clearing(mode: Mode = Mode.BILATERAL, *, place: Market | None = None, **changes: Any) -> Clearing:
    """A window in a marketplace of its own, unless one is given."""
    where = place or new_market()
    asked = window(where, mode, **changes)
    opened = netting_windows.open_netting_window(where.call(), asked)
    return Clearing(where, opened.item.data["net_id"])


@contextmanager
def books(tables: Tables) -> Iterator[None]:
    """The environment points at these tables, as it would on Lambda."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUITTANCE_TABLE_PREFIX", tables.prefix)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", tables.endpoint)
        yield
