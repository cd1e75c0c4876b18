"""Funding a trade from what the buyer has with us already."""

from __future__ import annotations

from chalicelib.banking import store as banking_store
from chalicelib.banking.references import reference_for
from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.ledger.domain import credit, debit, entry_of
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.funding import fund_exactly
from chalicelib.settlement.kinds import FUNDED_BY_ACCOUNT
from chalicelib.settlement.store.expected import follow_trade, take_expected
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.trades import store as trades_store


def fund_from_account(call: Call, trade_id: str, amount: Money) -> Outcome:
    """Move money of the buyer's own account into the escrow; so much less is expected by bank. Facts: the trade's state
    and what it still asks for.

    Raises NotFound `trade_not_found`; what `fund_exactly` raises; and from the write Conflict `insufficient_funds`.
    """
    tenant, reference = call.tenant, reference_for(call.tenant, trade_id)

    def decide(found: Found) -> Plan:
        terms = trades_store.take_terms(found, tenant, trade_id)
        trade = trades_store.take_trade(found, tenant, trade_id)
        expected = take_expected(found, tenant, reference)
        after = fund_exactly(terms, trade.value, amount, now=call.now)
        buyer = party_account_id(tenant, terms.buyer, terms.currency)
        entry = entry_of(
            FUNDED_BY_ACCOUNT,
            (debit(buyer, amount), credit(terms.escrow_account_id, amount)),
            occurred_at=call.now,
            subject=trade_id,
            reference=reference,
        )
        facts = {
            "trade_id": trade_id,
            "funded_minor": amount.minor,
            "currency": amount.currency,
            "trade_state": after.state.value,
            "outstanding_minor": after.outstanding.minor,
        }
        save = trades_store.save_trade(tenant, after, version=trade.version)
        return plan_entry(call, entry, save, follow_trade(expected, tenant, trade.value, after), data=facts)

    reads = (*trades_store.deal_keys(tenant, trade_id), banking_store.expected_key(tenant, reference))
    return once(call, decide, reads=reads)
