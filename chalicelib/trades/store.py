"""Where a trade is kept: three documents under one key. `state` is small and changes, `terms` never change, `evidence`
grows. A command reads those it needs in one batch and replaces what it changed under the version it read.

Beside them the templates that a tenant has published: each version under a key of its own, for ever, and the newest
once more under one that needs no version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace as changed
from datetime import datetime, timedelta
from typing import Any

import msgspec

from chalicelib.access.store import list_tenants
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Stale, Write, check, write_if
from chalicelib.storage.due import listed_keys, suspended_keys
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import (
    DUE_SHARDS,
    Due,
    Listing,
    Versioned,
    create,
    listing,
    replace,
    require,
    take,
)
from chalicelib.storage.tables import Item, Key, record_key
from chalicelib.trades.domain.checking import ID
from chalicelib.trades.domain.due import next_at
from chalicelib.trades.domain.evidence import SHAPES, Evidence, EvidenceKind
from chalicelib.trades.domain.template import Template
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.templates import house_template

MOST_EVIDENCE = 350_000
"""Bytes of all evidence of a trade, which is one item of at most 400 KB."""

_TRADE_ID = re.compile(r"trd_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """A piece of evidence as the document has it: the shape of `document` follows from `kind`."""

    evidence_id: str
    kind: EvidenceKind
    sha256: str
    recorded_by: str
    recorded_at: datetime
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """All evidence of a trade, in the order it came."""

    pieces: tuple[StoredEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a template that a tenant has published."""

    template: Template
    published_by: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Recounting:
    """How far the clocks of all trades have been counted by the calendars' `versions`: which part of the list of what
    is due, or, as the last part, of tenants with suspended trades, and after which key of it.

    Passes over all parts follow each other until one finds nothing to count and fails with none: `counted` and `failed`
    are of this pass, `failed_passes` in a row delay the next, which begins at `begins_at`.
    """

    versions: str
    shard: int = 0
    after: dict[str, dict[str, str]] | None = None
    counted: int = 0
    failed: int = 0
    failed_passes: int = 0
    begins_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        """Whether every part was gone through, with nothing left to count."""
        return self.shard > DUE_SHARDS

    def onward(self, *, counted: int, failed: int, now: datetime) -> Recounting:
        """After a page of which so many were counted anew and so many failed: the next pass where this one is over."""
        after = changed(self, counted=self.counted + counted, failed=self.failed + failed)
        if not after.is_done or not (after.counted or after.failed):
            return after
        passes = self.failed_passes + 1 if after.failed else 0
        begins = now + min(FIRST_DELAY * 2 ** (passes - 1), LONGEST_DELAY) if passes else None
        return Recounting(self.versions, failed_passes=passes, begins_at=begins)


@dataclass(frozen=True, slots=True)
class TradesPage:
    """Trades by tenant and id, and how far the clocks have been counted once theirs are."""

    trades: tuple[tuple[str, str], ...]
    next: Recounting


FIRST_DELAY = timedelta(hours=1)
LONGEST_DELAY = timedelta(days=1)
"""How long after a pass with failures the next one begins: the delay doubles."""

_RECOUNTING = record_key("calendars", "recounting")


def state_key(tenant: str, trade_id: str) -> Key:
    """Where a trade's state is kept. Raises NotFound `trade_not_found` for what is no trade's id."""
    return _key(tenant, trade_id, "state")


def terms_key(tenant: str, trade_id: str) -> Key:
    """Where a trade's terms are kept. Raises NotFound `trade_not_found` for what is no trade's id."""
    return _key(tenant, trade_id, "terms")


def evidence_key(tenant: str, trade_id: str) -> Key:
    """Where a trade's evidence is kept. Raises NotFound `trade_not_found` for what is no trade's id."""
    return _key(tenant, trade_id, "evidence")


def deal_keys(tenant: str, trade_id: str) -> tuple[Key, Key]:
    """State and terms: what most commands read. Raises NotFound `trade_not_found` for what is no trade's id."""
    return state_key(tenant, trade_id), terms_key(tenant, trade_id)


