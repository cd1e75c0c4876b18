"""Bank accounts that payouts go to: added with sealed details, made the default, retired. One commit each.

Leaves to others: the first account of a party, which is registered with it (`service.py`), and payouts (`paying.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from chalicelib.access.store import require_tenant, tenant_key
from chalicelib.banking import payee_store, store
from chalicelib.banking.domain import BankDetails
from chalicelib.banking.payees import OWN, Payee, PayeeAccount, check_owned, new_payee_account, retire, with_default
from chalicelib.core.call import Call, fingerprint
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.security.digests import keyed_digest
from chalicelib.security.sealing import seal, unseal
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Listing, Versioned
from chalicelib.storage.tables import Item, Key


@dataclass(frozen=True, slots=True)
class AddAccount:
    """Another bank account of a party, or of the marketplace itself (`OWN`). The first one is the default."""

    owner_id: str
    details: BankDetails
    default: bool = False


def add_account(call: Call, command: AddAccount) -> Outcome:
    """Add a bank account; its details are sealed. Facts: all that may be shown of it.

    Raises NotFound `party_not_found`, KeyReused `idempotency_key_reused`.
    """
    owner_id = command.owner_id
    account = new_payee_account(call.new_id("bac"), owner_id, command.details, now=call.now)
    shown = {"owner_id": owner_id, "default": command.default}
    call = replace(call, fingerprint=request_mark(call, "add_payee_account", shown, command.details))

    def decide(found: Found) -> Plan:
        before = _payee(found, call.tenant, owner_id)
        is_default = command.default or before is None
        facts = account_facts(account, is_default=is_default)
        writes = sealed_account(call.tenant, account, command.details)
        if is_default:
            writes = (*writes, *_default_writes(found, call.tenant, before, account))
        return Plan(journal_item(call, "payee_account.added", subject=account.bank_account_id, data=facts), writes)

    return once(call, decide, reads=_owner_keys(call.tenant, owner_id))


def make_default(call: Call, owner_id: str, bank_account_id: str) -> Outcome:
    """Have payouts go to this account when none is named. Facts: the account's.

    Raises NotFound `party_not_found`, `payee_account_not_found`; Conflict `payee_account_retired`.
    """

    def decide(found: Found) -> Plan:
        before = _payee(found, call.tenant, owner_id)
        account = payee_store.take_payee_account(found, call.tenant, bank_account_id).value
        with_default(before.value if before else Payee(owner_id, ""), account)
        facts = account_facts(account, is_default=True)
        item = journal_item(call, "payee_account.made_default", subject=bank_account_id, data=facts)
        return Plan(item, _default_writes(found, call.tenant, before, account))

    keys = (*_owner_keys(call.tenant, owner_id), payee_store.payee_account_key(call.tenant, bank_account_id))
    return once(call, decide, reads=keys)


def retire_account(call: Call, owner_id: str, bank_account_id: str) -> Outcome:
    """Pay nothing to this account any more; payouts already made keep theirs. Facts: the account's.

    Raises NotFound `party_not_found`, `payee_account_not_found`; Conflict `payee_account_retired`,
    `payee_account_default`.
    """

    def decide(found: Found) -> Plan:
        _payee(found, call.tenant, owner_id)
        stored = payee_store.take_payee_account(found, call.tenant, bank_account_id)
        check_owned(stored.value, owner_id)
        payee = payee_store.take_payee(found, call.tenant, owner_id)
        after = retire(payee.value, stored.value, now=call.now)
        facts = account_facts(after, is_default=False)
        item = journal_item(call, "payee_account.retired", subject=bank_account_id, data=facts)
        # The payee is written as it was, so that nobody makes this account the default in the same instant.
        unchanged = payee_store.replace_payee(call.tenant, payee.value, version=payee.version)
        return Plan(item, (payee_store.replace_payee_account(call.tenant, after, version=stored.version), unchanged))

    keys = (*_owner_keys(call.tenant, owner_id), payee_store.payee_account_key(call.tenant, bank_account_id))
    return once(call, decide, reads=keys)


def list_accounts(
    tenant: str, owner_id: str, *, after: Item | None, limit: int
) -> tuple[Listing[PayeeAccount], str | None]:
    """One page of an owner's accounts, oldest first, and the id of the default. Raises NotFound `party_not_found`."""
    payee = _payee(fetch(_owner_keys(tenant, owner_id)), tenant, owner_id)
    page = payee_store.list_payee_accounts(tenant, owner_id, after=after, limit=limit)
    return page, payee.value.default_account_id if payee else None


