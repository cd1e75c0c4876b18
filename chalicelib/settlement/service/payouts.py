"""Which payouts follow from an entry: one for each party for which it has reserved what it credited.

The entry itself carries none of them. They follow by worker, each under an id of entry and account, so that asking
twice pays once.
"""

from __future__ import annotations

from chalicelib.banking import store as banking_store
from chalicelib.banking.reservations import Reserved
from chalicelib.core.errors import NotFound
from chalicelib.ledger.store.entries import load_entry
from chalicelib.settlement.kinds import is_paid_out_after
from chalicelib.settlement.store.reserved import load_reservations


def payouts_due(tenant: str, entry_id: str) -> tuple[Reserved, ...]:
    """What an entry has reserved for payouts; none where it is of another kind. Raises NotFound `entry_not_found`."""
    item = load_entry(tenant, entry_id)
    return load_reservations(item) if is_paid_out_after(item) else ()


def payout_tenant(bank_id: str, payout_id: str) -> str | None:
    """Whose a payout is that a bank names, or None: nobody's that this bank pays for."""
    try:
        return banking_store.payout_owner(bank_id, payout_id).tenant
    except NotFound:
        return None
