"""A bank's signed message is taken: proved, kept raw, queued once.

Reading and booking is the callback worker's (`chalicelib.settlement`); what it cannot use goes into `quarantine.py`.
"""

from __future__ import annotations

import os
from datetime import datetime
from hashlib import sha256

from chalicelib.banking import store
from chalicelib.banking.domain import Callback, is_bank_id
from chalicelib.core.errors import NotFound, TooLarge, Unauthenticated
from chalicelib.core.ids import derived_id
from chalicelib.queues.send import send_message
from chalicelib.security.signing import verify_detached
from chalicelib.storage import blobs

MOST_BYTES = 4 * 1024 * 1024


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
