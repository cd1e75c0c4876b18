"""The ledger's side, read whole: what every entry moved on an account, found through the account's history.

History is written by a projector a moment after the balance. A reader that needs all of it refuses while a line is
still to come, rather than tell of a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chalicelib.core.errors import Busy, TooLarge
from chalicelib.ledger.domain import Account, Purpose
from chalicelib.ledger.lines import Line
from chalicelib.ledger.store.accounts import list_accounts, load_account
from chalicelib.ledger.store.entries import load_entries
from chalicelib.ledger.store.history import history_page
from chalicelib.recon.balance import Books
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import BATCH
from chalicelib.storage.tables import Item

PAGE = 100
MOST_ACCOUNTS = 10_000
MOST_ENTRIES = 20_000


def all_accounts(tenant: str) -> list[Account]:
    """Every account of a tenant, by id. Raises TooLarge `too_many_accounts`."""
    accounts: list[Account] = []
    after: Item | None = None
    while len(accounts) <= MOST_ACCOUNTS:
        page, after = list_accounts(tenant, after=after, limit=PAGE)
        accounts += page
        if after is None:
            return accounts
    raise TooLarge("too_many_accounts", "more accounts than one answer holds", maximum=MOST_ACCOUNTS)


def bank_accounts(tenant: str, iban: str | None = None) -> list[Account]:
    """The bank accounts of a tenant, or those of one IBAN."""
    accounts = (account for account in all_accounts(tenant) if account.purpose is Purpose.BANK)
    return [account for account in accounts if iban is None or account.owner == iban]


def read_books(tenant: str, account: Account) -> Books:
    """An account as of the version it was read at, with what each entry moved on it.

    Raises Busy `history_behind` where the projector has not caught up, TooLarge `too_many_entries`.
    """
    lines = [line for line in _history(tenant, account) if line.version <= account.version]
    if [line.version for line in lines] != list(range(1, account.version + 1)):
        facts = {"account_id": account.account_id, "version": account.version, "lines": len(lines)}
        raise Busy("history_behind", "the account's lines follow in a moment: try again", **facts)
    return Books(account, {line.entry_id: line.amount for line in lines if line.amount})


def fresh_books(tenant: str, account_id: str) -> Books:
    """`read_books` of an account as it is now."""
    return read_books(tenant, load_account(tenant, account_id))


def entries(tenant: str, entry_ids: Iterable[str]) -> Iterator[JournalItem]:
    """The journal items of these ids, in their order."""
    wanted = list(entry_ids)
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        found = load_entries(tenant, part)
        yield from (found[entry_id] for entry_id in part if entry_id in found)


def _history(tenant: str, account: Account) -> Iterator[Line]:
    """An account's lines by version, the first first."""
    after: Item | None = None
    for _ in range(MOST_ENTRIES // PAGE):
        page = history_page(tenant, account.account_id, after=after, limit=PAGE, newest_first=False)
        yield from page.lines
        after = page.last_key
        if after is None:
            return
    raise TooLarge("too_many_entries", "more entries than one answer holds", maximum=MOST_ENTRIES)
