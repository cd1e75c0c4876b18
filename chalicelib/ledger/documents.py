"""The canonical document of a journal item, and its digest: what history lines, checkpoints and proofs are made over.

    document = {
        "version": 1,
        "tenant", "entry_id", "kind", "actor", "subject", "reference": text or null,
        "occurred_at", "recorded_at": instants, as `core.instants` writes them,
        "postings": [{"account_id", "amount_minor", "currency"}, ...] in the entry's order, debits positive,
        "metadata", "data": objects, as they were recorded,
        "key_digest": hexadecimal SHA-256 of the idempotency key with its namespace,
        "fingerprint": hexadecimal, of the request,
    }
    digest = SHA-256 of the document as canonical JSON

Canonical JSON is UTF-8 without spaces, the names of every object sorted by code point, nothing escaped but what JSON
demands, whole numbers in full digits. The key itself stays out: a proof is shown to others, and whoever knows a key can
ask for its answer.

It takes an item by its shape (`Recorded`), so that a verifier needs no store to say what an entry's digest is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from chalicelib.core.instants import instant_text

VERSION = 1


class Leg(Protocol):
    """A posting: `amount` in minor units, debits positive."""

    @property
    def account_id(self) -> str:
        """Which account."""

    @property
    def amount(self) -> int:
        """Minor units, debits positive."""

    @property
    def currency(self) -> str:
        """Of ISO 4217."""


class Recorded(Protocol):
    """What of a journal item its document tells: `storage.journal.JournalItem` has this shape."""

    @property
    def tenant(self) -> str:
        """Whose books it is in."""

    @property
    def entry_id(self) -> str:
        """Its id."""

    @property
    def key(self) -> str:
        """The idempotency key, with its namespace."""

    @property
    def fingerprint(self) -> bytes:
        """Of the request."""

    @property
    def kind(self) -> str:
        """The event's name."""

    @property
    def actor(self) -> str:
        """Who did it."""

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded."""

    @property
    def occurred_at(self) -> datetime:
        """When it took effect."""

    @property
    def legs(self) -> Sequence[Leg]:
        """Its postings."""

    @property
    def subject(self) -> str | None:
        """What it is about."""

    @property
    def reference(self) -> str | None:
        """The caller's name for it."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the caller wants to find there again."""

    @property
    def data(self) -> Mapping[str, Any]:
        """The facts that its answer is made of."""


def document(item: Recorded) -> dict[str, Any]:
    """The canonical document of a journal item, as the module's head shows it."""
    return {
        "version": VERSION,
        "tenant": item.tenant,
        "entry_id": item.entry_id,
        "kind": item.kind,
        "actor": item.actor,
        "subject": item.subject,
        "reference": item.reference,
        "occurred_at": instant_text(item.occurred_at),
        "recorded_at": instant_text(item.recorded_at),
        "postings": [
            {"account_id": leg.account_id, "amount_minor": leg.amount, "currency": leg.currency} for leg in item.legs
        ],
        "metadata": dict(item.metadata),
        "data": dict(item.data),
        "key_digest": sha256(item.key.encode()).hexdigest(),
        "fingerprint": item.fingerprint.hex(),
    }


def canonical(value: object) -> bytes:
    """A JSON value as canonical JSON. Two values share it only when they are the same."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def document_digest(told: Mapping[str, Any]) -> bytes:
    """The 32 bytes of a document, also of one that somebody shows."""
    return sha256(canonical(told)).digest()


def digest(item: Recorded) -> bytes:
    """The 32 bytes of a journal item's document."""
    return document_digest(document(item))
