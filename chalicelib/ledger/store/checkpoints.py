"""How checkpoints are kept: the signed file in S3, where object lock keeps it as it is, and two records that find it.

    S3       checkpoints/{tenant}/{number}.json     the signed bytes, the signature, and the digests that were signed
    S3       checkpoint-keys/{key_id}.pem           the public part of a key that has signed some
    record   tenant#checkpoints       position      where the chain stands
    record   tenant#checkpoint-{number}             the checkpoint, listed by the last feed number it covers

The file decides: it is written once, under the condition that there is none. Who comes second, or comes again after a
crash, takes over the file that stands there. So a chain has no fork, however many make it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import cast

from chalicelib.core.values import dataclass
from chalicelib.ledger.checkpoints import Checkpoint, Malformed, Position, position_of
from chalicelib.storage import blobs
from chalicelib.storage.commit import Failed, commit
from chalicelib.storage.reads import fetch, get, index_page
from chalicelib.storage.records import Listing, Versioned, create, listing, load, replace, take
from chalicelib.storage.tables import FeedRow, Item, Key, RecordItem, number_key, record_key

DIGITS = 18
KEY_ID = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint's file: the bytes that were signed, the signature (DER), and its entries' digests in feed order."""

    signed: bytes
    signature: bytes
    digests: tuple[bytes, ...]


def put_file(tenant: str, number: int, signed: Signed) -> None:
    """Write a checkpoint's file, unless one stands there. Raises as `blobs.put_once`."""
    told = {
        "checkpoint": signed.signed.decode(),
        "signature": base64.b64encode(signed.signature).decode(),
        "digests": [digest.hex() for digest in signed.digests],
    }
    content = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    blobs.put_once(file_key(tenant, number), content, content_type="application/json", bucket=blobs.CHECKPOINTS)


def read_file(tenant: str, number: int) -> Signed:
    """A checkpoint's file. Raises Defect where there is none, and Malformed where it is none of ours."""
    content = blobs.read(file_key(tenant, number), bucket=blobs.CHECKPOINTS)
    try:
        told = json.loads(content)
        return Signed(
            signed=told["checkpoint"].encode(),
            signature=base64.b64decode(told["signature"], validate=True),
            digests=tuple(bytes.fromhex(text) for text in told["digests"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed("the file is none of ours") from error


def file_key(tenant: str, number: int) -> str:
    """Where a checkpoint's file is: `checkpoints/ten_a/000000000017.json`."""
    return f"checkpoints/{tenant}/{number:012}.json"


def put_key(key_id: str, pem: str) -> None:
    """Keep the public part of a key under its name. Raises as `blobs.put_once`."""
    content_type = "application/x-pem-file"
    blobs.put_once(_key_file(key_id), pem.encode(), content_type=content_type, bucket=blobs.CHECKPOINTS)


def find_key(key_id: str) -> str | None:
    """The public part (PEM) of a key that was kept under a name; None where there is none."""
    if not KEY_ID.fullmatch(key_id):
        return None
    content = blobs.find(_key_file(key_id), bucket=blobs.CHECKPOINTS)
    return None if content is None else content.decode()


def positions(tenants: Sequence[str]) -> dict[str, Versioned[Position]]:
    """Where the chains of tenants stand, read strongly; at most 100. Those without a checkpoint are left out."""
    keys = {tenant: _position_key(tenant) for tenant in tenants}
    found = fetch(keys.values())
    taken = {tenant: take(found, key, Position) for tenant, key in keys.items()}
    return {tenant: record for tenant, record in taken.items() if record is not None}


def record(checkpoint: Checkpoint, *, version: int) -> bool:
    """Move the chain on to a checkpoint that stands as a file. False: somebody has done it before.

    condition: the position is at the version that was read (0: there is none), and the checkpoint has no record
    """
    position, key = position_of(checkpoint), _position_key(checkpoint.tenant)
    moved = (
        replace(key, position, version=version)
        if version
        else create(key, position, exists="checkpoint_position_exists")
    )
    listed = create(
        _checkpoint_key(checkpoint.tenant, checkpoint.number),
        checkpoint,
        exists="checkpoint_exists",
        list_key=_list(checkpoint.tenant),
        list_sort=_sort(checkpoint.last),
    )
    try:
        commit((moved, listed))
    except Failed:
        return False
    return True


def load_checkpoint(tenant: str, number: int) -> Checkpoint:
    """A checkpoint by its number. Raises NotFound `checkpoint_not_found`."""
    key = _checkpoint_key(tenant, number)
    return load(key, Checkpoint, "checkpoint_not_found", number=number).value


def find_covering(tenant: str, number: int) -> Checkpoint | None:
    """The checkpoint that covers a feed number, or None: there is none yet, or the index does not show it yet."""
    page = index_page(
        RecordItem,
        "by_list",
        hash_name="list_key",
        hash_value=_list(tenant),
        after=None,
        limit=1,
        between=(_sort(number), "9" * DIGITS),
    )
    found = fetch(page.keys)
    records = [take(found, key, Checkpoint) for key in page.keys]
    return next((r.value for r in records if r is not None and r.value.first <= number), None)


def list_checkpoints(tenant: str, *, after: Item | None, limit: int) -> Listing[Checkpoint]:
    """One page of a tenant's checkpoints, newest first."""
    return listing(_list(tenant), Checkpoint, after=after, limit=limit, newest_first=True)


def find_number(tenant: str, entry_id: str) -> int | None:
    """The number of an entry in the feed, or None where it has none yet."""
    row = cast("FeedRow | None", get(number_key(tenant, entry_id)))
    return None if row is None else row.number


def _key_file(key_id: str) -> str:
    return f"checkpoint-keys/{key_id}.pem"


def _position_key(tenant: str) -> Key:
    return record_key(tenant, "checkpoints", "position")


def _checkpoint_key(tenant: str, number: int) -> Key:
    return record_key(tenant, f"checkpoint-{number:012}")


def _list(tenant: str) -> str:
    return f"{tenant}#checkpoints"


def _sort(number: int) -> str:
    return f"{number:0{DIGITS}}"
