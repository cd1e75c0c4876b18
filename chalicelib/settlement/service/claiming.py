"""Money that comes back from those who got it: a refund taken back from the receivers, and a claim that is settled.

Both move between accounts of parties. The trade's escrow has no part in it.
"""

from __future__ import annotations

from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.credit import store as credit_store
from chalicelib.ledger.domain import credit, debit, entry_of
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.division import refund, take_back_postings
from chalicelib.settlement.kinds import CLAIM_SETTLED, TAKEN_BACK
from chalicelib.settlement.service.dividing import refund_facts
from chalicelib.settlement.store.credit import credit_funding_key, later_events, line_behind
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.endings import settle_claim, unwind


def refund_from_receivers(call: Call, trade_id: str, amount: Money) -> Outcome:
    """Take a refund back from those who were paid, each in proportion to what it still has of it, and give it to the
    line that funded the trade, then to the buyer. Facts: where it went, and what was taken back by role.

    Raises NotFound `trade_not_found`; what `unwind` raises; and from the write Conflict `insufficient_funds` where a
    receiver's account does not hold its part.
    """
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        terms = trades_store.take_terms(found, tenant, trade_id)
        trade = trades_store.take_trade(found, tenant, trade_id)
        unwound = unwind(terms, trade.value, amount)
        line = line_behind(found, tenant, trade_id)
        today = today_in(terms.currency, call.now)
        later = later_events(line.value, today) if line else ()
        refunded = refund(line.value if line else None, amount, today, later, entry_id=call.entry_id)
        entry = entry_of(
            TAKEN_BACK,
            take_back_postings(tenant, terms, unwound.parts, refunded),
            occurred_at=call.now,
            subject=trade_id,
            reference=terms.reference,
        )
        writes = [trades_store.save_trade(tenant, unwound.trade, version=trade.version)]
        if line is not None and refunded.repayment is not None:
            writes += credit_store.save_line(refunded.repayment.line, refunded.repayment.events, version=line.version)
        taken = {role: part.minor for role, part in unwound.parts if part.minor}
        facts = {"state": unwound.trade.state.value, "refund_minor": amount.minor, "taken_back_minor": taken}
        return plan_entry(call, entry, *writes, data=facts | refund_facts(refunded))

    reads = (*trades_store.deal_keys(tenant, trade_id), credit_funding_key(tenant, trade_id))
    return once(call, decide, reads=reads)


def settle_claim_by_account(call: Call, trade_id: str, amount: Money) -> Outcome:
    """Pay the buyer what the seller owes it, out of the seller's own account. Facts: what is still owed.

    Raises NotFound `trade_not_found`; what `settle_claim` raises; and from the write Conflict `insufficient_funds`.
    """
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        terms = trades_store.take_terms(found, tenant, trade_id)
        trade = trades_store.take_trade(found, tenant, trade_id)
        after = settle_claim(trade.value, amount)
        seller, buyer = (party_account_id(tenant, party_id, terms.currency) for party_id in (terms.seller, terms.buyer))
        entry = entry_of(
            CLAIM_SETTLED,
            (debit(seller, amount), credit(buyer, amount)),
            occurred_at=call.now,
            subject=trade_id,
            reference=terms.reference,
        )
        facts = {"state": after.state.value, "settled_minor": amount.minor, "claim_minor": after.claim_minor}
        save = trades_store.save_trade(tenant, after, version=trade.version)
        return plan_entry(call, entry, save, data=facts | {"currency": amount.currency})

    return once(call, decide, reads=trades_store.deal_keys(tenant, trade_id))
