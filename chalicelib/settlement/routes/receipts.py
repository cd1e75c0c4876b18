"""Receipts over HTTP: the lists, and the commands that move what is left of one or undo that."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec

from chalicelib.core.instants import instant_text
from chalicelib.settlement.domain.receipts import Allocation, Receipt, Target
from chalicelib.settlement.routes.answers import entry_answer
from chalicelib.settlement.service import receipts
from chalicelib.settlement.service.allocations import Allocate, allocate
from chalicelib.settlement.service.bank_reversals import pair_receipts
from chalicelib.settlement.service.pairings import undo_part
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, Id, MoneyBody, ShortText

router = Router(__name__)

PAGED = ("limit", "cursor")


class AllocationBody(Body):
    """Where what is left of a receipt goes: a trade, a credit line, a lender (by its party), a party's own account, an
    account of the marketplace's own, another receipt of the opposite sign, which this one undoes, or (money out) a
    claim on the party that the bank has paid. Without `amount` all that is left and the target takes. A repayment
    counts from the receipt's value date unless `value_on` says otherwise."""

    to: Literal["trade", "credit_line", "lender", "party", "account", "receipt", "claim"]
    id: Id
    amount: MoneyBody | None = None
    value_on: date | None = None
    reason: ShortText | None = None


class AllocationUndoBody(Body):
    """The number of the allocation that is undone, and why."""

    allocation: Annotated[int, msgspec.Meta(ge=1)]
    reason: ShortText


class AllocationView(msgspec.Struct, frozen=True):
    """A part of a receipt, in minor units, signed as the receipt is. `ended_minor` of it was undone or taken back by
    the bank since."""

    allocation: int
    to: str
    target_id: str
    amount_minor: int
    ended_minor: int
    entry_id: str
    allocated_at: str
    allocated_by: str


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of a bank account, in minor units; money out is negative. `unallocated_minor` of it waits in suspense
    (`disposition`), and `reason` says why; `reversed_minor` was taken back by the bank. The counterparty is who paid,
    its account masked."""

    receipt_id: str
    bank_id: str
    iban: str
    bank_reference: str
    currency: str
    amount_minor: int
    unallocated_minor: int
    reversed_minor: int
    reference: str
    counterparty_name: str | None
    counterparty_account: str | None
    booked_on: str | None
    value_on: str | None
    disposition: str
    reason: str
    entry_id: str
    received_at: str
    allocations: list[AllocationView]


class ReceiptPage(msgspec.Struct, frozen=True):
    """One page of receipts."""

    receipts: list[ReceiptView]
    next_cursor: str | None


class AllocatedView(msgspec.Struct, frozen=True):
    """What was moved, in minor units, and what of the receipt is left in suspense. `allocation` numbers the part."""

    entry_id: str
    receipt_id: str
    to: str | None
    target_id: str | None
    allocation: int
    allocated_minor: int
    unallocated_minor: int
    currency: str
    booked_on: str | None
    value_on: str | None


@router.endpoint("GET", "/v1/receipts", scope="banking:read", answer=ReceiptPage, parameters=PAGED)
def list_receipts(request: Request) -> ReceiptPage:
    """List receipts, the newest first."""
    name = f"{request.tenant}/receipts"
    page = receipts.list_receipts(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return ReceiptPage([receipt_view(receipt) for receipt in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/receipts/unmatched", scope="banking:read", answer=ReceiptPage, parameters=PAGED)
def list_unmatched_receipts(request: Request) -> ReceiptPage:
    """List receipts of which something waits in suspense, oldest first."""
    name = f"{request.tenant}/unmatched-receipts"
    page = receipts.list_unmatched(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return ReceiptPage([receipt_view(receipt) for receipt in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/receipts/{receipt_id}", scope="banking:read", answer=ReceiptView)
def get_receipt(request: Request, receipt_id: str) -> ReceiptView:
    """Read a receipt: who paid, where it went, what is left."""
    return receipt_view(receipts.get_receipt(request.tenant, receipt_id))


@router.endpoint(
    "POST",
    "/v1/receipts/{receipt_id}/allocations",
    scope="banking:write",
    body=AllocationBody,
    answer=AllocatedView,
    status=201,
    writes=True,
)
def allocate_receipt(request: Request, receipt_id: str) -> Answer:
    """Move what is left of a receipt out of suspense to where it belongs."""
    body: AllocationBody = request.body
    amount, reason = body.amount.money if body.amount else None, body.reason or ""
    if body.to == "receipt":
        return entry_answer(pair_receipts(request.call, receipt_id, body.id, amount, reason), AllocatedView)
    command = Allocate(receipt_id, Target(body.to), body.id, amount, body.value_on, reason)
    return entry_answer(allocate(request.call, command), AllocatedView)


@router.endpoint(
    "POST",
    "/v1/receipts/{receipt_id}/reversals",
    scope="banking:write",
    body=AllocationUndoBody,
    answer=AllocatedView,
    status=201,
    writes=True,
)
def undo_receipt_allocation(request: Request, receipt_id: str) -> Answer:
    """Undo an allocation: the money waits in suspense again."""
    body: AllocationUndoBody = request.body
    return entry_answer(undo_part(request.call, receipt_id, body.allocation, body.reason), AllocatedView)


def receipt_view(receipt: Receipt) -> ReceiptView:
    """A receipt as answers show it."""
    return ReceiptView(
        receipt_id=receipt.receipt_id,
        bank_id=receipt.bank_id,
        iban=receipt.iban,
        bank_reference=receipt.bank_reference,
        currency=receipt.currency,
        amount_minor=receipt.amount_minor,
        unallocated_minor=receipt.unallocated_minor,
        reversed_minor=receipt.reversed_minor,
        reference=receipt.reference,
        counterparty_name=receipt.counterparty_name or None,
        counterparty_account=receipt.counterparty_account or None,
        booked_on=receipt.booked_on.isoformat() if receipt.booked_on else None,
        value_on=receipt.value_on.isoformat() if receipt.value_on else None,
        disposition=receipt.disposition,
        reason=receipt.reason,
        entry_id=receipt.entry_id,
        received_at=instant_text(receipt.received_at),
        allocations=[_part_view(part) for part in receipt.allocations],
    )


def _part_view(part: Allocation) -> AllocationView:
    return AllocationView(
        allocation=part.number,
        to=part.target.value,
        target_id=part.target_id,
        amount_minor=part.minor,
        ended_minor=part.ended_minor,
        entry_id=part.entry_id,
        allocated_at=instant_text(part.allocated_at),
        allocated_by=part.allocated_by,
    )
