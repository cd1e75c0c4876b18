"""`once`: a command happens once, however often and by how many it is sent.

The journal item is put under `attribute_not_exists`, in the same transaction as all else; where it stands already, the
command was done before, and the answer is rebuilt from it. A refused command writes nothing and leaves its key free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from chalicelib.core.call import Call
from chalicelib.core.errors import Busy, Defect, KeyReused, Refusal
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Failed, Stale, Write, commit, put
from chalicelib.storage.journal import JournalItem, from_row, from_wire, to_wire
from chalicelib.storage.reads import Found, fetch, get
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item, JournalRow, Key, journal_key

DECISIONS = 4
_JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a decision wants written: the journal item, and the writes that stand or fall with it."""

    item: JournalItem
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The journal item of the command, and whether it had been written before this call."""

    item: JournalItem
    replayed: bool


def once(call: Call, decide: Callable[[Found], Plan], reads: Sequence[Key] = ()) -> Outcome:
    """Do a command once, or give the answer it got before.

    `decide` gets what stands at `reads` and returns the plan, or raises a Refusal, or Stale where what it got does not
    fit together. It is asked again, at most four times, when what it read has changed by the time of the write. The key
    is read in the same batch, before deciding: a retried full release would otherwise be judged against the emptied
    escrow. A command without `reads` leaves that to the failed condition. Raises KeyReused `idempotency_key_reused`
    where the key was used for another request, and Busy `try_again` under contention that does not end.
    """
    for attempt in range(DECISIONS):
        if attempt:
            pause(attempt)
        try:
            return _attempt(call, decide, reads)
        except Stale:
            continue
        except Failed as failed:
            earlier = _settle(call, failed)
            if earlier is not None:
                return earlier
    raise Busy("try_again", "others keep changing the same things: retry with the same key")


def _attempt(call: Call, decide: Callable[[Found], Plan], reads: Sequence[Key]) -> Outcome:
    key = journal_key(call.tenant, call.entry_id)
    found = fetch((key, *reads)) if reads else {}
    if key in found:
        return _replay(call, from_row(cast("JournalRow", found[key])))
    try:
        plan = decide(found)
    except Refusal:
        # The state it was decided from may be newer than the key: a batch read is no snapshot, and some state is kept
        # by the process. Only a later read of the key is proof.
        row = get(key)
        if row is None:
            raise
        return _replay(call, from_row(cast("JournalRow", row)))
    commit((journal_write(plan.item), *plan.writes))
    return Outcome(plan.item, replayed=False)


def _settle(call: Call, failed: Failed) -> Outcome | None:
    """The outcome of an earlier call, None to decide again, or the refusal of the first condition that failed; of a
    batch, the refusal of the first of its entries.

    Where the state was stale as well, the refusal may be of a decision that would not be made now: decide again.
    """
    for write, old in failed.reasons:
        if write.tag == _JOURNAL:
            if old is None:
                raise Defect("a failed put came without the item that stood there")
            return _replay(call, from_wire(old))
    refusals = [write.refuse(old) for write, old in failed.reasons]
    if any(isinstance(refusal, Stale) for refusal in refusals):
        return None
    raise min(refusals, key=_place)


def _place(refusal: Exception) -> int:
    """Which of a batch a refusal is about."""
    return int(refusal.facts.get("index", 0)) if isinstance(refusal, Refusal) else 0  # type: ignore[call-overload]


def _replay(call: Call, earlier: JournalItem) -> Outcome:
    if earlier.fingerprint != call.fingerprint:
        raise KeyReused("idempotency_key_reused", "this Idempotency-Key was used for another request")
    return Outcome(earlier, replayed=True)


def journal_write(item: JournalItem) -> Write:
    """The put that makes a command happen once: the first write of its commit."""
    return also_journal(item, lambda _: Defect("the journal's own condition is settled by once"), tag=_JOURNAL)


def also_journal(item: JournalItem, refuse: Callable[[Item | None], Exception], *, tag: str = "also journal") -> Write:
    """The put of one more journal item within a plan: a command that books under a second key as well.

    condition: attribute_not_exists(pk)
    """
    return put(tag, JournalRow, to_wire(item), refuse)
