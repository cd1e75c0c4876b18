"""How bank accounts that payouts go to stand in the records table.

tenant#owner     payee           which account is the default; the owner is a party or `own`
tenant#account   payee-account   what may be shown of the account, in its owner's list
tenant#account   bank-details    its details, sealed
"""

from __future__ import annotations

from chalicelib.banking.payees import Payee, PayeeAccount
from chalicelib.core.instants import instant_text
from chalicelib.security.sealing import Sealed
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing, Versioned, create, listing, load, replace, require, take
from chalicelib.storage.tables import Item, Key, record_key

MISSING = "payee_account_not_found"


def payee_key(tenant: str, owner_id: str) -> Key:
    """Where an owner's default account is named."""
    return record_key(tenant, owner_id, "payee")


def payee_account_key(tenant: str, bank_account_id: str) -> Key:
    """Where what may be shown of an account is kept."""
    return record_key(tenant, bank_account_id, "payee-account")


def details_key(tenant: str, bank_account_id: str) -> Key:
    """Where an account's sealed details are kept."""
    return record_key(tenant, bank_account_id, "bank-details")


def create_payee(tenant: str, payee: Payee) -> Write:
    """Name an owner's first default account; Conflict `payee_exists` where one is named."""
    return create(payee_key(tenant, payee.owner_id), payee, exists="payee_exists")


def replace_payee(tenant: str, payee: Payee, *, version: int) -> Write:
    """Name an owner's default account.

    condition: version = the version that was read; else decide again
    """
    return replace(payee_key(tenant, payee.owner_id), payee, version=version)


def find_payee(found: Found, tenant: str, owner_id: str) -> Versioned[Payee] | None:
    """Which account is the default, among what a batch read found; None where the owner has no account yet."""
    return take(found, payee_key(tenant, owner_id), Payee)


def take_payee(found: Found, tenant: str, owner_id: str) -> Versioned[Payee]:
    """Which account is the default, among what a batch read found. Raises NotFound `payee_account_not_found`."""
    return require(found, payee_key(tenant, owner_id), Payee, MISSING, party_id=owner_id)


def load_payee(tenant: str, owner_id: str) -> Payee:
    """Which account is the default, read strongly. Raises NotFound `payee_account_not_found`."""
    return load(payee_key(tenant, owner_id), Payee, MISSING, party_id=owner_id).value


def create_payee_account(tenant: str, account: PayeeAccount, details: Sealed) -> tuple[Write, Write]:
    """Keep an account and, apart from it, its sealed details; Conflict `payee_account_exists` where it stands."""
    state = create(
        payee_account_key(tenant, account.bank_account_id),
        account,
        exists="payee_account_exists",
        list_key=_list(tenant, account.owner_id),
        list_sort=f"{instant_text(account.added_at)}#{account.bank_account_id}",
    )
    return state, create(details_key(tenant, account.bank_account_id), details, exists="payee_account_exists")


def replace_payee_account(tenant: str, account: PayeeAccount, *, version: int) -> Write:
    """Write the next state of an account.

    condition: version = the version that was read; else decide again
    """
    return replace(payee_account_key(tenant, account.bank_account_id), account, version=version)


def take_payee_account(found: Found, tenant: str, bank_account_id: str) -> Versioned[PayeeAccount]:
    """The account among what a batch read found. Raises NotFound `payee_account_not_found`."""
    key = payee_account_key(tenant, bank_account_id)
    return require(found, key, PayeeAccount, MISSING, bank_account_id=bank_account_id)


def load_payee_account(tenant: str, bank_account_id: str) -> PayeeAccount:
    """An account, read strongly. Raises NotFound `payee_account_not_found`."""
    key = payee_account_key(tenant, bank_account_id)
    return load(key, PayeeAccount, MISSING, bank_account_id=bank_account_id).value


def load_details(tenant: str, bank_account_id: str) -> Sealed:
    """An account's sealed details. Raises NotFound `payee_account_not_found`."""
    key = details_key(tenant, bank_account_id)
    return load(key, Sealed, MISSING, bank_account_id=bank_account_id).value


def list_payee_accounts(tenant: str, owner_id: str, *, after: Item | None, limit: int) -> Listing[PayeeAccount]:
    """One page of an owner's accounts, oldest first."""
    return listing(_list(tenant, owner_id), PayeeAccount, after=after, limit=limit)


def _list(tenant: str, owner_id: str) -> str:
    return f"{tenant}#{owner_id}#payee-accounts"
