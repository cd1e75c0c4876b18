"""Where the known movements of a bank account are kept, in the records table: two short lists that point at each other.

tenant#mvr_…   <number>              the movements of one reference, numbered from 0
tenant#mvd_…   head                  how many movements of one amount and day are known: its version counts them
               -#<message>#<part>    one of that day that has no reference, by where it was first stated
               r#<payment>#<…>       one of that day that has a reference, by the payment it names
               s-#<…>, sr#<…>        the same, where a statement's line was the first to state it

A movement with a reference is kept under both, one without under its day alone. No list is kept in one item, and a
reader takes the latest of a reference and those of one day, so neither grows slower with an account's age. Of those
without a reference it leaves out what its own message was the first to state: a message of ten thousand equal movements
reads none of them again. What other messages have stated it remembers as long as the head's version stands, and reads
anew whichever of them it is about to take. A line does not look at what other lines were the first to state: it has
never an entry that no line has taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import cast

import msgspec

from chalicelib.core.errors import Busy, Conflict, TooLarge
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
from chalicelib.storage.reads import BATCH, Found, fetch, get, query
from chalicelib.storage.records import take
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item, Key, RecordItem, physical_name, record_key

TRIES = 64
"""How often a movement is judged again when others of its reference, or of its amount and day, were noted meanwhile."""

PATIENT = 3
MOST_OF_REFERENCE = 200
"""The latest movements of one reference that are looked at. A reference of so many is common, and names nothing: then
those of the amount and day are looked at as well."""

MOST_REMEMBERED = 20_000
"""How many movements a process remembers of the days that it has read."""

PAGE = 500
MOST_PAGES = 200
HEAD = "head"
BARE = "-#"
REFERENCED = "r#"
BY_LINE = "s"
PLACES = ("", BY_LINE)


class MovementKnown(Conflict):
    """Another movement of this reference, or of this amount and day, was noted meanwhile: judge again."""


@dataclass(frozen=True, slots=True)
class Head:
    """How many movements of one amount and day are noted."""

    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """A known movement, where it is kept, and the version that was read."""

    key: Key
    version: int
    movement: KnownMovement


@dataclass(frozen=True, slots=True)
class Known:
    """What is known around a movement: those it may be, and the numbers that the next one takes. `head_version` is 0
    where none of its amount and day is noted."""

    held: tuple[Held, ...] = ()
    next_of_reference: int = 0
    next_of_day: int = 0
    head_version: int = 0

    @property
    def movements(self) -> list[KnownMovement]:
        """The movements themselves."""
        return [each.movement for each in self.held]


@dataclass(frozen=True, slots=True)
class Identified:
    """A movement as it is known now, and what its statement was to those known before."""

    verdict: Verdict
    movement: KnownMovement


@dataclass(frozen=True, slots=True)
class _Day:
    """Those of one amount and day that other messages have stated, list by list, as they were when its head had a
    version."""

    head_version: int
    lists: dict[str, tuple[Held, ...]]


_days: dict[tuple[str, str], _Day] = {}
"""By the day's table and hash key, and the message that is not looked at."""

Listed = Callable[[str, int], tuple[Held, ...]]
"""Those of a list of a day (the beginning of their sort keys), when its head has a version."""


class Notes:
    """The movements that one commit notes. Each takes the next number after those known and those noted beside it."""

    def __init__(self, tenant: str, *, by_line: bool = False) -> None:
        self._tenant = tenant
        self._place = BY_LINE if by_line else ""
        self._numbers: dict[str, int] = {}
        self._heads: dict[Key, tuple[int, int]] = {}
        self._movements: list[Write] = []

    def add(self, facts: MovementFacts, source: Source, known: Known, doubts: str = "") -> KnownMovement:
        """Note a movement that was not known."""
        head = _day_key(self._tenant, facts, HEAD)
        version, of_day = self._heads.get(head, (known.head_version, known.next_of_day))
        self._heads[head] = version, of_day + 1
        if not facts.reference:
            movement = KnownMovement(numbered_key(facts, of_day), facts, source, doubts)
            self._create_of_day(facts, source, movement, of_day)
            return movement
        pk = _reference_key(self._tenant, facts, 0).pk
        number = self._numbers.get(pk, known.next_of_reference)
        self._numbers[pk] = number + 1
        movement = KnownMovement(numbered_key(facts, number), facts, source, doubts)
        self._create(_reference_key(self._tenant, facts, number), movement)
        self._create_of_day(facts, source, movement, of_day)
        return movement

    def writes(self) -> tuple[Write, ...]:
        """What the commit writes. Where a condition fails it is refused with MovementKnown.

        condition: attribute_not_exists(pk) of each number; each day's head at the version that was read
        """
        return (*(self._head(key, version, count) for key, (version, count) in self._heads.items()), *self._movements)

    def _head(self, key: Key, version: int, count: int) -> Write:
        if version:
            return _judged_again(records.replace(key, Head(count), version=version))
        return _judged_again(records.create(key, Head(count), exists="movement_known"))

    def _create_of_day(self, facts: MovementFacts, source: Source, movement: KnownMovement, number: int) -> None:
        """A message states a movement once; of a line, whose number a corrected statement may give again, the day's own
        number is added."""
        part = _own_part(facts, source) + (f"#{number:09}" if self._place else "")
        self._create(_day_key(self._tenant, facts, f"{self._place}{part}"), movement)

    def _create(self, key: Key, movement: KnownMovement) -> None:
        self._movements.append(_judged_again(records.create(key, movement, exists="movement_known")))


