"""The three forms of an export about the journal."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.ledger.domain import Account
from chalicelib.recon.beancount import (
    AccountPosition,
    Booked,
    journal_account,
    journal_entry,
    journal_foot,
    journal_head,
)
from chalicelib.recon.export_jobs import Export
from chalicelib.recon.exports import POSTINGS, TRIAL_BALANCE, head, posting_rows, trial_balance_rows
from chalicelib.recon.service.export_sources import Chunk


class JournalWriter:
    """A beancount journal: a row is an entry."""

    def head(self, export: Export) -> str:
        """The options."""
        title = f"Journal of {export.tenant}, {export.from_on} to {export.to_on}, feed number {export.feed_number}"
        return journal_head(title, export.from_on)

    def entry(self, number: int, entry: Booked, accounts: Mapping[str, Account]) -> Chunk:
        """A transaction."""
        return Chunk(journal_entry(entry, accounts), rows=1)

    def account(self, export: Export, position: AccountPosition) -> Chunk:
        """What opens it, and its balance at the end."""
        return Chunk(journal_account(position, first=export.from_on, last=export.to_on))

    def foot(self, export: Export, currencies: set[str]) -> str:
        """That what was carried forward sums to nothing."""
        return journal_foot(currencies, last=export.to_on)


class PostingsWriter:
    """Postings as CSV: a row each."""

    def head(self, export: Export) -> str:
        """The columns."""
        return head(POSTINGS)

    def entry(self, number: int, entry: Booked, accounts: Mapping[str, Account]) -> Chunk:
        """Its postings."""
        return Chunk(posting_rows(number, entry, accounts), rows=len(entry.legs))

    def account(self, export: Export, position: AccountPosition) -> Chunk:
        """Accounts have no rows here."""
        return Chunk()

    def foot(self, export: Export, currencies: set[str]) -> str:
        """Nothing follows the postings."""
        return ""


class TrialBalanceWriter:
    """The trial balance as CSV: a row for each account."""

    def head(self, export: Export) -> str:
        """The columns."""
        return head(TRIAL_BALANCE)

    def entry(self, number: int, entry: Booked, accounts: Mapping[str, Account]) -> Chunk:
        """Entries have no rows here."""
        return Chunk()

    def account(self, export: Export, position: AccountPosition) -> Chunk:
        """Its opening balance, movement and closing balance."""
        return Chunk(trial_balance_rows([position]), rows=1)

    def foot(self, export: Export, currencies: set[str]) -> str:
        """Nothing follows the accounts."""
        return ""
