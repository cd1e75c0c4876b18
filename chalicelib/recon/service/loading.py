"""Storing one statement with its lines and their matches, in as many commits as that takes.

Each step is a commit under a key derived from the statement and the first line it stores, so that a step done before,
by whomever, is found done. A line books nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, Defect, KeyReused
from chalicelib.core.values import dataclass
from chalicelib.recon import store
from chalicelib.recon.domain import Statement, StatementLine, stored
from chalicelib.recon.formats import MOST_LINES
from chalicelib.recon.matching import Known, reconcile_line
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Key, journal_key

CHUNK = 40
"""Lines a commit: two writes each, and two reads each beside the step's own."""

STORED = "statement.stored"


@dataclass(frozen=True, slots=True)
class Told:
    """A statement as the file tells it, or as it is stored already (`is_known`). `first`: for each movement the line
    that tells of it first. One in quarantine has no lines here: they count for nothing."""

    statement: Statement
    lines: tuple[StatementLine, ...]
    first: Mapping[str, str]
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: the statement itself with its first lines, or the next lines from `start` on."""

    call: Call
    told: Told
    start: int

    @property
    def lines(self) -> tuple[StatementLine, ...]:
        """The lines it stores."""
        return self.told.lines[self.start : self.start + CHUNK]

    @property
    def statement_key(self) -> Key:
        """Where the statement is kept."""
        return store.statement_key(self.call.tenant, store.place_of(self.told.statement))


def store_statement(caller: Call, told: Told) -> None:
    """Store a statement whole, going on from where an earlier call stopped.

    Raises Conflict `statement_differs` where another one of this id was stored meanwhile, Busy `try_again`.
    """
    start = told.statement.stored
    is_whole = told.is_known and start == len(told.lines)
    for _ in range(MOST_LINES):
        if is_whole:
            return
        start = _take(_step(caller, told, start))
        is_whole = start == len(told.lines)
    raise Defect(f"{told.statement.statement_id} is never stored whole")


def check_same(statement: Statement, content_sha256: str) -> None:
    """Raises Conflict `statement_differs` unless the statement says what the digest stands for."""
    if statement.content_sha256 != content_sha256:
        raise _differs(statement)


def _step(caller: Call, told: Told, start: int) -> Step:
    call = worker_call(
        tenant=caller.tenant,
        key=f"statement:{told.statement.statement_id}:{start}",
        content=told.statement.content_sha256,
        now=caller.now,
        entropy=b"",
        actor=caller.actor,
    )
    return Step(call, told, start)


def _take(step: Step) -> int:
    """Do a step, or find it done. How many lines are stored after it."""
    try:
        outcome = once(step.call, lambda found: _plan(step, found), _reads(step))
    except KeyReused as error:
        raise _differs(step.told.statement) from error
    return int(outcome.item.data["stored"])


def _reads(step: Step) -> list[Key]:
    """What a step decides by. Without lines it decides nothing: that it is new, its own key says."""
    if not step.lines:
        return []
    tenant = step.call.tenant
    entries = [journal_key(tenant, store.movement_id(tenant, line)) for line in step.lines]
    marks = [store.mark_key(tenant, line) for line in step.lines]
    return [step.statement_key, *entries, *marks]


def _plan(step: Step, found: Found) -> Plan:
    tenant = step.call.tenant
    before = store.take_statement(found, tenant, store.place_of(step.told.statement))
    if (before is not None or step.start) and (before is None or before.value.stored != step.start):
        # Somebody else is further on: then this step's key is there by now, and the next read finds it.
        raise Stale
    writes: list[Write] = []
    matched = 0
    for line in step.lines:
        known, is_first = _known(step, found, line)
        reconciled = reconcile_line(line, known, now=step.call.now)
        matched += reconciled.match is not None
        writes += store.create_line(tenant, reconciled, is_first=is_first)
    statement = before.value if before else step.told.statement
    after = stored(statement, matched=matched, breaks=len(step.lines) - matched) if step.lines else statement
    if before is None:
        writes += store.create_statement(tenant, after)
    else:
        writes.append(store.save_statement(tenant, after, version=before.version))
    item = journal_item(step.call, STORED, subject=after.statement_id, data={"stored": after.stored})
    return Plan(item, tuple(writes))


def _known(step: Step, found: Found, line: StatementLine) -> tuple[Known, bool]:
    """What is known of a line's movement, and whether the line is the first to tell of it."""
    if not line.tells_of_money:
        return Known(None), False
    mark = store.take_mark(found, step.call.tenant, line)
    teller = mark.value.line_id if mark else step.told.first[line.movement_key]
    booking = store.take_booking(found, step.call.tenant, line)
    return Known(booking, told_by=None if teller == line.line_id else teller), teller == line.line_id


def _differs(statement: Statement) -> Conflict:
    return Conflict(
        "statement_differs",
        "a statement of this id is there and says something else",
        statement_id=statement.statement_id,
        bank_statement_id=statement.bank_statement_id,
    )
