"""Letting a trade's escrow go: final settlement with its refund, and release by milestone. One commit each."""

from __future__ import annotations

from typing import Any

import msgspec

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment
from chalicelib.banking.references import reference_for
from chalicelib.core.call import Call
from chalicelib.core.errors import Busy
from chalicelib.credit import store as credit_store
from chalicelib.ledger.domain import entry_of
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.accounts import netted
from chalicelib.settlement.domain.credit import CreditFunding, is_whole
from chalicelib.settlement.domain.division import Refund, refund, refund_postings, share_postings
from chalicelib.settlement.kinds import RELEASED, SETTLED
from chalicelib.settlement.store.credit import credit_funding_key, load_credit_funding, take_credit_funding
from chalicelib.settlement.store.expected import expect_more, take_expected
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain import FinalSettlement, Release, Trade, final_settlement, release
from chalicelib.trades.domain.terms import Terms


def settle_finally(call: Call, trade_id: str) -> Outcome:
    """Fix price and quantity by the evidence, refund what is too much, divide the rest: one commit.

    A refund goes first to the credit line that funded the trade, then to the buyer. Where the escrow holds too little,
    nothing moves and the trade asks for the difference: once that is there, the command settles it under a new key.
    Raises NotFound `trade_not_found` and what `final_settlement` raises.
    """
    tenant = call.tenant
    # The line's key follows from the trade's credit funding, so that is read before; `decide` sees whether it moved.
    funding = load_credit_funding(tenant, trade_id)
    line_key = (credit_store.line_key(tenant, funding.line_id),) if funding else ()
    reads = (
        *trades_store.trade_keys(tenant, trade_id),
        credit_funding_key(tenant, trade_id),
        banking_store.expected_key(tenant, reference_for(tenant, trade_id)),
        *line_key,
    )
    return once(call, lambda found: _plan_settlement(call, trade_id, found, funding), reads=reads)


def release_milestone(call: Call, trade_id: str, milestone: str) -> Outcome:
    """Let the escrow go by the waterfall, for a milestone whose terms were agreed from the start.

    One read, one commit. Raises NotFound `trade_not_found` and what `release` raises.
    """
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        terms = trades_store.take_terms(found, tenant, trade_id)
        trade = trades_store.take_trade(found, tenant, trade_id)
        let_go = release(terms, trade.value, milestone)
        entry = entry_of(
            RELEASED,
            share_postings(tenant, terms, let_go.shares),
            occurred_at=call.now,
            subject=trade_id,
            reference=terms.reference,
        )
        save = trades_store.save_trade(tenant, let_go.trade, version=trade.version)
        return plan_entry(call, entry, save, data=_released_facts(let_go, milestone))

    reads = (trades_store.state_key(tenant, trade_id), trades_store.terms_key(tenant, trade_id))
    return once(call, decide, reads=reads)


def release_facts(item: JournalItem) -> dict[str, Any]:
    """What a release let go, in full. Its item must stay below a kilobyte, so it says nothing twice."""
    shares = item.data["shares_minor"]
    return item.data | {
        "entry_id": item.entry_id,
        "trade_id": item.subject,
        "released_minor": sum(shares.values()),
        "currency": item.legs[0].currency,
    }


def _plan_settlement(call: Call, trade_id: str, found: Found, funding: CreditFunding | None) -> Plan:
    tenant = call.tenant
    terms = trades_store.take_terms(found, tenant, trade_id)
    trade = trades_store.take_trade(found, tenant, trade_id)
    expected = take_expected(found, tenant, terms.reference)
    _check_read_at_once(trade.value, expected.value, take_credit_funding(found, tenant, trade_id), funding)
    evidence = trades_store.take_evidence_of(found, tenant, trade.value)
    settled = final_settlement(terms, trade.value, evidence)
    save = trades_store.save_trade(tenant, settled.trade, version=trade.version)
    if settled.top_up.minor:
        facts = _settled_facts(settled, Refund(None, None, settled.refund))
        item = journal_item(call, "trade.top_up_due", subject=trade_id, data=facts)
        return Plan(item, (save, expect_more(expected, tenant, settled.top_up)))
    return _plan_division(call, terms, settled, found, funding, save)


def _plan_division(
    call: Call, terms: Terms, settled: FinalSettlement, found: Found, funding: CreditFunding | None, save: Write
) -> Plan:
    line = credit_store.take_line(found, call.tenant, funding.line_id) if funding else None
    refunded = refund(line.value if line else None, settled.refund, call.now.date())
    entry = entry_of(
        SETTLED,
        netted((*share_postings(call.tenant, terms, settled.shares), *refund_postings(call.tenant, terms, refunded))),
        occurred_at=call.now,
        subject=terms.trade_id,
        reference=terms.reference,
    )
    writes = [save]
    if line is not None and refunded.repayment is not None:
        writes.append(credit_store.replace_line(refunded.repayment.line, version=line.version))
    return plan_entry(call, entry, *writes, data=_settled_facts(settled, refunded))


def _check_read_at_once(
    trade: Trade, expected: ExpectedPayment, now: Versioned[CreditFunding] | None, read_before: CreditFunding | None
) -> None:
    """A batch is no snapshot, and a line that is overlooked would see its refund go to the buyer. So: decide again
    where the trade is newer or older than what funded it, and Busy where a line has only just come into it."""
    funding = now.value if now else None
    if not is_whole(trade, received_minor=expected.received_minor, funding=funding):
        raise Stale
    if (read_before and read_before.line_id) != (funding and funding.line_id):
        raise Busy("try_again", "a line funded the trade meanwhile: retry with the same key")


def _settled_facts(settled: FinalSettlement, refunded: Refund) -> dict[str, Any]:
    repayment = refunded.repayment
    return {
        "trade_id": settled.trade.trade_id,
        "state": settled.trade.state.value,
        "currency": settled.trade.currency,
        "final_amount_minor": settled.final_amount.minor,
        "top_up_minor": settled.top_up.minor,
        "refund_minor": settled.refund.minor,
        "refund_to_interest_minor": repayment.interest.minor if repayment else 0,
        "refund_to_principal_minor": repayment.principal.minor if repayment else 0,
        "refund_to_buyer_minor": refunded.to_buyer.minor,
        "shares_minor": {role: amount.minor for role, amount in settled.shares},
        "lines": [msgspec.to_builtins(line) for line in settled.lines],
    }


def _released_facts(let_go: Release, milestone: str) -> dict[str, Any]:
    return {
        "milestone": milestone,
        "state": let_go.trade.state.value,
        "shares_minor": {role: amount.minor for role, amount in let_go.shares},
    }
