"""How the projector stands in DynamoDB: what it reads to tell of changed accounts, and how lines and days are written.

    a day's total   Update  total = total + sum, upto = last   IF upto < the first that is added
    a chained line  Put     as it is: it follows from the entries, so writing it again changes nothing
    a loose line    Put     IF attribute_not_exists: never over a chained one

Days are counted before the lines are chained, in the order of versions: so every chained line is in the total of its
day, once, wherever a process is killed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from chalicelib.core.errors import Busy, Defect
from chalicelib.core.values import dataclass
from chalicelib.ledger.deferred import folded_after
from chalicelib.ledger.holds import GROUP_CAPTURED, GROUP_PLACED, GROUP_VOIDED
from chalicelib.ledger.lines import Booked, DaySum, Line, Step, booked, day_sums
from chalicelib.ledger.store.feed import run_after
from chalicelib.ledger.store.history import LAST_VERSION, history_page, lines_of_day, to_item, to_line
from chalicelib.storage.commit import Stale, put, update, write_if, write_items
from chalicelib.storage.journal import JournalItem, from_row
from chalicelib.storage.reads import BATCH, Found, fetch, get
from chalicelib.storage.tables import DayRow, HistoryRow, Item, JournalRow, Key, days_key, journal_key, line_key

PAGE = 100
TRIES = 5
BATCHES = frozenset({"batch.posted", GROUP_PLACED, GROUP_CAPTURED, GROUP_VOIDED})
"""Kinds of journal items that name the entries which were booked in their commit."""

_END = "~"
"""Sorts behind all that can follow the date in an instant's text."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Where a chain can go on: behind this line, or (None) from the first."""

    line: Line | None


def step_of(before: Item | None, after: Item) -> Step | None:
    """The step that two images of an account stand for (None before: it was opened); None where no entry moved it."""
    version, balance, held = (int(before[name]["N"]) if before else 0 for name in ("version", "balance", "held"))
    lines = int(after["version"]["N"]) - version
    if not lines:
        return None
    return Step(
        tenant=after["tenant"]["S"],
        account_id=after["account_id"]["S"],
        version=version,
        lines=lines,
        balance=balance,
        amount=int(after["balance"]["N"]) - balance,
        held=int(after["held"]["N"]) - held,
        commit=after["last_commit"]["S"],
        as_of=int(after.get("as_of", {"N": "0"})["N"]),
    )


def is_bent(before: Item | None, after: Item) -> bool:
    """Whether an account's balance has moved though no entry is said to have moved it."""
    if before is None:
        return after["version"] == {"N": "0"} and after["balance"] != {"N": "0"}
    return before["version"] == after["version"] and before["balance"] != after["balance"]


def look_up(runs: Iterable[Sequence[Step]]) -> Found:
    """The journal items of some runs of steps, and the lines before and behind each run."""
    keys: list[Key] = []
    for run in runs:
        first, last = run[0], run[-1]
        keys += (key for step in run if (key := _commit(step)) is not None)
        keys += (line_key(first.account, first.version), line_key(last.account, last.version + last.lines + 1))
    return _fetch_all(keys)


def line_among(found: Found, account: str, version: int) -> Line | None:
    """The line of a version among what was read, or None."""
    row = found.get(line_key(account, version))
    return None if row is None else to_line(cast("HistoryRow", row))


def entries_of(steps: Sequence[Step], found: Found) -> dict[Step, tuple[Booked, ...]]:
    """The entries that each step stands for, in their order; `found` has the journal items of the steps' commits.

    Raises Busy `feed_behind` where the feed does not show a run yet that was folded.
    """
    commits = {key: _item(found, key) for step in steps if (key := _commit(step)) is not None}
    batches = {
        key: [journal_key(item.tenant, entry_id) for entry_id in item.data["entries"]]
        for key, item in commits.items()
        if item.kind in BATCHES
    }
    parts = _fetch_all(part for keys in batches.values() for part in keys)
    told = {key: booked(item) for key, item in commits.items() if key not in batches}
    told |= {part: booked(_item(parts, part)) for keys in batches.values() for part in keys}
    folds = _folds(step for step in steps if _commit(step) is None)
    entries: dict[Step, tuple[Booked, ...]] = {}
    for step in steps:
        key = _commit(step)
        if key in told:
            entries[step] = (told[key],)
        else:
            run = folds[_fold_key(step)] if key is None else [told[part] for part in batches[key]]
            entries[step] = tuple(entry for entry in run if entry.touches(step.account_id))
    return entries


def _commit(step: Step) -> Key | None:
    """The journal item that a step is by; None for one by a fold."""
    return journal_key(step.tenant, step.commit) if folded_after(step.commit) is None else None


def _fold_key(step: Step) -> tuple[str, int, int]:
    """Tenant, and the feed numbers after and up to which a fold went."""
    return step.tenant, folded_after(step.commit) or 0, step.as_of


def _folds(steps: Iterable[Step]) -> dict[tuple[str, int, int], list[Booked]]:
    """The entries of each fold that some steps are part of, in the order of the feed."""
    folds: dict[tuple[str, int, int], list[Booked]] = {}
    for tenant, after, upto in dict.fromkeys(_fold_key(step) for step in steps):
        run = run_after(tenant, after, limit=upto - after)
        if len(run) < upto - after:
            raise Busy("feed_behind", "the feed follows in a moment: try again")
        folds[tenant, after, upto] = [booked(entry.item) for entry in run]
    return folds


