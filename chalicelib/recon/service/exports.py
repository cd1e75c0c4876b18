"""The exports: gathered here, rendered by `exports.py` and `beancount.py`. An answer is whole or refused."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.core.errors import Busy, TooLarge
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account
from chalicelib.recon import store
from chalicelib.recon.beancount import Booked, adds_up, journal_text
from chalicelib.recon.domain import Reconciled, Statement
from chalicelib.recon.exports import matches_csv, reconciliation_csv
from chalicelib.recon.service.books import MOST_ENTRIES, all_accounts, bank_accounts, entries, read_books
from chalicelib.recon.service.questions import reconciliation
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item

TRIES = 3
MOST_LINES = 20_000
PAGE = 1000


def export_reconciliation(tenant: str) -> str:
    """Each bank account reconciled, as CSV. Raises what `reconciliation` raises."""
    return reconciliation_csv(reconciliation(tenant))


def export_matches(tenant: str) -> str:
    """Every statement line with its match or break, as CSV: by account, in the bank's order.

    Raises TooLarge `export_too_large`.
    """
    rows = [row for account in bank_accounts(tenant) for row in _lines(tenant, account)]
    if len(rows) > MOST_LINES:
        raise TooLarge("export_too_large", "more lines than one answer holds", maximum=MOST_LINES)
    return matches_csv(rows)


def export_journal(tenant: str) -> str:
    """Every entry and the balances they add up to, as a beancount journal.

    Raises Busy `history_behind` (an account's lines are still to come) or `try_again` (the books moved while they were
    read), and TooLarge `export_too_large`.
    """
    for attempt in range(TRIES):
        accounts, booked = _journal(tenant)
        if adds_up(accounts, booked):
            return journal_text(f"Journal of {tenant}", accounts, booked)
        pause(attempt)
    raise Busy("try_again", "the books are moving too fast to be written down: try again")


def _lines(tenant: str, account: Account) -> Iterator[tuple[Statement, Reconciled]]:
    for statement in store.account_statements(tenant, account.account_id):
        after: Item | None = None
        while statement.stored:
            page = store.line_page(tenant, statement.statement_id, after=after, limit=PAGE)
            yield from ((statement, reconciled) for reconciled in page.values)
            after = page.last_key
            if after is None:
                break


def _journal(tenant: str) -> tuple[list[Account], list[Booked]]:
    """The accounts, and each entry that moved any of them up to the version it was read at."""
    accounts = all_accounts(tenant)
    ids: dict[str, None] = {}
    for account in accounts:
        ids |= dict.fromkeys(read_books(tenant, account).moved)
        if len(ids) > MOST_ENTRIES:
            raise TooLarge("export_too_large", "more entries than one answer holds", maximum=MOST_ENTRIES)
    return accounts, [_booked(item) for item in entries(tenant, ids)]


def _booked(item: JournalItem) -> Booked:
    return Booked(
        entry_id=item.entry_id,
        kind=item.kind,
        occurred_at=item.occurred_at,
        recorded_at=item.recorded_at,
        legs=tuple((leg.account_id, Money(leg.amount, leg.currency)) for leg in item.legs),
        subject=item.subject,
        reference=item.reference,
    )
