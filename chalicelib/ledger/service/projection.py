"""The projector's work: a line for each entry that moved an account, chained, and counted in the total of its day.

It is told of changed accounts by a stream, in order as a rule, but also twice, late, or with a part left out that was
given up. A line whose predecessor is missing lies loose until that one is there; then the chain runs on. What never
comes is filled in from the journal (`refill`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass
from chalicelib.ledger.lines import Booked, Line, Step, booked, chain, check_chain, expand, is_explained, line_of, loose
from chalicelib.ledger.store import projection as store
from chalicelib.ledger.store.accounts import load_account
from chalicelib.ledger.store.discrepancies import Noted, note
from chalicelib.ledger.store.history import account_of, find_line
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.tables import Item

PAGES_AT_ONCE = 20
"""How far the projector runs a chain on after a gap has closed, in hundreds of lines. `refill` goes on from there."""

MOST_PAGES = 100_000
"""An account's lines in all, in hundreds, that are filled in."""

Run = list[Step]
"""Steps of one account of which each begins where the one before ended."""


def project(images: Iterable[tuple[Item | None, Item]]) -> None:
    """Write the lines that changes of accounts stand for, each told by its images before and after (None: opened), and
    note the accounts whose balance has moved by anything but entries.

    Told again, it does the same. Raises Busy `feed_behind` where a folded run of the feed is not shown yet.
    """
    changes = list(images)
    for before, after in changes:
        if store.is_bent(before, after):
            note_account(after)
    runs = _runs(step for before, after in changes if (step := store.step_of(before, after)) is not None)
    if not runs:
        return
    found = store.look_up(runs)
    entries = store.entries_of([step for run in runs for step in run], found)
    _note_unexplained(changes, entries)
    chained: list[Line] = []
    waiting: list[Line] = []
    go_on: list[tuple[Step, int]] = []
    for run in runs:
        raw = [line for step in run for line in expand(step, entries[step])]
        before = store.line_among(found, run[0].account, run[0].version)
        behind = store.line_among(found, run[0].account, raw[-1].version + 1)
        if run[0].version == 0 or (before is not None and before.hash is not None):
            chained += chain(before, raw)
            closes = behind is not None and behind.hash is None
        else:
            waiting += loose(before, raw)
            closes = before is not None
        if closes:
            go_on.append((run[0], raw[-1].version))
    store.write_chained(chained)
    store.write_loose(waiting)
    for step, version in go_on:
        _go_on(step.tenant, step.account_id, version, pages=PAGES_AT_ONCE)


def note_account(image: Item) -> None:
    """Note an account, as its image tells of it, as one whose own balance is not made of entries."""
    names = ("account_id", "kind", "currency")
    note(image["tenant"]["S"], Noted(*(image[name]["S"] for name in names)))


def _note_unexplained(changes: Iterable[tuple[Item | None, Item]], entries: Mapping[Step, Sequence[Booked]]) -> None:
    for before, after in changes:
        step = store.step_of(before, after)
        if step is not None and not is_explained(step, entries[step]):
            note_account(after)


def _runs(steps: Iterable[Step]) -> list[Run]:
    """Steps by account and version, each once, parted where versions are left out."""
    runs: list[Run] = []
    each = {(step.account, step.version): step for step in steps}
    for _, step in sorted(each.items()):
        last = runs[-1][-1] if runs else None
        if last is not None and last.account == step.account and last.version + last.lines == step.version:
            runs[-1].append(step)
        else:
            runs.append([step])
    return runs


def _go_on(tenant: str, account_id: str, version: int, *, pages: int) -> None:
    """Chain the loose lines around a version, as far as they follow each other."""
    behind = store.chained_before(tenant, account_id, version)
    if behind is None:
        return
    last = behind.line
    for _ in range(pages):
        lines = store.loose_behind(tenant, account_id, 0 if last is None else last.version)
        if not lines:
            return
        chained = chain(last, lines)
        store.write_chained(chained)
        last = chained[-1]


@dataclass(frozen=True, slots=True)
class _Gap:
    """Versions without a line: from the first to the last. `ends` where no line comes behind them: of such a gap the
    newer entries may still come by the stream."""

    first: int
    last: int
    ends: bool = False


def refill(tenant: str, account_id: str, entries: Iterable[JournalItem], *, before: datetime, behind: int = 0) -> int:
    """Write the lines of an account that its stream has lost for good, and chain on; how many were filled in.

    Its lines up to version `behind` are known to be there. `entries` are all journal items that moved or reserved on
    the account since (of a batch its entries). Those recorded
    before `before` (no later than the stream reaches back) that have no line get the versions that have none, in the
    order of (recorded_at, entry_id), and are marked. Raises Defect where what is filled in does not come to what the
    line behind it says.
    """
    lost, gaps, loose_at = _lost(tenant, account_id, entries, before, behind)
    _go_on(tenant, account_id, loose_at, pages=MOST_PAGES)
    filled = 0
    for gap in gaps:
        size = gap.last - gap.first + 1
        part = lost[filled : filled + size]
        known = part if gap.ends else len(part) == size
        if not known or not _fill(tenant, account_id, gap.first, part):
            break
        filled += len(part)
    return filled


def _lost(
    tenant: str, account_id: str, entries: Iterable[JournalItem], before: datetime, behind: int
) -> tuple[list[Booked], list[_Gap], int]:
    """The entries without a line, in the order in which they get one, the versions without a line, and the first that
    has a line which is not chained (0: there is none)."""
    account = load_account(tenant, account_id)
    told: set[str] = set()
    gaps: list[_Gap] = []
    expected, loose_at = behind + 1, 0
    for line in store.all_lines(tenant, account_id, behind=behind, most=MOST_PAGES):
        told.add(line.entry_id)
        if line.version > expected:
            gaps.append(_Gap(expected, line.version - 1))
        expected = line.version + 1
        if line.hash is None:
            loose_at = loose_at or line.version
    if expected <= account.version:
        gaps.append(_Gap(expected, account.version, ends=True))
    lost = [booked(item) for item in entries if item.entry_id not in told and item.recorded_at < before]
    return sorted(lost, key=lambda entry: (entry.recorded_at, entry.entry_id)), gaps, loose_at


def _fill(tenant: str, account_id: str, first: int, entries: Sequence[Booked]) -> bool:
    """Write the lines of some entries from a version on, and chain on behind them; False where the line before is not
    chained."""
    account = account_of(tenant, account_id)
    before = find_line(account, first - 1)
    if first > 1 and (before is None or before.hash is None):
        return False
    raw = [
        line_of(
            entry,
            account,
            version=version,
            amount=entry.moved.get(account_id, 0),
            balance=0,
            held=entry.held.get(account_id, 0),
        )
        for version, entry in enumerate(entries, start=first)
    ]
    lines = chain(before, (replace(line, refilled=True) for line in raw))
    _check_fit(lines[-1], find_line(account, lines[-1].version + 1))
    store.recount(tenant, account_id, lines)
    store.write_lines(lines)
    _go_on(tenant, account_id, lines[-1].version, pages=MOST_PAGES)
    return True


def _check_fit(last: Line, behind: Line | None) -> None:
    """The line behind a gap says what the balance before it was, and its hash which lines there were."""
    if behind is None:
        return
    fits = (
        check_chain([behind], previous=last) is None if behind.hash else behind.balance - behind.amount == last.balance
    )
    if not fits:
        raise Defect(f"{last.account}: what is filled in up to {last.version} does not come to what the next line says")
