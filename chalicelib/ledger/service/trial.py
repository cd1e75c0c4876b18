"""The trial balance: proof that all balances of a tenant sum to zero."""

from __future__ import annotations

from chalicelib.core.errors import Busy, TooLarge
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store import accounts
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item

SNAPSHOT_TRIES = 5
PAGE = 100
MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts at one instant, and the sum of debits less credits for each currency: zero, or the books are
    wrong."""

    accounts: tuple[Account, ...]
    differences: dict[str, int]


def trial_balance(tenant: str) -> TrialBalance:
    """Every balance of a tenant as of one instant, summed.

    The accounts are collected twice; when no version has moved between the two, all balances stood together at the
    instant between them (a double-collect snapshot). The index that lists the accounts may lag behind a new one, which
    shows as a difference: so a difference is believed only when it stays. Raises Busy `try_again` when the books never
    hold still, and TooLarge `too_many_accounts`.
    """
    collected = _all_accounts(tenant)
    trial = None
    for attempt in range(SNAPSHOT_TRIES):
        again = _all_accounts(tenant)
        still = [(a.account_id, a.version) for a in collected] == [(a.account_id, a.version) for a in again]
        trial = TrialBalance(tuple(again), _sums(again)) if still else None
        if trial is not None and not any(trial.differences.values()):
            return trial
        collected = again
        pause(attempt)
    if trial is None:
        raise Busy("try_again", "the books are moving too fast for a snapshot: try again")
    return trial


def _all_accounts(tenant: str) -> list[Account]:
    collected: list[Account] = []
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page, after = accounts.list_accounts(tenant, after=after, limit=PAGE)
        collected += page
        if after is None:
            return collected
    raise TooLarge("too_many_accounts", "more accounts than one answer holds", maximum=PAGE * MOST_PAGES)


def _sums(collected: list[Account]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for account in collected:
        sums[account.currency] = sums.get(account.currency, 0) + account.balance
    return dict(sorted(sums.items()))
