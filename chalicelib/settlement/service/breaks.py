"""A break of reconciliation resolved against suspense: its line becomes a receipt that waits there, as if the bank's
message had come."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.banking import store as banking_store
from chalicelib.banking.movements import Movement
from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.recon.domain import StatementLine
from chalicelib.settlement.service.movements import receive_movement
from chalicelib.settlement.service.placements import nothing_placed
from chalicelib.settlement.store import receipts
from chalicelib.storage.commit import Write

REASON = "resolved_into_suspense"


def receive_line(call: Call, line: StatementLine, account_id: str, entry_id: str) -> Sequence[Write] | None:
    """The receipt of a line that is booked against suspense; None where it is booked against another account."""
    if account_id != purpose_account_id(call.tenant, Purpose.SUSPENSE, line.currency):
        return None
    movement = _movement(call.tenant, line)
    receipt = receive_movement(call, movement, nothing_placed(movement.amount), REASON, entry_id=entry_id)
    sealed = receipts.sealed_of(call.tenant, receipt, movement)
    return receipts.create_receipt(call.tenant, receipt, line.bank_account_id, sealed)


def _movement(tenant: str, line: StatementLine) -> Movement:
    """The movement that a line states."""
    return Movement(
        account=next(one for one in banking_store.every_account(tenant) if one.account_id == line.bank_account_id),
        bank_reference=line.bank_reference,
        amount=Money(line.amount_minor, line.currency),
        booked_on=line.booked_on,
        value_on=line.valued_on,
        end_to_end_id=line.end_to_end_id,
        uetr=line.uetr,
        counterparty_name=line.counterparty_name,
        counterparty_account=line.counterparty_account,
        text=line.description or line.reference,
    )
