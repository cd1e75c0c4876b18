"""What a bank says has moved: money in goes into the escrow, to the lender, towards the line whose reference it quotes;
all else into suspense, where it is seen. Booked under the movement's own key, however often and by whatever it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import BankAccount, ExpectedPayment
from chalicelib.banking.movements import Movement
from chalicelib.core.calendars import booked_instant, today_in
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, KeyReused
from chalicelib.core.masking import masked
from chalicelib.core.values import dataclass
from chalicelib.ledger.account_life import in_open_period
from chalicelib.ledger.domain import Purpose, credit, debit, entry_of, purpose_account_id
from chalicelib.ledger.reservations import reserving_facts
from chalicelib.ledger.store.entries import entry_item, plan_entry
from chalicelib.ledger.store.together import plan_together
from chalicelib.settlement.domain.accounts import netted
from chalicelib.settlement.domain.receipts import Allocation, Receipt, receipt_id
from chalicelib.settlement.kinds import MOVEMENT
from chalicelib.settlement.service.bank_reversals import book_reversal, is_reversal, meet, original_of, waiting_for
from chalicelib.settlement.service.placements import Payment, Placement, nothing_placed, place, placement_reads
from chalicelib.settlement.service.repayments import value_day
from chalicelib.settlement.store import receipts
from chalicelib.settlement.store.expected import find_expectations
from chalicelib.storage.commit import Write
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.unfunding import held_back


@dataclass(frozen=True, slots=True)
class Aim:
    """What a movement is for: the payment it meets. None of ours: `reason` says why, and it goes to suspense."""

    expected: ExpectedPayment | None
    reason: str = "more_than_expected"


def book_movement(call: Call, movement: Movement) -> Outcome:
    """Book a movement that is no payout's, once. Never refused for what it is for: what fits no expectation goes to
    suspense and is listed, money out (a bank's charge, say) as well as money in.

    Raises Conflict `movement_differs` where the books have a movement of this reference with another amount.
    """
    undone = original_of(call.tenant, movement)
    if undone is None:
        return _book(call, movement, _aim(call.tenant, movement))
    kept = receive_movement(call, movement, nothing_placed(movement.amount), "unknown_return")
    return _differing(call, movement, lambda: book_reversal(call, movement, kept, undone))


def book_in_suspense(call: Call, movement: Movement, reason: str) -> Outcome:
    """Book a movement that contradicts what we know: it has happened at the bank, so the books have it, and the list of
    unmatched money has it with its reason. Raises as `book_movement`."""
    return _book(call, movement, Aim(None, reason))


def account_at_bank(bank_id: str, number: str) -> BankAccount | None:
    """Whose an account at a bank is, or None: no tenant's."""
    return banking_store.find_account(bank_id, number)


def _aim(tenant: str, movement: Movement) -> Aim:
    if is_reversal(movement):
        # Something is undone. What was written on it says what it was for, not what it should pay now.
        return Aim(None, "unknown_return")
    if movement.amount.minor < 0:
        return Aim(None, "unknown_debit")
    known = find_expectations(tenant, movement.references)
    if len(known) != 1:
        return Aim(None, "several_references" if known else "unknown_reference")
    if known[0].currency != movement.amount.currency:
        return Aim(None, "other_currency")
    return Aim(known[0])


def _book(call: Call, movement: Movement, aim: Aim) -> Outcome:
    reads = placement_reads(call.tenant, aim.expected) if aim.expected else ()

    def book(occurred_at: datetime) -> Outcome:
        return once(call, lambda found: _plan(call, movement, found, aim, occurred_at), reads=reads)

    dated = booked_instant(movement.amount.currency, movement.booked_on, call.now)
    return _differing(call, movement, lambda: in_open_period(book, dated, now=call.now))


def _differing(call: Call, movement: Movement, book: Callable[[], Outcome]) -> Outcome:
    """Book a movement; the books may have one of its reference with another amount: Conflict `movement_differs`."""
    try:
        return book()
    except KeyReused as error:
        facts = {"entry_id": call.entry_id, "minor": movement.amount.minor, "currency": movement.amount.currency}
        raise Conflict("movement_differs", "the books have this movement with another amount", **facts) from error


def _plan(call: Call, movement: Movement, found: Found, aim: Aim, occurred_at: datetime) -> Plan:
    placed = _placed(call, movement, found, aim)
    receipt = receive_movement(call, movement, placed, placed.waits or aim.reason)
    bank, left = movement.account.account_id, receipt.unallocated
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, movement.amount.currency)
    postings = netted((*placed.postings, debit(bank, left), credit(suspense, left)))
    entry = entry_of(
        MOVEMENT,
        postings,
        occurred_at=occurred_at,
        subject=placed.subject or None,
        reference=movement.bank_reference or None,
    )
    holds, held = _holds(call.tenant, movement, receipt)
    receipt = replace(receipt, freezes=held)
    writes = (
        *placed.writes,
        *holds,
        *receipts.create_receipt(call.tenant, receipt, bank, receipts.sealed_of(call.tenant, receipt, movement)),
    )
    data = _facts(movement, placed, receipt, aim) | reserving_facts(postings, placed.returned_to)
    if placed.adjustment is not None:
        return plan_together(call, (entry_item(call, entry, data=data), placed.adjustment), *writes)
    return plan_entry(call, entry, *writes, data=data, fact=aim.expected is None)


