"""Holds: placing, capturing and voiding them, their lists, and what an account's balance says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import field
from datetime import datetime
from itertools import islice

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, Defect, code_of
from chalicelib.core.money import Money
from chalicelib.core.runs import attempt_each
from chalicelib.core.values import dataclass
from chalicelib.ledger import holds
from chalicelib.ledger.domain import Account, check_occurred_at
from chalicelib.ledger.expiring import return_expired, with_expired_returned
from chalicelib.ledger.holds import Hold, Step, Terms
from chalicelib.ledger.metadata import check_metadata
from chalicelib.ledger.store import holds as store
from chalicelib.ledger.store.accounts import load_account
from chalicelib.ledger.store.deferred import moved_at_once
from chalicelib.ledger.store.holds import Direction, Stored
from chalicelib.ledger.store.moves import move_write
from chalicelib.storage.commit import Failed, commit
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item, journal_key

MOST_PAGES = 10
"""How many pages of open holds a balance counts."""

MOST_DUE = 3_000
"""How many expired holds one run goes through: as many as it has time for, with some to spare."""

DUE_PAGE = 100

INDEX_TRIES = 3
SWEEPER = "sweep"


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Reserve the amount of a transfer to come."""

    terms: Terms
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaptureHold:
    """Book a part of a hold (`amount` None: all that remains). `close`: let go of the rest. `occurred_at` None: now."""

    hold_id: str
    amount: Money | None = None
    close: bool = True
    occurred_at: datetime | None = None
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What open holds come to on an account, in minor units: reserved of it, and promised to it. `complete`: there are
    not so many that some of these promises were left out."""

    held_out: int
    held_in: int
    complete: bool


@dataclass(frozen=True, slots=True)
class ExpiryFailure:
    """A hold that could not be returned, in whose books, and why."""

    tenant: str
    hold_id: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Swept:
    """What a run of the sweep did: how many holds it returned, and which it could not."""

    returned: int
    failures: tuple[ExpiryFailure, ...]


def place_hold(call: Call, command: PlaceHold) -> Outcome:
    """Reserve money of one account: one transaction, no read before. The other account is looked at at the capture.

    Raises, in this order: what `check_terms` and `check_metadata` raise, InvalidInput `invalid_expiry`, and what any
    entry by hand is refused with on the reserved account, Conflict `hold_on_wrong_side` among it.
    """
    terms = holds.check_terms(command.terms)
    check_metadata(command.metadata)
    refused = holds.expiry_refusal(terms, now=call.now)
    # A retry may come when the hold's time is over already: it is the earlier answer that it wants.
    reads = () if refused is None else (journal_key(call.tenant, call.entry_id),)

    def decide(_: Found) -> Plan:
        if refused is not None:
            raise refused
        item = store.placing_item(call, terms, reference=command.reference, metadata=command.metadata)
        return Plan(item, (move_write(item, store.placing_move(terms), by_hand=True),))

    return with_expired_returned(call, lambda: once(call, decide, reads))


def capture_hold(call: Call, command: CaptureHold) -> Outcome:
    """Book a hold, or a part of it. Refused as `check_capture`, `capture` and any entry by hand."""
    holds.check_capture(command.amount, close=command.close)
    check_metadata(command.metadata)
    occurred_at = check_occurred_at(command.occurred_at or call.now, now=call.now)

    def decide(found: Found) -> Plan:
        before = store.take_hold(found, call.tenant, command.hold_id)
        step = holds.capture(before.hold, command.amount, close=command.close, now=call.now)
        item = store.step_item(
            call,
            holds.CAPTURED,
            step,
            occurred_at=occurred_at,
            reference=command.reference,
            metadata=command.metadata,
        )
        return _plan(item, before, step)

    return with_expired_returned(call, lambda: once(call, decide, store.hold_keys(call.tenant, command.hold_id)))


def void_hold(call: Call, hold_id: str) -> Outcome:
    """Let go of what remains of a hold, whatever state its accounts are in. Refused as `void`."""

    def decide(found: Found) -> Plan:
        before = store.take_hold(found, call.tenant, hold_id)
        step = holds.void(before.hold, now=call.now)
        return _plan(store.step_item(call, holds.VOIDED, step), before, step)

    return once(call, decide, store.hold_keys(call.tenant, hold_id))


def placed_hold(item: JournalItem) -> Hold:
    """The hold that a journal item placed, as it was then."""
    return store.placed_hold(item)


def get_hold(tenant: str, hold_id: str) -> Stored:
    """A hold, read strongly. Raises NotFound `hold_not_found`."""
    return store.load_hold(tenant, hold_id)


def list_holds(
    tenant: str, account_id: str, direction: Direction, *, is_open: bool, after: Item | None, limit: int
) -> Listing[Stored]:
    """One page of the holds that reserve of an account (`out`) or promise to it (`in`). Eventual: a new one may be
    missing. Raises NotFound `account_not_found`."""
    load_account(tenant, account_id)
    return store.list_holds(tenant, account_id, direction, is_open=is_open, after=after, limit=limit)


def standing(tenant: str, account: Account, *, now: datetime) -> Standing:
    """What an account's balance says of holds. Those whose time is over count no more, whether they were returned or
    not. Promises are counted to a thousand."""
    due, _ = _remaining(tenant, account.account_id, "out", due_at=now) if account.held else (0, True)
    promised, complete = _remaining(tenant, account.account_id, "in", alive_at=now)
    return Standing(held_out=account.held - due, held_in=promised, complete=complete)


def index(tenant: str, hold_id: str) -> None:
    """Put a hold into the lists that its state belongs in. To be called at least once after each of its steps; how
    often, and in which order, does not matter. Raises NotFound `hold_not_found`."""
    for _ in range(INDEX_TRIES):
        stored = store.load_hold(tenant, hold_id)
        try:
            return commit(store.list_writes(stored))
        except Failed:
            if stored.version:
                return None  # the lists know this state, or a later one
    raise Defect(f"{hold_id} has no record, and has one")


def expire_due(now: datetime, *, is_over: Callable[[], bool] = lambda: False) -> Swept:
    """Let go of the holds of all tenants whose time is over, at most 3,000 and until `is_over`. One that fails is put
    off, and those behind it have their turn."""
    run = attempt_each(islice(_all_due(now), MOST_DUE), lambda due: _expire(due, now), is_over=is_over)
    attempt_each(run.failures, lambda each: store.defer_due(each.subject, code_of(each.error), now))
    failures = (ExpiryFailure(each.subject.tenant, each.subject.hold_id, each.error) for each in run.failures)
    return Swept(run.done, tuple(failures))


def _all_due(now: datetime) -> Iterator[store.Due]:
    """What the list says is due, a page of each of its parts in turn, each from its head to its end."""
    cursors: dict[int, Item | None] = dict.fromkeys(range(store.DUE_LISTS))
    while cursors:
        for part, after in list(cursors.items()):
            page = store.due_holds(part, now, after=after, limit=DUE_PAGE)
            yield from page.values
            cursors[part] = page.last_key
            if page.last_key is None:
                del cursors[part]


def _expire(due: store.Due, now: datetime) -> bool:
    """Let go of a hold that a list says is due, unless it is closed, and correct the list. Whether it was let go of."""
    returned = False
    if store.load_hold(due.tenant, due.hold_id).hold.is_due(now):
        with suppress(Conflict):  # somebody else has closed it meanwhile
            returned = not return_expired(due.tenant, due.hold_id, now=now, actor=SWEEPER).replayed
    index(due.tenant, due.hold_id)
    return returned


def _remaining(
    tenant: str,
    account_id: str,
    direction: Direction,
    *,
    due_at: datetime | None = None,
    alive_at: datetime | None = None,
) -> tuple[int, bool]:
    """What remains of an account's open holds, with `due_at` of those whose time is over then, with `alive_at` of those
    whose time is not; and whether these were all of them."""
    total = 0
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = store.open_holds(tenant, account_id, direction, after=after, due_at=due_at)
        total += sum(hold.remaining for hold in page.values if alive_at is None or not hold.is_due(alive_at))
        after = page.last_key
        if after is None:
            return total, True
    return total, False


def _plan(item: JournalItem, before: Stored, step: Step) -> Plan:
    moves = moved_at_once(item, store.step_moves(step))
    writes = (move_write(item, move, by_hand=True) for move in moves)
    return Plan(item, (store.save_hold(before, step.hold), *writes))
