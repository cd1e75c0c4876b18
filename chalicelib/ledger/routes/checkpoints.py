"""Checkpoints, the key that signs them, and the proofs of entries that rest on them, over HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec

from chalicelib.core.errors import NotFound
from chalicelib.ledger.checkpoints import Checkpoint
from chalicelib.ledger.service import checkpoints
from chalicelib.ledger.service.checkpoint_keys import verifying_key
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)

MOST_DIGITS = 12


class CheckpointView(msgspec.Struct, frozen=True):
    """A checkpoint: `first` to `last` are the feed numbers it covers, `root` is of the Merkle tree over them."""

    number: int
    first: int
    last: int
    root: str
    previous: str
    recorded_at: str
    key_id: str


class CheckpointPage(msgspec.Struct, frozen=True):
    """One page of checkpoints, newest first."""

    checkpoints: list[CheckpointView]
    next_cursor: str | None


class SignedCheckpointView(msgspec.Struct, frozen=True):
    """A checkpoint as it was signed: `checkpoint` holds the exact bytes as text, `signature` is base 64 of DER (ECDSA,
    P-256, SHA-256), `digests` are those of its entries in feed order, hexadecimal."""

    checkpoint: str
    signature: str
    digests: list[str]


class ProofView(msgspec.Struct, frozen=True):
    """A proof that `python -m chalicelib.ledger.verify` checks: the entry's document, its number in the feed, the
    document's digest, the path from there to the root, and the checkpoint with its signature."""

    entry: dict[str, Any]
    number: int
    digest: str
    path: list[str]
    checkpoint: str
    signature: str


@router.endpoint("GET", "/v1/entries/{entry_id}/proof", scope="ledger:read", answer=ProofView)
def get_proof(request: Request, entry_id: str) -> Answer:
    """Get a proof that an entry stands in the books as it was signed. Refused until a checkpoint covers the entry."""
    told = checkpoints.entry_proof(request.tenant, entry_id)
    return Answer(json.dumps(told, ensure_ascii=False, separators=(",", ":")))


@router.endpoint("GET", "/v1/checkpoints", scope="ledger:read", answer=CheckpointPage, parameters=("limit", "cursor"))
def list_checkpoints(request: Request) -> CheckpointPage:
    """List checkpoints, newest first."""
    name = f"{request.tenant}/checkpoints"
    page = checkpoints.list_checkpoints(
        request.tenant, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    return CheckpointPage([_view(checkpoint) for checkpoint in page.values], cursor_for(name, page.last_key))


@router.endpoint(
    "GET",
    "/v1/checkpoints/key",
    scope=None,
    answer=str,
    produces="application/x-pem-file",
    parameters=("key_id",),
)
def get_checkpoint_key(request: Request) -> str:
    """Get the public key of checkpoints, or with `key_id` the one that a checkpoint names. To check a proof, take it
    once from elsewhere: this server could lie."""
    return verifying_key(request.query.get("key_id"))


@router.endpoint("GET", "/v1/checkpoints/{number}", scope="ledger:read", answer=SignedCheckpointView)
def get_checkpoint(request: Request, number: str) -> SignedCheckpointView:
    """Read a checkpoint as it was signed."""
    signed = checkpoints.get_checkpoint(request.tenant, _number(number))
    return SignedCheckpointView(
        checkpoint=signed.signed.decode(),
        signature=base64.b64encode(signed.signature).decode(),
        digests=[digest.hex() for digest in signed.digests],
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > MOST_DIGITS:
        raise NotFound("checkpoint_not_found", "no such checkpoint", number=text)
    return int(text)


def _view(checkpoint: Checkpoint) -> CheckpointView:
    return CheckpointView(
        number=checkpoint.number,
        first=checkpoint.first,
        last=checkpoint.last,
        root=checkpoint.root,
        previous=checkpoint.previous,
        recorded_at=checkpoint.recorded_at,
        key_id=checkpoint.key_id,
    )
