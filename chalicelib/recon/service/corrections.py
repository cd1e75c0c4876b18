"""Taking a bank's corrected statement for one that is stored: what it adds and takes back is stored behind that one's
lines, and its figures take the place of the old ones.

Each step is a commit under a key of the statement and the line it stores, as in `loading.py`, and the caller's own key
comes last. A call that is cut off is gone on with by the next one for the same file. The correction of a correction,
by the earlier file say, is its undo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, KeyReused, NotFound
from chalicelib.core.values import dataclass
from chalicelib.ledger.store.entries import find_entry
from chalicelib.messages.proof import prove
from chalicelib.recon import store
from chalicelib.recon.corrections import (
    Addition,
    added_lines,
    additions,
    can_be_taken_back,
    has_taken_back,
    with_correction,
)
from chalicelib.recon.domain import (
    Reconciled,
    Statement,
    StatementLine,
    Upload,
    check_comment,
    counted,
    lines_of,
    new_statement,
    stored,
)
from chalicelib.recon.files import File
from chalicelib.recon.formats import fault_of, read_statements
from chalicelib.recon.matching import Known as KnownOfLine
from chalicelib.recon.matching import reconcile_line, set_off, stands_again
from chalicelib.recon.service.counting import count_set_off
from chalicelib.recon.service.loading import STORED, Told, store_lines
from chalicelib.recon.store import positions
from chalicelib.storage import blobs
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Item

CORRECTED = "statement.corrected"
BEGUN = "statement.correction_begun"
PAGE = 500
MOST_ADDED = 5000
"""Lines that one correction adds: more differ where it is another statement."""


@dataclass(frozen=True, slots=True)
class CorrectStatement:
    """Take the statement in a kept file for the corrected version of one that is stored, and say why."""

    statement_id: str
    file_id: str
    comment: str


@dataclass(frozen=True, slots=True)
class _Partner:
    """A line that the next one takes back or states again, as it is stored."""

    line: StatementLine
    is_again: bool


def correct_statement(call: Call, command: CorrectStatement) -> Outcome:
    """Let a statement say what its corrected version in a kept file says. Lines that both state keep their matches.

    One that nothing explained and that is stated no more is set off; one that is matched stays so, and what takes it
    back is a break of its own (`line_withdrawn`). Facts: the figures before and after, and the lines added.

    Raises InvalidInput `comment_missing`; NotFound `statement_not_found`, `statement_file_not_found`; Conflict
    `statement_loading`, `statement_not_loaded`, `no_corrected_statement` (the file has none, or more than one, of its
    account and period that holds).
    """
    comment = check_comment(command.comment)
    earlier = find_entry(call.tenant, call.entry_id)
    if earlier is not None:
        if earlier.fingerprint != call.fingerprint:
            raise KeyReused("idempotency_key_reused", "this Idempotency-Key was used for another request")
        return Outcome(earlier, replayed=True)
    statement = store.load_statement(call.tenant, command.statement_id)
    file = _file(call.tenant, command.file_id)
    stated, lines = _stated(call.tenant, statement, file)
    _check_correctable(statement, stated)
    if statement.corrections or statement.content_sha256 != stated.content_sha256:
        before = _all_lines(call.tenant, statement)
        statement, all_lines = _begin(call, statement, stated, before, lines)
        _store(call, statement, all_lines)
    return _end(call, command, statement, comment)


def _file(tenant: str, file_id: str) -> File:
    record = store.find_file(tenant, file_id)
    if record is None:
        raise NotFound("statement_file_not_found", "no such file", file_id=file_id)
    return record.value


def _stated(tenant: str, statement: Statement, file: File) -> tuple[Statement, tuple[StatementLine, ...]]:
    """The statement in a file that corrects one, with its lines as that one's."""
    upload = Upload(tenant, statement.bank_account_id, file.sha256, file.uploaded_at)
    found = []
    statements = read_statements(blobs.read(f"statements/{tenant}/{file.sha256}"))
    for told in (one for place, one in enumerate(statements, start=1) if fault_of(one, place) is None):
        each = new_statement(told, prove(told), upload)
        if (each.iban, each.currency, each.days) == (statement.iban, statement.currency, statement.days):
            found.append((each, told))
    named = [one for one in found if one[0].statement_id == statement.statement_id] or found
    if len(named) != 1 or named[0][0].status == "quarantined":
        facts = {"statement_id": statement.statement_id, "file_id": file.file_id, "found": len(named)}
        raise Conflict("no_corrected_statement", "the file has no one statement of its days that holds", **facts)
    stated, told = named[0]
    as_that = replace(stated, statement_id=statement.statement_id)
    return as_that, lines_of(as_that, told)


