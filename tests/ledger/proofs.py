"""Journal items, and proofs of them signed with a key of the test's own."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.core.instants import instant_text
from chalicelib.ledger.checkpoints import Position, next_checkpoint, proof
from chalicelib.ledger.documents import digest, document
from chalicelib.security.ecdsa import key_id
from chalicelib.storage.journal import JournalItem, Leg
from tests.support.calls import MONDAY, TENANT

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def item(number: int, *, tenant: str = TENANT, minor: int = 500) -> JournalItem:
    """A transfer, told apart by a number."""
    return JournalItem(
        tenant=tenant,
        entry_id=f"ent_{number}",
        key=f"c:{number}",
        fingerprint=sha256(str(number).encode()).digest(),
        kind="transfer.posted",
        actor="cli_test",
        recorded_at=MONDAY,
        occurred_at=MONDAY,
        legs=(Leg("acc_a", minor, "CNY"), Leg("acc_b", -minor, "CNY")),
        reference="Überweisung 钢",
        metadata={"order": "17"},
        data={"depth": {"of": [1, 10**27, None, True]}},
    )


def proof_of(index: int, size: int, *, position: Position | None = None) -> dict[str, Any]:
    """The proof of one of `size` entries that follow a position (the beginning of a feed unless told)."""
    at = position or Position()
    items = [item(at.last + 1 + i) for i in range(size)]
    digests = [digest(one) for one in items]
    made = next_checkpoint(TENANT, at, digests, recorded_at=instant_text(MONDAY), key_id=key_id(PEM))
    signed = made.signed_bytes()
    signature = KEY.sign(signed, ec.ECDSA(SHA256()))
    return proof(signed, signature, digests, number=made.first + index, entry=document(items[index]))


def as_file(told: object) -> bytes:
    """The bytes of a proof's file."""
    return json.dumps(told, ensure_ascii=False).encode()
