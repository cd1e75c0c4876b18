"""Where money is paid: the bank accounts of a party, or of the marketplace itself for its own income. Pure.

Bank details are never edited: another account is added, made the default, the old one retired. A payout keeps the
account it was made for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.banking.domain import BankDetails
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.values import dataclass

OWN = "own"
"""Stands for the marketplace itself where an id of a party stands otherwise."""


@dataclass(frozen=True, slots=True)
class PayeeAccount:
    """A bank account that payouts can go to. `owner_id` is a party's id or `OWN`; `masked` is all that is shown of its
    details, which are sealed beside it."""

    bank_account_id: str
    owner_id: str
    masked: str
    added_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Payee:
    """Which of an owner's bank accounts a payout goes to when none is named."""

    owner_id: str
    default_account_id: str


def new_payee_account(bank_account_id: str, owner_id: str, details: BankDetails, *, now: datetime) -> PayeeAccount:
    """An account that payouts can go to from now on."""
    return PayeeAccount(bank_account_id, owner_id, details.masked, now)


def check_owned(account: PayeeAccount, owner_id: str) -> PayeeAccount:
    """The account, if it is this owner's. Raises NotFound `payee_account_not_found`."""
    if account.owner_id != owner_id:
        facts = {"party_id": owner_id, "bank_account_id": account.bank_account_id}
        raise NotFound("payee_account_not_found", "the party has no such bank account", **facts)
    return account


def check_payable(account: PayeeAccount, owner_id: str) -> PayeeAccount:
    """The account, if a payout to this owner may go there. Raises as `check_owned`, and Conflict
    `payee_account_retired`."""
    if check_owned(account, owner_id).retired_at is not None:
        raise Conflict(
            "payee_account_retired", "nothing is paid to a retired account", bank_account_id=account.bank_account_id
        )
    return account


def with_default(payee: Payee, account: PayeeAccount) -> Payee:
    """The payee paid to this account by default. Raises as `check_payable`."""
    return replace(payee, default_account_id=check_payable(account, payee.owner_id).bank_account_id)


def retire(payee: Payee, account: PayeeAccount, *, now: datetime) -> PayeeAccount:
    """The account, from now on paid to no more. Raises as `check_payable`, and Conflict `payee_account_default`."""
    if check_payable(account, payee.owner_id).bank_account_id == payee.default_account_id:
        raise Conflict(
            "payee_account_default", "make another account the default first", bank_account_id=account.bank_account_id
        )
    return replace(account, retired_at=now)
