"""Transfers of what is there: which of the two accounts gives, and how much of what was asked for it can.

Leaves to the store: that nothing has changed by the time of the write.
"""

from __future__ import annotations

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account


def source_of(debited: Account, credited: Account) -> Account:
    """The account that gives: the debited one where a debit lowers it, else the credited one where a credit does.

    Where both are lowered (money leaves a party's account by the bank) the debited one decides, and the other's floor
    is a limit like any other. Raises Conflict `no_source` where both are raised: there is nothing to move up to.
    """
    if not debited.kind.debit_normal:
        return debited
    if credited.kind.debit_normal:
        return credited
    facts = {"debit_account_id": debited.account_id, "credit_account_id": credited.account_id}
    raise Conflict("no_source", "the transfer raises both accounts, so none says how much there is", **facts)


def up_to(wanted: Money, source: Account) -> Money:
    """The amount wanted, or less: what the source has available (its balance less what is held and less its floor).

    Raises Conflict `nothing_to_move` where that is nothing.
    """
    amount = min(wanted.minor, source.available)
    if amount <= 0:
        facts = {"account_id": source.account_id, "available": source.available}
        raise Conflict("nothing_to_move", "nothing is available on the account that gives", **facts)
    return wanted.of(amount)
