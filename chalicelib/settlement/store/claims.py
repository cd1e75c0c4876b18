"""How a claim stands in DynamoDB: its state, and a place in the list of its debtor and in that of its trade.

record      list                                          in order of
claim       the tenant's claims, open or ended            due day, opening
by-debtor   those of one debtor, open or ended            the same
by-trade    those of one trade, open or ended             the same
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chalicelib.core.ids import derived_id
from chalicelib.core.instants import instant_text
from chalicelib.settlement.domain.claims import Claim
from chalicelib.storage.commit import Stale, Write, update
from chalicelib.storage.reads import BATCH, Found, fetch, get, index_page
from chalicelib.storage.records import Listing, Versioned, create, replace, require, take
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

PART = "claim"
_PLACES = ("by-debtor", "by-trade")


def claim_key(tenant: str, claim_id: str) -> Key:
    """Where a claim is kept."""
    return record_key(tenant, claim_id, PART)


def open_claim(tenant: str, claim: Claim) -> tuple[Write, ...]:
    """Create a claim: writes for the commit of the command that opens it (see `new_claim` and `opening_postings`)."""
    lists, sort = _lists(tenant, claim), _sort(claim)
    state = create(
        claim_key(tenant, claim.claim_id), claim, exists="claim_exists", list_key=lists[PART], list_sort=sort
    )
    places = (
        create(
            record_key(tenant, claim.claim_id, part), {}, exists="claim_exists", list_key=lists[part], list_sort=sort
        )
        for part in _PLACES
        if part in lists
    )
    return state, *places


def replace_claim(tenant: str, before: Versioned[Claim], after: Claim) -> tuple[Write, ...]:
    """Write the next state of a claim, and move it between the lists of open and of ended claims.

    condition: version = the version that was read; else decide again
    """
    key = claim_key(tenant, after.claim_id)
    if before.value.is_open == after.is_open:
        return (replace(key, after, version=before.version),)
    lists = _lists(tenant, after)
    state = replace(key, after, version=before.version, listed=(lists[PART], _sort(after)))
    return state, *(_moved(tenant, after, part, lists[part]) for part in _PLACES if part in lists)


def take_claim(found: Found, tenant: str, claim_id: str) -> Versioned[Claim]:
    """The claim among what a batch read found. Raises NotFound `claim_not_found`."""
    return require(found, claim_key(tenant, claim_id), Claim, "claim_not_found", claim_id=claim_id)


def load_claim(tenant: str, claim_id: str) -> Claim:
    """A claim, read strongly. Raises NotFound `claim_not_found`."""
    key = claim_key(tenant, claim_id)
    item = get(key)
    return take_claim({} if item is None else {key: item}, tenant, claim_id).value


def list_claims(
    tenant: str, *, is_open: bool, debtor: str = "", trade_id: str = "", after: Item | None, limit: int
) -> Listing[Claim]:
    """One page of a tenant's claims, of one debtor or of one trade if given, those due first ahead. Eventual: a new one
    may be missing. Of a debtor and a trade together, a page may have fewer than `limit` though others follow."""
    page = index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=_list(tenant, is_open, debtor=debtor, trade_id=trade_id),
        after=after,
        limit=limit,
    )
    wanted = (record.value for record in _read(page.keys) if record.value.is_open == is_open)
    return Listing(tuple(claim for claim in wanted if debtor in ("", claim.debtor)), page.last_key)


def open_claims_on(tenant: str, debtor: str, *, pages: int) -> Iterator[Versioned[Claim]]:
    """The open claims on a party, those due first ahead, of so many pages of its list at most. Eventual as that."""
    after: Item | None = None
    for _ in range(pages):
        listed = _list(tenant, is_open=True, debtor=debtor)
        page = index_page(RecordItem, "by_list", hash_name="list_key", hash_value=listed, after=after, limit=BATCH)
        yield from (record for record in _read(page.keys) if record.value.is_open)
        after = page.last_key
        if after is None:
            return


def undone_key(tenant: str, claim_id: str, entry_id: str) -> Key:
    """Where it is kept that what an entry ended of a claim was undone."""
    return record_key(tenant, derived_id("und", claim_id, entry_id), "claim-part")


def mark_undone(tenant: str, claim_id: str, entry_id: str, *, by: str) -> Write:
    """Write by which entry a settlement or waiver was undone; Conflict `claim_part_undone` where it was before."""
    facts = {"claim_id": claim_id, "entry_id": entry_id, "undone_by": by}
    return create(undone_key(tenant, claim_id, entry_id), facts, exists="claim_part_undone")


def _read(places: Sequence[Key]) -> tuple[Versioned[Claim], ...]:
    """The claims whose places these are, read strongly, in that order."""
    keys = [Key(RecordItem, key.pk, PART) for key in places]
    found = fetch(keys)
    return tuple(record for key in keys if (record := take(found, key, Claim)) is not None)


def _lists(tenant: str, claim: Claim) -> dict[str, str]:
    lists = {
        PART: _list(tenant, claim.is_open),
        "by-debtor": _list(tenant, claim.is_open, debtor=claim.debtor),
    }
    if claim.trade_id is not None:
        lists["by-trade"] = _list(tenant, claim.is_open, trade_id=claim.trade_id)
    return lists


def _list(tenant: str, is_open: bool, *, debtor: str = "", trade_id: str = "") -> str:
    kept = "open" if is_open else "ended"
    if trade_id:
        return f"{tenant}#claims#trade#{trade_id}#{kept}"
    return f"{tenant}#claims#debtor#{debtor}#{kept}" if debtor else f"{tenant}#claims#{kept}"


def _moved(tenant: str, claim: Claim, part: str, listed: str) -> Write:
    """Move one of a claim's places to another list. The state's own version decides which commit may."""
    return update(
        f"list {claim.claim_id} {part}",
        record_key(tenant, claim.claim_id, part),
        change="SET list_key = :list, list_sort = :sort",
        condition="attribute_exists(pk)",
        values={":list": {"S": listed}, ":sort": {"S": _sort(claim)}},
        refuse=lambda _: Stale(),
    )


def _sort(claim: Claim) -> str:
    return f"{claim.due_on.isoformat()}#{instant_text(claim.opened_at)}#{claim.claim_id}"
