"""Taking in a bank's file of statements.

A file may hold more lines than one commit can write, so this command is several: the steps of `loading.py`, and last
the caller's own key with the answer. A file of many lines is answered before they are stored: a queue's worker stores
them by the same steps. What a crash cuts off is gone on with when the same file is sent again, under whatever
key. A line books nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

import msgspec

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound, Refusal, TooLarge
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.ledger.store.entries import find_entry
from chalicelib.messages import model
from chalicelib.messages.proof import prove
from chalicelib.queues.budget import Budget
from chalicelib.recon import store
from chalicelib.recon.chaining import Link
from chalicelib.recon.domain import Statement, Upload, lines_of, new_statement
from chalicelib.recon.files import File, RefusedStatement, file_id, in_rows
from chalicelib.recon.formats import MOST_BYTES, check_amounts, fault_of, read_statements
from chalicelib.recon.service.linking import link_of
from chalicelib.recon.service.loading import Told, check_same, store_statement
from chalicelib.storage import blobs
from chalicelib.storage.commit import Failed, commit
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import BATCH, Found

ACCEPTED = "statement_file.accepted"
MOST_AT_ONCE = 500
"""Lines of one file that are stored before it is answered."""

MOST_READ_SECONDS = 12
"""CPU time that reading a file may take."""

MOST_REFUSED = 500
"""Rows of statements of a file that are not taken, while others are; its record is one item of at most 400 KB."""

UNKNOWN_ACCOUNT = "unknown_bank_account"


def upload_statement(call: Call, raw: bytes) -> Outcome:
    """Take in a file of one or several statements. Facts: `file_id` and, for each statement, its figures.

    The file is kept as it came. Statements are proved, stored and matched; one that is known already is answered as it
    stands, one that does not foot is kept in quarantine. One that cannot be taken is left out, with its place and the
    reason as a warning: what `fault_of` says, `unknown_bank_account` (no account of the tenant's), `statement_differs`
    (the account has a statement of this id that says something else). Of more than 500 lines the file is `loading`:
    they are stored within minutes. Where none of its statements can be taken the first one's refusal is the file's, and
    it is kept in quarantine too: see also `read_statements`. Only a file beyond the limit of bytes, TooLarge
    `file_too_large`, is not kept.
    """
    if len(raw) > MOST_BYTES:
        raise TooLarge("file_too_large", f"a file has at most {MOST_BYTES} bytes", maximum=MOST_BYTES)
    earlier = find_entry(call.tenant, call.entry_id)
    if earlier is not None:
        if earlier.fingerprint != call.fingerprint:
            raise KeyReused("idempotency_key_reused", "this Idempotency-Key was used for another request")
        return Outcome(earlier, replayed=True)
    file = _file(call, raw)
    blobs.put_once(blobs.content_key(f"statements/{call.tenant}", raw), raw, content_type="application/xml")
    try:
        file, told = _judge(call.tenant, raw, file)
        if sum(each.left for each in told) > MOST_AT_ONCE:
            return _accept_later(call, file, told)
        for each in told:
            store_statement(call, each)
    except (InvalidInput, NotFound, Conflict, TooLarge) as refusal:
        _quarantine(call.tenant, file, refusal)
        raise
    return _accept(call, file, [each.statement for each in told])


def load_on(tenant: str, file_id: str, *, now: datetime, is_over: Callable[[], bool]) -> int | None:
    """Store more lines of a file that is loading, until `is_over`; the last ones make it `accepted`. A refusal of what
    it says puts it in quarantine. Returns how many lines are stored where some are left, else None."""
    record = store.find_file(tenant, file_id)
    if record is None or record.value.status != "loading":
        return None
    file = record.value
    call = worker_call(tenant=tenant, key=f"load:{file_id}", content=None, now=now, entropy=b"", actor=file.uploaded_by)
    try:
        file, told = _judge(tenant, blobs.read(_blob(tenant, file)), file)
        are_whole = all(store_statement(call, each, is_over=is_over) for each in told)
    except (InvalidInput, NotFound, Conflict, TooLarge) as refusal:
        _quarantine(tenant, file, refusal)
        return None
    if are_whole:
        commit((store.save_file(tenant, replace(file, status="accepted"), record),))
        return None
    return sum(each.stored for each in store.find_statements(tenant, file.statement_ids))


def _blob(tenant: str, file: File) -> str:
    return f"statements/{tenant}/{file.sha256}"


def _file(call: Call, raw: bytes) -> File:
    digest = sha256(raw).hexdigest()
    return File(
        file_id=file_id(call.tenant, digest),
        sha256=digest,
        bytes=len(raw),
        status="accepted",
        reason="",
        statement_ids=(),
        uploaded_by=call.actor,
        uploaded_at=call.now,
    )


def _judge(tenant: str, raw: bytes, file: File) -> tuple[File, list[Told]]:
    """The file with what is known of it once it is read, and its statements, each once. Nothing is written yet. Raises
    the first statement's refusal where none can be taken."""
    statements = dict(enumerate(read_statements(raw, Budget(MOST_READ_SECONDS).check), start=1))
    accounts = _bank_accounts(tenant, statements)
    check_amounts([each for place, each in statements.items() if accounts[place] is not None])
    refused: dict[int, Refusal] = {}
    told: dict[int, Told] = {}
    for place, each in statements.items():
        fault = _fault(each, place, is_own=accounts[place] is not None)
        if fault is not None:
            refused[place] = fault
        else:
            upload = Upload(tenant, str(accounts[place]), file.sha256, file.uploaded_at)
            told[place] = _told(each, upload)
    taken = _agreeing(tenant, told, refused)
    if not taken:
        raise refused[min(refused)]
    lines = sum(len(each.lines) for each in taken.values())
    return replace(file, statement_ids=tuple(taken), lines=lines, refused=_rows(refused)), list(taken.values())


def _fault(told: model.Statement, place: int, *, is_own: bool) -> Refusal | None:
    """Why a statement is not taken, or None. Of one that plainly names an account of others nothing
    else is said."""
    account = told.account
    if is_own or told.twice or not (account.number and account.currency):
        return fault_of(told, place)
    facts = {"iban": account.number, "currency": account.currency}
    return NotFound(UNKNOWN_ACCOUNT, "no bank account of yours", **facts)


def _rows(refused: Mapping[int, Refusal]) -> tuple[RefusedStatement, ...]:
    """What is kept of statements that were not taken. Raises TooLarge `too_many_refused`."""
    kept = in_rows(_refused(place, refused[place]) for place in sorted(refused))
    if len(kept) > MOST_REFUSED:
        sentence = f"more than {MOST_REFUSED} of its statements cannot be taken, for reasons of their own"
        raise TooLarge("too_many_refused", sentence, maximum=MOST_REFUSED)
    return kept


def _agreeing(tenant: str, told: Mapping[int, Told], refused: dict[int, Refusal]) -> dict[str, Told]:
    """The statements of a file by id, each once, as they are known; those that say something else than another of their
    id, in the file or stored, are refused."""
    known = {each.statement_id: each for each in store.find_statements(tenant, _ids(told.values()))}
    in_file: dict[str, list[Statement]] = {}
    for each in told.values():
        in_file.setdefault(each.statement.statement_id, []).append(each.statement)
    by_id: dict[str, Told] = {}
    for place, each in told.items():
        statement_id = each.statement.statement_id
        alike = in_file[statement_id]
        held = known.get(statement_id)
        try:
            for other in (*alike, *([held] if held else ())):
                check_same(other, each.statement.content_sha256)
        except Conflict as differs:
            refused[place] = differs
            continue
        by_id.setdefault(statement_id, replace(each, statement=held, is_known=True) if held else each)
    return by_id


def _ids(told: Iterable[Told]) -> list[str]:
    return list(dict.fromkeys(each.statement.statement_id for each in told))


def _refused(place: int, refusal: Refusal) -> RefusedStatement:
    facts = {} if refusal.code == UNKNOWN_ACCOUNT else refusal.facts
    told = {name: value for name, value in facts.items() if isinstance(value, str | int) and name != "statement"}
    return RefusedStatement(place, refusal.code, told)


def _bank_accounts(tenant: str, statements: Mapping[int, model.Statement]) -> dict[int, str | None]:
    """The account in the books that each statement is about; None of one that is no bank account of the tenant's."""
    wanted = {
        place: purpose_account_id(tenant, Purpose.BANK, each.account.currency, each.account.number)
        for place, each in statements.items()
    }
    ids = list(dict.fromkeys(wanted.values()))
    known = {each for at in range(0, len(ids), BATCH) for each in load_accounts(tenant, ids[at : at + BATCH])}
    return {place: account_id if account_id in known else None for place, account_id in wanted.items()}


def _told(told: model.Statement, upload: Upload) -> Told:
    statement = new_statement(told, prove(told), upload)
    lines = () if statement.status == "quarantined" else lines_of(statement, told)
    return Told(statement, lines)


def _accept(call: Call, file: File, statements: Sequence[Statement]) -> Outcome:
    """Write the caller's key, with what the statements are now, and the file's record."""
    places = [store.place_of(statement) for statement in statements]
    links = [link_of(call.tenant, statement) for statement in statements]

    def decide(found: Found) -> Plan:
        held = [store.require_statement(found, call.tenant, place) for place in places]
        facts = [_facts(statement, link) for statement, link in zip(held, links, strict=True)]
        item = journal_item(call, ACCEPTED, subject=file.file_id, data=_answer(file, facts))
        before = store.take_file(found, call.tenant, file.file_id)
        is_known = before is not None and before.value.status == "accepted" and before.value.refused == file.refused
        return Plan(item, () if is_known else (store.save_file(call.tenant, file, before),))

    statement_keys = [store.statement_key(call.tenant, place) for place in places]
    return once(call, decide, [store.file_key(call.tenant, file.file_id), *statement_keys])


def _accept_later(call: Call, file: File, told: Sequence[Told]) -> Outcome:
    """Write the caller's key and the file's record. From the entry follows that its lines are stored."""
    loading = replace(file, status="loading")

    def decide(found: Found) -> Plan:
        facts = [_facts(each.statement, None) for each in told]
        item = journal_item(call, ACCEPTED, subject=file.file_id, data=_answer(loading, facts))
        before = store.take_file(found, call.tenant, file.file_id)
        if before is not None and before.value.status == "loading":
            return Plan(item)
        return Plan(item, (store.save_file(call.tenant, loading, before),))

    return once(call, decide, [store.file_key(call.tenant, file.file_id)])


def _answer(file: File, statements: list[dict[str, object]]) -> dict[str, object]:
    warnings = [msgspec.to_builtins(replace(each, through=each.through or each.statement)) for each in file.refused]
    return {"file_id": file.file_id, "status": file.status, "statements": statements, "warnings": warnings}


def _facts(statement: Statement, link: Link | None) -> dict[str, object]:
    return {
        "statement_id": statement.statement_id,
        "bank_statement_id": statement.bank_statement_id,
        "iban": statement.iban,
        "currency": statement.currency,
        "sequence": statement.sequence,
        "status": statement.status,
        "proof": statement.proof,
        "reason": statement.reason,
        "continuity": link.continuity if link else None,
        "lines": statement.lines,
        "matched": statement.matched,
        "breaks": statement.open_breaks,
    }


def _quarantine(tenant: str, file: File, refusal: Refusal) -> None:
    """Keep the record of a refused file, where it is seen with its reason. The caller's key stays free."""
    before = store.find_file(tenant, file.file_id)
    if before is not None and before.value.status == "accepted":
        return
    facts = {name: value for name, value in refusal.facts.items() if isinstance(value, str | int)}
    refused = replace(file, status="quarantined", reason=refusal.code, facts=facts)
    try:
        commit((store.save_file(tenant, refused, before),))
    except Failed:
        return  # another call has just written the record of the same file
