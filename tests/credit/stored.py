"""Lines in the tables: opened, funded and drawn on by one commit each, as the commands above credit do it."""

from __future__ import annotations

import json

from chalicelib.core.call import Call
from chalicelib.credit import store
from chalicelib.credit.changes import draw
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.postings import drawdown_postings, lender_accounts, line_accounts
from chalicelib.ledger.domain import (
    Account,
    Kind,
    Purpose,
    credit,
    debit,
    entry_of,
    purpose_account,
    purpose_account_id,
)
from chalicelib.ledger.store.accounts import load_account, open_account
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, get
from chalicelib.storage.tables import Key
from tests.credit.lines import ESCROW, LENDER, cny, line_of
from tests.support.calls import TENANT, call

BANK = "acc_bank"
FUNDS = 1_000_000_000


def open_books(tenant: str = TENANT) -> None:
    """A tenant's accounts around its lines, the lender's money in."""
    plain = [Account(BANK, "bank", Kind.ASSET, "CNY"), Account(ESCROW, "escrow", Kind.LIABILITY, "CNY")]
    income = purpose_account(tenant, Purpose.INTEREST_INCOME, "CNY", name="interest")
    open_accounts(tenant, *plain, income, *lender_accounts(tenant, LENDER, "CNY", "lender"))
    undrawn = purpose_account_id(tenant, Purpose.LENDER_UNDRAWN, "CNY", LENDER)
    here = call(tenant=tenant)
    postings = (debit(BANK, cny(FUNDS)), credit(undrawn, cny(FUNDS)))
    once(here, lambda _: plan_entry(here, entry_of("lender.funded", postings, occurred_at=here.now)))


def open_accounts(tenant: str, *accounts: Account) -> None:
    here = call(tenant=tenant)
    writes = tuple(open_account(tenant, account, opened_by=here) for account in accounts)
    once(here, lambda _: Plan(journal_item(here, "accounts.opened"), writes))


def open_stored(line: CreditLine | None = None, *, without_accounts: bool = False) -> CreditLine:
    """A line in the tables, with its accounts unless told otherwise."""
    opened = line or line_of()
    here = call(tenant=opened.tenant)
    accounts = () if without_accounts else line_accounts(opened)
    writes = tuple(open_account(opened.tenant, account, opened_by=here) for account in accounts)
    item = journal_item(here, "credit_line.opened", subject=opened.line_id)
    once(here, lambda _: Plan(item, (*writes, *store.create_line(opened))))
    return opened


def draw_stored(line: CreditLine, minor: int, *, by: Call | None = None) -> Outcome:
    """Draw on a stored line, decided from what stands there."""
    here = by or call(tenant=line.tenant)

    def decide(found: Found) -> Plan:
        stored = store.take_line(found, line.tenant, line.line_id)
        drawdown = draw(stored.value, cny(minor), here.now.date())
        postings = drawdown_postings(line, drawdown, ESCROW)
        entry = entry_of("credit_line.drawn", postings, occurred_at=here.now, subject=line.line_id)
        return plan_entry(here, entry, store.replace_line(drawdown.line, version=stored.version))

    return once(here, decide, reads=(store.line_key(line.tenant, line.line_id),))


def balance(line: CreditLine, purpose: Purpose, owner: str = "") -> int:
    """A balance of the line's tenant, on its account's own side."""
    return load_account(line.tenant, purpose_account_id(line.tenant, purpose, "CNY", owner)).own_balance


def forge_stored(line: CreditLine, *, version: int) -> None:
    """Overwrite a line's state with one that its books know nothing of."""
    here = call(tenant=line.tenant)
    once(here, lambda _: Plan(journal_item(here, "test.forged"), (store.replace_line(line, version=version),)))


def item_bytes(key: Key) -> int:
    """An item's size as DynamoDB bills it, near enough: attribute names and values."""
    item = get(key)
    assert item is not None
    return len(json.dumps(item.serialize(), default=str))
