"""How a split stands in DynamoDB: its own record, one for each of its divisions, and the account of what it holds.

    tenant#split   split             what changes about it; due while receivers wait to be paid
    tenant#split   division-000001   who is paid by one entry, what came back

The clearing account is opened by the very entry that first moves it: where nothing is kept there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.ledger.domain import Entry, Kind, Posting, Purpose, purpose_account
from chalicelib.ledger.store.accounts import open_account
from chalicelib.ledger.store.entries import balance_writes, entry_item
from chalicelib.ledger.store.moves import Move, no_account, refusal, state_refusal
from chalicelib.splits.domain.split import Division, Split
from chalicelib.storage import records
from chalicelib.storage.commit import Write
from chalicelib.storage.once import Plan
from chalicelib.storage.reads import Found, query
from chalicelib.storage.records import Due, Listing, Versioned
from chalicelib.storage.tables import AccountItem, Item, Key, RecordItem, account_key, record_key

PART = "split"
DIVISION = "division-"


def split_key(tenant: str, split_id: str) -> Key:
    """Where a split is kept. The part has a name of its own, so that the id of something else finds no split."""
    return record_key(tenant, split_id, PART)


def division_key(tenant: str, split_id: str, number: int) -> Key:
    """Where a division of a split is kept."""
    return record_key(tenant, split_id, f"{DIVISION}{number:06d}")


def take_split(found: Found, tenant: str, split_id: str) -> Versioned[Split]:
    """The split among what a batch read found. Raises NotFound `split_not_found`."""
    return records.require(found, split_key(tenant, split_id), Split, "split_not_found", split_id=split_id)


def load_split(tenant: str, split_id: str) -> Split:
    """A split, read strongly. Raises NotFound `split_not_found`."""
    return records.load(split_key(tenant, split_id), Split, "split_not_found", split_id=split_id).value


def take_division(found: Found, tenant: str, split_id: str, number: int) -> Versioned[Division]:
    """The division among what a batch read found. Raises NotFound `division_not_found`."""
    key = division_key(tenant, split_id, number)
    return records.require(found, key, Division, "division_not_found", split_id=split_id, division=number)


def load_division(tenant: str, split_id: str, number: int) -> Division:
    """A division, read strongly. Raises NotFound `division_not_found`."""
    key = division_key(tenant, split_id, number)
    return records.load(key, Division, "division_not_found", split_id=split_id, division=number).value


def list_splits(tenant: str, *, after: Item | None, limit: int) -> Listing[Split]:
    """One page of a tenant's splits, the newest first."""
    return records.listing(f"{tenant}#splits", Split, after=after, limit=limit, newest_first=True)


def list_divisions(tenant: str, split_id: str, *, after: Item | None, limit: int) -> Listing[Division]:
    """One page of a split's divisions by number."""
    pk = split_key(tenant, split_id).pk
    page = query(RecordItem, pk=pk, starts_with=DIVISION, after=after, limit=limit)
    keys = (Key(RecordItem, pk, cast("RecordItem", item).sk) for item in page.items)
    found = dict(zip(keys, page.items, strict=True))
    divisions = (records.take(found, key, Division) for key in found)
    return Listing(tuple(one.value for one in divisions if one is not None), page.last_key)


def create_split(tenant: str, split: Split) -> Write:
    """Create a split; Conflict `split_exists` where it stands."""
    key = split_key(tenant, split.split_id)
    return records.create(key, split, exists="split_exists", list_key=f"{tenant}#splits", list_sort=split.split_id)


def create_division(tenant: str, split_id: str, division: Division) -> Write:
    """Create a division; Conflict `division_exists` where one of this number stands."""
    return records.create(division_key(tenant, split_id, division.number), division, exists="division_exists")


def save_split(tenant: str, split: Split, *, version: int, due: Due | None = None) -> Write:
    """Write the next state of a split; `due` says anew when its receivers are to be paid.

    condition: version = the version that was read; else decide again
    """
    return records.replace(split_key(tenant, split.split_id), split, version=version, due=due)


def save_division(tenant: str, split_id: str, division: Division, *, version: int) -> Write:
    """Write the next state of a division.

    condition: version = the version that was read; else decide again
    """
    return records.replace(division_key(tenant, split_id, division.number), division, version=version)


def plan(call: Call, split: Split, entry: Entry, *writes: Write, data: dict[str, Any], opens: bool = False) -> Plan:
    """The plan of a command on a split that books one entry. The accounts are somebody's choice, so those that follow a
    trade, a line or a payout are refused; only the clearing account is the split's own. `opens`: the entry is the
    first, and opens that account with what it puts on it, if anything."""
    item = entry_item(call, entry, data=data)
    own = tuple(leg for leg in item.legs if leg.account_id == split.clearing_account_id)
    others = replace(item, legs=tuple(leg for leg in item.legs if leg not in own))
    moves = balance_writes(others, by_hand=True)
    if own and opens:
        return Plan(item, (*moves, _clearing_account(call, split, sum(leg.amount for leg in own)), *writes))
    return Plan(item, (*moves, *balance_writes(replace(item, legs=own)), *writes))


def _clearing_account(call: Call, split: Split, balance: int) -> Write:
    account = purpose_account(
        call.tenant, Purpose.SPLIT, split.currency, name=f"Split {split.split_id}", owner=split.split_id
    )
    return open_account(call.tenant, replace(account, balance=balance, version=1), opened_by=call)


def account_keys(tenant: str, account_ids: Iterable[str]) -> tuple[Key, ...]:
    """Where some accounts are kept."""
    return tuple(account_key(tenant, account_id) for account_id in dict.fromkeys(account_ids))


def check_accounts(found: Found, tenant: str, postings: Iterable[Posting], *, now: datetime) -> None:
    """Nothing where every account of an entry may be moved by it, as far as a read can tell: it exists, a debit lowers
    it and a credit raises it, it is open to callers and in the entry's currency. What is available, the write says.

    Raises NotFound `account_not_found`, Conflict `account_wrong_kind`, `account_controlled`, InvalidInput
    `currency_mismatch`, Conflict `account_frozen`, `account_closed`, `period_closed`.
    """
    for posting in postings:
        if refused := _refusal(found, tenant, posting, now, state_refusal):
            raise refused


def refused_receivers(found: Found, tenant: str, payments: Iterable[Posting], *, now: datetime) -> dict[str, str]:
    """The accounts of some payments that cannot be paid now, each with the code of the first rule that forbids it."""
    told = ((posting.account_id, _refusal(found, tenant, posting, now, refusal)) for posting in payments)
    return {account_id: refused.code for account_id, refused in told if refused is not None}


def _refusal(
    found: Found, tenant: str, posting: Posting, now: datetime, rules: Callable[..., Refusal | None]
) -> Refusal | None:
    """The first rule that a posting breaks on its account as it was read."""
    account_id = posting.account_id
    item = cast("AccountItem | None", found.get(account_key(tenant, account_id)))
    if item is None:
        return no_account(account_id)
    if Kind(item.kind).debit_normal:
        sentence = "a split moves what is owed: a debit must lower the account, and a credit raise it"
        return Conflict("account_wrong_kind", sentence, account_id=account_id, kind=item.kind)
    move = Move(account_id, posting.amount.currency, posting.signed)
    return rules(item, move, occurred_at=instant_text(now), by_hand=True)
