"""An account's history: its lines, which the projector writes."""

from __future__ import annotations

from typing import cast

from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store import accounts
from chalicelib.ledger.store import history as lines
from chalicelib.storage.reads import Page
from chalicelib.storage.tables import HistoryRow, Item


@dataclass(frozen=True, slots=True)
class History:
    """A page of lines (HistoryRow), whose they are, and whether none is missing from it, up to the latest version."""

    account: Account
    page: Page
    complete: bool


def history(tenant: str, account_id: str, *, after: Item | None, limit: int) -> History:
    """One page of an account's lines, newest first. Lines follow the balance by a moment: see `complete`."""
    account = accounts.load_account(tenant, account_id)
    page = lines.history_page(tenant, account_id, after=after, limit=limit, newest_first=True)
    newest = account.version if after is None else int(after["version"]["N"]) - 1
    return History(account, page, complete=_complete(page, newest))


def project(before: Item, after: Item) -> None:
    """Write the history line that two images of an account stand for. Told again, it writes the same line."""
    lines.project_line(before, after)


def _complete(page: Page, newest: int) -> bool:
    """Whether the lines run from `newest` (or a later one) down without a gap, on the last page to the first line."""
    versions = [cast("HistoryRow", row).version for row in page.items]
    if not versions:
        return newest == 0
    unbroken = versions == list(range(versions[0], versions[-1] - 1, -1))
    return unbroken and versions[0] >= newest and (page.last_key is not None or versions[-1] == 1)
