"""All that follows from entries of the journal by a message, in one table: the relay sends the message, and where it
was lost, or the stream gave its record up, the schedule `unpaid` finds the entry and sends it once more."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from chalicelib.core.values import dataclass
from chalicelib.queues.failures import log_failure
from chalicelib.queues.send import send_message
from chalicelib.recon.export_jobs import REQUESTED
from chalicelib.settlement.kinds import (
    UNFUNDED,
    is_decision,
    is_file_loading,
    is_file_made_after,
    is_file_sent_again_after,
    is_paid_out_after,
)
from chalicelib.settlement.service import follow_ups
from chalicelib.settlement.worker.payout_queue import ask_to_pay, ask_to_send, ask_to_stop
from chalicelib.storage.journal import JournalItem

log = logging.getLogger("quittance.settlement")


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Something that follows from an entry: for which it does, how it is asked for, and its second way. `is_done` says
    whether it was done, so that the schedule asks again; where nothing shows that, `again` is the command by which a
    person has it done once more."""

    name: str
    follows: Callable[[JournalItem], bool]
    ask: Callable[[JournalItem], None]
    is_done: Callable[[JournalItem], bool] | None = None
    again: str = ""


def _ask_to_pay(item: JournalItem) -> None:
    ask_to_pay(item.tenant, item.entry_id)


def _ask_to_stop(item: JournalItem) -> None:
    ask_to_stop(item.tenant, str(item.subject), entry_id=item.entry_id)


def _ask_to_send(item: JournalItem) -> None:
    ask_to_send(item.tenant, str(item.subject), deduplication_id=item.entry_id)


def _ask_to_decide(item: JournalItem) -> None:
    send_message(
        os.environ["QUITTANCE_CALLBACK_QUEUE_URL"],
        {"tenant": item.tenant, "entry_id": item.entry_id},
        group=item.entry_id,
        deduplication_id=item.entry_id,
    )


def _ask_for_export(item: JournalItem) -> None:
    export_id, attempt = item.data["export_id"], item.data["attempt"]
    task = {"tenant": item.tenant, "export_id": export_id, "attempt": attempt, "entry_id": item.entry_id}
    send_message(
        os.environ["QUITTANCE_EXPORT_QUEUE_URL"],
        {"task": task},
        group=export_id,
        deduplication_id=f"{export_id}:{attempt}:0",
    )


def _ask_to_load(item: JournalItem) -> None:
    file_id = str(item.subject)
    send_message(
        os.environ["QUITTANCE_STATEMENT_QUEUE_URL"],
        {"tenant": item.tenant, "file_id": file_id},
        group=file_id,
        deduplication_id=item.entry_id,
    )


FOLLOW_UPS = (
    FollowUp("payouts", is_paid_out_after, _ask_to_pay, follow_ups.are_payouts_made),
    FollowUp("stop", lambda item: item.kind == UNFUNDED, _ask_to_stop, follow_ups.are_payouts_stopped),
    FollowUp("payment_file", is_file_made_after, _ask_to_send, follow_ups.is_file_due),
    FollowUp("resend", is_file_sent_again_after, _ask_to_send, again="POST /v1/payouts/{payout_id}/resends"),
    FollowUp("decision", is_decision, _ask_to_decide, follow_ups.is_decision_followed),
    FollowUp("export", lambda item: item.kind == REQUESTED, _ask_for_export, follow_ups.is_export_begun),
    FollowUp("statement_file", is_file_loading, _ask_to_load, follow_ups.is_file_loaded),
)


def ask_for_all(item: JournalItem) -> None:
    """Ask for all that follows from an entry."""
    for one in FOLLOW_UPS:
        if one.follows(item):
            one.ask(item)


def undone(item: JournalItem) -> tuple[FollowUp, ...]:
    """What follows from an entry and was not done. Where that cannot be seen it counts as not done, so that an entry
    that fails is asked for again and holds up no other."""
    return tuple(one for one in FOLLOW_UPS if one.is_done and one.follows(item) and not _is_done(one, item))


def _is_done(one: FollowUp, item: JournalItem) -> bool:
    try:
        return one.is_done is None or one.is_done(item)
    except Exception as error:  # whatever it is, it is this entry's: the others have their turn
        log_failure(log, "follow_up_not_seen", error, tenant=item.tenant, entry_id=item.entry_id)
        return False
