"""The undo of a part of a receipt: of an allocation, or of a pairing with a receipt of the other sign.

What a pairing took back of the other receipt lies in suspense again, and can be allocated to where it was. What its
targets could not give stands where it went, and what was claimed for that is claimed no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Purpose, credit, debit, entry_of, purpose_account_id
from chalicelib.ledger.store.entries import entry_item, load_entry
from chalicelib.ledger.store.together import plan_together
from chalicelib.settlement.domain.accounts import netted
from chalicelib.settlement.domain.claims import Claim, claim_anew
from chalicelib.settlement.domain.receipts import (
    PAIRING_UNDONE,
    Allocation,
    Receipt,
    Target,
    with_ended,
    with_reversal_undone,
)
from chalicelib.settlement.kinds import ALLOCATION_UNDONE
from chalicelib.settlement.service.allocations import allocation_facts, check_standing, undo_allocation
from chalicelib.settlement.store import claims, receipts
from chalicelib.settlement.store.trade_claims import forget_reversals
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned

_PAIRED = frozenset({Target.RECEIPT, Target.REVERSED})


def undo_part(call: Call, receipt_id: str, number: int, reason: str) -> Outcome:
    """Take a part of a receipt back into suspense, whatever it went to. Facts: the part, and what is left.

    Raises NotFound `receipt_not_found`, `allocation_not_found`; Conflict `allocation_ended`, `allocation_paid_on`, and
    `claim_part_ended` where a claim that followed from a pairing was paid or waived: that is undone first.
    """
    receipt = receipts.load_receipt(call.tenant, receipt_id)
    part = receipt.allocation(number)
    if part.target not in _PAIRED:
        return undo_allocation(call, receipt_id, number, reason)
    if part.target is Target.REVERSED:
        return _undo_pairing(call, receipt, part, part.target_id, reason)
    reversal = receipts.load_receipt(call.tenant, part.target_id)
    made = (one for one in reversal.allocations if one.entry_id == part.entry_id and one.target is Target.REVERSED)
    its = next(made, None)
    if its is None:
        check_standing(receipt, part)
        raise Defect(f"{receipt_id}: {part.number} has no other side")
    return _undo_pairing(call, reversal, its, receipt_id, reason)


def _undo_pairing(call: Call, reversal: Receipt, part: Allocation, other_id: str, reason: str) -> Outcome:
    """Part the two: `part` of the reversal took something back of the other receipt."""
    tenant, own_id = call.tenant, reversal.receipt_id
    made = load_entry(tenant, part.entry_id).data

    def decide(found: Found) -> Plan:
        own, other = (receipts.take_receipt(found, tenant, one) for one in (own_id, other_id))
        standing = own.value.allocation(part.number)
        check_standing(own.value, standing)
        after = with_ended(own.value, part.number, standing.standing_minor, reason=PAIRING_UNDONE)
        met = _met(other.value, own_id, part)
        uncovered: Sequence[Mapping[str, Any]] = () if met else made["uncovered"]
        if met:
            others = with_ended(other.value, met.number, met.standing_minor, reason=PAIRING_UNDONE)
        else:
            by_part = {one["allocation"]: one["minor"] for one in uncovered}
            others = with_reversal_undone(other.value, -standing.standing_minor, by_part)
        opened = () if met else _untouched(tenant, [one["claim_id"] for one in made["claims"]])
        writes = (
            *receipts.save_receipt(tenant, own, after),
            *receipts.save_receipt(tenant, other, others),
            *(write for one in opened for write in claims.replace_claim(tenant, one, claim_anew(one.value, 0))),
            *forget_reversals(tenant, [one.value for one in opened]),
        )
        facts = {"reason": reason, "allocation": part.number, "other_receipt_id": other_id}
        return _plan(call, after, uncovered, writes, allocation_facts(after, reason, ()) | facts)

    return once(call, decide, reads=tuple(receipts.receipt_key(tenant, one) for one in (own_id, other_id)))


def _plan(
    call: Call,
    own: Receipt,
    uncovered: Sequence[Mapping[str, Any]],
    writes: tuple[Write, ...],
    facts: dict[str, Any],
) -> Plan:
    """Both are in suspense again, less what could not be given: who carried that carries it no more."""
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, own.currency)
    amounts = [(one["account_id"], Money(one["minor"], own.currency)) for one in uncovered]
    legs = netted(
        leg for account_id, amount in amounts for leg in (debit(suspense, amount), credit(account_id, amount))
    )
    if not legs:
        return Plan(journal_item(call, ALLOCATION_UNDONE, subject=own.receipt_id, data=facts), writes)
    entry = entry_of(ALLOCATION_UNDONE, legs, occurred_at=call.now, subject=own.receipt_id)
    return plan_together(call, (entry_item(call, entry, data=facts),), *writes)


def _met(other: Receipt, own_id: str, part: Allocation) -> Allocation | None:
    """The part by which an arriving receipt met a reversal that had waited for it."""
    return next(
        (
            one
            for one in other.allocations
            if one.target is Target.RECEIPT and one.target_id == own_id and one.entry_id == part.entry_id
        ),
        None,
    )


def _untouched(tenant: str, claim_ids: Sequence[str]) -> tuple[Versioned[Claim], ...]:
    """The claims that a pairing opened, of which nothing has ended. Raises Conflict `claim_part_ended`."""
    found = fetch(claims.claim_key(tenant, claim_id) for claim_id in claim_ids)
    opened = tuple(claims.take_claim(found, tenant, claim_id) for claim_id in claim_ids)
    for one in opened:
        if one.value.open_minor != one.value.amount_minor:
            facts = {"claim_id": one.value.claim_id, "open": one.value.open_minor}
            raise Conflict("claim_part_ended", "a claim that followed was paid or waived: undo that first", **facts)
    return opened
