"""What the nightly proof of a tenant's books came to last: kept for the trial balance to show."""

from __future__ import annotations

from chalicelib.core.values import dataclass
from chalicelib.storage import records
from chalicelib.storage.commit import Failed, commit
from chalicelib.storage.reads import get
from chalicelib.storage.tables import Key, record_key


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof of a tenant's books: every account was held against the entries up to `upto`, at `at` (an instant's
    text), and so many differences were found."""

    upto: int
    at: str
    differences: int = 0


def last_proof(tenant: str) -> Proof | None:
    """The last proof, read strongly; None before the first."""
    key = _key(tenant)
    item = get(key)
    read = None if item is None else records.take({key: item}, key, Proof)
    return None if read is None else read.value


def keep_proof(tenant: str, proof: Proof) -> None:
    """Keep a proof as the last. Of two at once, one is kept.

    condition: version = the one that was read (at first: attribute_not_exists)
    """
    key = _key(tenant)
    item = get(key)
    read = None if item is None else records.take({key: item}, key, Proof)
    if read is None:
        write = records.create(key, proof, exists="proof_exists")
    else:
        write = records.replace(key, proof, version=read.version)
    try:
        commit([write])
    except Failed:
        return


def _key(tenant: str) -> Key:
    return record_key(tenant, "proof")