def _check_correctable(statement: Statement, stated: Statement) -> None:
    facts = {"statement_id": statement.statement_id, "status": statement.status}
    if statement.status == "quarantined":
        raise Conflict("statement_not_loaded", "what is in quarantine is not corrected: upload the right one", **facts)
    if statement.status == "loading" and statement.content_sha256 != stated.content_sha256:
        raise Conflict("statement_loading", "its lines are still being stored", **facts)


def _all_lines(tenant: str, statement: Statement) -> list[Reconciled]:
    lines: list[Reconciled] = []
    after: Item | None = None
    while len(lines) < statement.stored:
        page = store.line_page(tenant, statement.statement_id, after=after, limit=PAGE)
        lines += page.values
        after = page.last_key
        if after is None:
            break
    return lines


def _begin(
    call: Call,
    statement: Statement,
    stated: Statement,
    known: Sequence[Reconciled],
    lines: Sequence[StatementLine],
) -> tuple[Statement, list[StatementLine]]:
    """Give the statement its new figures: it after that, and its lines with those to be added, which are those that the
    first call found where one has begun."""
    is_begun = statement.content_sha256 == stated.content_sha256
    key = f"statement:{statement.statement_id}:correction:{statement.corrections + (not is_begun)}"
    step = _call(call, key, stated.content_sha256)

    def decide(found: Found) -> Plan:
        before = store.take_statement(found, call.tenant, store.place_of(statement))
        if before is None or before.value != statement:
            raise Stale
        plan = additions(known, lines)
        if len(plan) > MOST_ADDED:
            facts = {"lines": len(plan), "maximum": MOST_ADDED}
            raise Conflict("correction_too_large", "more lines differ than one correction has room for", **facts)
        after = with_correction(before.value, stated, len(plan))
        data = {"before": _figures(before.value), "after": _figures(after), "plan": msgspec.to_builtins(plan)}
        item = journal_item(step, BEGUN, subject=statement.statement_id, data=data)
        return Plan(item, (store.save_statement(call.tenant, after, version=before.version),))

    try:
        outcome = once(step, decide, [store.statement_key(call.tenant, store.place_of(statement))])
    except KeyReused as other:
        raise Conflict(
            "statement_loading", "another correction was begun", statement_id=statement.statement_id
        ) from other
    after = store.load_statement(call.tenant, statement.statement_id)
    before_it = [each.line for each in known[: after.corrected_from]]
    plan = msgspec.convert(outcome.item.data["plan"], list[Addition])
    return after, [*before_it, *added_lines(plan, before_it, lines)]


def _store(call: Call, statement: Statement, lines: list[StatementLine]) -> None:
    """Store the lines that are still to be stored, each that is set off in a commit of its own."""
    start = statement.stored
    while start < len(lines):
        line, partner = lines[start], _partner(call.tenant, statement, lines[start])
        if partner is not None:
            _set_off(call, statement, line, partner)
            start += 1
            continue
        if line.withdraws and _line(call.tenant, statement, line.withdraws).line.withdraws:
            # What took it back is explained by now: it is stated again as a movement of its own.
            lines[start] = replace(line, withdraws="")
        end = next((at for at in range(start + 1, len(lines)) if lines[at].withdraws), len(lines))
        store_lines(call, Told(statement, tuple(lines[:end])), start)
        start = end


def _partner(tenant: str, statement: Statement, line: StatementLine) -> _Partner | None:
    """The line with which one is set off, or None: it has a movement of its own."""
    if not line.withdraws:
        return None
    other = _line(tenant, statement, line.withdraws)
    if can_be_taken_back(other):
        return _Partner(other.line, is_again=False)
    if has_taken_back(other):
        return _Partner(_line(tenant, statement, other.line.withdraws).line, is_again=True)
    return None


