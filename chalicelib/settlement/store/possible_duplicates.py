"""How possible duplicates stand in DynamoDB: one record each, in the list of its status."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.core.instants import instant_text
from chalicelib.settlement.domain.possible_duplicates import PossibleDuplicate
from chalicelib.storage.commit import Failed, Write, commit
from chalicelib.storage.reads import Found, get
from chalicelib.storage.records import Listing, Versioned, create, listing, replace, require
from chalicelib.storage.tables import Item, Key, record_key

PAGE = 100


def duplicate_key(tenant: str, duplicate_id: str) -> Key:
    """Where a possible duplicate is kept."""
    return record_key(tenant, duplicate_id, "possible-duplicate")


def keep(tenant: str, duplicate: PossibleDuplicate) -> bool:
    """Keep a possible duplicate. False: it is kept already.

    condition: attribute_not_exists(pk)
    """
    key = duplicate_key(tenant, duplicate.duplicate_id)
    list_key, list_sort = _listed(tenant, duplicate)
    try:
        commit((create(key, duplicate, exists="possible_duplicate_kept", list_key=list_key, list_sort=list_sort),))
    except Failed:
        return False
    return True


def take_duplicate(found: Found, tenant: str, duplicate_id: str) -> Versioned[PossibleDuplicate]:
    """The possible duplicate a batch found. Raises NotFound `possible_duplicate_not_found`."""
    key = duplicate_key(tenant, duplicate_id)
    return require(found, key, PossibleDuplicate, "possible_duplicate_not_found", duplicate_id=duplicate_id)


def load_duplicate(tenant: str, duplicate_id: str) -> PossibleDuplicate:
    """A possible duplicate, read strongly. Raises NotFound `possible_duplicate_not_found`."""
    key = duplicate_key(tenant, duplicate_id)
    item = get(key)
    return take_duplicate({} if item is None else {key: item}, tenant, duplicate_id).value


def replace_duplicate(tenant: str, after: PossibleDuplicate, *, version: int) -> Write:
    """Write the next state of a possible duplicate and move it to the list of its status.

    condition: version = the version that was read; else decide again
    """
    key = duplicate_key(tenant, after.duplicate_id)
    return replace(key, after, version=version, listed=_listed(tenant, after))


def list_duplicates(tenant: str, status: str, *, after: Item | None, limit: int) -> Listing[PossibleDuplicate]:
    """One page of a tenant's possible duplicates of a status, the oldest first."""
    page = listing(f"{tenant}#possible-duplicates#{status}", PossibleDuplicate, after=after, limit=limit)
    return Listing(tuple(each for each in page.values if each.status == status), page.last_key)


def open_duplicates(tenant: str, bank_account_id: str) -> Iterator[PossibleDuplicate]:
    """Those of one bank account that are still open."""
    after: Item | None = None
    more = True
    while more:
        page = list_duplicates(tenant, "open", after=after, limit=PAGE)
        yield from (each for each in page.values if each.movement.account.account_id == bank_account_id)
        after = page.last_key
        more = after is not None


def _listed(tenant: str, duplicate: PossibleDuplicate) -> tuple[str, str]:
    sort = f"{instant_text(duplicate.created_at)}#{duplicate.duplicate_id}"
    return f"{tenant}#possible-duplicates#{duplicate.status}", sort
