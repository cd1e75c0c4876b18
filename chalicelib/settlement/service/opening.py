"""Opening a trade together with its escrow account and the payment the bank should receive for it."""

from __future__ import annotations

from typing import Any

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment
from chalicelib.banking.references import reference_for
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.ledger.domain import Purpose, purpose_account, purpose_account_id
from chalicelib.ledger.store.accounts import open_account
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.store.expected import check_banked
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Key, account_key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.opening import open_trade
from chalicelib.trades.domain.terms import Identity, OpenTrade, Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.templates import find_template


def open_with_expected_payment(call: Call, template_id: str, command: OpenTrade) -> Outcome:
    """Open a trade, its escrow account, and the payment the bank should receive for it, in one commit.

    Facts: trade id, state, amount due, and the creditor reference the buyer must quote. Raises NotFound
    `template_not_found`, what `agree` raises, NotFound `party_not_found`, Conflict `currency_not_banked` where nobody
    could pay or be paid, and `party_account_missing` for a party that could not be paid.
    """
    tenant, trade_id = call.tenant, call.new_id("trd")
    identity = Identity(
        trade_id=trade_id,
        escrow_account_id=purpose_account_id(tenant, Purpose.ESCROW, command.currency, trade_id),
        reference=reference_for(tenant, trade_id),
    )
    parties = tuple(dict.fromkeys(command.parties.values()))

    def decide(found: Found) -> Plan:
        terms, trade = open_trade(find_template(template_id), command, identity, now=call.now)
        for party_id in parties:
            banking_store.take_party(found, tenant, party_id)
        check_banked(found, tenant, terms.currency)
        _check_accounts(found, tenant, parties, terms.currency)
        due = terms.provisional_amount
        escrow = purpose_account(tenant, Purpose.ESCROW, due.currency, name=f"Escrow {trade_id}", owner=trade_id)
        return Plan(
            journal_item(call, "trade.opened", subject=trade_id, data=_facts(terms, trade)),
            (
                open_account(tenant, escrow, opened_by=call),
                banking_store.create_expected(
                    tenant, ExpectedPayment(terms.reference, "trade", trade_id, due.currency, due.minor)
                ),
                *trades_store.create_trade(tenant, terms, trade),
            ),
        )

    return once(call, decide, reads=_reads(tenant, parties, command.currency))


def _reads(tenant: str, parties: tuple[str, ...], currency: str) -> tuple[Key, ...]:
    records = (banking_store.party_key(tenant, party_id) for party_id in parties)
    accounts = (account_key(tenant, party_account_id(tenant, party_id, currency)) for party_id in parties)
    return (*records, banking_store.paying_key(tenant, currency), *accounts)


def _check_accounts(found: Found, tenant: str, parties: tuple[str, ...], currency: str) -> None:
    for party_id in parties:
        if account_key(tenant, party_account_id(tenant, party_id, currency)) not in found:
            facts = {"party_id": party_id, "currency": currency}
            raise Conflict("party_account_missing", "open the party's account in this currency first", **facts)


def _facts(terms: Terms, trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": terms.trade_id,
        "template_id": terms.template_id,
        "template_version": terms.template_version,
        "state": trade.state.value,
        "currency": trade.currency,
        "due_minor": trade.due_minor,
        "reference": terms.reference,
        "escrow_account_id": terms.escrow_account_id,
    }
