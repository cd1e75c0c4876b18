"""Lenders and credit lines, each with a reference by which its money is known at the bank; drawing into an escrow."""

from __future__ import annotations

from typing import Any

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment
from chalicelib.banking.references import reference_for
from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money, exponent
from chalicelib.core.values import dataclass
from chalicelib.credit import store as credit_store
from chalicelib.credit.changes import Drawdown
from chalicelib.credit.domain import CreditLine, Terms, open_line
from chalicelib.credit.postings import adjustment_postings, drawdown_postings, lender_accounts, line_accounts
from chalicelib.ledger.domain import Posting, Purpose, entry_of, purpose_account_id
from chalicelib.ledger.store.accounts import open_account
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.accounts import netted, party_account_id
from chalicelib.settlement.domain.credit import fund_by_credit
from chalicelib.settlement.kinds import FUNDED_BY_CREDIT
from chalicelib.settlement.store.credit import (
    credit_funding_key,
    later_events,
    take_credit_funding,
    write_credit_funding,
)
from chalicelib.settlement.store.expected import check_banked, follow_trade, take_expected
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import account_key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.trade import Trade


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line between two parties of the tenant, on terms."""

    lender_party_id: str
    borrower_party_id: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class DrawIntoEscrow:
    """Draw an amount on a line straight into a trade's escrow; None: all that the trade still asks for."""

    line_id: str
    trade_id: str
    amount: Money | None


def open_lender(call: Call, party_id: str, currency: str) -> Outcome:
    """Make a party a lender in a currency: the accounts of its money, and the reference it pays in under.

    Raises NotFound `party_not_found`; Conflict `currency_not_banked` where the tenant has no bank account that its
    money could come to, `account_exists` where it is a lender already.
    """
    exponent(currency)
    reference = reference_for(call.tenant, f"{party_id} {currency}")

    def decide(found: Found) -> Plan:
        party = banking_store.take_party(found, call.tenant, party_id)
        check_banked(found, call.tenant, currency)
        expected = ExpectedPayment(reference, "lender", party_id, currency, None)
        accounts = lender_accounts(call.tenant, party_id, currency, party.name)
        facts = {"party_id": party_id, "currency": currency, "reference": reference}
        opened = (open_account(call.tenant, account, opened_by=call) for account in accounts)
        item = journal_item(call, "lender.opened", subject=party_id, reference=reference, data=facts)
        return Plan(item, (*opened, banking_store.create_expected(call.tenant, expected)))

    reads = (banking_store.party_key(call.tenant, party_id), banking_store.paying_key(call.tenant, currency))
    return once(call, decide, reads=reads)


def open_credit_line(call: Call, command: OpenLine) -> Outcome:
    """Open a line from a lender to a buyer, its accounts, and the reference it is repaid under.

    Raises what `open_line` raises; NotFound `party_not_found`; Conflict `not_a_lender` where the lending party has no
    lender's account in this currency.
    """
    tenant, currency = call.tenant, command.terms.limit.currency
    line_id = call.new_id("lin")
    line = open_line(
        command.terms,
        tenant=tenant,
        line_id=line_id,
        lender_party_id=command.lender_party_id,
        borrower_party_id=command.borrower_party_id,
        reference=reference_for(tenant, line_id),
        on=today_in(currency, call.now),
    )
    undrawn = account_key(tenant, purpose_account_id(tenant, Purpose.LENDER_UNDRAWN, currency, command.lender_party_id))
    parties = (command.lender_party_id, command.borrower_party_id)

    def decide(found: Found) -> Plan:
        for party_id in parties:
            banking_store.take_party(found, tenant, party_id)
        if undrawn not in found:
            raise Conflict("not_a_lender", "make the party a lender first", party_id=command.lender_party_id)
        expected = ExpectedPayment(line.reference, "credit_line", line.line_id, currency, None)
        opened = (open_account(tenant, account, opened_by=call) for account in line_accounts(line))
        item = journal_item(
            call, "credit_line.opened", subject=line.line_id, reference=line.reference, data=_line_facts(line)
        )
        writes = (*opened, *credit_store.create_line(line), banking_store.create_expected(tenant, expected))
        return Plan(item, writes)

    reads = (*(banking_store.party_key(tenant, party_id) for party_id in parties), undrawn)
    return once(call, decide, reads=reads)


