"""Sources of the exports about bank accounts: months reconciled, and statement lines with what became of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import msgspec

from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.recon.export_jobs import Export
from chalicelib.recon.exports import MATCHES, RECONCILIATION, head, line_rows, reconciliation_rows
from chalicelib.recon.positions import month_of, next_month
from chalicelib.recon.service.books import bank_accounts
from chalicelib.recon.service.export_sources import Chunk
from chalicelib.recon.service.following import follow
from chalicelib.recon.service.questions import reconcile
from chalicelib.recon.store import months
from chalicelib.storage.tables import Item

STEPS = 40
PAGE = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source stands: after which account of the list, at which account (None: at the next one), and after which
    of its months or lines."""

    after_account: Item | None = None
    account_id: str | None = None
    month: str = ""
    after_line: Item | None = None
    is_begun: bool = False
    is_over: bool = False


class _ByAccount(ABC):
    """What both sources do: go through the tenant's bank accounts one by one."""

    def __init__(self, export: Export, state: bytes | None, columns: list[str]) -> None:
        self._export = export
        self._columns = columns
        self._place = Place() if state is None else msgspec.json.decode(state, type=Place)

    def state(self) -> bytes:
        """The place, as JSON."""
        return msgspec.json.encode(self._place)

    def step(self) -> Chunk:
        """The head, then account by account."""
        place = self._place
        if not place.is_begun:
            self._place = replace(place, is_begun=True)
            return Chunk(head(self._columns))
        if place.is_over:
            return Chunk(is_last=True)
        if place.account_id is None:
            self._next_account()
            return Chunk()
        return self._of_account(place.account_id)

    def _next_account(self) -> None:
        page = bank_accounts(self._export.tenant, None, after=self._place.after_account, limit=1)
        account: Account | None = page.values[0] if page.values else None
        self._place = Place(
            after_account=page.last_key,
            account_id=account.account_id if account else None,
            month=month_of(self._export.from_on),
            is_begun=True,
            is_over=account is None and page.last_key is None,
        )

    def _leave_account(self) -> None:
        is_over = self._place.after_account is None
        self._place = replace(self._place, account_id=None, after_line=None, is_over=is_over)

    @abstractmethod
    def _of_account(self, account_id: str) -> Chunk:
        """A step within an account."""


class ReconciliationSource(_ByAccount):
    """A row for each bank account and month of the period, proved."""

    def __init__(self, export: Export, state: bytes | None) -> None:
        super().__init__(export, state, RECONCILIATION)

    def _of_account(self, account_id: str) -> Chunk:
        tenant, month = self._export.tenant, self._place.month
        if month > month_of(self._export.to_on):
            self._leave_account()
            return Chunk()
        if follow(tenant, account_id, steps=STEPS).is_behind:
            return Chunk()
        self._place = replace(self._place, month=next_month(month))
        return Chunk(reconciliation_rows([reconcile(tenant, account_id, month)]), rows=1)


class StatementLineSource(_ByAccount):
    """A row for each line of the statements that end within the period."""

    def __init__(self, export: Export, state: bytes | None) -> None:
        super().__init__(export, state, MATCHES)

    def _of_account(self, account_id: str) -> Chunk:
        export = self._export
        bounds = str(export.from_on), str(export.to_on)
        page = months.lines_between(export.tenant, account_id, bounds, after=self._place.after_line, limit=PAGE)
        if page.last_key is None:
            self._leave_account()
        else:
            self._place = replace(self._place, after_line=page.last_key)
        return Chunk(line_rows(page.values), rows=len(page.values))
