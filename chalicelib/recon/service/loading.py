"""Storing one statement with its lines and their matches, in as many commits as that takes.

Each step is a commit under a key derived from the statement and the first line it stores, so that a step done before,
by whomever, is found done. A line books nothing: it takes the movement it states, or notes one that nobody has stated.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Busy, Conflict, Defect, KeyReused
from chalicelib.core.values import dataclass
from chalicelib.ledger.store.movements import TRIES
from chalicelib.recon import store
from chalicelib.recon.domain import Reconciled, Statement, StatementLine, stored
from chalicelib.recon.formats import MOST_LINES
from chalicelib.recon.matching import Known as KnownOfLine
from chalicelib.recon.matching import reconcile_line
from chalicelib.recon.positions import Progress
from chalicelib.recon.service.assigning import Taken, Taking
from chalicelib.recon.service.counting import count_lines, entry_item_keys
from chalicelib.recon.store.positions import track
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Key, journal_key

CHUNK = 18
"""Lines a commit, where each states a movement that is known: at most four writes and three reads each."""

STORED = "statement.stored"


@dataclass(frozen=True, slots=True)
class Told:
    """A statement as the file tells it, or as it is stored already (`is_known`). One in quarantine has no lines here:
    they count for nothing."""

    statement: Statement
    lines: tuple[StatementLine, ...]
    is_known: bool = False

    @property
    def left(self) -> int:
        """How many lines are still to be stored; none of one that was corrected since: that goes on by its command."""
        return 0 if self.is_whole or not self.lines else len(self.lines) - self.statement.stored

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is to be stored here."""
        known = self.is_known and (self.statement.status == "loaded" or bool(self.statement.corrections))
        return known or (self.is_known and self.statement.stored == len(self.lines))


@dataclass(frozen=True, slots=True)
class Step:
    """One commit: the statement itself with its first lines, or the next lines from `start` on."""

    call: Call
    statement: Statement
    start: int
    taken: tuple[Taken, ...]
    noted: tuple[Write, ...]

    @property
    def statement_key(self) -> Key:
        """Where the statement is kept."""
        return store.statement_key(self.call.tenant, store.place_of(self.statement))


def store_statement(caller: Call, told: Told, *, is_over: Callable[[], bool] = lambda: False) -> bool:
    """Store a statement, going on from where an earlier call stopped, at least a step and until `is_over`. Returns
    whether it is whole.

    Raises Conflict `statement_differs` where another one of this id was stored meanwhile, Busy `try_again`.
    """
    statement, start = told.statement, told.statement.stored
    track(Progress(statement.bank_account_id, caller.tenant, statement.iban, statement.currency))
    is_whole, taking = told.is_whole, Taking(caller.tenant, statement)
    for _ in range(MOST_LINES):
        if is_whole:
            return True
        start = _take(caller, told, start, taking)
        is_whole = start == len(told.lines)
        if is_over():
            return is_whole
    raise Defect(f"{told.statement.statement_id} is never stored whole")


def store_lines(caller: Call, told: Told, start: int) -> None:
    """Store the lines of a known statement from `start` on. Raises as `store_statement`."""
    taking = Taking(caller.tenant, told.statement)
    while start < len(told.lines):
        start = _take(caller, told, start, taking)


def check_same(statement: Statement, content_sha256: str) -> None:
    """Raises Conflict `statement_differs` unless the statement says what the digest stands for."""
    if statement.content_sha256 != content_sha256:
        raise _differs(statement)


def _take(caller: Call, told: Told, start: int, taking: Taking) -> int:
    """Do a step, or find it done. How many lines are stored after it."""
    for attempt in range(TRIES):
        if attempt:
            pause(min(attempt, 3))
        step = _step(caller, told, start, taking)
        try:
            outcome = once(step.call, lambda found, step=step: _plan(step, found), _reads(step))
        except KeyReused as error:
            raise _differs(told.statement) from error
        except Conflict as conflict:
            if conflict.code != "movement_known":
                raise
            continue
        taking.remember(step.taken)
        return int(outcome.item.data["stored"])
    raise Busy("try_again", "others keep stating the same movements: try again")


def _step(caller: Call, told: Told, start: int, taking: Taking) -> Step:
    """The next step with the movement that each of its lines takes, by what is known now."""
    statement = told.statement
    call = worker_call(
        tenant=caller.tenant,
        key=f"statement:{statement.statement_id}:{start}",
        content=statement.content_sha256,
        now=caller.now,
        entropy=b"",
        actor=caller.actor,
    )
    taken, noted = taking.take(told.lines[start : start + CHUNK])
    return Step(call, statement, start, taken, noted)


def _reads(step: Step) -> list[Key]:
    """What a step decides by. Without lines it decides nothing: that it is new, its own key says."""
    if not step.taken:
        return []
    tenant = step.call.tenant
    keys = [each.line.movement_key for each in step.taken if each.line.tells_of_money]
    items = entry_item_keys(
        tenant, step.statement.bank_account_id, (store.entry_of_movement(tenant, key) for key in keys)
    )
    keys += [each.similar for each in step.taken if each.similar]
    entries = [journal_key(tenant, store.entry_of_movement(tenant, key)) for key in keys]
    return [step.statement_key, *dict.fromkeys(entries), *items]


def _plan(step: Step, found: Found) -> Plan:
    tenant = step.call.tenant
    before = store.take_statement(found, tenant, store.place_of(step.statement))
    if (before is not None or step.start) and (before is None or before.value.stored != step.start):
        # Somebody else is further on: then this step's key is there by now, and the next read finds it.
        raise Stale
    writes: list[Write] = [*step.noted]
    lines: list[Reconciled] = []
    for each in step.taken:
        lines.append(reconcile_line(each.line, _known(step, found, each), now=step.call.now))
        writes += store.create_line(tenant, lines[-1])
    matched = sum(reconciled.match is not None for reconciled in lines)
    statement, counts = count_lines(tenant, found, before.value if before else step.statement, lines)
    writes += counts
    after = stored(statement, matched=matched, breaks=len(lines) - matched) if lines else statement
    if before is None:
        writes += store.create_statement(tenant, after)
    else:
        writes.append(store.save_statement(tenant, after, version=before.version))
    doubtful = [each.line.movement_key for each in step.taken if each.is_doubtful]
    facts = {"stored": after.stored, "doubtful": doubtful, "is_whole": after.status == "loaded"}
    return Plan(journal_item(step.call, STORED, subject=after.statement_id, data=facts), tuple(writes))


def _known(step: Step, found: Found, taken: Taken) -> KnownOfLine:
    """What is known of a line's movement."""
    line, tenant = taken.line, step.call.tenant
    if not line.tells_of_money:
        return KnownOfLine(None)
    similar = store.booking_in(found, tenant, taken.similar, line.bank_account_id) if taken.similar else None
    return KnownOfLine(store.take_booking(found, tenant, line), taken.stated_by, similar)


def _differs(statement: Statement) -> Conflict:
    return Conflict(
        "statement_differs",
        "a statement of this id is there and says something else",
        statement_id=statement.statement_id,
        bank_statement_id=statement.bank_statement_id,
    )
