"""Payouts whose next step is overdue: listed and named in the log, so that an alarm follows; asked for again while
their file is not written; ended where the bank's statements prove that it never debited what it rejected."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime

from chalicelib.banking import paying
from chalicelib.banking.payout_ageing import UNSENT
from chalicelib.banking.payout_watch import watch_payout
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import WAITING
from chalicelib.queues.metrics import emit
from chalicelib.settlement.service.rejections import end_undebited
from chalicelib.settlement.worker.payout_queue import ask_to_send, by_minute
from chalicelib.web import clock

OVERDUE = "PayoutsOverdue"
"""How many payouts were named as overdue, as a metric."""

log = logging.getLogger("quittance.settlement")


def watch(tenant: str, payout_id: str, ask: Callable[[], datetime]) -> int:
    """Look at a payout whose time is over by what `ask` returns; how many steps that was."""
    now = ask()
    if paying.get_payout(tenant, payout_id).state in WAITING:
        return _ask(tenant, payout_id, now)
    if end_undebited(tenant, payout_id, now=now):
        return 1
    payout = watch_payout(tenant, payout_id, now=now)
    if payout is None:
        return 0
    name_overdue(payout)
    return _ask(tenant, payout_id, now) if payout.state in UNSENT else 1


def name_overdue(payout: Payout) -> None:
    """Name an overdue payout in the log and for the alarm."""
    log.error(json.dumps(_log_record(payout)))
    emit(OVERDUE, 1, at=clock.wall_clock())


def _ask(tenant: str, payout_id: str, now: datetime) -> int:
    """Have the worker that writes payment files make or send a payout. It stays due until that has done it."""
    ask_to_send(tenant, payout_id, deduplication_id=by_minute(payout_id, now))
    return 1


def _log_record(payout: Payout) -> dict[str, str]:
    """What the log says of an overdue payout: which, and where it stands; no values."""
    return {
        "alarm": "payout_overdue",
        "tenant": payout.tenant,
        "payout_id": payout.payout_id,
        "state": payout.state.value,
    }
