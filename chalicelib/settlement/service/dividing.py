"""The one way in which money leaves an escrow: decided by a rule of the trade, booked in one commit with all that
follows.

Shares go to the roles' accounts, less the claims that the terms have set off; a refund to the line that funded the
trade, then to the buyer; of a trade that funds another one, the seller's share goes into that escrow first. What
parties get is reserved for the payouts that follow. A rule that asks the buyer for more lets nothing go.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

import msgspec

from chalicelib.banking import store as banking_store
from chalicelib.banking.references import reference_for
from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass
from chalicelib.credit import store as credit_store
from chalicelib.ledger.domain import Posting, entry_of
from chalicelib.ledger.reservations import RESERVED_LEGS, reserving_facts
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.accounts import netted, party_accounts
from chalicelib.settlement.domain.back_to_back import Deal, feed, feed_postings
from chalicelib.settlement.domain.division import Refund, refund, refund_postings, share_postings
from chalicelib.settlement.kinds import FUNDED_BY_TRADE, TOP_UP_DUE
from chalicelib.settlement.store.credit import later_events, line_behind
from chalicelib.settlement.store.expected import follow_trade, follow_trade_read, take_expected
from chalicelib.settlement.store.set_offs import set_off_claims
from chalicelib.settlement.store.trade_claims import follow_trade_claims
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Outcome, Plan, also_journal, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, released_by

_AMOUNTS = (
    "final_amount_minor",
    "top_up_minor",
    "refund_minor",
    "refund_to_interest_minor",
    "refund_to_principal_minor",
    "refund_to_buyer_minor",
    "upstream_minor",
)
"""What a division may come to, beside its shares; left out where it is nothing."""


MOST_LINES = 250_000
"""Bytes of computed lines that one journal item keeps. An item of 400 KB could not be written, and fifty lots under
thirty deductions come to more."""

_STEPS_LEFT_OUT = frozenset({"quantity", "unit_price", "deduction", "rate"})
"""Of lines that are too many, those that lead to a lot's amount. A preview with the same documents has them all."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a command divides an escrow: the `kind` of its entry, the `rule` that decides, `facts` of its own to be kept.

    `keys` are read beside state and terms. `feeds`: what the seller gets goes on into the trade that this one funds.
    `shows`: the computed lines are kept.
    """

    kind: str
    rule: Callable[[Terms, Trade, Found], Division]
    facts: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    feeds: bool = False
    shows: bool = True


@dataclass(frozen=True, slots=True)
class Fed:
    """What of a division goes on into an upstream escrow, with the writes that go with it."""

    postings: tuple[Posting, ...] = ()
    writes: tuple[Write, ...] = ()
    minor: int = 0


def divide_escrow(call: Call, trade_id: str, way: Way) -> Outcome:
    """Let money out of a trade's escrow. Raises NotFound `trade_not_found` and what the rule raises."""
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        terms = trades_store.take_terms(found, tenant, trade_id)
        trade = trades_store.take_trade(found, tenant, trade_id)
        return _plan(call, way, terms, trade, way.rule(terms, trade.value, found), found)

    return once(call, decide, reads=(*trades_store.deal_keys(tenant, trade_id), *way.keys))


def division_facts(item: JournalItem) -> dict[str, Any]:
    """What a division let go, in full: the item says nothing twice and leaves out what is nothing, since the one of a
    release must stay below a kilobyte. Amounts in minor units."""
    nothing: dict[str, Any] = dict.fromkeys(_AMOUNTS, 0) | {"shares_minor": {}, "lines": [], "lot": "", "set_offs": []}
    facts = nothing | item.data
    currency = item.data.get("currency") or item.legs[0].currency
    released = sum(facts["shares_minor"].values())
    own = {"entry_id": item.entry_id, "trade_id": item.subject, "currency": currency, "released_minor": released}
    return {name: value for name, value in (facts | own).items() if name != RESERVED_LEGS}


def refund_facts(refunded: Refund) -> dict[str, int]:
    """Where a refund went, in minor units."""
    repayment = refunded.repayment
    return {
        "refund_to_interest_minor": repayment.interest.minor if repayment else 0,
        "refund_to_principal_minor": repayment.principal.minor if repayment else 0,
        "refund_to_buyer_minor": refunded.to_buyer.minor,
    }