def identify(tenant: str, facts: MovementFacts, source: Source) -> Identified:
    """Find out which movement is meant, and note it where it is one of its own, or a doubtful one.

    Two that state movements at one time do not both note theirs from the same knowledge: each is numbered, and a number
    is given once. Raises Busy `try_again`.
    """
    for attempt in range(TRIES):
        if attempt:
            pause(min(attempt, PATIENT))
        others = _Others(tenant, facts, source)
        known = _known(tenant, facts, others.read(), others.listed, PLACES)
        verdict, match = grade(facts, source, known.movements)
        if match is not None and others.is_remembered and not _stands(known, match):
            others.forget()
            continue
        if verdict is Verdict.SAME and match is not None:
            return Identified(verdict, _complete(known, match, facts))
        notes = Notes(tenant)
        noted = notes.add(facts, source, known, doubts=match.key if match else "")
        try:
            commit(notes.writes())
        except Failed:
            continue
        others.keep_behind_own(known.head_version)
        return Identified(verdict, noted)
    raise Busy("try_again", "others keep stating the same movement: try again")


class _Others:
    """What is known around a movement that a message states, other than by this message: it names each of its own
    once, so of those only the one that stands at this very place is read, which is the movement stated again."""

    def __init__(self, tenant: str, facts: MovementFacts, source: Source) -> None:
        self._day = _day_key(tenant, facts, HEAD)
        self._own = _day_key(tenant, facts, _own_part(facts, source))
        self._without = _own_start(facts, source)
        self._first = (_reference_key(tenant, facts, 0),) if facts.reference else ()
        self._place = (f"{physical_name(RecordItem)}/{self._day.pk}", source.message)
        self._stated: tuple[Held, ...] = ()
        self.is_remembered = False

    def read(self) -> Found:
        """The head, the first of its reference, and itself where it was stated here before."""
        found = fetch((self._day, self._own, *self._first))
        own = found.get(self._own)
        self._stated = () if own is None else (_held(cast("RecordItem", own)),)
        return found

    def listed(self, start: str, head_version: int) -> tuple[Held, ...]:
        """Those of a list, remembered or read, with the one that was stated here before."""
        day = _days.get(self._place)
        if day is None or day.head_version != head_version:
            day = _days[self._place] = _Day(head_version, {})
        if start in day.lists:
            self.is_remembered = True
        else:
            day.lists[start] = tuple(_listed(self._day.pk, start, without=self._without))
            _forget_all_but(self._place)
        return (*day.lists[start], *self._stated)

    def forget(self) -> None:
        """Have all be read anew."""
        _days.pop(self._place, None)

    def keep_behind_own(self, head_version: int) -> None:
        """Remember them on where this message alone has noted another one since the head had that version."""
        day = _days.get(self._place)
        if day is not None and day.head_version == head_version:
            _days[self._place] = _Day(head_version + 1, day.lists)


def _forget_all_but(place: tuple[str, str]) -> None:
    """Remember no more than MOST_REMEMBERED movements."""
    if sum(len(held) for day in _days.values() for held in day.lists.values()) > MOST_REMEMBERED:
        kept = _days[place]
        _days.clear()
        _days[place] = kept


