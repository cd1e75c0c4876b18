"""Whatever happens to a trade in whatever order, receivers give its buyer back no more than it has paid for good and
was not given yet. What is in escrow is its own; what a seller owes by its fault (a deposit twice) is no refund."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Refusal
from chalicelib.settlement.domain.claims import Reason
from chalicelib.settlement.service import claims
from chalicelib.settlement.service.movements import book_movement
from chalicelib.settlement.store import claims as claims_store
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.template import Fault
from tests.settlement.goods import PRICE, Trading, trading
from tests.settlement.market import THURSDAY, Deal
from tests.support.dynamodb_local import Tables
from tests.trades.papers import delivery_note


@dataclass
class Course:
    """One trade as it goes, with what its buyer has paid for good and was given back, added up here alone."""

    place: Trading
    deal: Deal
    payments: list[list[int]] = field(default_factory=list)
    settled: int = 0
    given: int = 0
    done: list[str] = field(default_factory=list)

    @property
    def good(self) -> int:
        """What the bank has brought and not taken back, and what the buyer has paid of claims."""
        return sum(minor - back for minor, back in self.payments) + self.settled

    def pay(self, minor: int) -> None:
        outstanding = self.place.trade(self.deal).outstanding.minor
        if minor := min(minor, outstanding):
            self.place.pay(self.deal.reference, minor, bank_reference=f"RCV-{self.deal.trade_id}-{len(self.payments)}")
            self.payments.append([minor, 0])

    def taken_by_bank(self, minor: int) -> None:
        """The bank takes back the newest payment that it has not taken back, or a part of it."""
        for number, (paid, back) in reversed(list(enumerate(self.payments))):
            if minor := min(minor, paid - back):
                told = {"original_reference": f"RCV-{self.deal.trade_id}-{number}", "reversal": True}
                movement = self.place.movement(-minor, **told, return_reason="FOCR")
                book_movement(self.place.told(movement), movement)
                self.payments[number][1] += minor
                return

    def command(self, act: Callable[[int], Outcome], minor: int) -> None:
        """Do something that may be refused; see that receivers give the buyer nothing that it has not paid."""
        before = self.place.owed("buyer")
        with suppress(Refusal):
            act(minor)
            self.done.append(act.__name__)
        received = self.place.owed("buyer") - before
        if act.__name__ in BY_RECEIVERS:
            assert received <= max(self.good - self.given, 0), self.done
        self.given += max(received, 0)

    def release(self, minor: int) -> Outcome:
        with suppress(Refusal):
            self.place.told_of(self.deal, delivery_note())
            self.place.sign(self.deal)
        outcome = self.place.release(self.deal)
        if minor % 2:
            self.place.pay_out(outcome, days=THURSDAY)
        return outcome

    def refund(self, minor: int) -> Outcome:
        return self.place.refund(self.deal, minor)

    def take_back(self, minor: int) -> Outcome:
        return self.place.take_back(self.deal, minor, advance=bool(minor % 2))

    def dispute_to_buyer(self, minor: int) -> Outcome:
        self.place.dispute(self.deal, minor)
        return self.place.resolve(self.deal, buyer=minor)

    def cancel(self, minor: int) -> Outcome:
        return self.place.cancel(self.deal, Fault.BUYER if minor % 2 else Fault.NONE)

    def settle_of_others(self, minor: int) -> Outcome:
        """A receiver pays what it owes, perhaps to the buyer."""
        return self._settle(minor, by_buyer=False)

    def settle_of_buyer(self, minor: int) -> None:
        """The buyer pays of what it owes for what its bank has taken back, with money that comes in for that."""
        with suppress(Refusal):
            self._settle(minor, by_buyer=True)

    def _settle(self, minor: int, *, by_buyer: bool) -> Outcome:
        page = claims_store.list_claims(self.place.tenant, is_open=True, after=None, limit=100)
        buyer = self.place.party("buyer")
        own = [one for one in page.values if one.debtor == buyer and one.reason is Reason.REVERSED_BY_BANK]
        wanted = own if by_buyer else [one for one in page.values if one.debtor != buyer]
        if not wanted:
            raise Refusal("nothing_owed", "nobody owes anything")
        claim = wanted[0]
        minor = min(minor, claim.open_minor)
        self.place.owe(next(role for role, party in self.place.parties.items() if party == claim.debtor), minor)
        outcome = claims.settle_claim(self.place.call(), claim.claim_id, self.place.money(minor))
        self.settled += minor if by_buyer else 0
        return outcome


ACTS = ("pay", "taken_by_bank", "release", "refund", "take_back", "dispute_to_buyer", "cancel")
SETTLING = ("settle_of_others", "settle_of_buyer")
BY_RECEIVERS = ("take_back", "settle_of_others")
NO_COMMAND = ("pay", "taken_by_bank", "settle_of_buyer")
AMOUNTS = st.one_of(st.sampled_from([PRICE, PRICE // 2, PRICE - 1, PRICE // 2 - 1]), st.integers(1, PRICE))


@pytest.fixture
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), st.lists(st.tuples(st.sampled_from([*ACTS, *SETTLING]), AMOUNTS), min_size=3, max_size=9))
def test_receivers_give_a_buyer_no_more_than_it_has_paid_for_good(
    _stage: None, begins_released: bool, steps: list[tuple[str, int]]
) -> None:
    place = trading()
    course = Course(place, place.under())
    course.pay(PRICE)
    if begins_released:
        course.command(course.release, PRICE - 1)

    for name, minor in steps:
        act = getattr(course, name)
        if name in NO_COMMAND:
            act(minor)
            course.done.append(name)
        else:
            course.command(act, minor)
