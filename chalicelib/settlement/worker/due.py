"""What time does, on a schedule: to trades, to netting windows that close, to splits that are paid in portions.

Whatever is due is found through one index, however late. Each act is a command under a key of its own, so that two runs
at once, or one that was killed and comes again, do it once.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, Defect, InvalidInput, NotFound, code_of
from chalicelib.core.runs import Run, attempt_each
from chalicelib.queues import Worker
from chalicelib.queues.budget import Deadline
from chalicelib.queues.failures import log_failure
from chalicelib.settlement.service import ending, lending, netting, settling
from chalicelib.settlement.service.due import Task, next_task, set_task_aside, suspend_record, task_call
from chalicelib.settlement.worker.payout_queue import ask_to_run
from chalicelib.settlement.worker.payout_watch import watch
from chalicelib.splits.service.distributing import pay_due
from chalicelib.storage.due import DuePosition, due_in_turn, put_off
from chalicelib.storage.tables import Key
from chalicelib.trades.domain.due import Deed
from chalicelib.trades.domain.template import Ending
from chalicelib.trades.service import life
from chalicelib.trades.service.recounting import recount_trade
from chalicelib.web import clock

ENTROPY_BYTES = 10

MOST_SECONDS = 50
"""After this long a run takes up no other record: the next run, ten seconds later, does."""

MOST_ACTS = 250
"""Acts on one trade in one run: fifty lots are accepted and released with a hundred."""

MOST_ROUNDS = 10
"""How often one run goes on with one netting window."""

NOT_YET = frozenset({"period_closed", "calendar_unknown"})
"""Refusals of an act that a later run does all the same: the books were closed up to after its instant, or its price
needs days that a calendar does not know yet."""

NOTHING_DONE = "nothing_done"
"""The code of a record that is still due after its turn, though nothing refused it."""


Ask = Callable[[], datetime]
"""What says which instant it is."""

worker = Worker(__name__)

log = logging.getLogger("quittance.settlement")


@worker.schedule("due", "rate(1 minute)")
def due() -> dict[str, int]:
    """Do what is due. See `do_due`."""
    return do_due(clock.now)


def do_due(ask: Ask) -> dict[str, int]:
    """Do what is due when `ask` is asked, one record of each tenant in turn, for 50 seconds at most.

    A record that fails is put off and holds up no other; one that has failed too often is suspended, and the run fails,
    which raises the alarm. Answers `{"records": looked at, "acts": done or set aside}`, and `put_off` and `suspended`,
    each a number of records, where there are such.
    """
    counts = Counter[str]()
    take_up = partial(_take_up, ask=ask, counts=counts)
    run = attempt_each(due_in_turn(ask()), take_up, is_over=Deadline(MOST_SECONDS).has_passed)
    answer = {"records": run.attempted, "acts": run.done, **counts}
    log.info(json.dumps({"due": answer}))
    _check(run, counts["suspended"])
    return answer


def _take_up(position: DuePosition, *, ask: Ask, counts: Counter[str]) -> int:
    """Do what is due of a record, or put it off; how many acts were done."""
    failure: Exception = Conflict(NOTHING_DONE, "still due after its turn")
    try:
        done = _do(position.key, ask)
    except Exception as error:  # whatever it is, it is this record's: it is put off, and the others have their turn
        done, failure = 0, error
    if not done:
        counts.update(_fail(position, failure, ask()))
    return done


def _fail(position: DuePosition, error: Exception, now: datetime) -> tuple[str, ...]:
    """Put a record off, or suspend it. Returns which of the two (none: it is not due there any more)."""
    attempts = put_off(position, code_of(error), now)
    if attempts is None:
        return ()
    if attempts.is_last:
        suspend_record(position, attempts, now)
    outcome = "suspended" if attempts.is_last else "put_off"
    log_failure(log, f"due_{outcome}", error, record=position.key.pk, attempts=attempts.count)
    return (outcome,)


def _check(run: Run[DuePosition], suspended: int) -> None:
    """Fail the run where people have to look: a record was suspended, or could not even be put off."""
    for failure in run.failures:
        log_failure(log, "due_not_put_off", failure.error, record=failure.subject.key.pk)
    if suspended or run.failures:
        raise Defect(f"{suspended} records suspended, {len(run.failures)} not put off")


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
        if refusal.code in NOT_YET:
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


def _ask_for_run(tenant: str, party_id: str, ask: Ask) -> int:
    """Have the run of a party's payout schedule done by the worker that makes payouts. It stays due until then."""
    ask_to_run(tenant, party_id, now=ask())
    return 1


_KINDS: dict[str, Callable[[str, str, Ask], int]] = {
    "trd": do_trade,
    "net": _advance,
    "spl": _pay,
    "pay": watch,
    "pty": _ask_for_run,
}
"""What is done of each kind of record, by the beginning of its id. Each returns how many acts it has done, and writes
when the record is due next, or that it is not: one that stays due where it was, with no act done, counts as failed."""
