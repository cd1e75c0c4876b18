"""Where a trade is kept: three documents under one key. `state` is small and changes, `terms` never change, `evidence`
grows. A command reads those it needs in one batch and replaces what it changed under the version it read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from chalicelib.core.errors import NotFound
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Due, Listing, Versioned, create, listing, replace, require
from chalicelib.storage.tables import Item, Key, record_key
from chalicelib.trades.domain.due import next_at
from chalicelib.trades.domain.evidence import SHAPES, Evidence, EvidenceKind
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade

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


def save_evidence(tenant: str, trade_id: str, pieces: Sequence[Evidence], *, version: int) -> Write:
    """Write a trade's evidence over the version that was read."""
    stored = EvidenceFile(tuple(_stored(piece) for piece in pieces))
    return replace(evidence_key(tenant, trade_id), stored, version=version)


def list_trades(tenant: str, *, after: Item | None, limit: int) -> Listing[Trade]:
    """One page of a tenant's trades, the newest first."""
    return listing(_list_key(tenant), Trade, after=after, limit=limit, newest_first=True)


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
