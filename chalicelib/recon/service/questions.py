"""Questions: statements and how they follow one another, lines and what became of them, a bank account reconciled."""

from __future__ import annotations

from chalicelib.core.errors import NotFound
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.recon import store
from chalicelib.recon.balance import Mark, Position, check_loaded, position, unexplained
from chalicelib.recon.chaining import Link, chain
from chalicelib.recon.domain import Break, Reconciled, Statement
from chalicelib.recon.files import File
from chalicelib.recon.service.books import bank_accounts, entries, fresh_books
from chalicelib.recon.service.linking import link_of
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


def reconciliation(tenant: str, iban: str | None = None) -> list[Position]:
    """Each bank account of a tenant reconciled, or the accounts of one IBAN.

    Raises NotFound `unknown_bank_account`, Busy `history_behind`, Conflict `statement_loading`, and TooLarge where an
    account has more than one answer holds.
    """
    accounts = bank_accounts(tenant, iban)
    if iban is not None and not accounts:
        raise NotFound("unknown_bank_account", "no bank account of yours", iban=iban)
    return [_position(tenant, account) for account in accounts]


def _position(tenant: str, account: Account) -> Position:
    """One bank account reconciled. What is read is no snapshot: a difference is believed only when it stays."""
    found = _read_position(tenant, account.account_id)
    for attempt in range(TRIES):
        if found.difference_minor == 0:
            break
        pause(attempt)
        found = _read_position(tenant, account.account_id)
    return found


def _read_position(tenant: str, account_id: str) -> Position:
    books = fresh_books(tenant, account_id)
    links = chain(store.account_statements(tenant, account_id))
    check_loaded(links)
    marks = store.account_marks(tenant, account_id)
    bookings = [store.booking_of(item, account_id) for item in entries(tenant, unexplained(books, marks))]
    return position(books, links, marks, line_breaks=_open_breaks(tenant, marks), untold=bookings)


def _open_breaks(tenant: str, marks: tuple[Mark, ...]) -> list[Break]:
    lines = store.load_lines(tenant, (mark for mark in marks if mark.state == "open"))
    breaks = (reconciled.found_break for reconciled in lines)
    return [found for found in breaks if found is not None and found.status == "open"]