def _line(tenant: str, statement: Statement, line_id: str) -> Reconciled:
    number = int(line_id.rpartition("_")[2])
    return store.load_line(tenant, statement.statement_id, number).value


def _set_off(call: Call, statement: Statement, line: StatementLine, partner: _Partner) -> None:
    """Store a line that is set off with an open one, or that has one stand again which was set off."""
    tenant, other = call.tenant, partner.line
    step = _call(call, f"statement:{statement.statement_id}:{line.number - 1}", statement.content_sha256)
    place = store.place_of(statement)
    line_key = store.reconciled_key(tenant, other.statement_id, other.number)
    item_key = positions.line_item_key(tenant, other.bank_account_id, other.line_id)

    def decide(found: Found) -> Plan:
        before = store.take_statement(found, tenant, place)
        held = store.take_reconciled(found, line_key)
        mark = store.take_mark(found, tenant, other)
        if before is None or before.value.stored != line.number - 1 or held is None or mark is None:
            raise Stale
        added = reconcile_line(replace(line, is_set_off=True), KnownOfLine(None), now=call.now)
        item = positions.take_any_line_item(found, tenant, other.bank_account_id, other.line_id)
        after = _after(held, added, partner, call)
        moved = (after.match is not None) - (held.value.match is not None)
        counts, writes = count_set_off(tenant, found, before.value, added, item, again=partner.is_again)
        changed = counted(stored(counts, matched=1, breaks=0), matched=moved, breaks=-moved)
        all_writes: list[Write] = [
            *store.create_line(tenant, added),
            *store.save_line(tenant, after, version=held.version, mark=mark),
            store.save_statement(tenant, changed, version=before.version),
        ]
        facts = {"stored": changed.stored, "doubtful": [], "is_whole": changed.status == "loaded"}
        item_of = journal_item(step, STORED, subject=statement.statement_id, data=facts)
        return Plan(item_of, (*all_writes, *writes))

    reads = [store.statement_key(tenant, place), line_key, store.mark_key(tenant, other), item_key]
    once(step, decide, reads)


def _after(held: Versioned[Reconciled], added: Reconciled, partner: _Partner, call: Call) -> Reconciled:
    if partner.is_again:
        return stands_again(held.value)
    return set_off(held.value, added.line.line_id, by=call.actor, now=call.now)


def _end(call: Call, command: CorrectStatement, statement: Statement, comment: str) -> Outcome:
    """The caller's own key, with what the statement is now; the file is accepted by it."""
    place = store.place_of(statement)

    def decide(found: Found) -> Plan:
        held = store.require_statement(found, call.tenant, place)
        before = store.take_file(found, call.tenant, command.file_id)
        facts = {
            "statement_id": held.statement_id,
            "file_id": command.file_id,
            "comment": comment,
            "corrections": held.corrections,
            "added": held.lines - held.corrected_from if held.corrections else 0,
            **_figures(held),
        }
        after = before and _accepted(before.value, held.statement_id)
        writes = (store.save_file(call.tenant, after, before),) if before and after and after != before.value else ()
        return Plan(journal_item(call, CORRECTED, subject=held.statement_id, data=facts), writes)

    return once(call, decide, [store.statement_key(call.tenant, place), store.file_key(call.tenant, command.file_id)])


def _accepted(file: File, statement_id: str) -> File:
    """The file of which a statement was taken as a correction: that one is not refused any more."""
    if file.status == "loading":
        return file
    left = tuple(each for each in file.refused if each.facts.get("statement_id") != statement_id)
    ids = tuple(dict.fromkeys((*file.statement_ids, statement_id)))
    return replace(file, status="accepted", reason="", facts={}, statement_ids=ids, refused=left)


def _call(call: Call, key: str, content: str) -> Call:
    return worker_call(tenant=call.tenant, key=key, content=content, now=call.now, entropy=b"", actor=call.actor)


def _figures(statement: Statement) -> dict[str, object]:
    return {
        "status": statement.status,
        "opening_minor": statement.opening_minor,
        "booked_minor": statement.booked_minor,
        "closing_minor": statement.closing_minor,
        "lines": statement.lines,
        "matched": statement.matched,
        "open_breaks": statement.open_breaks,
        "file_sha256": statement.file_sha256,
    }
