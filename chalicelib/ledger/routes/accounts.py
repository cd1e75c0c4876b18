"""Accounts over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

import msgspec

from chalicelib.core.currencies import EXPONENTS
from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import LONG_AGO
from chalicelib.ledger.account_life import AccountFilter, Status, check_label
from chalicelib.ledger.domain import Account, Kind, Purpose
from chalicelib.ledger.service import accounts, holds
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import ID, Body, Currency, ShortText

router = Router(__name__)

FILTERS = ("kind", "currency", "status", "purpose", "owner", "label")

E = TypeVar("E", bound=Enum)


class AccountBody(Body):
    """Terms of a new account. `floor_minor` and `ceiling_minor` bound its balance on its normal side. `labels` are at
    most 20. A `deferred` account takes any number of entries at once: its balance follows the feed, and it has no
    limits."""

    name: ShortText
    kind: Literal["asset", "liability", "equity", "income", "expense"]
    currency: Currency
    floor_minor: int | None = None
    ceiling_minor: int | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    deferred: bool = False


class AccountView(msgspec.Struct, frozen=True):
    """An account, its amounts on its normal side. `balance_minor` is `posted_minor`: what entries have booked.
    `held_out_minor` is what open holds have reserved of it, `held_in_minor` what they promise to it (null in lists, and
    not all of it where not `held_in_complete`), `available_minor` what a new entry may take; `version` counts the
    entries that moved it or reserved of it. Entries that took effect up to `closed_until` are refused. A `deferred`
    account's balance counts every entry up to the feed number `as_of`, and none after it."""

    account_id: str
    name: str
    kind: str
    currency: str
    purpose: str
    owner: str | None
    floor_minor: int | None
    ceiling_minor: int | None
    status: str
    labels: dict[str, str]
    closed_until: str | None
    deferred: bool
    as_of: int | None
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


@router.endpoint(
    "POST", "/v1/accounts", scope="ledger:write", body=AccountBody, answer=AccountView, status=201, writes=True
)
def open_account(request: Request) -> Answer:
    """Open an account."""
    body: AccountBody = request.body
    command = accounts.OpenAccount(
        name=body.name,
        kind=Kind(body.kind),
        currency=body.currency,
        floor=body.floor_minor,
        ceiling=body.ceiling_minor,
        labels=body.labels,
        deferred=body.deferred,
    )
    outcome = accounts.open_account(request.call, command)
    return replayable(outcome, _opened_view(outcome.item.data))


@router.endpoint(
    "GET", "/v1/accounts", scope="ledger:read", answer=AccountPage, parameters=("limit", "cursor", *FILTERS)
)
def list_accounts(request: Request) -> AccountPage:
    """List accounts, all or those that agree with each parameter. A page may be short though others follow."""
    only = _filter(request.query)
    asked = sorted((name, value) for name, value in request.query.items() if name in FILTERS)
    name = f"{request.tenant}/accounts?{urlencode(asked)}"
    page, last = accounts.list_accounts(
        request.tenant, after=start_of(name, request.query), limit=page_limit(request.query), only=only
    )
    return AccountPage([account_view(account) for account in page], cursor_for(name, last))


@router.endpoint("GET", "/v1/accounts/{account_id}", scope="ledger:read", answer=AccountView)
def get_account(request: Request, account_id: str) -> AccountView:
    """Read an account and its balance. What is held counts the holds that are open now."""
    account = accounts.get_account(request.tenant, account_id)
    standing = holds.standing(request.tenant, account, now=clock.now())
    view = account_view(replace(account, held=standing.held_out))
    return msgspec.structs.replace(view, held_in_minor=standing.held_in, held_in_complete=standing.complete)


def _filter(query: Mapping[str, str]) -> AccountFilter:
    """What a query asks of accounts. Raises InvalidInput `invalid_kind`, `unknown_currency`, `invalid_status`,
    `invalid_purpose`, `invalid_owner`, `invalid_label`, the first that applies."""
    kind = _one_of(Kind, "kind", query)
    if (currency := query.get("currency")) is not None:
        _check_currency(currency)
    status = _one_of(Status, "status", query)
    purpose = _one_of(Purpose, "purpose", query)
    owner = query.get("owner")
    if owner is not None and not ID.fullmatch(owner):
        raise InvalidInput("invalid_owner", "owner is an id", field="owner")
    label = None
    if "label" in query:
        key, _, value = query["label"].partition(":")
        label = check_label(key, value, field="label")
    return AccountFilter(kind, currency, status and status.value, purpose, owner, label)


def _check_currency(currency: str) -> None:
    if currency not in EXPONENTS:
        raise InvalidInput("unknown_currency", "currency is an active ISO 4217 code", field="currency")


def _one_of(choices: type[E], name: str, query: Mapping[str, str]) -> E | None:
    """The choice that a parameter names, or None. Raises InvalidInput `invalid_` and its name."""
    if name not in query:
        return None
    try:
        return choices(query[name])
    except ValueError:
        known = sorted(choice.value for choice in choices)
        raise InvalidInput(f"invalid_{name}", f"{name} is one of {', '.join(known)}", field=name) from None


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
        labels=account.labels,
        closed_until=None if account.closed_until == LONG_AGO else account.closed_until,
        deferred=account.as_of is not None,
        as_of=account.as_of,
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
    terms = {"labels": {}, "deferred": False} | facts
    return AccountView(
        **terms,
        status="open",
        closed_until=None,
        as_of=0 if terms["deferred"] else None,
        balance_minor=0,
        posted_minor=0,
        held_in_minor=0,
        held_in_complete=True,
        held_out_minor=0,
        available_minor=-(facts["floor_minor"] or 0),
        version=0,
    )
