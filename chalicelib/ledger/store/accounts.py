"""How an account stands in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.instants import LONG_AGO, instant_text
from chalicelib.ledger.domain import Account, Kind, Purpose, rooms
from chalicelib.storage.commit import Write, put
from chalicelib.storage.reads import fetch, get, index_page
from chalicelib.storage.tables import AccountItem, Item, account_key

PAGE = 100
MOST_PAGES = 10


def open_account(tenant: str, account: Account, *, opened_by: Call) -> Write:
    """Create an account, at zero or (version 1) with what the entry of the same commit puts on it. Where one stands
    already the commit is refused with Conflict `account_exists`."""
    debit_room, credit_room = rooms(account)
    item = AccountItem(
        pk=account_key(tenant, account.account_id).pk,
        tenant=tenant,
        account_id=account.account_id,
        name=account.name,
        kind=account.kind.value,
        currency=account.currency,
        status=account.status,
        purpose=account.purpose.value,
        owner=account.owner,
        labels=account.labels or None,
        floor=account.floor,
        ceiling=account.ceiling,
        balance=account.balance,
        held=0,
        debit_room=debit_room,
        credit_room=credit_room,
        version=account.version,
        last_commit=opened_by.entry_id,
        last_at=instant_text(opened_by.now),
        closed_until=LONG_AGO,
        as_of=account.as_of,
    ).serialize()
    return put(
        f"open {account.account_id}",
        AccountItem,
        item,
        lambda _: Conflict("account_exists", "this account is open already", account_id=account.account_id),
    )


def load_account(tenant: str, account_id: str) -> Account:
    """The account, read strongly. Raises NotFound `account_not_found`."""
    item = get(account_key(tenant, account_id))
    if item is None:
        raise NotFound("account_not_found", "no such account", account_id=account_id)
    return to_account(cast("AccountItem", item))


def load_accounts(tenant: str, account_ids: Sequence[str]) -> dict[str, Account]:
    """Those of the accounts that exist, read strongly; at most 100 ids."""
    found = fetch(account_key(tenant, account_id) for account_id in account_ids)
    accounts = (to_account(cast("AccountItem", item)) for item in found.values())
    return {account.account_id: account for account in accounts}


def list_accounts(tenant: str, *, after: Item | None, limit: int) -> tuple[list[Account], Item | None]:
    """One page of a tenant's accounts by id, and where the next begins."""
    page = index_page(AccountItem, "by_tenant", hash_name="tenant", hash_value=tenant, after=after, limit=limit)
    found = fetch(page.keys)
    return [to_account(cast("AccountItem", found[key])) for key in page.keys if key in found], page.last_key


def find_accounts(
    tenant: str, wanted: Callable[[Account], bool], *, after: Item | None, limit: int
) -> tuple[list[Account], Item | None]:
    """The next accounts by id that are wanted, and where to go on. At most 1,000 accounts are looked at: there may be
    fewer than `limit`, or none, though others follow."""
    found: list[Account] = []
    for _ in range(MOST_PAGES):
        page, last = list_accounts(tenant, after=after, limit=PAGE)
        for i, account in enumerate(page):
            if wanted(account):
                found.append(account)
            if len(found) == limit:
                return found, _list_key(tenant, account) if i + 1 < len(page) else last
        if last is None:
            return found, None
        after = last
    return found, after


def _list_key(tenant: str, account: Account) -> Item:
    """Where the list of a tenant's accounts goes on after an account."""
    key = account_key(tenant, account.account_id)
    return key.wire() | {"tenant": {"S": tenant}, "account_id": {"S": account.account_id}}


def to_account(item: AccountItem) -> Account:
    """The account an item holds."""
    return Account(
        account_id=item.account_id,
        name=item.name,
        kind=Kind(item.kind),
        currency=item.currency,
        purpose=Purpose(item.purpose),
        owner=item.owner,
        labels=item.labels or {},
        floor=item.floor,
        ceiling=item.ceiling,
        status=item.status,
        balance=item.balance,
        held=item.held,
        version=item.version,
        closed_until=item.closed_until,
        as_of=item.as_of,
    )
