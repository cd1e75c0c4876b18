"""Builders of credit lines, and books kept in memory as an independent check of the postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from chalicelib.core.daycount import DayCount
from chalicelib.core.money import Money
from chalicelib.credit.domain import INTEREST_FIRST, Component, CreditLine, Terms, accrue, open_line
from chalicelib.ledger.domain import Posting, Purpose, entry_of, purpose_account_id
from tests.support.calls import MONDAY, TENANT

START = MONDAY.date()
LENDER, BORROWER = "pty_lender", "pty_borrower"
ESCROW = "acc_escrow"


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def day(days: int) -> date:
    """The day `days` after the line was opened."""
    return START + timedelta(days=days)


def line_of(
    limit: int = 200_000_000,
    *,
    rate_bps: int = 600,
    day_count: DayCount = DayCount.ACT_360,
    order: tuple[Component, ...] = INTEREST_FIRST,
    tenant: str = TENANT,
    line_id: str = "crl_one",
) -> CreditLine:
    """A new line of 2,000,000.00 at 6 % ACT/360, opened on a Monday."""
    return open_line(
        Terms(cny(limit), rate_bps, day_count, order),
        tenant=tenant,
        line_id=line_id,
        lender_party_id=LENDER,
        borrower_party_id=BORROWER,
        reference=f"QT-{line_id}",
        on=START,
    )


def accrued_daily(line: CreditLine, through: date) -> tuple[CreditLine, int]:
    """The line after an accrual on every day through `through`, and all that these booked."""
    booked = 0
    while line.accrued_through < through:
        accrual = accrue(line, line.accrued_through + timedelta(days=1))
        line, booked = accrual.line, booked + accrual.amount.minor
    return line, booked


@dataclass
class Books:
    """Balances on each account's own side, from postings alone. Each entry is checked to balance."""

    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def book(self, postings: Iterable[Posting]) -> None:
        legs = [posting for posting in postings if posting.amount.minor]
        for posting in entry_of("test", legs, occurred_at=MONDAY).postings if legs else ():
            self.sums[posting.account_id] += posting.signed

    def balance(self, purpose: Purpose, owner: str = "") -> int:
        """Debits less credits."""
        return self.sums[purpose_account_id(TENANT, purpose, "CNY", owner)]
