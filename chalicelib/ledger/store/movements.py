"""Where the known movements of a bank account are kept, in the records table: two short lists that point at each other.

tenant#mvr_…   <number>              the movements of one reference, numbered from 0
tenant#mvd_…   head                  how many movements of one amount and day are known: its version counts them
               -#<number>            one of that day that has no reference
               r#<payment>#<key>     one of that day that has a reference, by the payment it names

A movement with a reference is kept under both, one without under its day alone. No list is kept in one item, and a
reader takes the latest of a reference and those of one day, so neither grows slower with an account's age.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import msgspec

from chalicelib.core.errors import Busy, TooLarge
from chalicelib.core.ids import derived_id
from chalicelib.core.values import dataclass
from chalicelib.ledger.movements import (
    KnownMovement,
    MovementFacts,
    Source,
    Verdict,
    completed,
    grade,
    numbered_key,
)
from chalicelib.storage import records
from chalicelib.storage.commit import Failed, Write, commit
from chalicelib.storage.reads import fetch, query
from chalicelib.storage.records import take
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

TRIES = 64
"""How often a movement is judged again when others of its reference, or of its amount and day, were noted meanwhile."""

PATIENT = 3
MOST_OF_REFERENCE = 200
"""The latest movements of one reference that are looked at: a reference that names more names nothing."""

PAGE = 500
MOST_PAGES = 200
HEAD = "head"
BARE = "-#"
REFERENCED = "r#"


@dataclass(frozen=True, slots=True)
class Head:
    """Its version is how many movements of an amount and day were noted."""


@dataclass(frozen=True, slots=True)
class Held:
    """A known movement, where it is kept, and the version that was read."""

    key: Key
    version: int
    movement: KnownMovement


@dataclass(frozen=True, slots=True)
class Known:
    """What is known around a movement: those it may be, and the numbers that the next one takes."""

    held: tuple[Held, ...]
    next_of_reference: int
    next_of_day: int

    @property
    def movements(self) -> list[KnownMovement]:
        """The movements themselves."""
        return [each.movement for each in self.held]


@dataclass(frozen=True, slots=True)
class Identified:
    """A movement as it is known now, what its statement was to those known before, and which one it may be."""

    verdict: Verdict
    movement: KnownMovement
    doubted: KnownMovement | None = None


def identify(tenant: str, facts: MovementFacts, source: Source) -> Identified:
    """Find out which movement is meant, and note it where it is one of its own, or a doubtful one.

    Two that state movements at one time do not both note theirs from the same knowledge: each is numbered, and a number
    is given once. Raises Busy `try_again`.
    """
    for attempt in range(TRIES):
        if attempt:
            pause(min(attempt, PATIENT))
        known = read_known(tenant, facts)
        verdict, match = grade(facts, source, known.movements)
        if verdict is Verdict.SAME and match is not None:
            return Identified(verdict, _complete(known, match, facts))
        noted = new_movement(facts, source, known, is_doubtful=verdict is Verdict.DOUBTFUL)
        try:
            commit(note(tenant, noted, known))
        except Failed:
            continue
        return Identified(verdict, noted, match)
    raise Busy("try_again", "others keep stating the same movement: try again")


def read_known(tenant: str, facts: MovementFacts) -> Known:
    """What is known around a movement. The counts are read first: what is noted after them fails the commit."""
    first, head = _reference_key(tenant, facts, 0), _day_key(tenant, facts, HEAD)
    found = fetch((first, head)) if facts.reference else fetch((head,))
    counted = take(found, head, Head)
    of_reference = _of_reference(tenant, facts) if first in found else []
    of_day = _of_day(tenant, facts) if counted else []
    numbers = [int(each.key.sort or 0) for each in of_reference]
    held = {each.movement.key: each for each in (*of_day, *of_reference)}
    return Known(tuple(held.values()), max(numbers, default=-1) + 1, counted.version if counted else 0)


def new_movement(facts: MovementFacts, source: Source, known: Known, *, is_doubtful: bool = False) -> KnownMovement:
    """The movement under the next number of its reference, or of its day."""
    number = known.next_of_reference if facts.reference else known.next_of_day
    return KnownMovement(numbered_key(facts, number), facts, source, is_doubtful)


def note(tenant: str, movement: KnownMovement, known: Known) -> tuple[Write, ...]:
    """Note a movement that was not known.

    condition: attribute_not_exists(pk) of its number; the day's head at the version that was read
    """
    facts = movement.facts
    head = _day_key(tenant, facts, HEAD)
    if known.next_of_day:
        counted = records.replace(head, Head(), version=known.next_of_day)
    else:
        counted = records.create(head, Head(), exists="movement_known")
    part = f"{REFERENCED}{_payment(facts)}#{movement.key}" if facts.reference else f"{BARE}{known.next_of_day:09}"
    writes = (counted, records.create(_day_key(tenant, facts, part), movement, exists="movement_known"))
    if not facts.reference:
        return writes
    numbered = _reference_key(tenant, facts, known.next_of_reference)
    return (*writes, records.create(numbered, movement, exists="movement_known"))


def _complete(known: Known, match: KnownMovement, facts: MovementFacts) -> KnownMovement:
    """The movement with what the later word adds to it. Where another completes it at the same time, that is as good.

    condition: version = the version that was read
    """
    after = replace(match, facts=completed(match.facts, facts))
    held = next(each for each in known.held if each.movement is match)
    if after != match:
        try:
            commit((records.replace(held.key, after, version=held.version),))
        except Failed:
            return match
    return after


def _of_reference(tenant: str, facts: MovementFacts) -> list[Held]:
    key = _reference_key(tenant, facts, 0)
    page = query(RecordItem, pk=key.pk, limit=MOST_OF_REFERENCE, newest_first=True)
    return [_held(cast("RecordItem", item)) for item in page.items]


def _of_day(tenant: str, facts: MovementFacts) -> list[Held]:
    """Those of the amount and day that could be the same: the ones without a reference, and of those with one all, or,
    beside a reference, the ones that name the same payment."""
    payment = _payment(facts)
    parts = [BARE]
    if not facts.reference:
        parts.append(REFERENCED)
    elif payment:
        parts.append(f"{REFERENCED}{payment}#")
    return [held for part in parts for held in _listed(_day_key(tenant, facts, part))]


def _listed(start: Key) -> Iterator[Held]:
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = query(RecordItem, pk=start.pk, starts_with=start.sort, after=after, limit=PAGE)
        yield from (_held(cast("RecordItem", item)) for item in page.items)
        after = page.last_key
        if after is None:
            return
    raise TooLarge("too_many_equal_movements", "more of one amount and day than can be told apart", maximum=MOST_PAGES)


def _held(item: RecordItem) -> Held:
    key = Key(RecordItem, item.pk, item.sk)
    return Held(key, item.version, msgspec.json.decode(item.doc, type=KnownMovement))


def _payment(facts: MovementFacts) -> str:
    """What stands for the payment that a movement names: its end-to-end id, else its UETR; empty without one."""
    named = facts.end_to_end_id or facts.uetr
    return derived_id("pmt", named.casefold()) if named else ""


def _reference_key(tenant: str, facts: MovementFacts, number: int) -> Key:
    return record_key(tenant, derived_id("mvr", facts.account_id, facts.reference), f"{number:09}")


def _day_key(tenant: str, facts: MovementFacts, part: str) -> Key:
    amount = f"{facts.amount.minor} {facts.amount.currency}"
    return record_key(tenant, derived_id("mvd", facts.account_id, amount, str(facts.booked_on or "")), part)
