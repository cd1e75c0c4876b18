"""Taking in a bank's file of statements.

A file may hold more lines than one commit can write, so this command is several: the steps of `loading.py`, and last
the caller's own key with the answer. A file of many lines is answered before they are stored, and stays due: a schedule
stores them by the same steps. What a crash cuts off is gone on with when the same file is sent again, under whatever
key. A line books nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound, Refusal, TooLarge
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.ledger.store.entries import find_entry
from chalicelib.messages import model
from chalicelib.messages.proof import prove
from chalicelib.recon import store
from chalicelib.recon.chaining import Link
from chalicelib.recon.domain import Statement, Upload, lines_of, new_statement
from chalicelib.recon.files import File, file_id
from chalicelib.recon.formats import MOST_BYTES, read_statements
from chalicelib.recon.service.linking import link_of
from chalicelib.recon.service.loading import Told, check_same, store_statement
from chalicelib.storage import blobs
from chalicelib.storage.commit import Failed, commit
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found

ACCEPTED = "statement_file.accepted"
MOST_AT_ONCE = 500
"""Lines of one file that are stored before it is answered."""

SKIPPED = "unknown_bank_account"


def upload_statement(call: Call, raw: bytes) -> Outcome:
    """Take in a file of one or several statements. Facts: `file_id` and, for each statement, its figures.

    The file is kept as it came. Statements are proved, stored and matched; one that is known already is answered as it
    stands, one that does not foot is kept in quarantine, one of an account that is not the tenant's is left out and its
    place in the file is a warning. Of more than 500 lines the file is `loading`: they are stored within minutes. Where
    the file as a whole is refused it is kept in quarantine too, and nothing else of it: see `read_statements` for those
    refusals, and NotFound `unknown_bank_account` (each of its statements is of an account that is not the tenant's),
    Conflict `statement_differs` (the account has a statement of this id that says something else). Only a file beyond
    the limit of bytes, TooLarge `file_too_large`, is not kept.
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


def load_on(tenant: str, file_id: str, *, now: datetime, is_over: Callable[[], bool]) -> int:
    """Store more lines of a file that is loading, until `is_over`; the last ones make it `accepted`. A refusal of what
    it says puts it in quarantine. Returns 1 if there was anything to do, else 0."""
    record = store.find_file(tenant, file_id)
    if record is None or record.value.status != "loading":
        return 0
    file = record.value
    call = worker_call(tenant=tenant, key=f"load:{file_id}", content=None, now=now, entropy=b"", actor=file.uploaded_by)
    try:
        file, told = _judge(tenant, blobs.read(_blob(tenant, file)), file)
        are_whole = all(store_statement(call, each, is_over=is_over) for each in told)
    except (InvalidInput, NotFound, Conflict, TooLarge) as refusal:
        _quarantine(tenant, file, refusal)
        return 1
    if are_whole:
        commit((store.save_file(tenant, replace(file, status="accepted"), record),))
    return 1


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
    """The file with what is known of it once it is read, and its statements, each once; or the refusal of the whole
    file. Nothing is written yet."""
    statements = read_statements(raw)
    told: dict[str, Told] = {}
    accounts = _bank_accounts(tenant, statements)
    for statement, account_id in zip(statements, accounts, strict=True):
        if account_id is None:
            continue
        each = _told(statement, Upload(tenant, account_id, file.sha256, file.uploaded_at))
        first = told.setdefault(each.statement.statement_id, each)
        check_same(first.statement, each.statement.content_sha256)
    for held in store.find_statements(tenant, list(told)):
        check_same(held, told[held.statement_id].statement.content_sha256)
        told[held.statement_id] = replace(told[held.statement_id], statement=held, is_known=True)
    skipped = tuple(place for place, account_id in enumerate(accounts, start=1) if account_id is None)
    lines = sum(len(each.lines) for each in told.values())
    return replace(file, statement_ids=tuple(told), lines=lines, skipped=skipped), list(told.values())


def _bank_accounts(tenant: str, statements: Sequence[model.Statement]) -> list[str | None]:
    """The account in the books that each statement is about; None of one that is no bank account of the tenant's. If
    that is each of them, the file is refused."""
    wanted = [
        purpose_account_id(tenant, Purpose.BANK, each.account.currency, each.account.number) for each in statements
    ]
    known = load_accounts(tenant, wanted)
    if not known:
        facts = {"iban": statements[0].account.number, "currency": statements[0].account.currency}
        raise NotFound("unknown_bank_account", "no bank account of yours", **facts)
    return [account_id if account_id in known else None for account_id in wanted]


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
        is_known = before is not None and before.value.status == "accepted" and before.value.skipped == file.skipped
        return Plan(item, () if is_known else (store.save_file(call.tenant, file, before),))

    statement_keys = [store.statement_key(call.tenant, place) for place in places]
    return once(call, decide, [store.file_key(call.tenant, file.file_id), *statement_keys])


def _accept_later(call: Call, file: File, told: Sequence[Told]) -> Outcome:
    """Write the caller's key and the file's record, which is due at once: its lines are stored by a schedule."""
    loading = replace(file, status="loading")

    def decide(found: Found) -> Plan:
        facts = [_facts(each.statement, None) for each in told]
        item = journal_item(call, ACCEPTED, subject=file.file_id, data=_answer(loading, facts))
        before = store.take_file(found, call.tenant, file.file_id)
        if before is not None and before.value.status == "loading":
            return Plan(item)
        return Plan(item, (store.save_file(call.tenant, loading, before, due_at=call.now),))

    return once(call, decide, [store.file_key(call.tenant, file.file_id)])


def _answer(file: File, statements: list[dict[str, object]]) -> dict[str, object]:
    warnings = [{"code": SKIPPED, "statement": place} for place in file.skipped]
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
