"""Accounts: opening and reading them."""

from __future__ import annotations

from dataclasses import field

from chalicelib.core.call import Call
from chalicelib.core.money import exponent
from chalicelib.core.values import dataclass
from chalicelib.ledger.account_life import AccountFilter, check_labels
from chalicelib.ledger.domain import DEFERRED, Account, Kind, is_deferred, new_account
from chalicelib.ledger.store import accounts, folding
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import Item


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Open an account of the caller's own. Limits in minor units on the account's normal side. `deferred`: its balance
    follows the feed, and it has no limits."""

    name: str
    kind: Kind
    currency: str
    floor: int | None = None
    ceiling: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    deferred: bool = False


def open_account(call: Call, command: OpenAccount) -> Outcome:
    """Open an account. Facts: the account's id and terms.

    Raises InvalidInput `unknown_currency`, as `check_labels`, `invalid_limits`, `deferred_with_limits`.
    """
    exponent(command.currency)
    account = new_account(
        Account(
            account_id=call.new_id(DEFERRED if command.deferred else "acc"),
            name=command.name,
            kind=command.kind,
            currency=command.currency,
            labels=check_labels(command.labels),
            floor=command.floor,
            ceiling=command.ceiling,
            as_of=0 if command.deferred else None,
        )
    )

    def decide(found: Found) -> Plan:
        item = journal_item(call, "account.opened", subject=account.account_id, data=account_facts(account))
        position = folding.opening_writes(call.tenant, found) if command.deferred else ()
        return Plan(item, (accounts.open_account(call.tenant, account, opened_by=call), *position))

    return once(call, decide, reads=folding.opening_reads(call.tenant) if command.deferred else ())


def get_account(tenant: str, account_id: str) -> Account:
    """An account, read strongly. Raises NotFound `account_not_found`."""
    if is_deferred(account_id):
        return folding.load_deferred_account(tenant, account_id)
    return accounts.load_account(tenant, account_id)


def list_accounts(
    tenant: str, *, after: Item | None, limit: int, only: AccountFilter | None = None
) -> tuple[list[Account], Item | None]:
    """One page of a tenant's accounts by id, and where the next begins. A page of `only` some may be short, or empty,
    though others follow."""
    if only is None or only.passes_all:
        return accounts.list_accounts(tenant, after=after, limit=limit)
    return accounts.find_accounts(tenant, only.shows, after=after, limit=limit)


def account_facts(account: Account) -> dict[str, object]:
    """An account's own terms, as journalled when it is opened."""
    return {
        "account_id": account.account_id,
        "name": account.name,
        "kind": account.kind.value,
        "currency": account.currency,
        "purpose": account.purpose.value,
        "owner": account.owner,
        "floor_minor": account.floor,
        "ceiling_minor": account.ceiling,
        "labels": account.labels,
        "deferred": account.as_of is not None,
    }
