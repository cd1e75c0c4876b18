"""Credit lines read and listed, and their daily accrual: one commit for each line and day, every missed day caught up.

Leaves to `chalicelib.settlement`: opening lenders and lines, drawdowns into an escrow, repayments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256

from chalicelib.core.calendars import home_calendar, today_in
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, code_of
from chalicelib.core.runs import attempt_each
from chalicelib.core.values import dataclass
from chalicelib.credit import store
from chalicelib.credit.domain import Accrual, CreditLine, accrue
from chalicelib.credit.history import LineEvent
from chalicelib.credit.postings import accrual_postings
from chalicelib.ledger.account_life import in_open_period
from chalicelib.ledger.domain import entry_of
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item
from chalicelib.storage.turns import find_turn, save_turn

ACTOR = "accrue"
ACCRUED = "interest.accrued"
PAGE = 100
MOST_DAYS = 400
"""Missed days of one line caught up in one run. What is left is the next run's."""


@dataclass(frozen=True, slots=True)
class LineFailure:
    """A line whose accrual stopped, the day it stopped at, and why."""

    tenant: str
    line_id: str
    day: date
    error: Exception


@dataclass(frozen=True, slots=True)
class AccrualRun:
    """What one run did: lines looked at, days of lines accrued by this run and no other, and lines that failed."""

    lines: int = 0
    days: int = 0
    failures: tuple[LineFailure, ...] = ()


def get_line(tenant: str, line_id: str) -> CreditLine:
    """A line, read strongly. Raises NotFound `credit_line_not_found`."""
    return store.load_line(tenant, line_id)


def list_lines(tenant: str, *, after: Item | None, limit: int) -> Listing[CreditLine]:
    """One page of a tenant's lines, oldest first."""
    return store.list_lines(tenant, after=after, limit=limit)


def list_events(tenant: str, line_id: str, *, after: Item | None, limit: int) -> Listing[LineEvent]:
    """One page of a line's history by value date, oldest first. Raises NotFound `credit_line_not_found`."""
    store.load_line(tenant, line_id)
    return store.list_events(tenant, line_id, after=after, limit=limit)


def accrual_call(line: CreditLine, day: date, *, now: datetime) -> Call:
    """The call that accrues a line through a day: whoever makes it, it is the same one."""
    key = f"accrue:{line.line_id}:{day.isoformat()}"
    entropy = sha256(key.encode()).digest()
    return worker_call(tenant=line.tenant, key=key, content=None, now=now, entropy=entropy, actor=ACTOR)


def accrue_line(call: Call, line: CreditLine, day: date) -> Outcome:
    """Accrue a line through a day, booked at the start of that day where its currency is settled, or now where the
    books are closed up to it. A day without interest books no entry.

    Raises Conflict `already_accrued` where something else, a draw perhaps, has brought the line to that day or past it.
    """

    def decide(found: Found, occurred_at: datetime) -> Plan:
        stored = store.take_line(found, call.tenant, line.line_id)
        return _plan(call, accrue(stored.value, day), stored.version, occurred_at)

    def book(occurred_at: datetime) -> Outcome:
        return once(call, lambda found: decide(found, occurred_at), reads=(store.line_key(call.tenant, line.line_id),))

    return in_open_period(book, home_calendar(line.currency).begins(day), now=call.now)


def accrue_due(
    now: datetime, *, ask: Callable[[], datetime] | None = None, is_over: Callable[[], bool] = lambda: False
) -> AccrualRun:
    """Accrue every line of every tenant through today, missed days in order, until `is_over`; the next run goes on
    where this one stopped. Runs may overlap or break off.

    A line with nothing drawn earns nothing and is left as it is. A line that fails is put off, by up to four hours, and
    the others have their turn. A run can
    take minutes, and what is recorded long before it is booked would change a past that was called final: so the
    instant of each line is what `ask` says then (`now` where nobody is asked).
    """
    run, begun = AccrualRun(), find_turn(store.TURN)
    after = begun.value.after
    while not is_over():
        page = store.active_lines(now, after=after, limit=PAGE)
        for line in page.values:
            if is_over():
                break
            run = _catch_up(run, line, now if ask is None else ask())
        else:
            after = page.last_key
            if after is None:
                break
    save_turn(store.TURN, begun, after)
    attempt_each(run.failures, partial(_put_off, now=now))
    return run


def _plan(call: Call, accrual: Accrual, version: int, occurred_at: datetime) -> Plan:
    line = accrual.line
    facts: dict[str, object] = {
        "line_id": line.line_id,
        "through": line.accrued_through.isoformat(),
        "interest": accrual.amount.minor,
        "principal": line.principal_minor,
        "currency": line.currency,
    }
    write = store.replace_line(line, version=version)
    if accrual.amount.minor == 0:
        item = journal_item(
            call, ACCRUED, occurred_at=occurred_at, subject=line.line_id, reference=line.reference, data=facts
        )
        return Plan(item, (write,))
    entry = entry_of(
        ACCRUED,
        accrual_postings(line, accrual),
        occurred_at=occurred_at,
        subject=line.line_id,
        reference=line.reference,
    )
    return plan_entry(call, entry, write, data=facts)


def _catch_up(run: AccrualRun, line: CreditLine, now: datetime) -> AccrualRun:
    """The run with one line more: accrued day by day, as far as it goes without failing."""
    done, failures = 0, run.failures
    for day in _missed_days(line, _accrued_through(line, now)):
        try:
            done += _accrue_day(line, day, now)
        except Exception as error:  # whatever it is, it is this line's: it is handed up with the run's result
            failures = (*failures, LineFailure(line.tenant, line.line_id, day, error))
            break
    return replace(run, lines=run.lines + 1, days=run.days + done, failures=failures)


def _put_off(failure: LineFailure, *, now: datetime) -> int:
    store.defer_line(failure.tenant, failure.line_id, code_of(failure.error), now)
    return 1


def _accrue_day(line: CreditLine, day: date, now: datetime) -> bool:
    """Accrue one day. Whether this call did it: another run, a draw or a repayment may have been first."""
    try:
        return not accrue_line(accrual_call(line, day, now=now), line, day).replayed
    except Conflict as refusal:
        if refusal.code != "already_accrued":
            raise
        return False


def _accrued_through(line: CreditLine, now: datetime) -> date:
    """The last day that may be accrued: it has begun where the line's currency is settled."""
    return today_in(line.currency, now)


def _missed_days(line: CreditLine, today: date) -> list[date]:
    missed = (today - line.accrued_through).days if line.principal_minor else 0
    return [line.accrued_through + timedelta(days=i + 1) for i in range(min(missed, MOST_DAYS))]
