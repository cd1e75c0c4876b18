"""Totals by kind and currency: brought on as the feed grows, and read at two cuts, a number of the feed and an
effective instant.

A cut costs the same however long the books are: a block's totals, at most five levels of periods for each currency, and
the entries behind the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from chalicelib.access.domain import OPERATOR
from chalicelib.access.store import list_tenants
from chalicelib.core.errors import Busy, Defect, TooLarge
from chalicelib.core.runs import Run, attempt_each
from chalicelib.core.values import dataclass
from chalicelib.ledger.store import feed
from chalicelib.ledger.store import totals as store
from chalicelib.ledger.totals import (
    BLOCK,
    LEVELS,
    Effect,
    Moved,
    Sums,
    added,
    before,
    begins_minute,
    block_end,
    depth,
    path,
    sums,
)
from chalicelib.storage.tables import Item

USUAL_BLOCKS = 3
"""How many blocks the sequencer adds at once for a tenant that is behind; the sweep adds the others."""

MOST_BLOCKS = 300
"""How many blocks the sweep adds at once for one tenant."""

MOST_TAIL = 10
"""How many blocks of entries may lie behind the last totals that a reader adds up by itself."""

MOST_IN_A_MINUTE = 200
"""How many blocks with entries of one minute are read for a cut within it; a cut at its first instant, or just behind
that, needs none."""

PAGE = 100
MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class Cut:
    """Totals by kind and currency of every entry numbered up to `upto` that took effect before `end` (None: all)."""

    upto: int
    end: str | None
    sums: Sums


def follow(tenant: str, known: Mapping[int, str] | None = None, *, most_blocks: int = USUAL_BLOCKS) -> int:
    """Bring a tenant's totals up to the last block whose entries are all numbered; how many blocks were added here.
    `known` as in `feed.run_after`. Several at once, or again after a crash, come to the same totals."""
    for added_here in range(most_blocks):
        if not store.add_block(tenant, known or {}):
            return added_here
    return most_blocks


def follow_numbered(numbered: Mapping[str, Mapping[int, str]]) -> None:
    """Follow for the tenants among whose numbers, just given, one ends a block."""
    for tenant, known in numbered.items():
        if any(number % BLOCK == 0 for number in known):
            follow(tenant, known)


def follow_behind(*, is_over: Callable[[], bool] = lambda: False) -> Run[str]:
    """Bring on the totals of every tenant that is behind its feed by a block or more, until the time is over; how many
    blocks were added. Where one fails the others are brought on. Books that are older than totals get theirs here, from
    the first entry on."""
    return attempt_each(_behind(), lambda tenant: follow(tenant, most_blocks=MOST_BLOCKS), is_over=is_over)


def _behind() -> Iterator[str]:
    """The tenants whose totals are behind their feed by a block or more."""
    yield from _behind_among([OPERATOR])
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = list_tenants(after=after, limit=PAGE)
        yield from _behind_among([tenant.tenant_id for tenant in page.values])
        after = page.last_key
        if after is None:
            return
    raise Defect(f"more than {MOST_PAGES * PAGE} tenants")


def _behind_among(tenants: Sequence[str]) -> list[str]:
    """Those of at most 100 tenants that are behind."""
    heads, positions = feed.heads(tenants), store.positions(tenants)
    return [tenant for tenant in tenants if block_end(heads.get(tenant, 0)) > positions.get(tenant, 0)]


def cut(tenant: str, *, upto: int | None = None, end: str | None = None) -> Cut:
    """Totals at two cuts: up to a number (None: the last that can be read now) and before an effective instant's text
    (None: without that cut).

    Raises Busy `totals_behind` where the totals of so late a number are still to be made, TooLarge `minute_too_busy`
    where the cut lies within a minute of more entries than are read one by one.
    """
    position = store.load_position(tenant)
    covered = 0 if position is None else position.value.upto
    base = covered if upto is None else min(covered, block_end(upto))
    tail = _tail(tenant, base, upto)
    reached = base + tail.count
    if upto is not None and reached < upto:
        raise Busy("totals_behind", "the totals up to this number follow in a moment: try again", up_to=reached)
    if end is None:
        return Cut(reached, end, added(store.sums_at(tenant, base), sums(tail.effects)))
    early = [effect for effect in tail.effects if effect.occurred_at < end]
    return Cut(reached, end, added(_before(tenant, base, end), sums(early)))


@dataclass(frozen=True, slots=True)
class _Tail:
    """Entries behind a block: how many, and what they do."""

    count: int
    effects: Sequence[Effect]


def _tail(tenant: str, base: int, upto: int | None) -> _Tail:
    count, found = 0, list[Effect]()
    for _ in range(MOST_TAIL):
        limit = BLOCK if upto is None else min(BLOCK, upto - base - count)
        run = feed.run_after(tenant, base + count, limit=limit) if limit else []
        found += store.effects(tenant, run)
        count += len(run)
        if len(run) < BLOCK:
            break
    return _Tail(count, found)


def _before(tenant: str, base: int, end: str) -> Sums:
    """Totals up to the end of a block of what took effect before an instant."""
    currencies = sorted({currency for _, currency in store.sums_at(tenant, base)})
    found: Sums = {}
    for currency in currencies:
        for period, part in path(end)[: depth(end)]:
            found = added(found, before(store.parts_at(tenant, currency, period, base), part, currency))
        if not begins_minute(end):
            found = added(found, _within_minute(tenant, base, end, currency))
    return found


def _within_minute(tenant: str, base: int, end: str, currency: str) -> Sums:
    """Totals in a currency of what took effect in an instant's minute before it, but not at the first instant of the
    minute, up to the end of a block."""
    place = path(end)[LEVELS - 1]
    found: Sums = {}
    for number in _blocks_with(tenant, currency, place, base):
        effects = store.effects(tenant, feed.run_after(tenant, number - BLOCK, limit=BLOCK))
        minute = [e for e in effects if e.currency == currency and path(e.occurred_at)[LEVELS - 1] == place]
        found = added(found, sums(effect for effect in minute if effect.occurred_at < end))
    return found


def _blocks_with(tenant: str, currency: str, place: tuple[str, str], base: int) -> Iterator[int]:
    """The last numbers of the blocks that have entries of a minute (an hour, and the part of it), up to a block."""
    period, part = place
    whole = store.parts_at(tenant, currency, period, base).get(part)
    if not whole:
        return
    known: dict[str, Moved] = {}
    given = 0
    first = _first_block(tenant, base, currency, place) + BLOCK
    for number, parts in store.parts_between(tenant, currency, period, first, base):
        if parts.get(part, {}) != known:
            given += 1
            if given > MOST_IN_A_MINUTE:
                sentence = "too many entries took effect in this minute: cut at a whole minute"
                raise TooLarge("minute_too_busy", sentence, field="effective_up_to", maximum=MOST_IN_A_MINUTE * BLOCK)
            yield number
            known = parts[part]
        if known == whole:
            return


def _first_block(tenant: str, base: int, currency: str, place: tuple[str, str]) -> int:
    """The number behind which the first block begins that has entries of a minute."""
    period, part = place
    low, high = 0, base // BLOCK
    while low + 1 < high:
        middle = (low + high) // 2
        if store.parts_at(tenant, currency, period, middle * BLOCK).get(part):
            high = middle
        else:
            low = middle
    return low * BLOCK
