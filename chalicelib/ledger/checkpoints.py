"""A checkpoint: what is signed, every few minutes, over a run of a tenant's feed.

    leaf      8 bytes, the entry's number in the feed, most significant first; then its document's digest, 32 bytes
    root      of the Merkle tree over the leaves of numbers `first` to `last`, as `merkle` builds it, hexadecimal
    previous  SHA-256 of the signed bytes of the checkpoint numbered one less, hexadecimal; "" for the first
    key_id    SHA-256 of the signing key's public part (DER, SubjectPublicKeyInfo), hexadecimal

What is signed is the checkpoint as canonical JSON (see `documents`), byte for byte. Runs follow each other without a
gap and each checkpoint holds the one before it, so that the last one vouches for the whole feed. Leaves to others:
signing (`security.checkpoint_key`), keeping (`store.checkpoints`), and checking a proof without us (`verify`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from chalicelib.core.values import dataclass
from chalicelib.ledger import merkle
from chalicelib.ledger.documents import canonical

VERSION = 1
MOST_ENTRIES = 4096
"""How many entries one checkpoint covers at most."""

MOST_CHARACTERS = 4096
NUMBER_BYTES = 8
_TYPES: dict[str, type] = {
    "version": int,
    "tenant": str,
    "number": int,
    "first": int,
    "last": int,
    "root": str,
    "previous": str,
    "recorded_at": str,
    "key_id": str,
}


class Malformed(ValueError):
    """A text that is no checkpoint of ours; the message says why."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`number` counts a tenant's checkpoints from 1; `first` to `last` are the feed numbers it covers."""

    tenant: str
    number: int
    first: int
    last: int
    root: str
    previous: str
    recorded_at: str
    key_id: str
    version: int = VERSION

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return self.last - self.first + 1

    def signed_bytes(self) -> bytes:
        """The bytes that are signed."""
        return canonical({name: getattr(self, name) for name in _TYPES})


@dataclass(frozen=True, slots=True)
class Position:
    """Where a tenant's chain stands: the last checkpoint's number, its last feed number, and what the next one has as
    `previous`. All zero and empty before the first."""

    number: int = 0
    last: int = 0
    digest: str = ""


def leaf(number: int, digest: bytes) -> bytes:
    """The leaf of an entry: its feed number and its document's digest (32 bytes)."""
    return number.to_bytes(NUMBER_BYTES, "big") + digest


def leaves(first: int, digests: Sequence[bytes]) -> list[bytes]:
    """The leaves of a run of entries, numbered from `first` on."""
    return [leaf(number, digest) for number, digest in enumerate(digests, start=first)]


def next_checkpoint(
    tenant: str, position: Position, digests: Sequence[bytes], *, recorded_at: str, key_id: str
) -> Checkpoint:
    """The checkpoint over the entries that follow a position, by their digests in feed order, at least one."""
    first = position.last + 1
    return Checkpoint(
        tenant=tenant,
        number=position.number + 1,
        first=first,
        last=position.last + len(digests),
        root=merkle.root(leaves(first, digests)).hex(),
        previous=position.digest,
        recorded_at=recorded_at,
        key_id=key_id,
    )


def proof(signed: bytes, signature: bytes, digests: Sequence[bytes], *, number: int, entry: object) -> dict[str, Any]:
    """The proof of one entry as a JSON value: its document, its number, and the path to the root of the checkpoint that
    covers it, whose entries have these digests. Raises IndexError where it does not cover the number."""
    checkpoint = parse(signed)
    index = number - checkpoint.first
    hashes = merkle.path(leaves(checkpoint.first, digests), index)
    return {
        "entry": entry,
        "number": number,
        "digest": digests[index].hex(),
        "path": [beside.hex() for beside in hashes],
        "checkpoint": signed.decode(),
        "signature": base64.b64encode(signature).decode(),
    }


def position_of(checkpoint: Checkpoint) -> Position:
    """Where the chain stands after a checkpoint."""
    return Position(checkpoint.number, checkpoint.last, sha256(checkpoint.signed_bytes()).hexdigest())


def follows(checkpoint: Checkpoint, tenant: str, position: Position) -> bool:
    """Whether a checkpoint is a tenant's next one after a position."""
    linked = (checkpoint.tenant, checkpoint.number, checkpoint.first, checkpoint.previous)
    return linked == (tenant, position.number + 1, position.last + 1, position.digest) and checkpoint.size >= 1


def parse(signed: bytes) -> Checkpoint:
    """The checkpoint that bytes stand for, which must be its canonical form. Raises Malformed."""
    if len(signed) > MOST_CHARACTERS:
        raise Malformed("too long")
    try:
        content = json.loads(signed)
    except (ValueError, RecursionError) as error:
        raise Malformed("no JSON") from error
    if not isinstance(content, dict) or {name: type(value) for name, value in content.items()} != _TYPES:
        raise Malformed("not the members of a checkpoint")
    checkpoint = _checkpoint(content)
    if checkpoint.signed_bytes() != signed:
        raise Malformed("not in canonical form")
    return checkpoint


def _checkpoint(content: dict[str, Any]) -> Checkpoint:
    checkpoint = Checkpoint(**content)
    if checkpoint.version != VERSION:
        raise Malformed("of a version this code does not know")
    if not (1 <= checkpoint.number and 1 <= checkpoint.first <= checkpoint.last):
        raise Malformed("its numbers make no run")
    return checkpoint