def _stands(known: Known, match: KnownMovement) -> bool:
    """Whether a remembered movement is still as it was read: none has completed it."""
    held = next(each for each in known.held if each.movement is match)
    item = cast("RecordItem | None", get(held.key))
    return item is not None and item.version == held.version


def read_known(tenant: str, wanted: Iterable[MovementFacts]) -> list[Known]:
    """What is known around each line of a statement. The counts are read first: what is noted after them fails the
    commit that goes by them."""
    all_facts = list(wanted)
    heads = [_day_key(tenant, facts, HEAD) for facts in all_facts]
    firsts = [_reference_key(tenant, facts, 0) for facts in all_facts if facts.reference]
    found: dict[Key, object] = {}
    for start in range(0, len(keys := list(dict.fromkeys((*heads, *firsts)))), BATCH):
        found |= fetch(keys[start : start + BATCH])
    lists = cache(lambda pk, start: tuple(_listed(pk, start)))
    return [
        _known(tenant, facts, cast("Found", found), lambda start, _, pk=head.pk: lists(pk, start), ("",))
        for facts, head in zip(all_facts, heads, strict=True)
    ]


def known_of_reference(tenant: str, facts: MovementFacts) -> list[KnownMovement]:
    """The latest movements of the reference that a movement has."""
    return [each.movement for each in _latest(_reference_key(tenant, facts, 0))] if facts.reference else []


def keys_of_reference(tenant: str, account_id: str, reference: str) -> list[str]:
    """The worker keys of the latest movements of an account that have a bank's reference."""
    pk = record_key(tenant, derived_id("mvr", account_id, reference)).pk
    page = query(RecordItem, pk=pk, limit=MOST_OF_REFERENCE, newest_first=True)
    return [_held(cast("RecordItem", item)).movement.key for item in page.items]


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


def _known(tenant: str, facts: MovementFacts, found: Found, listed: Listed, places: Iterable[str]) -> Known:
    counted = take(found, _day_key(tenant, facts, HEAD), Head)
    first = _reference_key(tenant, facts, 0)
    of_reference = _latest(first) if facts.reference and first in found else []
    is_common = len(of_reference) == MOST_OF_REFERENCE
    version = counted.version if counted else 0
    starts = [f"{place}{part}" for place in places for part in _parts(facts, is_common=is_common)] if counted else []
    of_day = (held for start in starts for held in listed(start, version))
    numbers = [int(each.key.sort or 0) for each in of_reference]
    held = {each.movement.key: each for each in (*of_day, *of_reference)}
    return Known(
        held=tuple(held.values()),
        next_of_reference=max(numbers, default=-1) + 1,
        next_of_day=counted.value.count if counted else 0,
        head_version=version,
    )


def _parts(facts: MovementFacts, *, is_common: bool) -> list[str]:
    """The lists of the amount and day that have what could be the same: the ones without a reference, and of those with
    one all, or, beside a reference that is not common, the ones that name the same payment."""
    payment = _payment(facts)
    if is_common or not facts.reference:
        return [BARE, REFERENCED]
    return [BARE, f"{REFERENCED}{payment}#"] if payment else [BARE]


def _own_part(facts: MovementFacts, source: Source) -> str:
    """Where in its day a movement stands that was first stated by this message, at this place of it."""
    return f"{_own_start(facts, source)}{source.part}"


def _own_start(facts: MovementFacts, source: Source) -> str:
    start = f"{REFERENCED}{_payment(facts)}#" if facts.reference else BARE
    return f"{start}{derived_id('msg', source.message)}#"


def _latest(first: Key) -> list[Held]:
    """The latest movements of a reference."""
    page = query(RecordItem, pk=first.pk, limit=MOST_OF_REFERENCE, newest_first=True)
    return [_held(cast("RecordItem", item)) for item in page.items]


def _judged_again(write: Write) -> Write:
    """A write that, where something else was noted meanwhile, has the movement judged again."""
    return replace(write, refuse=lambda _: MovementKnown("movement_known", "another movement was noted meanwhile"))


def _listed(pk: str, start: str, *, without: str = "") -> Iterator[Held]:
    """Those of a day whose sort keys begin so; `without` those that begin with something longer."""
    if not without.startswith(start):
        yield from _between(pk, start, f"{start}~")
        return
    yield from _between(pk, start, without)
    yield from _between(pk, f"{without}~", f"{start}~")


def _between(pk: str, first: str, last: str) -> Iterator[Held]:
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = query(RecordItem, pk=pk, between=(first, last), after=after, limit=PAGE)
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