def _placed(call: Call, movement: Movement, found: Found, aim: Aim) -> Placement:
    """Where the money goes: to a reversal that has waited for it, and then where its reference says."""
    own, bank = receipt_id(call.tenant, call.entry_id), movement.account.account_id
    waiting = waiting_for(call.tenant, movement)
    met, writes = (None, ()) if waiting is None else meet(call, waiting, own, movement.amount)
    left = movement.amount if met is None else movement.amount.of(movement.amount.minor - met.minor)
    on_hold = waiting is not None and aim.expected is not None and aim.expected.subject_id in waiting.value.freezes
    if aim.expected is None or not left.minor or on_hold:
        placed = nothing_placed(left)
    else:
        on = value_day(movement.value_on, movement.booked_on, today_in(movement.amount.currency, call.now))
        placed = place(call, found, Payment(own, bank, left, on), aim.expected)
    if met is None:
        return placed
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, movement.amount.currency)
    taken = movement.amount.of(met.minor)
    return replace(
        placed,
        postings=(*placed.postings, debit(bank, taken), credit(suspense, taken)),
        used=placed.used + taken,
        writes=(*placed.writes, *writes),
        parts=(met, *placed.parts),
    )


def _holds(tenant: str, movement: Movement, receipt: Receipt) -> tuple[tuple[Write, ...], dict[str, int]]:
    """What a reversal that undoes nothing known keeps on hold of the trades it quotes: as much as it is of, on each."""
    if not receipt.is_reversal or receipt.unallocated_minor >= 0:
        return (), {}
    quoted = find_expectations(tenant, movement.references)
    trade_ids = [expected.subject_id for expected in quoted if expected.kind == "trade"]
    found = fetch(trades_store.state_key(tenant, trade_id) for trade_id in trade_ids)
    writes: list[Write] = []
    held: dict[str, int] = {}
    for record in (trades_store.take_trade(found, tenant, trade_id) for trade_id in trade_ids):
        after, minor = held_back(record.value, -receipt.unallocated_minor)
        if minor:
            held[after.trade_id] = minor
            writes.append(trades_store.save_trade(tenant, after, version=record.version))
    return tuple(writes), held


def receive_movement(
    call: Call, movement: Movement, placed: Placement, reason: str, *, entry_id: str | None = None
) -> Receipt:
    """The receipt of a movement that an entry books (that of `call` unless given), with the parts that found their
    place; `reason` is why the rest did not."""
    entry_id = entry_id or call.entry_id
    parts = tuple(
        Allocation(
            number=number,
            target=part.target,
            target_id=part.target_id,
            minor=part.minor,
            entry_id=entry_id,
            allocated_at=call.now,
            allocated_by=call.actor,
            stake=part.stake,
            event=part.event,
        )
        for number, part in enumerate(placed.parts, start=1)
    )
    left = movement.amount - placed.used
    number = movement.counterparty_account
    return Receipt(
        receipt_id=receipt_id(call.tenant, entry_id),
        bank_id=movement.account.bank_id,
        iban=movement.account.iban,
        bank_reference=movement.bank_reference,
        currency=movement.amount.currency,
        amount_minor=movement.amount.minor,
        unallocated_minor=left.minor,
        reference=movement.text,
        booked_on=movement.booked_on,
        value_on=movement.value_on,
        counterparty_name=movement.counterparty_name,
        counterparty_account=masked(number) if number else "",
        reason=reason if left.minor else "",
        entry_id=entry_id,
        received_at=call.now,
        allocations=parts,
        end_to_end_id=movement.end_to_end_id,
        uetr=movement.uetr,
        original_reference=movement.original_reference,
        is_reversal=is_reversal(movement),
    )


def _facts(movement: Movement, placed: Placement, receipt: Receipt, aim: Aim) -> dict[str, Any]:
    return {
        "receipt_id": receipt.receipt_id,
        "bank_reference": movement.bank_reference,
        "booked_on": movement.booked_on.isoformat() if movement.booked_on else None,
        "currency": movement.amount.currency,
        "received_minor": movement.amount.minor,
        "matched_minor": placed.used.minor - placed.returned,
        "returned_minor": placed.returned,
        "suspense_minor": receipt.unallocated_minor,
        "payment_reference": aim.expected.reference if aim.expected else None,
    }