def draw_into_escrow(call: Call, command: DrawIntoEscrow) -> Outcome:
    """Fund a trade from a credit line of its buyer: the lender's money becomes escrow, in one commit.

    Raises NotFound `trade_not_found`, `credit_line_not_found`; what `fund_by_credit` refuses; and from the write
    Conflict `insufficient_funds` where the lender's undrawn money does not reach.
    """
    tenant, trade_id = call.tenant, command.trade_id
    reads = (
        credit_store.line_key(tenant, command.line_id),
        trades_store.state_key(tenant, trade_id),
        trades_store.terms_key(tenant, trade_id),
        credit_funding_key(tenant, trade_id),
        banking_store.expected_key(tenant, reference_for(tenant, trade_id)),
    )
    return once(call, lambda found: _plan_drawdown(call, command, found), reads=reads)


def _plan_drawdown(call: Call, command: DrawIntoEscrow, found: Found) -> Plan:
    tenant, trade_id = call.tenant, command.trade_id
    line = credit_store.take_line(found, tenant, command.line_id)
    terms = trades_store.take_terms(found, tenant, trade_id)
    trade = trades_store.take_trade(found, tenant, trade_id)
    before = take_credit_funding(found, tenant, trade_id)
    expected = take_expected(found, tenant, terms.reference)
    amount = trade.value.outstanding if command.amount is None else command.amount
    funded = fund_by_credit(
        line.value,
        terms,
        trade.value,
        before.value if before else None,
        amount,
        now=call.now,
        later=later_events(line.value, today_in(line.value.currency, call.now)),
        entry_id=call.entry_id,
    )
    entry = entry_of(
        FUNDED_BY_CREDIT,
        _drawdown_postings(line.value, funded.drawdown, terms.escrow_account_id),
        occurred_at=call.now,
        subject=trade_id,
        reference=line.value.reference,
    )
    return plan_entry(
        call,
        entry,
        *credit_store.save_line(funded.drawdown.line, funded.drawdown.events, version=line.version),
        trades_store.save_trade(tenant, funded.trade, version=trade.version),
        write_credit_funding(tenant, trade_id, funded.funding, before),
        follow_trade(expected, tenant, trade.value, funded.trade),
        data=_drawdown_facts(command, funded.drawdown, funded.trade),
    )


def _drawdown_postings(line: CreditLine, drawdown: Drawdown, escrow: str) -> tuple[Posting, ...]:
    borrower = party_account_id(line.tenant, line.borrower_party_id, line.currency)
    owed_to = {one.event.place: borrower for one in drawdown.adjustment.surplus}
    adjusted = adjustment_postings(line, drawdown.adjustment, owed_to)
    return netted((*drawdown_postings(line, drawdown, escrow), *adjusted))


def _drawdown_facts(command: DrawIntoEscrow, drawdown: Drawdown, trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": command.trade_id,
        "line_id": command.line_id,
        "drawn_minor": drawdown.amount.minor,
        "currency": drawdown.amount.currency,
        "trade_state": trade.state.value,
        "outstanding_minor": trade.outstanding.minor,
    }


def _line_facts(line: CreditLine) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "lender_party_id": line.lender_party_id,
        "borrower_party_id": line.borrower_party_id,
        "reference": line.reference,
        "currency": line.currency,
        "limit_minor": line.limit_minor,
        "rate_bps": line.rate_bps,
        "day_count": line.day_count.value,
        "repayment_order": [component.value for component in line.repayment_order],
        "backdating_days": line.backdating_days,
        "bounced_owed_from": line.bounced_owed_from.value,
    }