def owner_name(tenant: str, owner_id: str) -> str:
    """The name that an account's holder has unless told otherwise. Raises NotFound `party_not_found`."""
    if owner_id == OWN:
        return require_tenant(fetch((tenant_key(tenant),)), tenant).name
    return store.load_party(tenant, owner_id).name


def sealed_account(tenant: str, account: PayeeAccount, details: BankDetails) -> tuple[Write, ...]:
    """The writes that keep an account, with its details sealed for it alone."""
    sealed = seal(msgspec.json.encode(details), context=_context(tenant, account))
    return payee_store.create_payee_account(tenant, account, sealed)


def open_details(tenant: str, bank_account_id: str) -> BankDetails:
    """An account's details in the clear, for a payment file and nothing else. Raises NotFound
    `payee_account_not_found`."""
    account = payee_store.load_payee_account(tenant, bank_account_id)
    sealed = payee_store.load_details(tenant, bank_account_id)
    return msgspec.json.decode(unseal(sealed, context=_context(tenant, account)), type=BankDetails)


def request_mark(call: Call, command: str, shown: dict[str, Any], details: BankDetails) -> bytes:
    """The fingerprint of a request with bank details. It is kept in the clear, and account numbers are few enough to be
    found by trying them all against a digest: so it covers, of the details, a digest that takes KMS to make."""
    # The call's key is in the context, so that one account number given twice is not seen to be one.
    digest = keyed_digest(msgspec.json.encode(details), context={"tenant": call.tenant, "key": call.key})
    return fingerprint("COMMAND", command, shown | {"details": digest.hex()})


def account_facts(account: PayeeAccount, *, is_default: bool) -> dict[str, Any]:
    """What is journalled and shown of an account."""
    return {
        "bank_account_id": account.bank_account_id,
        "party_id": account.owner_id,
        "bank_account": account.masked,
        "default": is_default,
        "added_at": instant_text(account.added_at),
        "retired_at": instant_text(account.retired_at) if account.retired_at else None,
    }


def _owner_keys(tenant: str, owner_id: str) -> tuple[Key, ...]:
    payee = payee_store.payee_key(tenant, owner_id)
    return (payee,) if owner_id == OWN else (payee, store.party_key(tenant, owner_id))


def _payee(found: Found, tenant: str, owner_id: str) -> Versioned[Payee] | None:
    """The owner's default account, or None before the marketplace has one. Raises NotFound `party_not_found`."""
    if owner_id != OWN:
        store.take_party(found, tenant, owner_id)
    return payee_store.find_payee(found, tenant, owner_id)


def _default_writes(
    found: Found, tenant: str, before: Versioned[Payee] | None, account: PayeeAccount
) -> tuple[Write, ...]:
    """The writes that make an account the default: the payee, and what a party shows of itself."""
    payee = Payee(account.owner_id, account.bank_account_id)
    if before is None:
        named = payee_store.create_payee(tenant, payee)
    else:
        named = payee_store.replace_payee(tenant, payee, version=before.version)
    if account.owner_id == OWN:
        return (named,)
    party = store.find_party(found, tenant, account.owner_id)
    return named, store.replace_party(tenant, replace(party.value, bank_account=account.masked), version=party.version)


def _context(tenant: str, account: PayeeAccount) -> dict[str, str]:
    return {"tenant": tenant, "party": account.owner_id, "bank_account": account.bank_account_id}
