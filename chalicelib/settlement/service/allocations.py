"""Receipts that wait in suspense: allocated to where they belong, in whole or part, and each allocation undone.

An allocation keeps the receipt's days: it is booked on the booking day where the books are open, and counts from the
value date. Two receipts of opposite signs are paired by `chalicelib.settlement.service.reversals`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast

from chalicelib.banking import store as banking_store
from chalicelib.banking.references import reference_for
from chalicelib.core.calendars import booked_instant, today_in
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, InvalidInput, NotFound
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.account_life import in_open_period
from chalicelib.ledger.domain import Entry, Purpose, credit, debit, entry_of, purpose_account_id
from chalicelib.ledger.reservations import held_facts
from chalicelib.ledger.store.entries import balance_writes, entry_item
from chalicelib.ledger.store.together import plan_together
from chalicelib.settlement.domain.accounts import netted, party_account_id
from chalicelib.settlement.domain.claims import Reason, new_claim, opening_postings
from chalicelib.settlement.domain.receipts import (
    Allocation,
    Receipt,
    Target,
    next_number,
    part_to_allocate,
    with_allocation,
    with_ended,
)
from chalicelib.settlement.kinds import ALLOCATED, ALLOCATION_UNDONE
from chalicelib.settlement.service.placements import Part, Payment, Placement, place, placement_reads
from chalicelib.settlement.service.repayments import value_day
from chalicelib.settlement.service.withdrawals import Withdrawal, withdraw
from chalicelib.settlement.store import receipts
from chalicelib.settlement.store.claims import open_claim
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import AccountItem, account_key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.unfunding import lifted

EXPECTING = {
    Target.TRADE: "trade_not_found",
    Target.CREDIT_LINE: "credit_line_not_found",
    Target.LENDER: "lender_not_found",
}
"""Targets that an expected payment stands for, and the code where there is none."""


@dataclass(frozen=True, slots=True)
class Allocate:
    """Move a part of a receipt (None: all that is left and wanted) to a target. `value_on`: a repayment counts from
    this day instead of the receipt's own value date."""

    receipt_id: str
    target: Target
    target_id: str
    amount: Money | None = None
    value_on: date | None = None
    reason: str = ""


def allocate(call: Call, command: Allocate) -> Outcome:
    """Move what is left of a receipt, or a part of it, from suspense to a trade, a credit line, a lender, a party's
    account, an own account or (money out) a claim on a party. Facts: the part, and what is left.

    Raises NotFound `receipt_not_found`, and of the target; what `part_to_allocate` raises; InvalidInput
    `target_takes_no_debit`, `target_takes_no_credit`, `target_is_a_bank`; Conflict `more_than_wanted` (the target takes
    less), what a repayment of that day is refused for; and from the write `account_controlled`, `insufficient_funds`.
    """
    key = receipts.receipt_key(call.tenant, command.receipt_id)

    def decide(found: Found, occurred_at: datetime) -> Plan:
        before = receipts.take_receipt(found, call.tenant, command.receipt_id)
        part = part_to_allocate(before.value, command.amount)
        if part.minor < 0 and command.target in EXPECTING:
            raise InvalidInput(
                "target_takes_no_debit", "money out goes to an account, or to what it undoes", field="to"
            )
        return _plan(call, command, before, part, occurred_at)

    def book(occurred_at: datetime) -> Outcome:
        return once(call, lambda found: decide(found, occurred_at), reads=(key,))

    return in_open_period(book, _booked_at(call, command.receipt_id), now=call.now)


def undo_allocation(call: Call, receipt_id: str, number: int, reason: str) -> Outcome:
    """Take a part of a receipt back into suspense. Facts: the part, and what is left.

    Raises NotFound `receipt_not_found`, `allocation_not_found`; Conflict `allocation_ended`, and `allocation_paid_on`
    where its target has not got it any more: then it is a claim.
    """
    key = receipts.receipt_key(call.tenant, receipt_id)

    def decide(found: Found) -> Plan:
        before = receipts.take_receipt(found, call.tenant, receipt_id)
        part = before.value.allocation(number)
        check_standing(before.value, part)
        taken = withdraw(call, before.value, part, part.standing_minor)
        if taken.covered.minor != part.standing_minor:
            facts = {"receipt_id": receipt_id, "allocated": part.standing_minor, "there": taken.covered.minor}
            raise Conflict("allocation_paid_on", "the target has paid it on: it is a claim by now", **facts)
        return _undoing_plan(call, before, part, taken, reason)

    return once(call, decide, reads=(key,))