def _item(found: Found, key: Key) -> JournalItem:
    row = found.get(key)
    if row is None:
        raise Defect(f"an account was moved by {key.pk}, which is not in the journal")
    return from_row(cast("JournalRow", row))


def _fetch_all(keys: Iterable[Key]) -> Found:
    """As `fetch`, of any number of keys."""
    wanted = list(dict.fromkeys(keys))
    found: dict[Key, object] = {}
    for start in range(0, len(wanted), BATCH):
        found |= fetch(wanted[start : start + BATCH])
    return cast("Found", found)


def chained_before(tenant: str, account_id: str, version: int) -> Behind | None:
    """Where the chain of the lines up to `version` can go on: the last that is chained, of the 100 up to it; None where
    one between is missing, or none of them is chained."""
    page = history_page(tenant, account_id, after=None, limit=PAGE, newest_first=True, versions=(1, version))
    expected = version
    for line in page.lines:
        if line.version != expected:
            return None
        if line.hash is not None:
            return Behind(line)
        expected -= 1
    return Behind(None) if expected == 0 else None


def loose_behind(tenant: str, account_id: str, version: int) -> tuple[Line, ...]:
    """The lines that follow `version` without a gap and are not chained, at most 100."""
    versions = (version + 1, version + PAGE)
    page = history_page(tenant, account_id, after=None, limit=PAGE, newest_first=False, versions=versions)
    found: list[Line] = []
    for expected, line in enumerate(page.lines, start=version + 1):
        if line.version != expected or line.hash is not None:
            break
        found.append(line)
    return tuple(found)


def write_chained(lines: Sequence[Line]) -> None:
    """Count chained lines in the totals of their days, then write them. Said again, it changes nothing."""
    by_account: Mapping[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_account[line.account].append(line)
    for account, found in by_account.items():
        for day in day_sums(found):
            _count(account, day, found)
    write_lines(lines)


def write_lines(lines: Sequence[Line]) -> None:
    """Write lines whose days are counted."""
    write_items(HistoryRow, [to_item(line) for line in lines])


def write_loose(lines: Iterable[Line]) -> None:
    """Write lines that are not chained, where no line stands yet."""
    for line in lines:
        write_if(put(f"line {line.version}", HistoryRow, to_item(line), lambda _: Stale()))


def _count(account: str, day: DaySum, lines: Sequence[Line]) -> None:
    """Add to the total of a day those of the lines that are not in it yet.

    condition: upto < the first version that is added
    """
    for _ in range(TRIES):
        change = "SET upto = :last ADD #total :total, debits :debits"
        values: Item = {
            ":last": {"N": str(day.last)},
            ":total": {"N": str(day.total)},
            ":debits": {"N": str(day.debits)},
            ":first": {"N": str(day.first)},
        }
        if _write_day(account, day.day, change, "attribute_not_exists(upto) OR upto < :first", values):
            return
        counted = _day(account, day.day)
        rest = day_sums(line for line in lines if line.day == day.day and line.version > counted.upto)
        if not rest:
            return
        [day] = rest
    raise Busy("try_again", "others keep counting the same day")


def recount(tenant: str, account_id: str, lines: Sequence[Line]) -> None:
    """Put right the totals of the days of chained lines that were lost and are about to be written again: it is not
    known whether they had been counted, nor as which versions. Raises Busy `try_again` where a day moves meanwhile."""
    for day in dict.fromkeys(line.day for line in lines if line.amount):
        _recount_day(tenant, account_id, [line for line in lines if line.day == day])


def _recount_day(tenant: str, account_id: str, lines: Sequence[Line]) -> None:
    """
    condition: upto = the one that was read
    """
    account, day = lines[0].account, lines[0].day
    row = cast("DayRow | None", get(days_key(account, day)))
    whole_day = lines[0].occurred[:10] + _END
    known = {line.version: line for line in (*lines_of_day(tenant, account_id, upto=whole_day), *lines)}
    [found] = day_sums(known.values())
    values: Item = {
        ":total": {"N": str(found.total)},
        ":debits": {"N": str(found.debits)},
        ":last": {"N": str(found.last)},
        ":upto": {"N": str(0 if row is None else row.upto)},
    }
    change = "SET #total = :total, debits = :debits, upto = :last"
    if not _write_day(account, day, change, "attribute_not_exists(upto) OR upto = :upto", values):
        raise Busy("try_again", "the day moves meanwhile: try again")


def _write_day(account: str, day: int, change: str, condition: str, values: Item) -> bool:
    names = {"#total": "total"}
    key = days_key(account, day)
    tag = f"day {day}"
    write = update(tag, key, change=change, condition=condition, values=values, names=names, refuse=lambda _: Stale())
    return write_if(write)


def _day(account: str, day: int) -> DayRow:
    row = get(days_key(account, day))
    if row is None:
        raise Defect(f"{account}: the total of {day} is gone")
    return cast("DayRow", row)


def all_lines(tenant: str, account_id: str, *, behind: int, most: int) -> Iterator[Line]:
    """Every line of an account behind a version, the first first; at most `most` pages of 100."""
    after: Item | None = None
    versions = (behind + 1, LAST_VERSION)
    for _ in range(most):
        page = history_page(tenant, account_id, after=after, limit=PAGE, newest_first=False, versions=versions)
        yield from page.lines
        after = page.last_key
        if after is None:
            return
