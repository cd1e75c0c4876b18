"""Accounts, entries, transfers, history and the trial balance over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import msgspec

from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.ledger import service
from chalicelib.ledger.domain import Account, Kind, Posting, Side
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome
from chalicelib.storage.tables import HistoryRow
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, Currency, Id, MoneyBody

router = Router(__name__)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]


class AccountBody(Body):
    """Terms of a new account. `floor_minor` and `ceiling_minor` bound its balance on its normal side."""

    name: Name
    kind: Literal["asset", "liability", "equity", "income", "expense"]
    currency: Currency
    floor_minor: int | None = None
    ceiling_minor: int | None = None


class PostingBody(Body):
    """One leg."""

    account_id: Id
    side: Literal["debit", "credit"]
    amount: MoneyBody


class EntryBody(Body):
    """Balanced postings. `occurred_at` (an ISO 8601 instant) is now unless said."""

    postings: list[PostingBody]
    occurred_at: str | None = None
    reference: Reference | None = None


class TransferBody(Body):
    """An amount moved from the credited to the debited account."""

    debit_account_id: Id
    credit_account_id: Id
    amount: MoneyBody
    occurred_at: str | None = None
    reference: Reference | None = None


class AccountView(msgspec.Struct, frozen=True):
    """An account. `balance_minor` is on its normal side; `version` counts the entries that moved it."""

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
    version: int


class AccountPage(msgspec.Struct, frozen=True):
    """One page of accounts."""

    accounts: list[AccountView]
    next_cursor: str | None


class PostingView(msgspec.Struct, frozen=True):
    """One leg of an entry, `minor` positive."""

    account_id: str
    side: str
    minor: int
    currency: str


class EntryView(msgspec.Struct, frozen=True):
    """An entry with both its clocks. `data` holds the facts of the command that booked it."""

    entry_id: str
    kind: str
    postings: list[PostingView]
    occurred_at: str
    recorded_at: str
    subject: str | None
    reference: str | None
    data: dict[str, Any]


class LineView(msgspec.Struct, frozen=True):
    """One line of an account's history: what one entry moved, and the balance after, on the account's normal side."""

    version: int
    entry_id: str
    amount_minor: int
    balance_minor: int
    at: str


class HistoryPage(msgspec.Struct, frozen=True):
    """One page of an account's lines, newest first. `complete`: none is missing from it, up to the latest version."""

    lines: list[LineView]
    complete: bool
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
    command = service.OpenAccount(body.name, Kind(body.kind), body.currency, body.floor_minor, body.ceiling_minor)
    outcome = service.open_account(request.call, command)
    return replayable(outcome, AccountView(**outcome.item.data, status="open", balance_minor=0, version=0))


@router.endpoint("GET", "/v1/accounts", scope="ledger:read", answer=AccountPage, parameters=("limit", "cursor"))
def list_accounts(request: Request) -> AccountPage:
    """List accounts."""
    name = f"{request.tenant}/accounts"
    accounts, last = service.list_accounts(
        request.tenant, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    return AccountPage([account_view(account) for account in accounts], cursor_for(name, last))


@router.endpoint("GET", "/v1/accounts/{account_id}", scope="ledger:read", answer=AccountView)
def get_account(request: Request, account_id: str) -> AccountView:
    """Read an account and its balance."""
    return account_view(service.get_account(request.tenant, account_id))


@router.endpoint(
    "GET",
    "/v1/accounts/{account_id}/history",
    scope="ledger:read",
    answer=HistoryPage,
    parameters=("limit", "cursor"),
)
def get_history(request: Request, account_id: str) -> HistoryPage:
    """Page through an account's lines with their running balance, newest first."""
    name = f"{request.tenant}/{account_id}/history"
    history = service.history(
        request.tenant, account_id, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    sign = 1 if history.account.kind.debit_normal else -1
    lines = [_line_view(cast("HistoryRow", row), sign) for row in history.page.items]
    return HistoryPage(lines, history.complete, cursor_for(name, history.page.last_key))


@router.endpoint("POST", "/v1/entries", scope="ledger:write", body=EntryBody, answer=EntryView, status=201, writes=True)
def post_entry(request: Request) -> Answer:
    """Book an entry of 2 to 90 postings."""
    body: EntryBody = request.body
    postings = tuple(Posting(leg.account_id, Side(leg.side), leg.amount.money) for leg in body.postings)
    return _entry_answer(_post(request, "entry.posted", postings, body.occurred_at, body.reference))


@router.endpoint(
    "POST", "/v1/transfers", scope="ledger:write", body=TransferBody, answer=EntryView, status=201, writes=True
)
def post_transfer(request: Request) -> Answer:
    """Book a transfer: an entry of exactly two postings."""
    body: TransferBody = request.body
    amount = body.amount.money
    postings = (
        Posting(body.debit_account_id, Side.DEBIT, amount),
        Posting(body.credit_account_id, Side.CREDIT, amount),
    )
    return _entry_answer(_post(request, "transfer.posted", postings, body.occurred_at, body.reference))


@router.endpoint("GET", "/v1/entries/{entry_id}", scope="ledger:read", answer=EntryView)
def get_entry(request: Request, entry_id: str) -> EntryView:
    """Read an entry."""
    return entry_view(service.get_entry(request.tenant, entry_id))


@router.endpoint("GET", "/v1/trial-balance", scope="ledger:read", answer=TrialBalanceView)
def get_trial_balance(request: Request) -> TrialBalanceView:
    """Prove that all balances of the tenant sum to zero in each currency, as of one instant."""
    balance = service.trial_balance(request.tenant)
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
        version=account.version,
    )


def entry_view(item: JournalItem) -> EntryView:
    """A journal item as answers show it."""
    return EntryView(
        entry_id=item.entry_id,
        kind=item.kind,
        postings=[
            PostingView(leg.account_id, "debit" if leg.amount > 0 else "credit", abs(leg.amount), leg.currency)
            for leg in item.legs
        ],
        occurred_at=instant_text(item.occurred_at),
        recorded_at=instant_text(item.recorded_at),
        subject=item.subject,
        reference=item.reference,
        data=item.data,
    )


def _post(
    request: Request, kind: str, postings: tuple[Posting, ...], occurred_at: str | None, reference: str | None
) -> Outcome:
    at = None if occurred_at is None else parse_instant(occurred_at, "occurred_at")
    return service.post_entry(request.call, service.PostEntry(kind, postings, at, reference))


def _entry_answer(outcome: Outcome) -> Answer:
    return replayable(outcome, entry_view(outcome.item))


def _line_view(row: HistoryRow, sign: int) -> LineView:
    return LineView(row.version, row.entry_id, sign * row.amount, sign * row.balance, row.at)
