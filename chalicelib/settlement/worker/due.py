"""What time does, on a schedule: to trades, to netting windows that close, to splits that are paid in portions.

Whatever is due is found through one index, however late. Each act is a command under a key of its own, so that two runs
at once, or one that was killed and comes again, do it once.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from datetime import datetime

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, Defect, InvalidInput, NotFound, Refusal
from chalicelib.core.values import dataclass
from chalicelib.queues import Worker
from chalicelib.settlement.service import ending, lending, netting, settling
from chalicelib.settlement.service.due import Task, next_task, set_task_aside, task_call
from chalicelib.splits.service.distributing import pay_due
from chalicelib.storage.records import due_keys
from chalicelib.storage.tables import Key
from chalicelib.trades.domain.due import Deed
from chalicelib.trades.domain.template import Ending
from chalicelib.trades.service import life
from chalicelib.trades.service.recounting import recount_trade
from chalicelib.web import clock

ENTROPY_BYTES = 10

MOST_KEYS = 250
"""Records that one run takes up of each part of the list. The next run takes up the rest."""

MOST_ACTS = 250
"""Acts on one trade in one run: fifty lots are accepted and released with a hundred."""

MOST_ROUNDS = 10
"""How often one run goes on with one netting window."""

CLOSED_MEANWHILE = "period_closed"
"""The books were closed up to after the instant of the act: it is done by the next run, later than that."""

Ask = Callable[[], datetime]
"""What says which instant it is."""

worker = Worker(__name__)

log = logging.getLogger("quittance.settlement")


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that could not be done, and why."""

    pk: str
    error: Exception


@worker.schedule("due", "rate(1 minute)")
def due() -> dict[str, int]:
    """Do what is due. See `do_due`."""
    return do_due(clock.now)


def do_due(ask: Ask) -> dict[str, int]:
    """Do what is due when `ask` is asked. Answers `{"records": looked at, "acts": done or set aside}`. Where a record
    failed the others are done, and the run fails."""
    done, records = 0, 0
    failures: list[Failure] = []
    for key in due_keys(ask(), limit=MOST_KEYS):
        records += 1
        try:
            done += _do(key, ask)
        except Exception as error:  # whatever it is, it is this record's: the others are done
            failures.append(Failure(key.pk, error))
    told = {"records": records, "acts": done}
    log.info(json.dumps({"due": told}))
    for failure in failures:
        log.error(json.dumps(_told(failure)))
    if failures:
        raise Defect(f"{len(failures)} of {records} records not done") from failures[0].error
    return told


def do_trade(tenant: str, trade_id: str, ask: Ask) -> int:
    """Do what is due of a trade, act by act, each at the instant that is asked then; how many were done or set aside.

    A run can take minutes, and what is recorded long before it is booked would change a past that was called final.
    """
    for done in range(MOST_ACTS):
        now = ask()
        task = next_task(tenant, trade_id, now)
        if task is None or not _attempt(tenant, task, now):
            return done
    return MOST_ACTS


def _do(key: Key, ask: Ask) -> int:
    """Do what is due of a record; how many acts that was."""
    tenant, record_id = key.pk.split("#", 1)
    kind = record_id.partition("_")[0]
    if kind not in _KINDS:
        raise Defect(f"nothing is known that is due of a {kind}")
    return _KINDS[kind](tenant, record_id, ask)


def _attempt(tenant: str, task: Task, now: datetime) -> bool:
    """Do an act, or set it aside where it is refused. False: leave it for another run."""
    try:
        _ACTS[task.act.deed](task_call(tenant, task, now=now), task)
    except (Conflict, InvalidInput, NotFound) as refusal:
        if refusal.code == CLOSED_MEANWHILE:
            return False
        set_task_aside(task_call(tenant, task, now=now, aside=True), task, refusal)
    return True


def _accept(call: Call, task: Task) -> None:
    life.accept_milestone(call, task.trade_id, task.act.key)


def _recount(call: Call, task: Task) -> None:
    recount_trade(call.tenant, task.trade_id, now=call.now)


def _release(call: Call, task: Task) -> None:
    name, _, lot = task.act.key.partition("/")
    if task.terms.milestone(name).ends_in is Ending.FINAL_SETTLEMENT:
        settling.settle_finally(call, task.trade_id, lot)
    else:
        settling.release_milestone(call, task.trade_id, name, lot)


def _retention(call: Call, task: Task) -> None:
    settling.release_retained(call, task.trade_id)


def _top_up(call: Call, task: Task) -> None:
    lending.draw_into_escrow(call, lending.DrawIntoEscrow(task.terms.top_up_line_id, task.trade_id, None))


def _expire(call: Call, task: Task) -> None:
    ending.expire_trade(call, task.trade_id)


_ACTS: dict[Deed, Callable[[Call, Task], None]] = {
    Deed.ACCEPT: _accept,
    Deed.RECOUNT: _recount,
    Deed.RELEASE: _release,
    Deed.RETENTION: _retention,
    Deed.TOP_UP: _top_up,
    Deed.EXPIRE: _expire,
}


def _advance(tenant: str, net_id: str, ask: Ask) -> int:
    for done in range(1, MOST_ROUNDS + 1):
        if not netting.advance(tenant, net_id, now=ask()):
            return done
    return MOST_ROUNDS


def _pay(tenant: str, split_id: str, ask: Ask) -> int:
    return pay_due(tenant, split_id, now=ask(), entropy=os.urandom(ENTROPY_BYTES))


_KINDS: dict[str, Callable[[str, str, Ask], int]] = {"trd": do_trade, "net": _advance, "spl": _pay}
"""What is done of each kind of record, by the beginning of its id."""


def _told(failure: Failure) -> dict[str, str | None]:
    """What the log says of a record that failed: which, and what kind of error, no values."""
    error = failure.error
    code = error.code if isinstance(error, Refusal) else None
    return {"alarm": "due_not_done", "record": failure.pk, "type": type(error).__name__, "code": code}