def _plan(call: Call, command: Allocate, before: Versioned[Receipt], part: Money, occurred_at: datetime) -> Plan:
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, part.currency)
    placed = _placement(call, command, before.value, part, suspense)
    if not placed.used.minor or (command.amount is not None and placed.used != part):
        facts = {"requested": abs(part.minor), "wanted": abs(placed.used.minor)}
        raise Conflict(placed.waits or "more_than_wanted", "the target takes less, or none of it now", **facts)
    after = before.value
    for one in placed.parts:
        after = with_allocation(after, new_allocation(call, after, one))
    item = entry_item(
        call, _entry(before.value, placed, occurred_at), data=allocation_facts(after, command.reason, placed.parts)
    )
    lifted = () if after.unallocated_minor else lift_holds(call.tenant, after)
    writes = (*placed.writes, *lifted, *receipts.save_receipt(call.tenant, before, without_holds(after)))
    if placed.adjustment is not None:
        return plan_together(call, (item, placed.adjustment), *writes)
    return Plan(item, (*_moves(item, command.target, suspense), *writes))


def _moves(item: JournalItem, target: Target, suspense: str) -> tuple[Write, ...]:
    """An account that somebody has chosen must be open to callers; suspense, and what follows a trade, is ours."""
    chosen = tuple(leg for leg in item.legs if target is Target.ACCOUNT and leg.account_id != suspense)
    own = tuple(leg for leg in item.legs if leg not in chosen)
    by_hand = balance_writes(replace(item, legs=chosen), by_hand=True)
    return (*by_hand, *balance_writes(replace(item, legs=own)))


def _placement(call: Call, command: Allocate, receipt: Receipt, part: Money, suspense: str) -> Placement:
    match command.target:
        case Target.PARTY:
            account_id = party_account_id(call.tenant, command.target_id, part.currency)
            return _to_account(command, part, suspense, account_id)
        case Target.CLAIM:
            return _to_claim(call, command, part, suspense)
        case Target.ACCOUNT:
            _check_own_account(call.tenant, command.target_id)
            return _to_account(command, part, suspense, command.target_id)
        case _:
            return _as_expected(call, command, receipt, part, suspense)


def _as_expected(call: Call, command: Allocate, receipt: Receipt, part: Money, suspense: str) -> Placement:
    """Where an expected payment stands for the target: as if the payment had quoted its reference."""
    subject = command.target_id
    named = f"{subject} {receipt.currency}" if command.target is Target.LENDER else subject
    reference = reference_for(call.tenant, named)
    found = fetch((banking_store.expected_key(call.tenant, reference),))
    record = banking_store.take_expected(found, call.tenant, reference)
    if record is None or record.value.kind != command.target.value:
        raise NotFound(
            EXPECTING[command.target], "there is none with this id", **{f"{command.target.value}_id": subject}
        )
    if record.value.currency != receipt.currency:
        facts = {"expected": record.value.currency, "given": receipt.currency}
        raise InvalidInput("currency_mismatch", "the target is in another currency", field="id", **facts)
    on = command.value_on or value_day(receipt.value_on, receipt.booked_on, today_in(receipt.currency, call.now))
    payment = Payment(receipt.receipt_id, suspense, part, on, decided=command.value_on is not None, wanted_only=True)
    return place(call, fetch(placement_reads(call.tenant, record.value)), payment, record.value)


def _to_account(command: Allocate, part: Money, suspense: str, account_id: str) -> Placement:
    postings = (debit(suspense, part), credit(account_id, part))
    return Placement(postings, part, (), "", (Part(command.target, command.target_id, part.minor),))


def _to_claim(call: Call, command: Allocate, part: Money, suspense: str) -> Placement:
    """Money that a bank has paid a party without being asked to is claimed from it: Dr claims, Cr suspense."""
    if part.minor > 0:
        raise InvalidInput(
            "target_takes_no_credit", "what a bank has paid out can be claimed, not what came in", field="to"
        )
    key = banking_store.party_key(call.tenant, command.target_id)
    banking_store.take_party(fetch((key,)), call.tenant, command.target_id)
    claim = new_claim(
        call,
        debtor=command.target_id,
        creditor=None,
        amount=-part,
        reason=Reason.PAID_IN_ERROR,
        due_on=today_in(part.currency, call.now),
    )
    postings = (*opening_postings(call.tenant, claim), credit(suspense, -part))
    to = Part(Target.CLAIM, claim.claim_id, part.minor)
    return Placement(postings, part, open_claim(call.tenant, claim), "", (to,))


