"""A debit by which the bank takes a receipt back (or a credit that undoes a debit), and the pairing of two by hand.

Which receipt it undoes is said by the bank's reference of it, by UETR or end-to-end id (see `undone_receipt`), or by a
payment reference if exactly one receipt of that fits. One that fits nothing waits in suspense, and keeps its amount on
hold on the trades it quotes; if the receipt that it undoes becomes known later, the two meet then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.banking.movements import Movement
from chalicelib.core.calendars import booked_instant
from chalicelib.core.call import WORKER, Call, entry_id, worker_call
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.ledger.account_life import in_open_period
from chalicelib.ledger.domain import Purpose, credit, entry_of, movement_key, purpose_account_id
from chalicelib.ledger.store.entries import entry_item
from chalicelib.ledger.store.movements import keys_of_reference
from chalicelib.ledger.store.together import plan_together
from chalicelib.settlement.domain.accounts import netted
from chalicelib.settlement.domain.receipts import (
    MAX_ALLOCATIONS,
    Receipt,
    Target,
    next_number,
    part_to_allocate,
    receipt_id,
    with_allocation,
)
from chalicelib.settlement.domain.undoing import (
    can_undo,
    is_reversal,
    undone_receipt,
    undone_reference,
    waits_for,
)
from chalicelib.settlement.kinds import PAIRED, REVERSED
from chalicelib.settlement.service.allocations import lift_holds, new_allocation, without_holds
from chalicelib.settlement.service.placements import MAX_RECEIPTS, Part
from chalicelib.settlement.service.reversals import TakenBack, has_standing, take_back
from chalicelib.settlement.store import receipts
from chalicelib.settlement.store.expected import find_expectations
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned


def original_of(tenant: str, movement: Movement) -> str | None:
    """The id of the one receipt that a movement undoes, or None: the bank named none, or more than one fits."""
    ids = tuple(dict.fromkeys((*_named(tenant, movement), *_alike(tenant, movement))))
    if not (ids or is_reversal(movement)):
        return None
    known, quoted = receipts.find_receipts(tenant, ids), _quoted(tenant, movement)
    found = undone_receipt(known, movement, quoted=quoted)
    if found is None and is_reversal(movement) and not any(can_undo(one, movement) for one in known):
        found = undone_receipt(_of_quoted(tenant, movement, quoted), movement)
    return found.receipt_id if found else None


def book_reversal(call: Call, movement: Movement, kept: Receipt, original_id: str) -> Outcome:
    """Book a movement that undoes a receipt, and take back what it undoes in the same commit. `kept` is the movement's
    own receipt as it is received, with all of it left. A target is touched once in a commit: what else of it there is
    follows in commits of their own; what the other receipt cannot give stays in suspense."""

    def decide(found: Found, occurred_at: datetime) -> Plan:
        original = receipts.take_receipt(found, call.tenant, original_id)
        taken = take_back(call, original, -movement.amount)
        own = _paired(call, kept, original_id, taken)
        bank = movement.account.account_id
        suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, movement.amount.currency)
        legs = (*taken.postings, credit(bank, -movement.amount), credit(suspense, own.unallocated))
        entry = entry_of(
            REVERSED,
            netted(legs),
            occurred_at=occurred_at,
            subject=_subject(taken, own),
            reference=movement.bank_reference or None,
        )
        item = entry_item(call, entry, data=_facts(movement, own) | taken.facts)
        created = receipts.create_receipt(call.tenant, own, bank, receipts.sealed_of(call.tenant, own, movement))
        return plan_together(call, (item, *taken.adjustments), *taken.writes, *created, read=taken.read)

    def book(occurred_at: datetime) -> Outcome:
        reads = (receipts.receipt_key(call.tenant, original_id),)
        return once(call, lambda found: decide(found, occurred_at), reads=reads)

    outcome = in_open_period(book, booked_instant(movement.amount.currency, movement.booked_on, call.now), now=call.now)
    _take_back_rest(call, kept.receipt_id, original_id)
    return outcome


def _take_back_rest(call: Call, own_id: str, original_id: str) -> None:
    """Take back what the first commit has left of a receipt that still stands somewhere. Where a person has been
    faster, or a receipt has too many parts, the rest waits in suspense."""
    for _ in range(MAX_ALLOCATIONS):
        own, original = receipts.find_receipts(call.tenant, (own_id, original_id))
        paired = [part for part in own.allocations if part.target_id == original_id]
        undone = any(part.ended_minor for part in paired)
        if not paired or undone or not own.unallocated_minor or not has_standing(original):
            return
        key = f"rest:{call.entry_id}:{next_number(own) - 1}"
        step = worker_call(tenant=call.tenant, key=key, content=None, now=call.now, entropy=b"", actor=call.actor)
        try:
            pair_receipts(step, own_id, original_id, None, "")
        except Conflict:
            return


def pair_receipts(call: Call, receipt_id: str, other_id: str, amount: Money | None, reason: str) -> Outcome:
    """Say by hand that a receipt, of which something is left, undoes another one of the opposite sign. Facts: what of
    it was paired, and what that took back.

    Raises NotFound `receipt_not_found`; what `part_to_allocate` raises; InvalidInput `receipts_not_opposite`,
    `currency_mismatch`; Conflict `receipt_reversed` where nothing of the other is there to be taken back.
    """

    def decide(found: Found) -> Plan:
        mine = receipts.take_receipt(found, call.tenant, receipt_id)
        other = receipts.take_receipt(found, call.tenant, other_id)
        _check_opposite(mine.value, other.value)
        part = part_to_allocate(mine.value, amount)
        taken = take_back(call, other, -part, mine.value.freezes)
        if not taken.taken.minor:
            raise Conflict("receipt_reversed", "nothing of the other receipt is left", receipt_id=other_id)
        return _pairing_plan(call, mine, other_id, taken, reason)

    reads = tuple(receipts.receipt_key(call.tenant, one) for one in (receipt_id, other_id))
    return once(call, decide, reads=reads)


def waiting_for(tenant: str, movement: Movement) -> Versioned[Receipt] | None:
    """The receipt of a reversal that became known before the movement it undoes, which is this one; None: there is
    none, or more than one."""
    account_id = movement.account.account_id
    named = (receipts.reversal_of(movement.bank_reference), movement.uetr, movement.end_to_end_id)
    ids = [one for value in filter(None, named) for one in receipts.alike_ids(tenant, account_id, value)]
    waiting = [one for one in receipts.versioned(tenant, tuple(dict.fromkeys(ids))) if waits_for(one.value, movement)]
    return waiting[0] if len(waiting) == 1 else None


def meet(call: Call, waiting: Versioned[Receipt], own_id: str, amount: Money) -> tuple[Part, tuple[Write, ...]]:
    """What of an arriving movement a waiting reversal takes back at once, as a part of its receipt; and the writes."""
    there = -waiting.value.unallocated_minor
    minor = min(amount.minor, there) if amount.minor > 0 else max(amount.minor, there)
    part = Part(Target.REVERSED, own_id, -minor)
    after = with_allocation(waiting.value, new_allocation(call, waiting.value, part))
    lifted = () if after.unallocated_minor else lift_holds(call.tenant, after)
    saved = receipts.save_receipt(call.tenant, waiting, without_holds(after))
    return Part(Target.RECEIPT, waiting.value.receipt_id, minor), (*lifted, *saved)


def _pairing_plan(call: Call, mine: Versioned[Receipt], other_id: str, taken: TakenBack, reason: str) -> Plan:
    after = _paired(call, mine.value, other_id, taken)
    touched = {str(facts["trade_id"]) for facts in taken.trades}
    lifted = () if after.unallocated_minor else lift_holds(call.tenant, after, touched)
    writes = (*taken.writes, *lifted, *receipts.save_receipt(call.tenant, mine, without_holds(after)))
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, after.currency)
    legs = netted((*taken.postings, credit(suspense, taken.taken)))
    part = after.allocations[-1]
    facts = {
        "receipt_id": after.receipt_id,
        "to": part.target.value,
        "target_id": other_id,
        "allocation": part.number,
        "allocated_minor": part.minor,
        "unallocated_minor": after.unallocated_minor,
        "currency": after.currency,
        "booked_on": after.booked_on.isoformat() if after.booked_on else None,
        "value_on": after.value_on.isoformat() if after.value_on else None,
        "reason": reason,
        **taken.facts,
    }
    subject = _subject(taken, after)
    if not legs:
        return Plan(journal_item(call, PAIRED, subject=subject, data=facts), writes)
    entry = entry_of(PAIRED, legs, occurred_at=call.now, subject=subject, reference=after.bank_reference or None)
    item = entry_item(call, entry, data=facts)
    return plan_together(call, (item, *taken.adjustments), *writes, read=taken.read)


def _paired(call: Call, mine: Receipt, other_id: str, taken: TakenBack) -> Receipt:
    """The receipt that undoes another, after what it took back of it."""
    if not taken.taken.minor:
        return mine
    part = Part(Target.REVERSED, other_id, -taken.taken.minor)
    return with_allocation(mine, new_allocation(call, mine, part), reason="more_than_receipt")


def _subject(taken: TakenBack, own: Receipt) -> str:
    """What the entry is about: the trade that has lost the money, if it is one, else the receipt."""
    return str(taken.trades[0]["trade_id"]) if len(taken.trades) == 1 else own.receipt_id


def _check_opposite(mine: Receipt, other: Receipt) -> None:
    if mine.currency != other.currency:
        facts = {"expected": mine.currency, "given": other.currency}
        raise InvalidInput("currency_mismatch", "the receipts are in two currencies", field="id", **facts)
    if mine.amount_minor * other.amount_minor > 0:
        raise InvalidInput("receipts_not_opposite", "a credit undoes a debit, and a debit a credit", field="id")


def _named(tenant: str, movement: Movement) -> list[str]:
    """The receipts of all movements that have the bank's reference which a reversal names, or its own."""
    account_id = movement.account.account_id
    reference = undone_reference(movement.original_reference, movement.bank_reference)
    if not is_reversal(movement) or not reference:
        return []
    keys = (movement_key(account_id, reference), *keys_of_reference(tenant, account_id, reference))
    return [receipt_id(tenant, entry_id(tenant, f"{WORKER}:{key}")) for key in dict.fromkeys(keys)]


