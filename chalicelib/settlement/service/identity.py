"""Which movement of an account a bank's message states, and what becomes of one that may be a duplicate.

A movement is booked under the key it is known as. A doubtful one is kept aside: neither booked nor funding, until a
statement or a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from chalicelib.banking.movements import Movement
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import derived_id
from chalicelib.ledger.movements import KnownMovement, Source, is_sum_of
from chalicelib.ledger.store.entries import find_entry
from chalicelib.ledger.store.movements import identify, known_of_reference
from chalicelib.recon import store as recon_store
from chalicelib.recon.domain import Statement, check_comment
from chalicelib.settlement.domain.possible_duplicates import (
    STATEMENT,
    PossibleDuplicate,
    Status,
    decide,
    duplicate_facts,
    duplicate_id,
    entry_of,
    reopen,
    revoke,
)
from chalicelib.settlement.domain.receipts import receipt_id
from chalicelib.settlement.kinds import DUPLICATE_DECIDED, DUPLICATE_REOPENED
from chalicelib.settlement.store import possible_duplicates as store
from chalicelib.settlement.store import receipts
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item


def identify_movement(movement: Movement, source: Source, message_id: str, *, now: datetime) -> Movement | None:
    """The movement under the key it is known as, or None: it may be one that the books have, and is kept aside.

    Where a proved statement has its day already, the statement decides at once. Raises Busy `try_again`.
    """
    tenant = movement.account.tenant_id
    known = identify(tenant, movement.facts, source).movement
    named = replace(movement, known_as=known.key)
    if not known.is_doubtful:
        return named
    kept = _kept(tenant, named, known, message_id, now)
    if kept.status == "open" and source.is_proved and known.source.message != source.message:
        kept = _decide_by(derived_id("stm", source.message), kept, "confirmed", now=now)
    if kept.status == "open":
        return _by_earlier_statement(named, kept, known, now=now)
    return named if kept.status == "confirmed" else None


def confirm(call: Call, duplicate_id: str, comment: str) -> Outcome:
    """Decide that a possible duplicate is a movement of its own. Its booking follows. Facts: as `duplicate_facts`.

    Raises InvalidInput `comment_missing`, `comment_too_long`; NotFound `possible_duplicate_not_found`; Conflict
    `possible_duplicate_decided`.
    """
    return _decide(call, duplicate_id, "confirmed", check_comment(comment))


def dismiss(call: Call, duplicate_id: str, comment: str) -> Outcome:
    """Decide that a possible duplicate is the movement that the books have. What was booked of one that a person has
    confirmed is then taken back. Facts: as `duplicate_facts`.

    Raises as `confirm`; Conflict `possible_duplicate_stated` (a statement's line has the movement),
    `possible_duplicate_not_received` (it is not booked as a receipt: it was of a payout, or is being booked).
    """
    check_comment(comment)
    tenant, known = call.tenant, store.load_duplicate(call.tenant, duplicate_id)
    if known.status == "open":
        return _decide(call, duplicate_id, "dismissed", comment)
    mark_key = recon_store.entry_mark_key(tenant, known.movement.account.account_id, entry_of(known.movement))
    receipt_key = receipts.receipt_key(tenant, receipt_id(tenant, known.entry_id))

    def plan(found: Found) -> Plan:
        before = store.take_duplicate(found, tenant, duplicate_id)
        after = revoke(before.value, by=call.actor, comment=comment, at=call.now)
        if mark_key in found:
            raise Conflict("possible_duplicate_stated", "a statement shows the movement", duplicate_id=duplicate_id)
        if receipt_key not in found:
            facts = {"duplicate_id": duplicate_id, "entry_id": known.entry_id}
            raise Conflict("possible_duplicate_not_received", "it is not booked as a receipt", **facts)
        return _decision(call, after, before.version)

    return once(call, plan, reads=(store.duplicate_key(tenant, duplicate_id), mark_key, receipt_key))


def reopen_dismissed(call: Call, duplicate_id: str, comment: str) -> Outcome:
    """Undo a dismissal. Raises as `confirm`, also where it is open or confirmed."""
    check_comment(comment)

    def plan(found: Found) -> Plan:
        before = store.take_duplicate(found, call.tenant, duplicate_id)
        after = reopen(before.value)
        facts = duplicate_facts(after) | {"comment": comment}
        item = journal_item(call, DUPLICATE_REOPENED, subject=duplicate_id, data=facts)
        return Plan(item, (store.replace_duplicate(call.tenant, after, version=before.version),))

    return once(call, plan, reads=(store.duplicate_key(call.tenant, duplicate_id),))


def settle_doubts(tenant: str, statement_id: str, doubtful: Iterable[str], *, now: datetime) -> list[PossibleDuplicate]:
    """Let a statement that was stored decide. Those kept aside whose movements its lines have taken (`doubtful`, by
    key) are confirmed, and returned to be booked; those of its account and period that no line has taken are dismissed
    where a line has the movement that they were doubted for."""
    statement = recon_store.load_statement(tenant, statement_id)
    confirmed: list[PossibleDuplicate] = []
    for key in doubtful:
        kept = store.load_duplicate(tenant, duplicate_id(tenant, key))
        if _is_for_statement(tenant, kept):
            kept = _decide_by(statement_id, kept, "confirmed", now=now)
        if kept.status == "confirmed":
            confirmed.append(kept)
    for kept in _open_within(tenant, statement):
        _dismiss_where_stated(statement_id, kept, now=now)
    return confirmed


def is_decided(tenant: str, duplicate_id: str) -> bool:
    """Whether nothing is left to book of a possible duplicate that was decided on: it is booked where it is
    confirmed, and what was undone is taken back."""
    kept = store.load_duplicate(tenant, duplicate_id)
    due = [entry_of(kept.undoing(kept.taken_back - 1))] if kept.taken_back else []
    due += [kept.entry_id] if kept.status == "confirmed" else []
    return all(find_entry(tenant, one) is not None for one in due)


def is_settled(tenant: str, statement_id: str, doubtful: Iterable[str]) -> bool:
    """Whether a statement that was stored has nothing left to decide, and what it has confirmed is booked: nothing is
    left for `settle_doubts`."""
    for key in doubtful:
        kept = store.load_duplicate(tenant, duplicate_id(tenant, key))
        if not is_decided(tenant, kept.duplicate_id) or _is_for_statement(tenant, kept):
            return False
    statement = recon_store.load_statement(tenant, statement_id)
    return not any(_is_stated(kept) for kept in _open_within(tenant, statement))


def get_duplicate(tenant: str, duplicate_id: str) -> PossibleDuplicate:
    """A possible duplicate. Raises NotFound `possible_duplicate_not_found`."""
    return store.load_duplicate(tenant, duplicate_id)


def list_duplicates(tenant: str, status: str, *, after: Item | None, limit: int) -> Listing[PossibleDuplicate]:
    """One page of possible duplicates, `open`, `confirmed` or `dismissed`, the oldest first."""
    return store.list_duplicates(tenant, status, after=after, limit=limit)


def _decide(call: Call, duplicate_id: str, status: Status, comment: str) -> Outcome:
    def plan(found: Found) -> Plan:
        before = store.take_duplicate(found, call.tenant, duplicate_id)
        after = decide(before.value, status, by=call.actor, comment=comment, at=call.now)
        return _decision(call, after, before.version)

    return once(call, plan, reads=(store.duplicate_key(call.tenant, duplicate_id),))


def _decision(call: Call, after: PossibleDuplicate, version: int) -> Plan:
    item = journal_item(call, DUPLICATE_DECIDED[after.status], subject=after.duplicate_id, data=duplicate_facts(after))
    return Plan(item, (store.replace_duplicate(call.tenant, after, version=version),))


def _is_for_statement(tenant: str, kept: PossibleDuplicate) -> bool:
    """Whether a statement whose line has taken the movement of a possible duplicate is to confirm it."""
    outranks = kept.status == "open" or (kept.status == "dismissed" and kept.decided_by.startswith(STATEMENT))
    return outranks and not _is_sum_of_booked(tenant, kept.movement)


def _open_within(tenant: str, statement: Statement) -> Iterator[PossibleDuplicate]:
    """The possible duplicates that are open within the period of a statement that is stored whole and holds."""
    if statement.holds and statement.status == "loaded":
        for kept in store.open_duplicates(tenant, statement.bank_account_id):
            day = kept.movement.booked_on
            if day is not None and statement.starts_on <= day <= statement.ends_on:
                yield kept


def _is_sum_of_booked(tenant: str, movement: Movement) -> bool:
    """Whether a movement is a batch whose parts are known as movements: it is the same money, and a person decides."""
    return is_sum_of(movement.facts, known_of_reference(tenant, movement.facts))


def _kept(tenant: str, movement: Movement, known: KnownMovement, message_id: str, now: datetime) -> PossibleDuplicate:
    """The possible duplicate as it is kept, or as it stands already."""
    kept = PossibleDuplicate(
        duplicate_id=duplicate_id(tenant, movement.key),
        movement=movement,
        entry_id=recon_store.entry_of_movement(tenant, movement.key),
        doubted_entry_id=recon_store.entry_of_movement(tenant, known.doubts),
        doubted_key=known.doubts,
        message_id=message_id,
        created_at=now,
    )
    return kept if store.keep(tenant, kept) else store.load_duplicate(tenant, kept.duplicate_id)


def _by_earlier_statement(
    named: Movement, kept: PossibleDuplicate, known: KnownMovement, *, now: datetime
) -> Movement | None:
    """What to book where a proved statement has the day already: the movement of a line that no entry stands for yet,
    or nothing."""
    tenant, account_id, day = named.account.tenant_id, named.account.account_id, named.booked_on
    statement = None if day is None else recon_store.statement_covering(tenant, account_id, day)
    if statement is None or not _dismiss_where_stated(statement.statement_id, kept, now=now):
        return None
    same_amount = known.facts.amount == named.amount and find_entry(tenant, kept.doubted_entry_id) is None
    return replace(named, known_as=known.doubts) if same_amount else None


def _dismiss_where_stated(statement_id: str, kept: PossibleDuplicate, *, now: datetime) -> bool:
    """Dismiss a possible duplicate where a line has the movement that it was doubted for and none has its own."""
    return _is_stated(kept) and _decide_by(statement_id, kept, "dismissed", now=now).status == "dismissed"


def _is_stated(kept: PossibleDuplicate) -> bool:
    """Whether a line has the movement that a possible duplicate was doubted for, and none has its own."""
    keys = (kept.movement.key, kept.doubted_key)
    marks = recon_store.find_marks(kept.movement.account.tenant_id, kept.movement.account.account_id, keys)
    return kept.movement.key not in marks and kept.doubted_key in marks


def _decide_by(statement_id: str, kept: PossibleDuplicate, status: Status, *, now: datetime) -> PossibleDuplicate:
    """Decide by a statement, once for each; where a person has decided meanwhile, that stands."""
    call = worker_call(
        tenant=kept.movement.account.tenant_id,
        key=f"possible-duplicate:{kept.duplicate_id}:{statement_id}:{status}",
        content=None,
        now=now,
        entropy=b"",
        actor=statement_id,
    )
    try:
        _decide(call, kept.duplicate_id, status, "")
    except Conflict as decided:
        if decided.code != "possible_duplicate_decided":
            raise
    return store.load_duplicate(call.tenant, kept.duplicate_id)
