"""A bank's signed message is taken: proved, kept raw, queued once. What cannot be used later goes into quarantine.

Reading and booking is the callback worker's (`chalicelib.settlement`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from chalicelib.banking import store
from chalicelib.banking.domain import Callback, Quarantined, is_bank_id
from chalicelib.core.errors import InvalidInput, NotFound, TooLarge, Unauthenticated
from chalicelib.core.ids import derived_id
from chalicelib.queues.send import send_message
from chalicelib.security.signing import verify_detached
from chalicelib.storage import blobs
from chalicelib.storage.tables import Item

MOST_BYTES = 4 * 1024 * 1024
PLACES = frozenset({"element", "field", "line", "column"})
"""Facts that say where in a message something is, and nothing of what is there."""


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of a tenant's quarantine, and where the next begins (None: nowhere)."""

    entries: tuple[Quarantined, ...]
    last_key: Item | None


def receive_callback(bank_id: str, body: bytes, signature: str, *, wall_now: datetime, now: datetime) -> Callback:
    """Take a bank's message: when this returns, it is kept and queued, and the bank may forget it.

    `wall_now` is for the signature's window, `now` the business instant. Raises NotFound `bank_not_found`, TooLarge
    `body_too_large`, Unauthenticated as `verify_detached` and `message_id_reused`, Busy `try_again`.

    The order is what makes it safe. A bank repeats its message until it is answered 202, so each step may be the last
    of a process that dies, and each is done again by the repetition without harm:
      1. The message is noted by its id and the body's digest, under `attribute_not_exists`. The same id with another
         body ends here, before anything of it is kept.
      2. The bytes go to S3 under their digest: the same file again.
      3. The queue gets it. A crash from here on queues it again; the queue drops that within five minutes, and
         later the worker finds each of its facts done.
      4. It is marked as queued, so that repetitions after the 202 cost one write that fails.
    Marked before it is queued, a message could be lost; queued before its bytes are kept, it could be unreadable.
    """
    bank = store.load_bank(_known(bank_id))
    if len(body) > MOST_BYTES:
        raise TooLarge("body_too_large", f"a callback has at most {MOST_BYTES} bytes", maximum=MOST_BYTES)
    signed = verify_detached(signature, body, public_key_pem=bank.public_key_pem, bank_id=bank_id, now=wall_now)
    noted = store.note_callback(_callback(bank_id, signed.message_id, body, now))
    if noted.value.sha256 != sha256(body).hexdigest():
        raise Unauthenticated("message_id_reused", "this message id was used for another body")
    if not noted.value.queued:
        blobs.put_once(noted.value.blob, body)
        _queue(noted.value)
        store.mark_queued(noted)
    return noted.value


def quarantine(
    *,
    bank_id: str,
    message_id: str,
    blob: str,
    reason: str,
    now: datetime,
    tenant: str | None = None,
    part: str = "",
    facts: Mapping[str, object] | None = None,
) -> bool:
    """Keep what could not be used, with the reason, where someone sees it; done twice it is there once (False).

    `reason` is the refusal's stable code and `facts` its facts; `blob` is where the raw message lies. `part` tells
    several facts of one message apart. `tenant` None: whose it is cannot be said, so every tenant of the bank sees that
    there is something and where it broke, but neither the bank's name for it nor what it says.
    """
    kept = {name: value for name, value in (facts or {}).items() if isinstance(value, str | int)}
    entry = Quarantined(
        quarantine_id=derived_id("qrn", bank_id, message_id, part),
        bank_id=bank_id,
        tenant=tenant,
        message_id=message_id,
        blob=blob,
        reason=reason,
        facts=kept if tenant else {name: value for name, value in kept.items() if name in PLACES},
        quarantined_at=now,
    )
    return store.create_quarantined(entry)


def list_quarantine(tenant: str, *, after: Item | None, limit: int) -> QuarantinePage:
    """One page of what a tenant should look at: its own entries, then those of its banks that are nobody's."""
    banks = sorted({account.bank_id for account in store.list_accounts(tenant)})
    lists = [store.quarantine_list(tenant, ""), *(store.quarantine_list(None, bank_id) for bank_id in banks)]
    entries: list[Quarantined] = []
    for name in lists[_position(lists, after) :]:
        page = store.list_quarantined(name, after=after, limit=limit - len(entries))
        entries += page.values
        if len(entries) >= limit or page.last_key is not None:
            return QuarantinePage(tuple(entries), store.quarantine_position(entries[-1]) if entries else page.last_key)
        after = None
    return QuarantinePage(tuple(entries), None)


def _known(bank_id: str) -> str:
    if not is_bank_id(bank_id):
        raise NotFound("bank_not_found", "no such bank")
    return bank_id


def _callback(bank_id: str, message_id: str, body: bytes, now: datetime) -> Callback:
    return Callback(
        callback_id=derived_id("cbk", bank_id, message_id),
        bank_id=bank_id,
        message_id=message_id,
        sha256=sha256(body).hexdigest(),
        blob=blobs.content_key(f"callbacks/{bank_id}", body),
        received_at=now,
    )


def _queue(callback: Callback) -> None:
    """Each message is a group of its own: one that cannot be handled yet must not hold back the bank's others, and none
    relies on the order, since banks do not keep it either."""
    content = {
        "callback_id": callback.callback_id,
        "bank_id": callback.bank_id,
        "message_id": callback.message_id,
        "blob": callback.blob,
        "sha256": callback.sha256,
    }
    url = os.environ["QUITTANCE_CALLBACK_QUEUE_URL"]
    send_message(url, content, group=callback.callback_id, deduplication_id=callback.callback_id)


def _position(lists: list[str], after: Item | None) -> int:
    """Which list a cursor stands in. One that was made up names none of them."""
    if after is None:
        return 0
    name = after.get("list_key", {}).get("S", "")
    if name not in lists:
        raise InvalidInput("invalid_cursor", "the cursor is not one of this list", field="cursor")
    return lists.index(name)
