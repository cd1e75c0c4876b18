"""What all accounts of a tenant come to by themselves, read one by one."""

from __future__ import annotations

from collections import defaultdict

from chalicelib.ledger.domain import Account
from chalicelib.ledger.store.accounts import list_accounts
from chalicelib.storage.tables import Item


def all_accounts(tenant: str) -> list[Account]:
    """Every account, page by page."""
    found: list[Account] = []
    after: Item | None = None
    while True:
        page, after = list_accounts(tenant, after=after, limit=100)
        found += page
        if after is None:
            return found


def own_sums(tenant: str) -> dict[str, int]:
    """Debits less credits over all accounts, by currency: zeros in sound books without deferred accounts."""
    sums: dict[str, int] = defaultdict(int)
    for account in all_accounts(tenant):
        sums[account.currency] += account.balance
    return dict(sums)
