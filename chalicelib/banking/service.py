"""Parties, banks, and whose an account at a bank is. One commit each.

Bank accounts that payouts go to are kept in `payee_accounts.py`, callbacks taken in `callbacks.py`, payouts made and
followed in `paying.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.banking import store
from chalicelib.banking.domain import (
    Bank,
    BankAccount,
    BankDetails,
    Party,
    accounts_behind,
    new_bank,
    new_link,
    new_party,
    party_account,
    with_profile,
)
from chalicelib.banking.payee_accounts import request_mark, sealed_account
from chalicelib.banking.payee_store import create_payee
from chalicelib.banking.payees import Payee, new_payee_account
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.core.instants import instant_text
from chalicelib.core.money import exponent
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store.accounts import open_account
from chalicelib.security.public_keys import load_public_key
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item, account_key


@dataclass(frozen=True, slots=True)
class CreateParty:
    """Register a company and where it is paid."""

    name: str
    roles: tuple[str, ...]
    details: BankDetails


def create_party(call: Call, command: CreateParty) -> Outcome:
    """Create a party with its first bank account, whose details are sealed for it and kept apart. Facts: all that may
    be shown of it. Raises InvalidInput as `new_party`, KeyReused `idempotency_key_reused`."""
    party = new_party(
        call.new_id("pty"), name=command.name, roles=command.roles, details=command.details, created_at=call.now
    )
    account = new_payee_account(call.new_id("bac"), party.party_id, command.details, now=call.now)
    shown = {"name": command.name, "roles": list(command.roles)}
    call = replace(call, fingerprint=request_mark(call, "create_party", shown, command.details))
    writes = (
        store.create_party(call.tenant, party),
        create_payee(call.tenant, Payee(party.party_id, account.bank_account_id)),
        *sealed_account(call.tenant, account, command.details),
    )

    def decide(_: Found) -> Plan:
        return Plan(journal_item(call, "party.created", subject=party.party_id, data=party_facts(party)), writes)

    return once(call, decide)


def open_party_account(call: Call, party_id: str, currency: str) -> Outcome:
    """Open a party's own account in a currency, never below nothing. Facts: account_id, party_id, currency.

    Raises NotFound `party_not_found`, Conflict `account_exists`.
    """
    exponent(currency)

    def decide(found: Found) -> Plan:
        party = store.take_party(found, call.tenant, party_id)
        account = party_account(call.tenant, party_id, currency, name=party.name)
        facts = {"account_id": account.account_id, "party_id": party_id, "currency": currency}
        item = journal_item(call, "account.opened", subject=account.account_id, data=facts)
        return Plan(item, (open_account(call.tenant, account, opened_by=call),))

    return once(call, decide, reads=(store.party_key(call.tenant, party_id),))


def register_bank(call: Call, bank_id: str, *, name: str, public_key_pem: str) -> Outcome:
    """Register a bank with the key its callbacks are signed with. Facts: bank_id.

    Raises InvalidInput as `new_bank` and `invalid_public_key`; Conflict `bank_exists`.
    """
    bank = new_bank(bank_id, name=name, public_key_pem=public_key_pem)
    load_public_key(public_key_pem)

    def decide(_: Found) -> Plan:
        item = journal_item(call, "bank.registered", subject=bank_id, data={"bank_id": bank_id})
        return Plan(item, (store.create_bank(bank),))

    return once(call, decide)


def set_bank_profile(
    call: Call, bank_id: str, *, rejects_before_booking: bool, news_days: int, debit_days: int
) -> Outcome:
    """Note how a bank works: what its rejections mean, and how long it may take. Facts: bank_id and the profile.

    Raises InvalidInput `invalid_profile_days`, NotFound `bank_not_found`.
    """
    profile = {"rejects_before_booking": rejects_before_booking, "news_days": news_days, "debit_days": debit_days}

    def decide(found: Found) -> Plan:
        stored = store.find_bank(found, bank_id)
        after = with_profile(
            stored.value, rejects_before_booking=rejects_before_booking, news_days=news_days, debit_days=debit_days
        )
        item = journal_item(call, "bank.profile_set", subject=bank_id, data={"bank_id": bank_id} | profile)
        return Plan(item, (store.replace_bank(after, version=stored.version),))

    return once(call, decide, reads=(store.bank_key(bank_id),))


def link_bank_account(call: Call, link: BankAccount) -> Outcome:
    """Say whose an account at a bank is, and open the accounts in the books that banking needs, where they are missing.

    The first account linked in a currency is the one payouts go out of. Linking again changes nothing. Facts: bank_id,
    iban, currency, account_id. Raises InvalidInput as `new_link`, NotFound `bank_not_found`, Conflict
    `bank_account_linked` where it is another tenant's or kept in another currency.
    """
    link = new_link(link)
    accounts = accounts_behind(link)
    keys = (
        store.bank_key(link.bank_id),
        store.link_key(link.bank_id, link.iban),
        store.paying_key(link.tenant_id, link.currency),
        *(account_key(link.tenant_id, account.account_id) for account in accounts),
    )
    facts = {"bank_id": link.bank_id, "iban": link.iban, "currency": link.currency, "account_id": link.account_id}

    def decide(found: Found) -> Plan:
        store.take_bank(found, link.bank_id)
        item = journal_item(call, "bank_account.linked", subject=link.account_id, data=facts)
        return Plan(item, _missing(found, link, accounts, call))

    return once(call, decide, reads=keys)


def get_bank(bank_id: str) -> Bank:
    """A bank. Raises NotFound `bank_not_found`."""
    return store.load_bank(bank_id)


def get_party(tenant: str, party_id: str) -> Party:
    """A party, without its bank details. Raises NotFound `party_not_found`."""
    return store.load_party(tenant, party_id)


def list_parties(tenant: str, *, after: Item | None, limit: int) -> Listing[Party]:
    """One page of a tenant's parties, oldest first."""
    return store.list_parties(tenant, after=after, limit=limit)


def party_facts(party: Party) -> dict[str, Any]:
    """What is journalled and shown of a party."""
    return {
        "party_id": party.party_id,
        "name": party.name,
        "roles": list(party.roles),
        "bank_account": party.bank_account,
        "created_at": instant_text(party.created_at),
    }


def _missing(found: Found, link: BankAccount, accounts: tuple[Account, ...], call: Call) -> tuple[Write, ...]:
    """The writes that are still to be done for a link. What another link opens meanwhile is looked at again."""
    standing = store.take_link(found, link.bank_id, link.iban)
    if standing is not None and standing != link:
        raise Conflict("bank_account_linked", "the account is linked to another tenant or currency", iban=link.iban)
    writes = [] if standing else [store.create_link(link)]
    if store.paying_key(link.tenant_id, link.currency) not in found:
        writes.append(store.create_paying(link))
    writes += [
        open_account(link.tenant_id, account, opened_by=call)
        for account in accounts
        if account_key(link.tenant_id, account.account_id) not in found
    ]
    return tuple(replace(write, refuse=lambda _: Stale()) for write in writes)
