"""Accounts and the trial balance over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from chalicelib.ledger.domain import Account, Kind
from chalicelib.ledger.service import accounts, trial
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, Currency

router = Router(__name__)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]


class AccountBody(Body):
    """Terms of a new account. `floor_minor` and `ceiling_minor` bound its balance on its normal side."""

    name: Name
    kind: Literal["asset", "liability", "equity", "income", "expense"]
    currency: Currency
    floor_minor: int | None = None
    ceiling_minor: int | None = None


class AccountView(msgspec.Struct, frozen=True):
    """An account, its amounts on its normal side. `balance_minor` is `posted_minor`: what entries have booked.
    `held_out_minor` is what open holds have reserved of it, `held_in_minor` what they promise to it (null in lists, and
    not all of it where not `held_in_complete`), `available_minor` what a new entry may take; `version` counts the
    entries that moved it or reserved of it."""

    account_id: str
    name: str
    kind: str
    currency: str
    purpose: str
    owner: str | None
    floor_minor: int | None
    ceiling_minor: int | None
    status: str
    balance_minor: int
    posted_minor: int
    held_in_minor: int | None
    held_in_complete: bool
    held_out_minor: int
    available_minor: int
    version: int


class AccountPage(msgspec.Struct, frozen=True):
    """One page of accounts."""

    accounts: list[AccountView]
    next_cursor: str | None


class TrialBalanceView(msgspec.Struct, frozen=True):
    """Debits less credits over all accounts, by currency (`differences`, all zero), and the accounts it sums."""

    differences: dict[str, int]
    accounts: list[AccountView]


@router.endpoint(
    "POST", "/v1/accounts", scope="ledger:write", body=AccountBody, answer=AccountView, status=201, writes=True
)
def open_account(request: Request) -> Answer:
    """Open an account."""
    body: AccountBody = request.body
    command = accounts.OpenAccount(body.name, Kind(body.kind), body.currency, body.floor_minor, body.ceiling_minor)
    outcome = accounts.open_account(request.call, command)
    return replayable(outcome, _opened_view(outcome.item.data))


@router.endpoint("GET", "/v1/accounts", scope="ledger:read", answer=AccountPage, parameters=("limit", "cursor"))
def list_accounts(request: Request) -> AccountPage:
    """List accounts."""
    name = f"{request.tenant}/accounts"
    page, last = accounts.list_accounts(
        request.tenant, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    return AccountPage([account_view(account) for account in page], cursor_for(name, last))


@router.endpoint("GET", "/v1/accounts/{account_id}", scope="ledger:read", answer=AccountView)
def get_account(request: Request, account_id: str) -> AccountView:
    """Read an account and its balance."""
    return account_view(accounts.get_account(request.tenant, account_id))


@router.endpoint("GET", "/v1/trial-balance", scope="ledger:read", answer=TrialBalanceView)
def get_trial_balance(request: Request) -> TrialBalanceView:
    """Prove that all balances of the tenant sum to zero in each currency, as of one instant."""
    balance = trial.trial_balance(request.tenant)
    return TrialBalanceView(balance.differences, [account_view(account) for account in balance.accounts])


def account_view(account: Account) -> AccountView:
    """An account as answers show it."""
    return AccountView(
        account_id=account.account_id,
        name=account.name,
        kind=account.kind.value,
        currency=account.currency,
        purpose=account.purpose.value,
        owner=account.owner,
        floor_minor=account.floor,
        ceiling_minor=account.ceiling,
        status=account.status,
        balance_minor=account.own_balance,
        posted_minor=account.own_balance,
        held_in_minor=None,
        held_in_complete=False,
        held_out_minor=account.held,
        available_minor=account.available,
        version=account.version,
    )


def _opened_view(facts: dict[str, Any]) -> AccountView:
    """An account as it was opened: with no money, and as much available as its floor lies below zero."""
    return AccountView(
        **facts,
        status="open",
        balance_minor=0,
        posted_minor=0,
        held_in_minor=0,
        held_in_complete=True,
        held_out_minor=0,
        available_minor=-(facts["floor_minor"] or 0),
        version=0,
    )
