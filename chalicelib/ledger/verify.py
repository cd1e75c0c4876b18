"""Checks a proof that an entry stands in a tenant's books as it was signed: with no network, no AWS and no trust in us.

    python -m chalicelib.ledger.verify FILE --key PUBLIC.pem

FILE is what `GET /v1/entries/{id}/proof` answers. The key never comes from the file: take it once from somewhere you
trust. The program ends with 0 and one line where the proof holds, with 1 and the reason where it does not, and with 2
where the file or the key cannot be read. What is checked, in this order:

    1. the file is a whole proof, and its checkpoint one of ours, made with the key that is given
    2. the key has signed the checkpoint, byte for byte
    3. the checkpoint is of the entry's tenant and covers the entry's number
    4. the entry's document has the digest of the proof, and the path leads from there to the signed root

The formats are told in `documents`, `checkpoints` and `merkle`: enough to write this program again in another language.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chalicelib.core.errors import InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.ledger.checkpoints import Checkpoint, Malformed, leaf, parse
from chalicelib.ledger.documents import document_digest
from chalicelib.ledger.merkle import HASH_BYTES, root_by_path
from chalicelib.security.ecdsa import is_signed, key_id

MOST_BYTES = 16 * 1024 * 1024
HOLDS, BROKEN, UNREADABLE = 0, 1, 2
_TYPES: dict[str, type] = {
    "entry": dict,
    "number": int,
    "digest": str,
    "path": list,
    "checkpoint": str,
    "signature": str,
}


class Broken(Exception):
    """The proof does not hold: `code` names what is wrong."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Unreadable(Exception):
    """There is nothing to check: the file or the key cannot be read."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as its file holds it. `entry` is the entry's document, `path` the hashes from its leaf up."""

    entry: dict[str, Any]
    number: int
    digest: bytes
    path: tuple[bytes, ...]
    checkpoint: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof that holds has shown: this entry has this number in its tenant's feed, under this checkpoint."""

    entry_id: str
    number: int
    checkpoint: Checkpoint


def verify(content: bytes, *, public_key_pem: str) -> Proved:
    """What the bytes of a proof show. Raises Broken, or Unreadable where they or the key are something else."""
    try:
        signer = key_id(public_key_pem)
    except InvalidInput as error:
        raise Unreadable(f"the key: {error.sentence}") from error
    proof = read_proof(content)
    checkpoint = _signed(proof, public_key_pem, signer=signer)
    if proof.entry.get("tenant") != checkpoint.tenant:
        raise Broken("other_tenant", "the checkpoint is of another tenant than the entry")
    if not checkpoint.first <= proof.number <= checkpoint.last:
        raise Broken("not_covered", f"the checkpoint covers {checkpoint.first} to {checkpoint.last}, not the entry")
    if _digest(proof.entry) != proof.digest:
        raise Broken("entry_altered", "the entry is not the one that the proof was made for")
    led_to = root_by_path(
        leaf(proof.number, proof.digest), proof.number - checkpoint.first, checkpoint.size, proof.path
    )
    if led_to is None or led_to.hex() != checkpoint.root:
        raise Broken("wrong_path", "the path does not lead from the entry to the root that was signed")
    return Proved(str(proof.entry.get("entry_id")), proof.number, checkpoint)


def read_proof(content: bytes) -> Proof:
    """The proof in a file. Raises Broken `malformed` where one is cut short or bent, Unreadable where there is none."""
    if not content.lstrip().startswith(b"{"):
        raise Unreadable("the file: it holds no proof")
    try:
        told = json.loads(content, object_pairs_hook=_unique, parse_float=_refused, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise Broken("malformed", "the proof is cut short, or no JSON") from error
    if {name: type(value) for name, value in told.items()} != _TYPES:
        raise Broken("malformed", "the members are not those of a proof")
    try:
        return Proof(
            entry=told["entry"],
            number=told["number"],
            digest=_hash(told["digest"]),
            path=tuple(_hash(text) for text in told["path"]),
            checkpoint=told["checkpoint"].encode(),
            signature=_base64(told["signature"]),
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise Broken("malformed", "a hash, the checkpoint or the signature is not written as such") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the proof that the command line names; the program's status."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.ledger.verify", description="Checks a proof offline.")
    parser.add_argument("file", type=Path, help="the proof, as GET /v1/entries/{id}/proof answers it")
    parser.add_argument("--key", type=Path, required=True, help="the public key (PEM), from a source you trust")
    given = parser.parse_args(arguments)
    try:
        proved = verify(_read(given.file), public_key_pem=_read(given.key).decode(errors="replace"))
    except Broken as broken:
        sys.stderr.write(f"BROKEN {broken.code}: {broken}\n")
        return BROKEN
    except Unreadable as unreadable:
        sys.stderr.write(f"cannot check: {unreadable}\n")
        return UNREADABLE
    checkpoint = proved.checkpoint
    sys.stdout.write(
        f"holds: {proved.entry_id} is entry {proved.number} of {checkpoint.tenant}, "
        f"signed in checkpoint {checkpoint.number} at {checkpoint.recorded_at}\n"
    )
    return HOLDS


def _signed(proof: Proof, public_key_pem: str, *, signer: str) -> Checkpoint:
    """The checkpoint of a proof, once it is known to be signed."""
    try:
        checkpoint = parse(proof.checkpoint)
    except Malformed as error:
        raise Broken("checkpoint_malformed", f"the checkpoint: {error}") from error
    if checkpoint.key_id != signer:
        raise Broken("other_key", "the checkpoint was made with another key than the one given")
    if not is_signed(proof.checkpoint, proof.signature, public_key_pem=public_key_pem):
        raise Broken("wrong_signature", "the key has not signed this checkpoint")
    return checkpoint


def _digest(entry: dict[str, Any]) -> bytes | None:
    """The digest of a document; None where its texts are none that could be recorded."""
    try:
        return document_digest(entry)
    except (ValueError, RecursionError):
        return None


def _hash(text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != HASH_BYTES or found.hex() != text:
        raise ValueError("no hash")
    return found


def _base64(text: str) -> bytes:
    """What a text stands for, which must be its one encoding."""
    found = base64.b64decode(text, validate=True)
    if base64.b64encode(found).decode() != text:
        raise ValueError("not as it is encoded")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _refused(text: str) -> None:
    raise ValueError(f"{text} is no whole number")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise Unreadable(f"{path}: more than {MOST_BYTES} bytes")
    return content


if __name__ == "__main__":
    raise SystemExit(main())
