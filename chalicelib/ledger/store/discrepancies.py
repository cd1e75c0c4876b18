"""Accounts whose own balance is not what the journal's entries come to: a list for each tenant, empty in sound books.

The projector notes an account at once, when its balance moves by anything but an entry, and the nightly proof notes
what it finds. Whether such an account still differs, and by how much, is asked anew by each reader: the balance it has
against that of its line, which is made of entries alone. The proof ends those that differ no more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chalicelib.core.values import dataclass
from chalicelib.ledger.lines import Line
from chalicelib.ledger.store.history import history_page
from chalicelib.storage import records
from chalicelib.storage.commit import Failed, Stale, commit
from chalicelib.storage.reads import get
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import AccountItem, Key, account_key, record_key

PAGE = 100
TRIES = 4


@dataclass(frozen=True, slots=True)
class Noted:
    """An account that was seen to differ, with its kind and currency. `open` until it was found right again."""

    account_id: str
    kind: str
    currency: str
    open: bool = True


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """By how much an account's own balance differs from what its entries come to (minor units, debits less credits)."""

    account_id: str
    kind: str
    currency: str
    difference: int


def note(tenant: str, noted: Noted) -> None:
    """Put an account on its tenant's list, or end its place there (`open` False). Said again, it changes nothing.

    condition: version = the one that was read (at first: attribute_not_exists)
    """
    key = _key(tenant, noted.account_id)
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        item = get(key)
        read = None if item is None else records.take({key: item}, key, Noted)
        if read is not None and read.value.open == noted.open:
            return
        place = (_list(tenant, is_open=noted.open), noted.account_id)
        if read is None:
            write = records.create(key, noted, exists="noted", list_key=place[0], list_sort=place[1])
        else:
            write = records.replace(key, noted, version=read.version, listed=place)
        try:
            commit([replace(write, refuse=lambda _: Stale())])
        except Failed:
            continue
        return


def noted_accounts(tenant: str, *, most: int) -> tuple[Noted, ...]:
    """The accounts on a tenant's list, at most so many, the index willing."""
    return records.listing(_list(tenant, is_open=True), Noted, after=None, limit=most).values


def discrepancy(tenant: str, noted: Noted) -> Discrepancy:
    """How an account differs now. An account that is gone has no balance. A line that is still to come is waited for;
    where it does not come, the last that is there counts."""
    own, line = 0, None
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        item = cast("AccountItem | None", get(account_key(tenant, noted.account_id)))
        own, line = (0 if item is None else item.balance), _last_chained(tenant, noted.account_id)
        if item is None or item.version == (0 if line is None else line.version):
            break
    return Discrepancy(noted.account_id, noted.kind, noted.currency, own - (0 if line is None else line.balance))


def _last_chained(tenant: str, account_id: str) -> Line | None:
    newest = history_page(tenant, account_id, after=None, limit=PAGE, newest_first=True).lines
    return next((line for line in newest if line.hash is not None), None)


def _key(tenant: str, account_id: str) -> Key:
    return record_key(tenant, f"discrepancy-{account_id}")


def _list(tenant: str, *, is_open: bool) -> str:
    return f"{tenant}#discrepancies" if is_open else f"{tenant}#discrepancies-ended"
