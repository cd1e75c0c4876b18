"""The trial balance: proof that all balances of a tenant sum to zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.core.errors import Busy, TooLarge
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store import accounts, folding
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item

SNAPSHOT_TRIES = 8
PAGE = 100
MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts at one instant, and the sum of debits less credits for each currency: zero, or the books are
    wrong. `unfolded` is what entries have booked on deferred accounts that is not in their balances yet: it is part of
    the sums."""

    accounts: tuple[Account, ...]
    differences: dict[str, int]
    unfolded: dict[str, int]


def trial_balance(tenant: str) -> TrialBalance:
    """Every balance of a tenant as of one instant, summed.

    The accounts are collected twice, and between the two what no fold has counted yet; when no version has moved
    meanwhile, all of it stood together at that instant (a double-collect snapshot). The index that lists the accounts
    may lag behind a new one, and the feed behind an entry, which shows as a difference: so a difference is believed
    only when it stays, and when no account was moved by an entry that has no number yet. Raises Busy `try_again` when
    the books never hold still or the feed is behind, and TooLarge `too_many_accounts`.
    """
    collected = _all_accounts(tenant)
    trial = None
    for attempt in range(SNAPSHOT_TRIES):
        unfolded = folding.unfolded(tenant)
        again = _all_accounts(tenant)
        still = [(a.account_id, a.version) for a in collected] == [(a.account_id, a.version) for a in again]
        trial = _trial(again, unfolded) if still and unfolded is not None else None
        if trial is not None and not any(trial.differences.values()):
            return trial
        collected = again
        pause(attempt)
    if trial is None or not folding.is_numbered(tenant, [account.account_id for account in collected]):
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


def _trial(collected: Sequence[Account], unfolded: Mapping[str, int]) -> TrialBalance:
    sums = dict(unfolded)
    for account in collected:
        sums[account.currency] = sums.get(account.currency, 0) + account.balance
    return TrialBalance(tuple(collected), dict(sorted(sums.items())), dict(unfolded))
