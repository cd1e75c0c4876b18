"""How the feed stands in DynamoDB: a row with its number for each entry, and the last number given for each tenant.

    Put    tenant#entry  number = last + i     IF attribute_not_exists(pk)     (at most 90)
    Update tenant        number = last + n     IF number = the last that was read

in one transaction: numbers are dense, and an entry has one for ever, whoever numbers and however often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from chalicelib.core.errors import Busy, Defect
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Failed, Stale, Write, commit, put, update
from chalicelib.storage.journal import JournalItem, from_row
from chalicelib.storage.reads import fetch, get, index_page
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import FeedRow, Item, JournalRow, feed_key, journal_key, number_key

MOST_AT_ONCE = 90
TRIES = 20
LARGEST = 10**18 - 1
"""No feed will ever come to it."""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An entry with its number."""

    number: int
    item: JournalItem


def head(tenant: str) -> int:
    """The last number given in a tenant's feed, read strongly; 0 before the first."""
    row = cast("FeedRow | None", get(feed_key(tenant)))
    return 0 if row is None else row.number


def heads(tenants: Sequence[str]) -> dict[str, int]:
    """As `head`, for at most 100 tenants; those without a number are left out."""
    found = fetch(feed_key(tenant) for tenant in tenants)
    return {key.pk: cast("FeedRow", row).number for key, row in found.items()}


def are_numbered(tenant: str, entry_ids: Iterable[str]) -> bool:
    """Whether all of these entries, at most 100, have their numbers."""
    wanted = {number_key(tenant, entry_id) for entry_id in entry_ids}
    return len(fetch(wanted)) == len(wanted)


def number_entries(tenant: str, entry_ids: Sequence[str]) -> dict[str, int]:
    """Number entries in this order, at most 90, but those that have a number; the number of each.

    Raises Busy `try_again` when others keep numbering first.
    """
    numbers: dict[str, int] = {}
    waiting = list(dict.fromkeys(entry_ids))
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        last = head(tenant)
        given = {entry_id: last + i for i, entry_id in enumerate(waiting, start=1)}
        try:
            commit(_writes(tenant, given, last=last))
        except Failed as failed:
            numbers |= _numbered_before(failed)
            waiting = [entry_id for entry_id in waiting if entry_id not in numbers]
            if not waiting:
                return numbers
            continue
        return numbers | given
    raise Busy("try_again", "others keep numbering first")


def run_after(tenant: str, after: int, *, limit: int, known: Mapping[int, str] | None = None) -> list[FeedEntry]:
    """The entries numbered `after` + 1, + 2, ..., at most `limit` (100), up to the first that is not to be seen yet.

    The index that lists numbers may lag behind; `known` are numbers the caller knows of, with their entries.
    """
    listed = _listed(tenant, after, limit=limit) | dict(known or {})
    ids: list[str] = []
    while len(ids) < limit and (entry_id := listed.get(after + len(ids) + 1)) is not None:
        ids.append(entry_id)
    found = fetch(journal_key(tenant, entry_id) for entry_id in ids)
    missing = [entry_id for entry_id in ids if journal_key(tenant, entry_id) not in found]
    if missing:
        raise Defect(f"numbered, but not in the journal: {missing}")
    items = (from_row(cast("JournalRow", found[journal_key(tenant, entry_id)])) for entry_id in ids)
    return [FeedEntry(number, item) for number, item in enumerate(items, start=after + 1)]


def _listed(tenant: str, after: int, *, limit: int) -> dict[int, str]:
    """What the index has of the numbers behind `after`."""
    page = index_page(
        FeedRow,
        "by_number",
        hash_name="tenant",
        hash_value=tenant,
        after=None,
        limit=limit,
        between=(str(after + 1), str(LARGEST)),
    )
    return {int(sort): key.pk.partition("#")[2] for key, sort in zip(page.keys, page.sorts, strict=True)}


def _writes(tenant: str, given: Mapping[str, int], *, last: int) -> list[Write]:
    rows = [
        put(
            entry_id,
            FeedRow,
            FeedRow(pk=number_key(tenant, entry_id).pk, tenant=tenant, number=number).serialize(),
            lambda _: Stale(),
        )
        for entry_id, number in given.items()
    ]
    return [_head_write(tenant, last=last, to=last + len(given)), *rows]


def _head_write(tenant: str, *, last: int, to: int) -> Write:
    """The last number moved on.

    condition: number = the last that was read (at first: attribute_not_exists)
    """
    if last == 0:
        return put("head", FeedRow, FeedRow(pk=feed_key(tenant).pk, number=to).serialize(), lambda _: Stale())
    return update(
        "head",
        feed_key(tenant),
        change="SET #number = :to",
        condition="#number = :last",
        names={"#number": "number"},
        values={":to": {"N": str(to)}, ":last": {"N": str(last)}},
        refuse=lambda _: Stale(),
    )


def _numbered_before(failed: Failed) -> dict[str, int]:
    """The entries that had a number already, as their rows told when they were not written."""
    rows: list[tuple[str, Item]] = [(write.tag, old) for write, old in failed.reasons if write.tag != "head" and old]
    return {entry_id: int(old["number"]["N"]) for entry_id, old in rows}
