"""How a receipt stands in DynamoDB: its state, a place in the list of unmatched ones, who it is from, how it is found.

record           list                     what it is
receipt          all of the tenant's      state
unmatched        unmatched, or ended      there once anything of it has been in suspense
counterparty     none                     name and account, sealed
receipt#id       none                     under an end-to-end id or UETR: the receipts that have it
"""

from __future__ import annotations

from dataclasses import replace as changed

import msgspec

from chalicelib.banking.movements import Movement
from chalicelib.core.ids import derived_id
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.security.sealing import Sealed, seal
from chalicelib.settlement.domain.receipts import Receipt
from chalicelib.settlement.domain.undoing import undone_reference
from chalicelib.storage.commit import Stale, Write, update
from chalicelib.storage.reads import Found, fetch, index_page, query
from chalicelib.storage.records import Listing, Versioned, create, listing, load, replace, require, take
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

PART = "receipt"
MISSING = "receipt_not_found"
MAX_ALIKE = 10
"""Receipts that an end-to-end id or UETR may have. One of more is common, and names none of them."""


@dataclass(frozen=True, slots=True)
class Counterparty:
    """Who a movement is from or to, in the clear: only ever kept sealed."""

    name: str
    account: str

    def __repr__(self) -> str:
        return "Counterparty(****)"


def receipt_key(tenant: str, receipt_id: str) -> Key:
    """Where a receipt is kept."""
    return record_key(tenant, receipt_id, PART)


def sealed_of(tenant: str, receipt: Receipt, movement: Movement) -> Sealed | None:
    """The counterparty of a movement, sealed for its receipt of this tenant and no other; None where the bank named no
    account."""
    if not movement.counterparty_account:
        return None
    counterparty = Counterparty(movement.counterparty_name, movement.counterparty_account)
    return seal(msgspec.json.encode(counterparty), context={"tenant": tenant, "receipt": receipt.receipt_id})


def create_receipt(tenant: str, receipt: Receipt, account_id: str, sealed: Sealed | None) -> tuple[Write, ...]:
    """Keep a new receipt of a bank account, in the lists it belongs to, and findable by what the bank called it."""
    key, sort = receipt_key(tenant, receipt.receipt_id), _sort(receipt)
    receipt = changed(receipt, was_unmatched=bool(receipt.unallocated_minor))
    state = create(key, receipt, exists="receipt_exists", list_key=f"{tenant}#receipts", list_sort=sort)
    marks = [] if not receipt.unallocated_minor else [_unmatched(tenant, receipt)]
    if sealed is not None:
        marks.append(create(record_key(tenant, receipt.receipt_id, "counterparty"), sealed, exists="receipt_exists"))
    named = undone_reference(receipt.original_reference, receipt.bank_reference)
    undone = reversal_of(named) if receipt.is_reversal else ""
    for value in dict.fromkeys(filter(None, (receipt.end_to_end_id, receipt.uetr, undone))):
        place = Key(RecordItem, _alike(tenant, account_id, value), f"{PART}#{receipt.receipt_id}")
        marks.append(create(place, {}, exists="receipt_exists"))
    return state, *marks


def save_receipt(tenant: str, before: Versioned[Receipt], after: Receipt) -> tuple[Write, ...]:
    """Write the next state of a receipt, and move it into the list of unmatched ones or out of it.

    condition: version = the version that was read; else decide again
    """
    key, was, now = receipt_key(tenant, after.receipt_id), before.value, bool(after.unallocated_minor)
    after = changed(after, was_unmatched=was.was_unmatched or now)
    state = replace(key, after, version=before.version)
    if now == bool(was.unallocated_minor):
        return (state,)
    if not was.was_unmatched:
        return state, _unmatched(tenant, after)
    move = update(
        f"list {after.receipt_id}",
        record_key(tenant, after.receipt_id, "unmatched"),
        change="SET list_key = :list",
        condition="attribute_exists(pk)",
        values={":list": {"S": _list(tenant, unmatched=now)}},
        refuse=lambda _: Stale(),
    )
    return state, move


def take_receipt(found: Found, tenant: str, receipt_id: str) -> Versioned[Receipt]:
    """The receipt among what a batch read found. Raises NotFound `receipt_not_found`."""
    return require(found, receipt_key(tenant, receipt_id), Receipt, MISSING, receipt_id=receipt_id)


def find_receipts(tenant: str, receipt_ids: tuple[str, ...]) -> tuple[Receipt, ...]:
    """Those of some receipts that exist, read strongly."""
    return tuple(record.value for record in versioned(tenant, receipt_ids))


def load_receipt(tenant: str, receipt_id: str) -> Receipt:
    """A receipt, read strongly. Raises NotFound `receipt_not_found`."""
    return load(receipt_key(tenant, receipt_id), Receipt, MISSING, receipt_id=receipt_id).value


def alike_ids(tenant: str, account_id: str, value: str) -> tuple[str, ...]:
    """The ids of the receipts of a bank account that have an end-to-end id or UETR, read strongly; none where it is a
    common one."""
    pk = _alike(tenant, account_id, value)
    page = query(RecordItem, pk=pk, starts_with=f"{PART}#", limit=MAX_ALIKE + 1)
    return tuple(item.sk.partition("#")[2] for item in page.items) if len(page.items) <= MAX_ALIKE else ()


def versioned(tenant: str, receipt_ids: tuple[str, ...]) -> tuple[Versioned[Receipt], ...]:
    """Those of some receipts that exist, as they are read."""
    keys = [receipt_key(tenant, receipt_id) for receipt_id in receipt_ids]
    found = fetch(keys)
    return tuple(record for key in keys if (record := take(found, key, Receipt)) is not None)


def reversal_of(bank_reference: str) -> str:
    """Under what a receipt is found that undoes the movement of this bank reference."""
    return f"reversal of {bank_reference}" if bank_reference else ""


def list_receipts(tenant: str, *, after: Item | None, limit: int) -> Listing[Receipt]:
    """One page of a tenant's receipts, the newest first."""
    return listing(f"{tenant}#receipts", Receipt, after=after, limit=limit, newest_first=True)


def list_unmatched(tenant: str, *, after: Item | None, limit: int) -> Listing[Receipt]:
    """One page of the receipts of which something waits in suspense, oldest first. The index may be a moment behind:
    what has been allocated since is left out."""
    page = index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=_list(tenant, unmatched=True),
        after=after,
        limit=limit,
    )
    keys = [Key(RecordItem, key.pk, PART) for key in page.keys]
    found = fetch(keys)
    receipts = (record.value for key in keys if (record := take(found, key, Receipt)) is not None)
    return Listing(tuple(receipt for receipt in receipts if receipt.unallocated_minor), page.last_key)


def _unmatched(tenant: str, receipt: Receipt) -> Write:
    key = record_key(tenant, receipt.receipt_id, "unmatched")
    listed = _list(tenant, unmatched=True)
    return create(key, {}, exists="receipt_exists", list_key=listed, list_sort=_sort(receipt))


def _list(tenant: str, *, unmatched: bool) -> str:
    return f"{tenant}#{'unmatched' if unmatched else 'allocated'}-receipts"


def _alike(tenant: str, account_id: str, value: str) -> str:
    return record_key(tenant, derived_id("rix", account_id, value)).pk


def _sort(receipt: Receipt) -> str:
    return f"{instant_text(receipt.received_at)}#{receipt.receipt_id}"
