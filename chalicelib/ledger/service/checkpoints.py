"""Checkpoints: made for every tenant as its feed grows, told, and the proofs that rest on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.access.domain import OPERATOR
from chalicelib.access.store import list_tenants
from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.checkpoints import (
    MOST_ENTRIES,
    Checkpoint,
    Position,
    follows,
    next_checkpoint,
    parse,
    proof,
)
from chalicelib.ledger.documents import digest, document
from chalicelib.ledger.service import checkpoint_keys
from chalicelib.ledger.store import checkpoints, entries, feed
from chalicelib.ledger.store.checkpoints import Signed
from chalicelib.storage.records import Listing, Versioned
from chalicelib.storage.tables import Item

PAGE = 100
MOST_PAGES = 1000
MOST_MORE = 64
"""How many checkpoints one run makes besides the first of each tenant: what it has time for, at two seconds each. What
is left waits for the next."""


@dataclass(frozen=True, slots=True)
class MakingRun:
    """What one run came to: checkpoints made, entries they cover, the tenants it failed for, with the error, and those
    that may have more entries than it had time for."""

    made: int = 0
    entries: int = 0
    failures: tuple[tuple[str, Exception], ...] = ()
    behind: tuple[str, ...] = ()


def make_due(now: datetime) -> MakingRun:
    """Make the next checkpoint of every tenant whose feed has grown; then 64 more, in turns, of those whose feed had
    grown by more than one covers. Runs may overlap or break off. A tenant that fails does not stop the others."""
    run = _make_page(MakingRun(), [OPERATOR], now)
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = list_tenants(after=after, limit=PAGE)
        run = _make_page(run, [tenant.tenant_id for tenant in page.values], now)
        after = page.last_key
        if after is None:
            return _catch_up(run, now)
    raise Defect(f"more than {MOST_PAGES * PAGE} tenants")


def make_next(tenant: str, now: datetime, read: Versioned[Position] | None) -> Checkpoint | None:
    """The checkpoint that follows the position `read`, made, or taken over from whoever made it first; None where no
    entry waits for one. Raises Malformed or Defect where the file that stands there is not ours or does not follow."""
    version, position = (read.version, read.value) if read else (0, Position())
    digests = _digests_after(tenant, position.last)
    if not digests:
        return None
    key_id = checkpoint_keys.current_key_id()
    made = next_checkpoint(tenant, position, digests, recorded_at=instant_text(now), key_id=key_id)
    checkpoints.put_file(tenant, made.number, checkpoint_keys.sign_checkpoint(made, digests))
    standing = _standing(tenant, position)
    checkpoints.record(standing, version=version)
    return standing


def entry_proof(tenant: str, entry_id: str) -> dict[str, Any]:
    """The proof of an entry, as a JSON value (see `verify`). Raises NotFound `entry_not_found`, and Conflict
    `not_yet_checkpointed` (with the entry's `number`, once it has one) until a checkpoint covers it."""
    item = entries.load_entry(tenant, entry_id)
    number = checkpoints.find_number(tenant, entry_id)
    covering = None if number is None else checkpoints.find_covering(tenant, number)
    if number is None or covering is None:
        raise Conflict("not_yet_checkpointed", "no checkpoint covers the entry yet: ask again later", number=number)
    standing = _file(tenant, covering.number)
    if standing.digests[number - covering.first] != digest(item):
        raise Defect(f"entry {entry_id} is not the one that checkpoint {covering.number} was made over")
    return proof(standing.signed, standing.signature, standing.digests, number=number, entry=document(item))


def get_checkpoint(tenant: str, number: int) -> Signed:
    """A checkpoint as it was signed. Raises NotFound `checkpoint_not_found`."""
    checkpoints.load_checkpoint(tenant, number)
    return _file(tenant, number)


def list_checkpoints(tenant: str, *, after: Item | None, limit: int) -> Listing[Checkpoint]:
    """One page of a tenant's checkpoints, newest first."""
    return checkpoints.list_checkpoints(tenant, after=after, limit=limit)


def _make_page(run: MakingRun, tenants: Sequence[str], now: datetime) -> MakingRun:
    """The next checkpoint of each of these tenants, at most 100, whose feed has grown."""
    try:
        heads, positions = feed.heads(tenants), checkpoints.positions(tenants)
    except Exception as error:  # one of them, perhaps: each is looked at by itself
        if len(tenants) == 1:
            return _failed(run, tenants[0], error)
        for tenant in tenants:
            run = _make_page(run, [tenant], now)
        return run
    for tenant in tenants:
        position = positions.get(tenant)
        if heads.get(tenant, 0) > (position.value.last if position else 0):
            run = _make_one(run, tenant, now)
    return run


def _catch_up(run: MakingRun, now: datetime) -> MakingRun:
    """More checkpoints of the tenants that are behind, one each in turn."""
    for _ in range(MOST_MORE):
        if not run.behind:
            break
        tenant, *others = run.behind
        run = _make_one(replace(run, behind=tuple(others)), tenant, now)
    return run


def _make_one(run: MakingRun, tenant: str, now: datetime) -> MakingRun:
    try:
        made = make_next(tenant, now, checkpoints.positions([tenant]).get(tenant))
    except Exception as error:  # whatever it is, it is this tenant's: it is handed up with the run's result
        return _failed(run, tenant, error)
    if made is None:
        return run
    behind = (*run.behind, tenant) if made.size == MOST_ENTRIES else run.behind
    return replace(run, made=run.made + 1, entries=run.entries + made.size, behind=behind)


def _failed(run: MakingRun, tenant: str, error: Exception) -> MakingRun:
    return replace(run, failures=(*run.failures, (tenant, error)))


def _digests_after(tenant: str, last: int) -> list[bytes]:
    """The digests of the entries numbered after `last`, as many as one checkpoint covers and the index shows."""
    digests: list[bytes] = []
    for start in range(0, MOST_ENTRIES, PAGE):
        limit = min(PAGE, MOST_ENTRIES - start)
        run = feed.run_after(tenant, last + len(digests), limit=limit)
        digests += [digest(entry.item) for entry in run]
        if len(run) < limit:
            break
    return digests


def _standing(tenant: str, position: Position) -> Checkpoint:
    """The checkpoint whose file stands after a position, ours or another maker's, once it is known to be genuine."""
    file = _file(tenant, position.number + 1)
    checkpoint = parse(file.signed)
    checkpoint_keys.check_signed(checkpoint, file)
    if not follows(checkpoint, tenant, position):
        raise Defect(f"what stands as checkpoint {position.number + 1} of {tenant} does not follow the one before")
    return checkpoint


def _file(tenant: str, number: int) -> Signed:
    return checkpoints.read_file(tenant, number)
