"""The ledger's side of a bank account: its balance as of the version of its history that its positions follow."""

from __future__ import annotations

from chalicelib.core.errors import NotFound
from chalicelib.ledger.domain import Account, Purpose
from chalicelib.ledger.store.accounts import load_account, load_accounts
from chalicelib.ledger.store.history import account_of, find_line
from chalicelib.recon.balance import Books
from chalicelib.recon.positions import Progress
from chalicelib.recon.service.following import follow
from chalicelib.recon.store import positions as store
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item

STEPS = 4
"""Steps by which an answer follows an account's books first: a hundred entries. The rest is the schedule's, and the
answer is as of where it stands."""


def keep_positions(tenant: str, account_id: str) -> Account:
    """A bank account in the books, whose positions are kept from now on. Raises NotFound `unknown_bank_account`."""
    account = load_accounts(tenant, [account_id]).get(account_id)
    if account is None or account.purpose is not Purpose.BANK:
        raise NotFound("unknown_bank_account", "no bank account of yours", account_id=account_id)
    store.track(Progress(account_id, tenant, account.owner or "", account.currency))
    return account


def bank_accounts(tenant: str, iban: str | None, *, after: Item | None, limit: int) -> Listing[Account]:
    """One page of a tenant's bank accounts by IBAN, or of those with one IBAN.

    Raises NotFound `unknown_bank_account` where none has it.
    """
    page = store.tracked_accounts(tenant, iban, after=after, limit=limit)
    if iban is not None and after is None and not page.values:
        raise NotFound("unknown_bank_account", "no bank account of yours", iban=iban)
    found = load_accounts(tenant, [each.bank_account_id for each in page.values])
    return Listing(tuple(found[each.bank_account_id] for each in page.values), page.last_key)


def followed_books(tenant: str, account_id: str, *, steps: int = STEPS) -> Books:
    """An account as of the version of its history that is counted, after at most so many steps on."""
    follow(tenant, account_id, steps=steps)
    account = load_account(tenant, account_id)
    progress = store.find_progress(tenant, account_id)
    version = 0 if progress is None else progress.value.version
    return Books(account, version, _balance_at(tenant, account, version))


def _balance_at(tenant: str, account: Account, version: int) -> int:
    if version == account.version:
        return account.balance
    line = find_line(account_of(tenant, account.account_id), version)
    return 0 if line is None else line.balance