def _check_own_account(tenant: str, account_id: str) -> None:
    """A receipt is a movement of a bank account: it goes to no other one."""
    key = account_key(tenant, account_id)
    item = cast("AccountItem | None", fetch((key,)).get(key))
    if item is not None and item.purpose == Purpose.BANK.value:
        raise InvalidInput("target_is_a_bank", "a receipt is paired with the other account's", field="id")


def new_allocation(call: Call, receipt: Receipt, part: Part) -> Allocation:
    """The next part of a receipt."""
    return Allocation(
        number=next_number(receipt),
        target=part.target,
        target_id=part.target_id,
        minor=part.minor,
        entry_id=call.entry_id,
        allocated_at=call.now,
        allocated_by=call.actor,
        stake=part.stake,
        event=part.event,
    )


def lift_holds(tenant: str, receipt: Receipt, taken: Collection[str] = ()) -> tuple[Write, ...]:
    """End what a receipt keeps on hold of trades; those `taken` are written by the command itself."""
    trade_ids = [trade_id for trade_id in receipt.freezes if trade_id not in taken]
    found = fetch(trades_store.state_key(tenant, trade_id) for trade_id in trade_ids)
    records = [trades_store.take_trade(found, tenant, trade_id) for trade_id in trade_ids]
    return tuple(
        trades_store.save_trade(
            tenant, lifted(record.value, receipt.freezes[record.value.trade_id]), version=record.version
        )
        for record in records
    )


def without_holds(receipt: Receipt) -> Receipt:
    """The receipt, keeping nothing on hold once nothing of it is left."""
    return receipt if receipt.unallocated_minor else replace(receipt, freezes={})


def check_standing(receipt: Receipt, part: Allocation) -> None:
    """Refuse a part of which nothing stands: Conflict `allocation_ended`."""
    if not part.standing_minor:
        facts = {"receipt_id": receipt.receipt_id, "allocation": part.number}
        raise Conflict("allocation_ended", "nothing of it stands any more", **facts)


def _undoing_plan(call: Call, before: Versioned[Receipt], part: Allocation, taken: Withdrawal, reason: str) -> Plan:
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, before.value.currency)
    after = with_ended(before.value, part.number, part.standing_minor, reason="allocation_undone")
    entry = entry_of(
        ALLOCATION_UNDONE,
        netted((*taken.postings, credit(suspense, taken.covered))),
        occurred_at=call.now,
        subject=part.target_id,
        reference=before.value.bank_reference or None,
    )
    facts = {"reason": reason, "allocation": part.number, **taken.facts, **held_facts(taken.held)}
    item = entry_item(call, entry, data=allocation_facts(after, reason, ()) | facts)
    writes = (*taken.writes, *receipts.save_receipt(call.tenant, before, after))
    if taken.adjustment is not None:
        return plan_together(call, (item, taken.adjustment), *writes)
    return Plan(item, (*balance_writes(item, read=taken.read), *writes))


def _entry(receipt: Receipt, placed: Placement, occurred_at: datetime) -> Entry:
    return entry_of(
        ALLOCATED,
        netted(placed.postings),
        occurred_at=occurred_at,
        subject=placed.subject or receipt.receipt_id,
        reference=receipt.bank_reference or None,
    )


def allocation_facts(after: Receipt, reason: str, parts: Sequence[Part]) -> dict[str, Any]:
    """What the journal keeps of the parts that a receipt got, or of one that was undone."""
    first = parts[0] if parts else None
    return {
        "receipt_id": after.receipt_id,
        "currency": after.currency,
        "to": first.target.value if first else None,
        "target_id": first.target_id if first else None,
        "allocation": next_number(after) - len(parts),
        "allocated_minor": sum(part.minor for part in parts),
        "unallocated_minor": after.unallocated_minor,
        "value_on": after.value_on.isoformat() if after.value_on else None,
        "booked_on": after.booked_on.isoformat() if after.booked_on else None,
        "reason": reason,
    }


def _booked_at(call: Call, receipt_id: str) -> datetime:
    """The start of the receipt's booking day where that is past, else now."""
    [*known] = receipts.find_receipts(call.tenant, (receipt_id,))
    return booked_instant(known[0].currency, known[0].booked_on, call.now) if known else call.now