def trade_keys(tenant: str, trade_id: str) -> tuple[Key, Key, Key]:
    """State, terms and evidence: what a final settlement reads. Raises as `deal_keys`."""
    return (*deal_keys(tenant, trade_id), evidence_key(tenant, trade_id))


def take_trade(found: Found, tenant: str, trade_id: str) -> Versioned[Trade]:
    """The state a batch found. Raises NotFound `trade_not_found`."""
    return require(found, state_key(tenant, trade_id), Trade, "trade_not_found", trade_id=trade_id)


def take_terms(found: Found, tenant: str, trade_id: str) -> Terms:
    """The terms a batch found. Raises NotFound `trade_not_found`."""
    return require(found, terms_key(tenant, trade_id), Terms, "trade_not_found", trade_id=trade_id).value


def take_evidence(found: Found, tenant: str, trade_id: str) -> Versioned[tuple[Evidence, ...]]:
    """The evidence a batch found. Raises NotFound `trade_not_found`."""
    record = require(found, evidence_key(tenant, trade_id), EvidenceFile, "trade_not_found", trade_id=trade_id)
    return Versioned(tuple(_restored(piece) for piece in record.value.pieces), record.version)


def take_evidence_of(found: Found, tenant: str, trade: Trade) -> tuple[Evidence, ...]:
    """The evidence that the state read in the same batch speaks of.

    A batch is no snapshot: where the evidence was read before a commit and the state after it, some is missing. Raises
    Stale then.
    """
    pieces = take_evidence(found, tenant, trade.trade_id).value
    if set(trade.evidence.values()) - {piece.evidence_id for piece in pieces}:
        raise Stale
    return pieces


def create_trade(tenant: str, terms: Terms, trade: Trade) -> tuple[Write, Write, Write]:
    """Write a new trade: state, terms and no evidence. Conflict `trade_exists` where its id is taken."""
    state, kept_terms, evidence = trade_keys(tenant, trade.trade_id)
    return (
        create(
            state,
            trade,
            exists="trade_exists",
            list_key=_list_key(tenant),
            list_sort=trade.trade_id,
            due_at=next_at(trade),
        ),
        create(kept_terms, terms, exists="trade_exists"),
        create(evidence, EvidenceFile(), exists="trade_exists"),
    )


def save_trade(tenant: str, trade: Trade, *, version: int) -> Write:
    """Write a trade's next state over the version that was read, and when time will do something to it."""
    return replace(state_key(tenant, trade.trade_id), trade, version=version, due=Due(next_at(trade)))


def check_trade(tenant: str, trade: Versioned[Trade]) -> Write:
    """Let a commit stand only while a trade is as it was read; else decide again.

    condition: version = the version that was read
    """
    return check(
        f"unchanged {trade.value.trade_id}",
        state_key(tenant, trade.value.trade_id),
        condition="version = :read",
        values={":read": {"N": str(trade.version)}},
        refuse=lambda _: Stale(),
    )


def save_evidence(tenant: str, trade_id: str, pieces: Sequence[Evidence], *, version: int) -> Write:
    """Write a trade's evidence over the version that was read. Raises Conflict `evidence_too_much` where it is more
    than one item has room for."""
    stored = EvidenceFile(tuple(_stored(piece) for piece in pieces))
    if (size := len(msgspec.json.encode(stored))) > MOST_EVIDENCE:
        sentence = "a trade's documents have no more room"
        raise Conflict("evidence_too_much", sentence, trade_id=trade_id, bytes=size, maximum=MOST_EVIDENCE)
    return replace(evidence_key(tenant, trade_id), stored, version=version)


def list_trades(tenant: str, *, after: Item | None, limit: int) -> Listing[Trade]:
    """One page of a tenant's trades, the newest first."""
    return listing(_list_key(tenant), Trade, after=after, limit=limit, newest_first=True)


def load_recounting(versions: str) -> Versioned[Recounting]:
    """How far the clocks have been counted by these versions of the calendars: not at all, where it was by others."""
    found = take(fetch((_RECOUNTING,)), _RECOUNTING, Recounting)
    if found is not None and found.value.versions == versions:
        return found
    return Versioned(Recounting(versions), found.version if found else 0)


