"""Questions: statements and how they follow one another, lines and what became of them, a bank account reconciled."""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.calendars import today_in
from chalicelib.core.errors import NotFound
from chalicelib.core.values import dataclass
from chalicelib.ledger.store.accounts import load_account
from chalicelib.recon import store
from chalicelib.recon.balance import BankReconciliation, MonthLine, Statements, reconcile_month
from chalicelib.recon.chaining import Link, chain
from chalicelib.recon.domain import Reconciled, Statement
from chalicelib.recon.files import File
from chalicelib.recon.positions import OpenItem, check_month, month_of
from chalicelib.recon.service.books import bank_accounts, followed_books, keep_positions
from chalicelib.recon.service.linking import link_of
from chalicelib.recon.store import months, positions
from chalicelib.storage.records import Listing
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item

TRIES = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """A statement with its link in the account's chain; one in quarantine has none."""

    statement: Statement
    link: Link | None


def get_statement(tenant: str, statement_id: str) -> Placed:
    """A statement and how it follows the one before. Raises NotFound `statement_not_found`."""
    statement = store.load_statement(tenant, statement_id)
    return Placed(statement, link_of(tenant, statement))


def list_statements(tenant: str, *, after: Item | None, limit: int) -> Listing[Placed]:
    """One page of a tenant's statements by account, the newest first, each with how it follows the one before."""
    page = store.list_statements(tenant, after=after, limit=limit)
    return Listing(tuple(Placed(each, link_of(tenant, each)) for each in page.values), page.last_key)


def list_lines(tenant: str, statement_id: str, *, after: Item | None, limit: int) -> Listing[Reconciled]:
    """One page of a statement's lines by number, each with its match or break."""
    return store.line_page(tenant, statement_id, after=after, limit=limit)


def get_file(tenant: str, file_id: str) -> tuple[File, list[Statement]]:
    """An uploaded file, and those of its statements that are stored, whole or in part. Raises NotFound
    `statement_file_not_found`."""
    record = store.find_file(tenant, file_id)
    if record is None:
        raise NotFound("statement_file_not_found", "no such file", file_id=file_id)
    ids = record.value.statement_ids
    return record.value, store.find_statements(tenant, ids) if ids else []


def list_files(tenant: str, *, after: Item | None, limit: int) -> Listing[File]:
    """One page of the uploaded files, those in quarantine among them, the newest first."""
    return store.list_files(tenant, after=after, limit=limit)


def reconciliations(
    tenant: str, iban: str | None, month: str | None, *, now: datetime, after: Item | None, limit: int
) -> Listing[BankReconciliation]:
    """One page of a tenant's bank accounts by IBAN, or of those with one IBAN, each with a month reconciled. `month`
    None: the month of its last statement, and where it has none the month that it is where its currency is settled.

    Raises InvalidInput `invalid_month`, NotFound `unknown_bank_account`.
    """
    wanted = None if month is None else check_month(month)
    page = bank_accounts(tenant, iban, after=after, limit=limit)
    ids = (account.account_id for account in page.values)
    found = tuple(reconcile(tenant, each, wanted or _last_month(tenant, each, now)) for each in ids)
    return Listing(found, page.last_key)


def reconciliation(tenant: str, account_id: str, month: str | None, *, now: datetime) -> BankReconciliation:
    """A month of one bank account reconciled, as `reconciliations`."""
    return reconcile(tenant, account_id, _month(tenant, account_id, month, now))


def list_open_items(
    tenant: str, account_id: str, month: str | None, *, now: datetime, after: Item | None, limit: int
) -> Listing[OpenItem]:
    """One page of the items of a bank account that were open at the end of a month: what is open still, the oldest
    first, then what was cleared in a later month. Raises InvalidInput `invalid_month`, NotFound
    `unknown_bank_account`."""
    wanted = _month(tenant, account_id, month, now)
    return positions.open_items(tenant, account_id, wanted, after=after, limit=limit)


def list_month_lines(
    tenant: str, account_id: str, month: str | None, *, now: datetime, after: Item | None, limit: int
) -> Listing[MonthLine]:
    """One page of the lines of a month's statements in order, each with its match or break. Raises InvalidInput
    `invalid_month`, NotFound `unknown_bank_account`."""
    wanted = _month(tenant, account_id, month, now)
    return months.month_lines(tenant, account_id, wanted, after=after, limit=limit)


def _month(tenant: str, account_id: str, month: str | None, now: datetime) -> str:
    """The month that is asked for of a bank account that there is."""
    wanted = None if month is None else check_month(month)
    keep_positions(tenant, account_id)
    return wanted or _last_month(tenant, account_id, now)


def reconcile(tenant: str, account_id: str, month: str) -> BankReconciliation:
    """A month of a bank account. What is read is no snapshot: a difference is believed only when it stays."""
    found = _read_month(tenant, account_id, month)
    for attempt in range(TRIES):
        if found.difference_minor == 0:
            break
        pause(attempt)
        found = _read_month(tenant, account_id, month)
    return found


def _read_month(tenant: str, account_id: str, month: str) -> BankReconciliation:
    books = followed_books(tenant, account_id)
    statements = _statements(tenant, account_id, month)
    return reconcile_month(books, statements, positions.months_of(tenant, account_id), month)


def _statements(tenant: str, account_id: str, month: str) -> Statements:
    earlier = months.statements_before_month(tenant, account_id, month)
    own = months.all_of_month(tenant, account_id, month)
    links = chain([*earlier, *own])
    carried = [link for link in links if month_of(link.statement.ends_on) < month]
    return Statements(links[len(carried) :], carried[-1].closing_minor if carried else 0)


def _last_month(tenant: str, account_id: str, now: datetime) -> str:
    last = months.last_statement(tenant, account_id)
    if last is not None:
        return month_of(last.ends_on)
    return month_of(today_in(load_account(tenant, account_id).currency, now))