def _alike(tenant: str, movement: Movement) -> list[str]:
    """The receipts that have its UETR or end-to-end id."""
    values = filter(None, (movement.uetr, movement.end_to_end_id))
    return [one for value in values for one in receipts.alike_ids(tenant, movement.account.account_id, value)]


def _quoted(tenant: str, movement: Movement) -> tuple[str, ...]:
    """The receipts of the one payment that it quotes; none where it had more than are remembered: another may fit."""
    quoted = find_expectations(tenant, movement.references)
    known = quoted[0].receipts if len(quoted) == 1 else ()
    return known if len(known) < MAX_RECEIPTS else ()


def _of_quoted(tenant: str, movement: Movement, quoted: tuple[str, ...]) -> list[Receipt]:
    """Those that a reversal which names nothing known may undo. Where the bank has named a movement that is not known
    (yet), another one of the trade is it only by the very amount."""
    known = receipts.find_receipts(tenant, quoted)
    exact = bool(movement.original_reference)
    return [one for one in known if not exact or one.amount_minor == -movement.amount.minor]


def _facts(movement: Movement, own: Receipt) -> dict[str, Any]:
    return {
        "receipt_id": own.receipt_id,
        "bank_reference": movement.bank_reference,
        "booked_on": movement.booked_on.isoformat() if movement.booked_on else None,
        "currency": movement.amount.currency,
        "received_minor": movement.amount.minor,
        "suspense_minor": own.unallocated_minor,
        "return_reason": movement.return_reason,
    }
