"""Following the books of a bank account: what its history has since is counted into its positions, a bounded step at a
time, each a commit of its own.

The place is kept with what was counted, so that steps may be repeated, break off, or run twice at once. Statements that
were stored before positions were kept are counted the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chalicelib.core.calendars import today_in
from chalicelib.core.instants import parse_instant
from chalicelib.core.values import dataclass
from chalicelib.ledger.lines import Line
from chalicelib.ledger.store.history import history_page
from chalicelib.recon import store as statements
from chalicelib.recon.domain import Statement
from chalicelib.recon.positions import (
    Mark,
    MonthTotals,
    OpenItem,
    Progress,
    added,
    entry_added,
)
from chalicelib.recon.service.counting import clear_pair, count_next, entry_item_keys
from chalicelib.recon.store import months
from chalicelib.recon.store import positions as store
from chalicelib.storage.commit import Failed, Stale, Write, commit
from chalicelib.storage.reads import BATCH, Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.turns import find_turn, save_turn

STEP = 25
"""Entries a step: at most three writes each, beside the step's own."""

LINES = 20
STEPS = 40
PAGE = 10
MOST_TURNS = 10_000
"""Pages of a run: its time is over long before."""


@dataclass(frozen=True, slots=True)
class Run:
    """What some steps did: lines of history they counted, and whether more was left to do."""

    counted: int
    is_behind: bool


@dataclass(frozen=True, slots=True)
class FollowFailure:
    """A bank account whose books could not be followed, and why."""

    tenant: str
    account_id: str
    error: Exception


@dataclass(frozen=True, slots=True)
class FollowRun:
    """What a run over all bank accounts did."""

    accounts: int = 0
    entries: int = 0
    failures: tuple[FollowFailure, ...] = ()


def follow_all(*, is_over: Callable[[], bool]) -> FollowRun:
    """Follow the books of the bank accounts of all tenants, each a bounded part at a time, until `is_over` or all were
    looked at. The next run goes on behind the last account of this one."""
    run = FollowRun()
    begun = find_turn(store.turn_key())
    after = begun.value.after
    for _ in range(MOST_TURNS):
        page = store.every_tracked_account(after=after, limit=PAGE)
        for progress in page.values:
            run = _followed(run, progress)
        after = page.last_key
        if is_over() or after is None:
            break
    save_turn(store.turn_key(), begun, after)
    return run


def _followed(run: FollowRun, progress: Progress) -> FollowRun:
    try:
        done = follow(progress.tenant, progress.bank_account_id, steps=STEPS)
    except Exception as error:  # whatever it is, it is this account's: it is handed up with the run's result
        failure = FollowFailure(progress.tenant, progress.bank_account_id, error)
        return replace(run, accounts=run.accounts + 1, failures=(*run.failures, failure))
    return replace(run, accounts=run.accounts + 1, entries=run.entries + done.counted)


def follow(tenant: str, account_id: str, *, steps: int) -> Run:
    """Count what an account's statements and history have since, in at most so many steps."""
    counted = 0
    for _ in range(steps):
        before = store.find_progress(tenant, account_id)
        if before is None:
            return Run(counted, is_behind=False)
        done = _step(tenant, before)
        if done == 0:
            return Run(counted, is_behind=False)
        counted += max(done, 0)
    return Run(counted, is_behind=True)


def _step(tenant: str, before: Versioned[Progress]) -> int:
    """One step: how many lines it counted, 0 where nothing is left, -1 where others were first."""
    try:
        if before.value.statements_after is not None:
            return _count_statement(tenant, before)
        return _count_history(tenant, before)
    except (Failed, Stale):
        return -1


# ---- history


def _count_history(tenant: str, before: Versioned[Progress]) -> int:
    progress = before.value
    lines = _next_lines(tenant, progress)
    if not lines:
        return 0
    moving = [line for line in lines if line.amount]
    account_id = progress.bank_account_id
    marks = fetch(statements.entry_mark_key(tenant, account_id, line.entry_id) for line in moving)
    told = {line.entry_id: statements.take_entry_mark(marks, tenant, account_id, line.entry_id) for line in moving}
    items = fetch(
        store.line_item_key(tenant, account_id, mark.value.line_id) for mark in told.values() if mark is not None
    )
    changes: list[tuple[str, MonthTotals]] = []
    writes: list[Write] = []
    for line in moving:
        item = _item_of(line, progress)
        changes.append(entry_added(item.opened_in, line.amount))
        cleared, line_writes = _count_entry(tenant, item, told[line.entry_id], items)
        changes += cleared
        writes += line_writes
    after = replace(progress, version=lines[-1].version)
    writes += [*store.add_months(tenant, account_id, added(changes))]
    commit((store.save_progress(tenant, after, version=before.version), *writes))
    return len(lines)


def _next_lines(tenant: str, progress: Progress) -> list[Line]:
    """The lines behind those that are counted, up to the first that is not there yet."""
    versions = (progress.version + 1, progress.version + STEP)
    page = history_page(tenant, progress.bank_account_id, after=None, limit=STEP, newest_first=False, versions=versions)
    return [line for version, line in enumerate(page.lines, start=progress.version + 1) if line.version == version]


def _item_of(line: Line, progress: Progress) -> OpenItem:
    day = today_in(progress.currency, parse_instant(line.occurred.partition("#")[0]))
    return OpenItem("ledger", line.entry_id, progress.bank_account_id, line.amount, progress.currency, opened_on=day)


def _count_entry(
    tenant: str, item: OpenItem, mark: Versioned[Mark] | None, items: Found
) -> tuple[list[tuple[str, MonthTotals]], list[Write]]:
    """What an entry changes, beside that it is there: it clears the line matched to it, or is open itself."""
    account_id = item.bank_account_id
    mark_key = statements.entry_mark_key(tenant, account_id, item.source_id)
    if mark is None:
        return [], [store.open_item(tenant, item), store.check_absent(mark_key)]
    unchanged = store.check_unchanged(mark_key, mark.version)
    if mark.value.state == "open":
        return [], [store.open_item(tenant, item), unchanged]
    line = store.take_line_item(items, tenant, account_id, mark.value.line_id)
    if line is None:
        absent = store.check_absent(store.line_item_key(tenant, account_id, mark.value.line_id))
        return [], [store.open_item(tenant, item), absent]
    change, writes = clear_pair(tenant, line, item)
    return [change], writes


# ---- statements that were stored before positions were kept


def _count_statement(tenant: str, before: Versioned[Progress]) -> int:
    progress = before.value
    held = months.statements_after(tenant, progress.bank_account_id, progress.statements_after or "")
    uncounted = next((each for each in held if each.value.counted != each.value.stored), None)
    if uncounted is not None:
        return _count_stored(tenant, uncounted)
    place = held[-1].value.order if len(held) == BATCH else None
    commit((store.save_progress(tenant, replace(progress, statements_after=place), version=before.version),))
    return 1


def _count_stored(tenant: str, held: Versioned[Statement]) -> int:
    statement = held.value
    lines = months.lines_behind(tenant, statement.statement_id, statement.counted, limit=LINES)
    entry_ids = [reconciled.match.entry_id for reconciled in lines if reconciled.match is not None]
    found = fetch(entry_item_keys(tenant, statement.bank_account_id, entry_ids))
    after, writes = count_next(tenant, found, statement, lines)
    commit((statements.save_statement(tenant, after, version=held.version), *writes))
    return len(lines)
