"""Opening a trade together with its escrow account and the payment the bank should receive for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment
from chalicelib.banking.references import reference_for
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.credit import store as credit_store
from chalicelib.ledger.domain import Purpose, purpose_account, purpose_account_id
from chalicelib.ledger.exchange import position_account_id
from chalicelib.ledger.store.accounts import open_account
from chalicelib.settlement.domain.accounts import party_account_id, share_currency
from chalicelib.settlement.domain.credit import check_top_up_line
from chalicelib.settlement.kinds import OPENED
from chalicelib.settlement.store.expected import check_banked
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Key, account_key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.opening import open_trade
from chalicelib.trades.domain.template import Part
from chalicelib.trades.domain.terms import Identity, OpenTrade, Terms
from chalicelib.trades.domain.trade import Trade


def open_with_expected_payment(
    call: Call, template_id: str, command: OpenTrade, *, version: int | None = None
) -> Outcome:
    """Open a trade under a template (its newest version unless told), its escrow account, and the payment the bank
    should receive for it, in one commit.

    Facts: trade id, state, amount due, and the creditor reference the buyer must quote. Raises NotFound
    `template_not_found`, what `agree_terms` raises, NotFound `party_not_found`, `credit_line_not_found`; Conflict
    `currency_not_banked` where nobody could pay or be paid, `party_account_missing` for a party that could not be paid,
    `fx_accounts_missing` where a role is paid in the price's currency, `line_of_another_buyer`; InvalidInput
    `currency_mismatch` of the line for the difference.
    """
    tenant, trade_id = call.tenant, call.new_id("trd")
    identity = Identity(
        trade_id=trade_id,
        escrow_account_id=purpose_account_id(tenant, Purpose.ESCROW, command.currency, trade_id),
        reference=reference_for(tenant, trade_id),
    )

    def decide(found: Found) -> Plan:
        template = trades_store.take_template(found, tenant, template_id, version)
        terms, trade = open_trade(template, command, identity, now=call.now)
        _check_stands(found, tenant, terms)
        escrow = purpose_account(tenant, Purpose.ESCROW, terms.currency, name=f"Escrow {trade_id}", owner=trade_id)
        expected = ExpectedPayment(terms.reference, "trade", trade_id, terms.currency, trade.due_minor)
        writes = (
            open_account(tenant, escrow, opened_by=call),
            banking_store.create_expected(tenant, expected),
            *trades_store.create_trade(tenant, terms, trade),
        )
        return Plan(journal_item(call, OPENED, subject=trade_id, data=_facts(terms, trade)), writes)

    reads = (trades_store.template_key(tenant, template_id, version), *_reads(tenant, command))
    return once(call, decide, reads=reads)


def _reads(tenant: str, command: OpenTrade) -> tuple[Key, ...]:
    """What an opening asks for: the parties with their accounts, the bank accounts and positions, the line."""
    parties = tuple(dict.fromkeys(command.parties.values()))
    currencies = tuple(dict.fromkeys((command.currency, command.price_currency or command.currency)))
    line = (credit_store.line_key(tenant, command.top_up_line_id),) if command.top_up_line_id else ()
    return (
        *(banking_store.party_key(tenant, party_id) for party_id in parties),
        *(banking_store.paying_key(tenant, currency) for currency in currencies),
        *(_account(tenant, party_id, currency) for party_id in parties for currency in currencies),
        *(account_key(tenant, position_account_id(tenant, currency)) for currency in currencies[1:] and currencies),
        *line,
    )


def _check_stands(found: Found, tenant: str, terms: Terms) -> None:
    """Nothing where everybody and everything that a deal names is there."""
    for party_id in dict.fromkeys(terms.parties.values()):
        banking_store.take_party(found, tenant, party_id)
    check_banked(found, tenant, terms.currency)
    for party_id, currency in dict.fromkeys(_paid(terms)):
        if _account(tenant, party_id, currency) not in found:
            facts = {"party_id": party_id, "currency": currency}
            raise Conflict("party_account_missing", "open the party's account in this currency first", **facts)
        if currency != terms.currency:
            _check_exchange(found, tenant, (terms.currency, currency))
    if terms.top_up_line_id:
        check_top_up_line(credit_store.take_line(found, tenant, terms.top_up_line_id).value, terms)


def _paid(terms: Terms) -> Iterator[tuple[str, str]]:
    """Each party that may get money, and a currency it may get it in. A refund or a claim is in the trade's own."""
    for role in terms.template.roles:
        if role.part is not Part.WITNESS and role.name in terms.parties:
            yield terms.parties[role.name], terms.currency
            yield terms.parties[role.name], share_currency(terms, role.name)


def _check_exchange(found: Found, tenant: str, currencies: tuple[str, str]) -> None:
    check_banked(found, tenant, currencies[1])
    for currency in currencies:
        if account_key(tenant, position_account_id(tenant, currency)) not in found:
            sentence = "open the foreign exchange accounts of this currency first"
            raise Conflict("fx_accounts_missing", sentence, currency=currency)


def _account(tenant: str, party_id: str, currency: str) -> Key:
    return account_key(tenant, party_account_id(tenant, party_id, currency))


def _facts(terms: Terms, trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": terms.trade_id,
        "template_id": terms.template.id,
        "template_version": terms.template.version,
        "state": trade.state.value,
        "currency": trade.currency,
        "due_minor": trade.due_minor,
        "deposit_minor": terms.deposit.minor,
        "reference": terms.reference,
        "escrow_account_id": terms.escrow_account_id,
    }
