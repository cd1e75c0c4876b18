"""The ledger's commands and questions: open an account, post an entry, page through history, prove the balance."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from chalicelib.core.call import Call
from chalicelib.core.errors import Busy, TooLarge
from chalicelib.core.money import exponent
from chalicelib.core.values import dataclass
from chalicelib.ledger import store
from chalicelib.ledger.domain import Account, Entry, Kind, Posting, check_occurred_at, new_account
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, Page
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import HistoryRow, Item

SNAPSHOT_TRIES = 5
PAGE = 100
MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Open an account of the caller's own. Limits in minor units on the account's normal side."""

    name: str
    kind: Kind
    currency: str
    floor: int | None = None
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class PostEntry:
    """Book balanced postings. `occurred_at` None means now."""

    kind: str
    postings: tuple[Posting, ...]
    occurred_at: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts at one instant, and the sum of debits less credits for each currency: zero, or the books are
    wrong."""

    accounts: tuple[Account, ...]
    differences: dict[str, int]


@dataclass(frozen=True, slots=True)
class History:
    """A page of lines (HistoryRow), whose they are, and whether none is missing from it, up to the latest version."""

    account: Account
    page: Page
    complete: bool


def open_account(call: Call, command: OpenAccount) -> Outcome:
    """Open an account. Facts: the account's id and terms."""
    exponent(command.currency)
    account = new_account(
        Account(
            account_id=call.new_id("acc"),
            name=command.name,
            kind=command.kind,
            currency=command.currency,
            floor=command.floor,
            ceiling=command.ceiling,
        )
    )

    def decide(_: Found) -> Plan:
        item = journal_item(call, "account.opened", subject=account.account_id, data=account_facts(account))
        return Plan(item, (store.open_account(call.tenant, account, opened_by=call),))

    return once(call, decide)


def post_entry(call: Call, command: PostEntry) -> Outcome:
    """Book an entry of 2 to 90 postings: one transaction, no read before."""
    occurred_at = check_occurred_at(command.occurred_at or call.now, now=call.now)
    entry = Entry(command.kind, command.postings, occurred_at, reference=command.reference)
    return once(call, lambda _: store.plan_entry(call, entry, by_hand=True))


def get_account(tenant: str, account_id: str) -> Account:
    """An account, read strongly. Raises NotFound `account_not_found`."""
    return store.load_account(tenant, account_id)


def get_entry(tenant: str, entry_id: str) -> JournalItem:
    """An entry by its id. Raises NotFound `entry_not_found`."""
    return store.load_entry(tenant, entry_id)


def list_accounts(tenant: str, *, after: Item | None, limit: int) -> tuple[list[Account], Item | None]:
    """One page of a tenant's accounts by id, and where the next begins."""
    return store.list_accounts(tenant, after=after, limit=limit)


def history(tenant: str, account_id: str, *, after: Item | None, limit: int) -> History:
    """One page of an account's lines, newest first. Lines follow the balance by a moment: see `complete`."""
    account = store.load_account(tenant, account_id)
    page = store.history_page(tenant, account_id, after=after, limit=limit, newest_first=True)
    newest = account.version if after is None else int(after["version"]["N"]) - 1
    return History(account, page, complete=_complete(page, newest))


def project(before: Item, after: Item) -> None:
    """Write the history line that two images of an account stand for. Told again, it writes the same line."""
    store.project_line(before, after)


def trial_balance(tenant: str) -> TrialBalance:
    """Every balance of a tenant as of one instant, summed.

    The accounts are collected twice; when no version has moved between the two, all balances stood together at the
    instant between them (a double-collect snapshot). The index that lists the accounts may lag behind a new one, which
    shows as a difference: so a difference is believed only when it stays. Raises Busy `try_again` when the books never
    hold still, and TooLarge `too_many_accounts`.
    """
    accounts = _all_accounts(tenant)
    trial = None
    for attempt in range(SNAPSHOT_TRIES):
        again = _all_accounts(tenant)
        still = [(a.account_id, a.version) for a in accounts] == [(a.account_id, a.version) for a in again]
        trial = TrialBalance(tuple(again), _sums(again)) if still else None
        if trial is not None and not any(trial.differences.values()):
            return trial
        accounts = again
        pause(attempt)
    if trial is None:
        raise Busy("try_again", "the books are moving too fast for a snapshot: try again")
    return trial


def account_facts(account: Account) -> dict[str, object]:
    """An account's own terms, as journalled when it is opened."""
    return {
        "account_id": account.account_id,
        "name": account.name,
        "kind": account.kind.value,
        "currency": account.currency,
        "purpose": account.purpose.value,
        "owner": account.owner,
        "floor_minor": account.floor,
        "ceiling_minor": account.ceiling,
    }


def _all_accounts(tenant: str) -> list[Account]:
    accounts: list[Account] = []
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page, after = store.list_accounts(tenant, after=after, limit=PAGE)
        accounts += page
        if after is None:
            return accounts
    raise TooLarge("too_many_accounts", "more accounts than one answer holds", maximum=PAGE * MOST_PAGES)


def _complete(page: Page, newest: int) -> bool:
    """Whether the lines run from `newest` (or a later one) down without a gap, on the last page to the first line."""
    versions = [cast("HistoryRow", row).version for row in page.items]
    if not versions:
        return newest == 0
    unbroken = versions == list(range(versions[0], versions[-1] - 1, -1))
    return unbroken and versions[0] >= newest and (page.last_key is not None or versions[-1] == 1)


def _sums(accounts: list[Account]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for account in accounts:
        sums[account.currency] = sums.get(account.currency, 0) + account.balance
    return dict(sorted(sums.items()))
