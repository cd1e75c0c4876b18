"""What every command carries: taken once at the edge (HTTP, queue, stream, schedule) and passed down."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256

from chalicelib.core.errors import InvalidInput
from chalicelib.core.ids import derived_id, serial
from chalicelib.core.values import dataclass

CALLER = "c"
WORKER = "w"
MOST_KEY = 128


@dataclass(frozen=True, slots=True)
class Call:
    """`key` is the idempotency key with its namespace (`c:` a caller's, `w:` our own workers'), `fingerprint` the
    digest of the request, `now` the instant asked once, `serial` the time-ordered part of every new id."""

    tenant: str
    key: str
    fingerprint: bytes
    now: datetime
    serial: str
    actor: str

    @property
    def entry_id(self) -> str:
        """The id of the journal item this call writes: derived from its key, so known before anything is read."""
        return entry_id(self.tenant, self.key)

    def new_id(self, prefix: str) -> str:
        """A fresh id; one per prefix and call."""
        return f"{prefix}_{self.serial}"


def caller_key(key: str, field: str = "Idempotency-Key") -> str:
    """A caller's idempotency key in its namespace. Raises InvalidInput `idempotency_key_missing` or
    `idempotency_key_invalid`."""
    if not key:
        raise InvalidInput("idempotency_key_missing", "send an Idempotency-Key", field=field)
    if len(key) > MOST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput("idempotency_key_invalid", f"1 to {MOST_KEY} printable ASCII characters", field=field)
    return f"{CALLER}:{key}"


def worker_call(*, tenant: str, key: str, content: object, now: datetime, entropy: bytes, actor: str) -> Call:
    """The call of a worker: its key lives in a namespace callers cannot reach, its fingerprint covers `content`."""
    mark = fingerprint("WORKER", key, content)
    return Call(tenant, f"{WORKER}:{key}", mark, now, serial(now, entropy), actor)


def entry_id(tenant: str, key: str) -> str:
    """The id of the journal item written under `key`."""
    return derived_id("ent", tenant, key)


def fingerprint(method: str, path: str, body: object) -> bytes:
    """32 bytes that two requests share only when method, path and body (as canonical JSON, or bytes) are the same."""
    content = body if isinstance(body, bytes) else json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return sha256(f"{method} {path}\n".encode() + content).digest()
