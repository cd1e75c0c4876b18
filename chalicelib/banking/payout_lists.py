"""Lists of payouts beside that of all: those for one subject, and those that are overdue.

tenant#payout   overdue   stands in the list of overdue ones for the payout, and is taken off it when that has news
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chalicelib.banking.payouts import Payout
from chalicelib.banking.store import PayoutOwner, payout_key, subject_list, take_payout
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import BATCH, Found, fetch
from chalicelib.storage.records import Listing, create, listing, replace, take
from chalicelib.storage.tables import Item, Key, record_key


@dataclass(frozen=True, slots=True)
class Overdue:
    """Stands in the list of overdue payouts for one of them."""

    payout_id: str


def list_payouts_of(tenant: str, subject: str, *, after: Item | None, limit: int) -> Listing[Payout]:
    """One page of the payouts for one subject (a trade), newest first."""
    page = listing(subject_list(tenant, subject), PayoutOwner, after=after, limit=limit, newest_first=True)
    return Listing(_payouts_of(tenant, page.values), page.last_key)


def payout_ids_of(tenant: str, subject: str) -> Iterator[str]:
    """The ids of all payouts for one subject, oldest first, read a page at a time."""
    after: Item | None = None
    more = True
    while more:
        page = listing(subject_list(tenant, subject), PayoutOwner, after=after, limit=BATCH)
        yield from (owner.payout_id for owner in page.values)
        after = page.last_key
        more = after is not None


def list_overdue(tenant: str, *, after: Item | None, limit: int) -> Listing[Payout]:
    """One page of a tenant's overdue payouts, longest overdue first."""
    page = listing(_overdue_list(tenant), Overdue, after=after, limit=limit)
    return Listing(_payouts_of(tenant, page.values), page.last_key)


def overdue_key(tenant: str, payout_id: str) -> Key:
    """Where the mark of a payout is kept that is or was overdue."""
    return record_key(tenant, payout_id, "overdue")


def list_as_overdue(found: Found, before: Payout, after: Payout) -> tuple[Write, ...]:
    """The writes that put a payout on the list of overdue ones, or take it off, where a change asks for that."""
    if before.overdue_since == after.overdue_since:
        return ()
    key, value = overdue_key(after.tenant, after.payout_id), Overdue(after.payout_id)
    list_key = _overdue_list(after.tenant) if after.overdue_since else f"{after.tenant}#payouts-overdue-before"
    listed = (list_key, f"{instant_text(after.overdue_since or after.created_at)}#{after.payout_id}")
    mark = take(found, key, Overdue)
    if mark is not None:
        return (replace(key, value, version=mark.version, listed=listed),)
    return (create(key, value, exists="payout_overdue", list_key=listed[0], list_sort=listed[1]),)


def change_overdue(before: Payout, after: Payout) -> tuple[Write, ...]:
    """The same for a change that has not read whether the payout stands there: it is read now."""
    if before.overdue_since == after.overdue_since:
        return ()
    return list_as_overdue(fetch((overdue_key(after.tenant, after.payout_id),)), before, after)


def _payouts_of(tenant: str, named: Iterable[PayoutOwner | Overdue]) -> tuple[Payout, ...]:
    ids = [one.payout_id for one in named]
    found = fetch(payout_key(tenant, payout_id) for payout_id in ids) if ids else {}
    return tuple(take_payout(found, tenant, payout_id).value for payout_id in ids)


def _overdue_list(tenant: str) -> str:
    return f"{tenant}#payouts-overdue"
