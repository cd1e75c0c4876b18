"""What the nightly proof keeps, so that the next goes on from it: how far each tenant and each account was proved, and
what the last proof of a tenant's books came to.

    tenant#proof               what the last whole proof came to: the trial balance shows it
    tenant#proof-standing      how far the proof that is under way has come
    tenant#proved-account      how far an account was proved; listed where entries or lines of it are still to be
    operator#journal-scan      where the scan of all journals goes on
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, TypeVar, cast

from chalicelib.access.domain import OPERATOR
from chalicelib.core.values import dataclass
from chalicelib.ledger.checkpoints import Position
from chalicelib.ledger.rebuild import Proven, Total
from chalicelib.storage import records
from chalicelib.storage.commit import Failed, commit, write_items
from chalicelib.storage.reads import fetch, get, index_page
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof of a tenant's books: every account was held against the entries up to `upto`, at `at` (an instant's
    text), and so many differences were found."""

    upto: int
    at: str
    differences: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the proof of a tenant's books has come: entries numbered up to `upto` are on their accounts, checkpoints
    up to `checked` hold. `rechecked` and `account_after` are where the proof of what is older goes on, `found` how many
    differences this night's has found so far, `done_at` when the last came to the head of the feed."""

    upto: int = 0
    checked: Position = field(default_factory=Position)
    rechecked: Position = field(default_factory=Position)
    account_after: str = ""
    found: int = 0
    done_at: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """Where the scan of all journals goes on (empty: at the beginning), and when it last came to the end."""

    after: str = ""
    done_at: str = ""


def last_proof(tenant: str) -> Proof | None:
    """The last whole proof, read strongly; None before the first."""
    return _load(record_key(tenant, "proof"), Proof)


def keep_proof(tenant: str, proof: Proof) -> None:
    """Keep a proof as the last."""
    _keep(record_key(tenant, "proof"), proof)


def load_standing(tenant: str) -> Standing:
    """How far the proof of a tenant's books has come, read strongly."""
    return _load(record_key(tenant, "proof-standing"), Standing) or Standing()


def keep_standing(tenant: str, standing: Standing) -> None:
    """Keep how far a proof has come."""
    _keep(record_key(tenant, "proof-standing"), standing)


def load_scan() -> Scan:
    """Where the scan of all journals goes on, read strongly."""
    return _load(record_key(OPERATOR, "journal-scan"), Scan) or Scan()


def keep_scan(scan: Scan) -> None:
    """Keep where the scan of all journals goes on."""
    _keep(record_key(OPERATOR, "journal-scan"), scan)


def load_proven(tenant: str, account_ids: Sequence[str]) -> dict[str, Proven]:
    """How far accounts, at most 100, were proved; those that never were are left out."""
    keys = {_proven_key(tenant, account_id): account_id for account_id in account_ids}
    found = fetch(keys) if keys else {}
    return {keys[key]: _decoded(json.loads(cast("RecordItem", item).doc)) for key, item in found.items()}


def keep_proven(tenant: str, proven: Mapping[str, Proven]) -> None:
    """Keep how far accounts were proved. Kept in part by a process that was killed, each says for itself up to which
    number it is."""
    write_items(RecordItem, [_item(tenant, account_id, one) for account_id, one in proven.items()])


def unproved_accounts(tenant: str) -> Iterator[str]:
    """The accounts of which entries or lines are still to be proved, by the index."""
    after: Item | None = None
    more = True
    while more:
        page = index_page(
            RecordItem, "by_list", hash_name="list_key", hash_value=_open_list(tenant), after=after, limit=PAGE
        )
        yield from page.sorts
        after = page.last_key
        more = after is not None


def _proven_key(tenant: str, account_id: str) -> Key:
    return record_key(tenant, f"proved-{account_id}")


def _open_list(tenant: str) -> str:
    return f"{tenant}#unproved"


def _item(tenant: str, account_id: str, one: Proven) -> Item:
    key = _proven_key(tenant, account_id)
    row = RecordItem(pk=key.pk, sk=key.sort, version=1, doc=json.dumps(_encoded(one), separators=(",", ":")))
    if one.open_since is not None:
        row.list_key, row.list_sort = _open_list(tenant), account_id
    return dict(row.serialize())


def _encoded(one: Proven) -> dict[str, Any]:
    return {
        "upto": one.upto,
        "total": _total(one.total),
        "version": one.version,
        "lines": _total(one.lines),
        "hash": one.hash,
        "open_since": one.open_since,
    }


def _total(total: Total) -> list[Any]:
    return [total.amount, total.held, total.lines, f"{total.mark:x}", sorted(total.currencies)]


def _decoded(told: Mapping[str, Any]) -> Proven:
    totals = {"total": _total_of(told["total"]), "lines": _total_of(told["lines"])}
    return Proven(**told | totals)


def _total_of(told: Iterable[Any]) -> Total:
    amount, held, lines, mark, currencies = told
    return Total(amount, held, lines, int(mark, 16), frozenset(currencies))


def _load(key: Key, shape: type[T]) -> T | None:
    item = get(key)
    read = None if item is None else records.take({key: item}, key, shape)
    return None if read is None else read.value


def _keep(key: Key, value: Any) -> None:
    """Write a value over the one that stands there. Of two at once, one is kept.

    condition: version = the one that was read (at first: attribute_not_exists)
    """
    item = cast("RecordItem | None", get(key))
    if item is None:
        write = records.create(key, value, exists="kept_already")
    else:
        write = records.replace(key, value, version=item.version)
    try:
        commit([write])
    except Failed:
        return
