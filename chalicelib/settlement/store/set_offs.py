"""The claims that a release sets off: chosen, and written in its commit, each under the version it was read at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting
from chalicelib.settlement.domain.accounts import party_accounts
from chalicelib.settlement.domain.claims import OF_TRADE, TOUCHING, Claim, Ending, ending_postings, settle_by_set_off
from chalicelib.settlement.domain.set_off import may_be_set_off, set_off
from chalicelib.settlement.store.claims import open_claims_on, replace_claim
from chalicelib.settlement.store.trade_claims import follow_claim
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import fetch
from chalicelib.storage.records import Versioned
from chalicelib.trades.domain.states import TRANSITIONS, Command
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.store import state_key, take_trade

MAX_CLAIMS = 10
"""Claims that one release sets off, so that it stays one commit; later releases go on with the others."""

MAX_PAGES = 10
"""Pages of a debtor's claims that one release looks through for those that may be set off."""


@dataclass(frozen=True, slots=True)
class SetOffs:
    """What a release sets off: postings and writes for its commit, and what its entry says of it."""

    postings: tuple[Posting, ...] = ()
    writes: tuple[Write, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def set_off_claims(call: Call, terms: Terms, trade: Trade, postings: Iterable[Posting]) -> SetOffs:
    """What is set off of what an entry of a trade credits to its parties. Nothing, and nothing is read, unless the
    trade's terms say so.

    The list of a debtor's claims is eventual: one that was opened a moment ago may be left for the next release.
    """
    rule = terms.template.set_off
    if rule is None:
        return SetOffs()
    parties, booked = party_accounts(call.tenant, terms), _Booked(call)
    for one in postings:
        debtor = parties.get(one.account_id, terms.buyer)
        if one.signed < 0 and debtor != terms.buyer:
            known = {each.value.claim_id: each for each in _payable(call, terms, trade, debtor, one.amount)}
            for part in set_off((each.value for each in known.values()), one.amount, rule.max_bps):
                booked.add(known[part.claim.claim_id], part.minor)
    return booked.whole()


@dataclasses.dataclass(slots=True)
class _Booked:
    """What is set off so far: Dr debtor, Cr creditor for each part; the claim, and the trade whose own it is, written
    under the version that was read."""

    call: Call
    postings: list[Posting] = dataclasses.field(default_factory=list)
    writes: list[Write] = dataclasses.field(default_factory=list)
    parts: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def add(self, before: Versioned[Claim], minor: int) -> None:
        """Set a part of a claim off, unless there are enough of them."""
        if len(self.parts) == MAX_CLAIMS:
            return
        tenant, amount = self.call.tenant, Money(minor, before.value.currency)
        after = settle_by_set_off(before.value, amount)
        self.postings += ending_postings(tenant, after, Ending.SETTLED, amount)
        self.writes += replace_claim(tenant, before, after)
        self.writes += follow_claim(self.call, after, amount, Ending.SETTLED)
        self.parts.append({"claim_id": after.claim_id, "party_id": after.debtor, "minor": minor})

    def whole(self) -> SetOffs:
        """All of it; nothing, where nothing is set off."""
        facts = {"set_offs": self.parts} if self.parts else {}
        return SetOffs(tuple(self.postings), tuple(self.writes), facts)


def _payable(call: Call, terms: Terms, trade: Trade, debtor: str, amount: Money) -> list[Versioned[Claim]]:
    """The claims on a party that may be set off now, at most one of another trade whose state that changes."""
    today, changed = today_in(amount.currency, call.now), {trade.trade_id, trade.funds}
    claims: list[Versioned[Claim]] = []
    for record in open_claims_on(call.tenant, debtor, pages=MAX_PAGES):
        claim = record.value
        of_trade = {claim.trade_id} if claim.reason in TOUCHING else set()
        is_due = may_be_set_off(claim, payer=terms.buyer, currency=amount.currency, today=today)
        if not is_due or of_trade & changed or not _is_undisputed(call.tenant, claim):
            continue
        changed |= of_trade
        claims.append(record)
        if len(claims) == MAX_CLAIMS:
            break
    return claims


def _is_undisputed(tenant: str, claim: Claim) -> bool:
    """Whether the trade that a claim is of, if any, has no open dispute; where the claim is its own, ends it; and where
    it is its buyer's, is paid for good."""
    if claim.trade_id is None:
        return True
    found = fetch((state_key(tenant, claim.trade_id),))
    trade = take_trade(found, tenant, claim.trade_id).value
    is_final = claim.reason not in OF_TRADE or Command.SETTLE_CLAIM in TRANSITIONS[trade.state]
    is_covered = claim.creditor is None or not trade.uncovered_minor
    return trade.dispute is None and is_final and is_covered
