"""Making an export's file, a part at a time: whatever its size, no process has to live until its end.

A run goes on until its time is up, then puts down all that the next one needs: the parts that are written, the text
that is not, and where its source stands. A run that is cut off is done again from where the one before it put down; a
part that is written again takes the place of the first.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from dataclasses import field, replace
from datetime import datetime

import msgspec

from chalicelib.core.errors import Busy, Defect
from chalicelib.core.values import dataclass
from chalicelib.ledger.store import feed
from chalicelib.recon.export_jobs import Export, failed
from chalicelib.recon.service.bank_sources import ReconciliationSource, StatementLineSource
from chalicelib.recon.service.export_sources import Source
from chalicelib.recon.service.feed_sources import FeedSource
from chalicelib.recon.service.feed_writers import JournalWriter, PostingsWriter, TrialBalanceWriter
from chalicelib.recon.store import exports as store
from chalicelib.storage import blobs, uploads
from chalicelib.storage.commit import Failed, commit
from chalicelib.storage.records import Versioned
from chalicelib.storage.retry import pause

TRIES = 40


@dataclass(frozen=True, slots=True)
class Task:
    """Which attempt at an export to go on with; `entry_id` is the journal item that asked for it."""

    tenant: str
    export_id: str
    attempt: int
    entry_id: str


@dataclasses.dataclass(slots=True)
class Work:
    """What a run has done: the tags of the parts it wrote, text that no part holds yet, and its source's state.
    `is_written`: the last part is, and only the file has to be made of them."""

    upload_id: str
    tags: list[str] = field(default_factory=list)
    waiting: str = ""
    rows: int = 0
    source: bytes | None = None
    is_written: bool = False


def run_export(task: Task, *, now: datetime, is_over: Callable[[], bool]) -> int | None:
    """Go on with an export until it is done (None), or until `is_over`: how often it has been put down, to go on with.

    Raises NotFound `export_not_found`, Busy `feed_behind` where the feed does not show the request in time, and Busy
    `try_again` where another run of the same export is ahead.
    """
    record = store.load_export(task.tenant, task.export_id)
    if record.value.attempt != task.attempt or record.value.state == "done":
        return None
    record, work = _taken_up(task, record)
    if not work.is_written:
        source = source_of(record.value, work.source)
        while not work.is_written:
            if is_over():
                return _put_down(record, work, source).value.saves
            _go_on(record.value, work, source)
        record = _put_down(record, work, source)
    _finish(record, work, now)
    return None


def fail_export(task: Task, reason: str, *, now: datetime) -> None:
    """Say that an export has failed; it can be run again. Where it has gone on meanwhile nothing is said."""
    record = store.load_export(task.tenant, task.export_id)
    if record.value.attempt == task.attempt and record.value.state != "done":
        _save(record, failed(record.value, reason, now=now))


def source_of(export: Export, state: bytes | None) -> Source:
    """Where the text of an export comes from."""
    match export.kind:
        case "journal":
            return FeedSource(export, state, JournalWriter())
        case "postings":
            return FeedSource(export, state, PostingsWriter())
        case "trial_balance":
            return FeedSource(export, state, TrialBalanceWriter())
        case "reconciliation":
            return ReconciliationSource(export, state)
        case "statement_lines":
            return StatementLineSource(export, state)


def _taken_up(task: Task, record: Versioned[Export]) -> tuple[Versioned[Export], Work]:
    """The export as running, and the work from where it was put down, or new."""
    export = record.value
    if export.saves:
        content = uploads.read(_state_key(export))
        if content is None:
            raise Defect(f"export {export.export_id} has lost its state")
        return record, msgspec.json.decode(zlib.decompress(content), type=Work)
    running = replace(export, state="running", feed_number=_cut(task), reason="", finished_at=None)
    return _save(record, running), Work(uploads.begin(export.key, content_type=export.content_type))


def _cut(task: Task) -> int:
    """The last number of the feed, once it has the request's: what was booked before it was asked for is in it."""
    for attempt in range(TRIES):
        if feed.are_numbered(task.tenant, [task.entry_id]):
            return feed.head(task.tenant)
        pause(attempt)
    raise Busy("feed_behind", "the feed follows in a moment: try again")


def _go_on(export: Export, work: Work, source: Source) -> None:
    """A step of the source, and the part that it fills."""
    chunk = source.step()
    work.waiting, work.rows, work.is_written = work.waiting + chunk.text, work.rows + chunk.rows, chunk.is_last
    if chunk.is_last or len(work.waiting) >= uploads.LEAST_PART:
        content = work.waiting.encode()
        work.tags.append(uploads.write_part(export.key, work.upload_id, len(work.tags) + 1, content))
        work.waiting = ""


def _put_down(record: Versioned[Export], work: Work, source: Source) -> Versioned[Export]:
    saved = replace(record.value, saves=record.value.saves + 1, rows=work.rows)
    work.source = source.state()
    blobs.put(_state_key(saved), zlib.compress(msgspec.json.encode(work)))
    return _save(record, saved)


def _finish(record: Versioned[Export], work: Work, now: datetime) -> None:
    """Make the file of its parts, unless a run that was killed here has, and say what it is."""
    export = record.value
    if not uploads.exists(export.key):
        uploads.complete(export.key, work.upload_id, work.tags)
    digest, size = uploads.digest(export.key)
    _save(record, replace(export, state="done", reason="", bytes=size, sha256=digest, finished_at=now))


def _save(record: Versioned[Export], after: Export) -> Versioned[Export]:
    """Write an export's next state. Raises Busy `try_again` where another run has written one."""
    try:
        commit((store.replace_export(after, version=record.version),))
    except Failed as lost:
        raise Busy("try_again", "another run of the export is ahead") from lost
    return Versioned(after, record.version + 1)


def _state_key(export: Export) -> str:
    return f"{export.folder}/state-{export.saves}"