def save_recounting(after: Recounting, before: Versioned[Recounting]) -> Versioned[Recounting] | None:
    """Keep how far the clocks have been counted; None where another run has come further meanwhile."""
    if before.version:
        write = replace(_RECOUNTING, after, version=before.version)
    else:
        write = create(_RECOUNTING, after, exists="recounting_begun")
    return Versioned(after, before.version + 1) if write_if(write) else None


def running_trades(at: Recounting, *, limit: int) -> TradesPage:
    """The next trades that time will do something to, overdue and suspended ones too, by tenant and id, and how far all
    have been counted after them. A clock that waits for its calendar is among them."""
    if at.shard == DUE_SHARDS:
        tenants = list_tenants(after=at.after, limit=limit)
        keys: Iterable[Key] = (key for tenant in tenants.values for key in suspended_keys(tenant.tenant_id))
        last = tenants.last_key
    else:
        page = listed_keys(at.shard, after=at.after, limit=limit)
        keys, last = page.keys, page.last_key
    owners = (key.pk.partition("#") for key in keys)
    trades = tuple((tenant, record_id) for tenant, _, record_id in owners if _TRADE_ID.fullmatch(record_id))
    return TradesPage(trades, changed(at, after=last) if last else changed(at, after=None, shard=at.shard + 1))


def template_key(tenant: str, template_id: str, version: int | None = None) -> Key:
    """Where a tenant's own template is kept: a version of it, or the newest. Raises NotFound `template_not_found` for
    what is no template's id."""
    if not ID.fullmatch(template_id):
        raise _no_template(template_id, version)
    return record_key(tenant, f"tpl_{template_id}", "newest" if version is None else f"version.{version}")


def take_template(found: Found, tenant: str, template_id: str, version: int | None = None) -> Template:
    """The tenant's own template that a batch found at `template_key`, or the house's: the newest version unless told.
    Raises NotFound `template_not_found`."""
    own = take(found, template_key(tenant, template_id, version), Published)
    if own is not None:
        return own.value.template
    house = house_template(template_id)
    if house is None or version not in {None, house.version}:
        raise _no_template(template_id, version)
    return house


def take_newest(found: Found, tenant: str, template_id: str) -> Versioned[Published] | None:
    """The newest version that the tenant has published under an id, or None."""
    return take(found, template_key(tenant, template_id), Published)


def publish_template(tenant: str, published: Published, before: Versioned[Published] | None) -> tuple[Write, Write]:
    """Write the next version of a template beside the `before` that was read; where another has come first, decide
    again."""
    template = published.template
    newest = template_key(tenant, template.id)
    version = template_key(tenant, template.id, template.version)
    if before is None:
        first = create(newest, published, exists="", list_key=_templates_key(tenant), list_sort=template.id)
        head = changed(first, refuse=lambda _: Stale())
    else:
        head = replace(newest, published, version=before.version)
    return head, create(version, published, exists="template_version_exists")


def list_templates(tenant: str, *, after: Item | None, limit: int) -> Listing[Published]:
    """One page of the templates that a tenant has published, in their newest versions, by id."""
    return listing(_templates_key(tenant), Published, after=after, limit=limit)


def _no_template(template_id: str, version: int | None) -> NotFound:
    facts = {"template_id": template_id} | ({} if version is None else {"version": version})
    return NotFound("template_not_found", "no such template", **facts)


def _templates_key(tenant: str) -> str:
    return f"{tenant}#templates"


def _key(tenant: str, trade_id: str, part: str) -> Key:
    """Other records share the table: only what looks like a trade's id may name one."""
    if not _TRADE_ID.fullmatch(trade_id):
        raise NotFound("trade_not_found", "trade not found", trade_id=trade_id)
    return record_key(tenant, trade_id, part)


def _list_key(tenant: str) -> str:
    return f"{tenant}#trades"


def _stored(piece: Evidence) -> StoredEvidence:
    content = msgspec.to_builtins(piece.document)
    return StoredEvidence(piece.evidence_id, piece.kind, piece.sha256, piece.recorded_by, piece.recorded_at, content)


def _restored(piece: StoredEvidence) -> Evidence:
    document = msgspec.convert(piece.document, type=SHAPES[piece.kind])
    return Evidence(piece.evidence_id, piece.sha256, piece.recorded_by, piece.recorded_at, document)