def _plan(call: Call, way: Way, terms: Terms, trade: Versioned[Trade], division: Division, found: Found) -> Plan:
    tenant = call.tenant
    after = released_by(division.trade, call.entry_id) if division.shares else division.trade
    save = trades_store.save_trade(tenant, after, version=trade.version)
    writes = [save, *follow_trade_read(tenant, terms.reference, trade.value, after)]
    writes += follow_trade_claims(call, terms, trade.value, after)
    if division.top_up is not None:
        data = _facts(way, division, Refund(None, None, division.refund), Fed(), moves=False)
        return Plan(journal_item(call, TOP_UP_DUE, subject=terms.trade_id, data=data), tuple(writes))
    line = line_behind(found, tenant, terms.trade_id) if division.refund.minor else None
    today = today_in(terms.currency, call.now)
    later = later_events(line.value, today) if line else ()
    refunded = refund(line.value if line else None, division.refund, today, later, entry_id=call.entry_id)
    fed = _feed(call, way, terms, division)
    shares = share_postings(tenant, terms, division)
    postings = netted((*shares, *refund_postings(tenant, terms, refunded), *fed.postings))
    set_offs = set_off_claims(call, terms, trade.value, postings)
    postings = netted((*postings, *set_offs.postings))
    if line is not None and refunded.repayment is not None:
        writes += credit_store.save_line(refunded.repayment.line, refunded.repayment.events, version=line.version)
    data = _facts(way, division, refunded, fed, moves=bool(postings))
    data |= set_offs.facts | reserving_facts(postings, party_accounts(tenant, terms))
    about = {"subject": terms.trade_id, "reference": terms.reference}
    if not postings:
        return Plan(journal_item(call, way.kind, data=data, **about), tuple(writes))
    entry = entry_of(way.kind, postings, occurred_at=call.now, **about)
    return plan_entry(call, entry, *writes, *fed.writes, *set_offs.writes, data=data)


def _feed(call: Call, way: Way, terms: Terms, division: Division) -> Fed:
    tenant, upstream_id = call.tenant, division.trade.funds
    if not way.feeds or upstream_id is None:
        return Fed()
    reference = reference_for(tenant, upstream_id)
    found = fetch((*trades_store.deal_keys(tenant, upstream_id), banking_store.expected_key(tenant, reference)))
    upstream = trades_store.take_terms(found, tenant, upstream_id)
    before = trades_store.take_trade(found, tenant, upstream_id)
    after, amount = feed(terms, division, Deal(upstream, before.value), now=call.now)
    if not amount.minor:
        return Fed()
    writes = (
        trades_store.save_trade(tenant, after, version=before.version),
        follow_trade(take_expected(found, tenant, reference), tenant, before.value, after),
        also_journal(_fed_item(call, terms, after, amount.minor), lambda _: Defect("a division feeds once")),
    )
    return Fed(feed_postings(tenant, terms, upstream, amount), writes, amount.minor)


def _fed_item(call: Call, terms: Terms, upstream: Trade, minor: int) -> JournalItem:
    """The event of the upstream trade. The money is in the entry of the division, which it names."""
    facts = {
        "trade_id": upstream.trade_id,
        "downstream_trade_id": terms.trade_id,
        "entry_id": call.entry_id,
        "funded_minor": minor,
        "currency": upstream.currency,
        "trade_state": upstream.state.value,
        "outstanding_minor": upstream.outstanding.minor,
    }
    own = worker_call(
        tenant=call.tenant, key=f"fed:{call.entry_id}", content=facts, now=call.now, entropy=b"", actor=call.actor
    )
    return journal_item(own, FUNDED_BY_TRADE, subject=upstream.trade_id, reference=terms.reference, data=facts)


def _facts(way: Way, division: Division, refunded: Refund, fed: Fed, *, moves: bool) -> dict[str, Any]:
    """The facts of a division, without what is nothing; the currency where no leg says it."""
    amounts = {
        "final_amount_minor": division.final_amount.minor if division.final_amount else 0,
        "top_up_minor": division.top_up.minor if division.top_up else 0,
        "refund_minor": division.refund.minor,
        **refund_facts(refunded),
        "upstream_minor": fed.minor,
        "shares_minor": {role: part.minor for role, part in division.shares},
        "lines": _kept_lines(division.lines) if way.shows else [],
        "currency": "" if moves else division.trade.currency,
    }
    kept = {name: value for name, value in amounts.items() if value}
    return {**way.facts, "state": division.trade.state.value, **kept}


def _kept_lines(lines: tuple[Line, ...]) -> list[Any]:
    """The lines as they are journalled. Too many: what they came to, after a line that says how many there were."""
    kept = [msgspec.to_builtins(line) for line in lines]
    if len(json.dumps(kept)) <= MOST_LINES:
        return kept
    told = Line("lines", "in_short", {"lines": len(lines)}, {})
    short = (line for line in lines if line.step not in _STEPS_LEFT_OUT)
    return [msgspec.to_builtins(line) for line in (told, *short)]
