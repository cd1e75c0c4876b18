"""The keys of checkpoints: the one that signs, and those that did before it.

A key's public part is kept beside the checkpoints before it signs the first of them, under its name, where nobody can
replace it. So a checkpoint is checked with the key that it names, also when another signs by now, or when its maker was
killed before it could say that it was made. Leaves to others: checking a proof without us (`verify`).
"""

from __future__ import annotations

from functools import cache

from chalicelib.core.errors import Defect, NotFound
from chalicelib.ledger.checkpoints import Checkpoint, Malformed
from chalicelib.ledger.store import checkpoints as store
from chalicelib.ledger.store.checkpoints import Signed
from chalicelib.security.checkpoint_key import public_key, sign
from chalicelib.security.ecdsa import is_signed, key_id


def current_key_id() -> str:
    """The name of the key that signs."""
    return key_id(public_key())


def sign_checkpoint(checkpoint: Checkpoint, digests: list[bytes]) -> Signed:
    """A checkpoint that names the key that signs, as its file is to be. Raises Defect where KMS signed with another."""
    _keep(public_key())
    signed = checkpoint.signed_bytes()
    signature = sign(signed)
    if not is_signed(signed, signature, public_key_pem=public_key()):
        raise Defect("the key that signs is not the one that its checkpoint names")
    return Signed(signed, signature, tuple(digests))


def check_signed(checkpoint: Checkpoint, file: Signed) -> None:
    """Nothing, where the key that a checkpoint names is one of ours and has signed its file. Raises Malformed."""
    pem = _find(checkpoint.key_id)
    if pem is None or not is_signed(file.signed, file.signature, public_key_pem=pem):
        raise Malformed("the signature is not ours")


def verifying_key(name: str | None = None) -> str:
    """The public key (PEM) that checkpoints are signed with, or the one of this name (see `security.ecdsa.key_id`).
    Raises NotFound `checkpoint_key_not_found`."""
    pem = public_key() if name is None else _find(name)
    if pem is None:
        raise NotFound("checkpoint_key_not_found", "no key of this name has signed checkpoints", key_id=name)
    return pem


@cache
def _keep(pem: str) -> None:
    """Keep a key's public part, once in a process."""
    store.put_key(key_id(pem), pem)


def _find(name: str) -> str | None:
    return public_key() if name == current_key_id() else store.find_key(name)
