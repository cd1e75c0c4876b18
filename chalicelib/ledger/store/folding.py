"""How a fold stands in DynamoDB: sums on deferred accounts, and the position it brings the tenant to, in one commit.

    Update tenant#fold     position = upto               IF version = the one that was read
    Update tenant#account  balance = balance + sum, ...  IF as_of <= the position that the fold went on from

Every number is folded once, whoever folds and however often, and none is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from chalicelib.core.errors import Defect
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.deferred import Fold, Numbered, Sum, fold, fold_mark
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store import feed
from chalicelib.ledger.store.accounts import load_account
from chalicelib.ledger.store.feed import FeedEntry
from chalicelib.storage import records
from chalicelib.storage.commit import Failed, Stale, Write, commit, update
from chalicelib.storage.reads import Found, get
from chalicelib.storage.records import Listing, Versioned
from chalicelib.storage.tables import FeedRow, Item, Key, account_key, feed_key, record_key

MOST_ENTRIES = 100
"""How many entries one fold takes: those that one batch reads."""

POSITIONS = "folds"
"""The list of every tenant's position."""

_POSITION = "position"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a tenant's feed is folded: every entry numbered up to `upto` counts on every deferred account, and none
    after it. A tenant has one from its first deferred account on."""

    tenant: str
    upto: int


def position_key(tenant: str) -> Key:
    """Where a tenant's position is."""
    return record_key(tenant, "fold")


def opening_reads(tenant: str) -> tuple[Key, Key]:
    """What is read before a deferred account is opened."""
    return position_key(tenant), feed_key(tenant)


def opening_writes(tenant: str, found: Found) -> tuple[Write, ...]:
    """What is written when a deferred account is opened: for a tenant's first one its position, the head of its feed.

    What is numbered so far was committed before this account was there, so none of it is on it.
    """
    if position_key(tenant) in found:
        return ()
    head = cast("FeedRow | None", found.get(feed_key(tenant)))
    at = Position(tenant, 0 if head is None else head.number)
    first = records.create(position_key(tenant), at, exists="position_exists", list_key=POSITIONS, list_sort=tenant)
    return (replace(first, refuse=lambda _: Stale()),)


def load_position(tenant: str) -> Versioned[Position] | None:
    """A tenant's position, read strongly; None for a tenant without deferred accounts."""
    item = get(position_key(tenant))
    return None if item is None else records.take({position_key(tenant): item}, position_key(tenant), Position)


def list_positions(*, after: Item | None, limit: int) -> Listing[Position]:
    """One page of the positions of all tenants."""
    return records.listing(POSITIONS, Position, after=after, limit=limit)


def load_deferred_account(tenant: str, account_id: str) -> Account:
    """A deferred account, with the tenant's position as its `as_of`. Raises NotFound `account_not_found`.

    The position is read first: the fold that brought the books there is in whatever is read of the account later, and
    where the account tells of a later fold, that counts.
    """
    position = load_position(tenant)
    account = load_account(tenant, account_id)
    return replace(account, as_of=max(account.as_of or 0, 0 if position is None else position.value.upto))


def fold_once(tenant: str, known: Mapping[int, str]) -> int | None:
    """Fold the next run of a tenant's entries, at most 100; how many (0: another was first), or None when there is
    nothing to fold. `known` are numbers that the index may not show yet, with their entries."""
    at = load_position(tenant)
    if at is None:
        return None
    run = feed.run_after(tenant, at.value.upto, limit=MOST_ENTRIES, known=known)
    if not run:
        return None
    folded = fold(at.value.upto, [_numbered(entry) for entry in run])
    try:
        commit(_writes(tenant, at, folded))
    except Failed as failed:
        for write, old in failed.reasons:
            if write.tag == _POSITION:
                return 0
            raise write.refuse(old) from failed
    return folded.upto - folded.after


def _numbered(entry: FeedEntry) -> Numbered:
    moved: dict[str, int] = {}
    for leg in entry.item.legs:
        moved[leg.account_id] = moved.get(leg.account_id, 0) + leg.amount
    return Numbered(entry.number, moved, instant_text(entry.item.recorded_at))


def _writes(tenant: str, at: Versioned[Position], folded: Fold) -> list[Write]:
    position = records.replace(position_key(tenant), Position(tenant, folded.upto), version=at.version)
    sums = (_sum_write(tenant, account_id, total, folded) for account_id, total in folded.sums.items())
    return [replace(position, tag=_POSITION), *sums]


def _sum_write(tenant: str, account_id: str, total: Sum, folded: Fold) -> Write:
    """The update of one account by a fold. Whatever its status: the entries stand in the journal.

    condition: as_of <= the position that the fold went on from
    """
    change = (
        "SET balance = balance + :amount, debit_room = debit_room - :amount, credit_room = credit_room + :amount,"
        " version = version + :lines, last_commit = :mark, last_at = :last, as_of = :upto"
    )
    values: Item = {
        ":amount": {"N": str(total.amount)},
        ":lines": {"N": str(total.lines)},
        ":mark": {"S": fold_mark(folded.after)},
        ":last": {"S": total.last_at},
        ":upto": {"N": str(folded.upto)},
        ":after": {"N": str(folded.after)},
    }
    return update(
        f"fold {account_id}",
        account_key(tenant, account_id),
        change=change,
        condition="as_of <= :after",
        values=values,
        refuse=lambda old: Defect(f"{account_id} cannot be folded from {folded.after}: {old and old['as_of']}"),
    )
