"""A credit line: its terms, how interest runs and accrues, what it stands at.

Interest is exact since the principal last changed and rounded once, so that days booked one by one add up to the
rounded exact total.

Leaves to others: draws and repayments (`chalicelib.credit.changes`), what each of these books
(`chalicelib.credit.postings`), where a drawdown goes and what pays a repayment (`chalicelib.settlement`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import Enum

from chalicelib.core.daycount import DayCount
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit.history import Component, LineBalance, LineRules, running_interest

MOST_RATE_BPS = 100_000
MAX_BACKDATING_DAYS = 3650
BACKDATING_DAYS = 90
ACTIVE = "active"
OVER_LIMIT = "over_limit"


class OwedFrom(Enum):
    """The day from which a repayment that the bank has taken back is owed again."""

    VALUE_DATE = "value_date"
    REVERSAL = "reversal"


INTEREST_FIRST = (Component.INTEREST, Component.PRINCIPAL)


@dataclass(frozen=True, slots=True)
class Terms:
    """What lender and borrower agreed on: a yearly rate in basis points, what a repayment pays in which order, how many
    days back a repayment may be dated without anybody's decision, and from when one that bounces is owed again."""

    limit: Money
    rate_bps: int
    day_count: DayCount
    repayment_order: tuple[Component, ...] = INTEREST_FIRST
    backdating_days: int = BACKDATING_DAYS
    bounced_owed_from: OwedFrom = OwedFrom.VALUE_DATE


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """A line as it stands. All amounts are minor units of `currency`.

    `principal_minor` is drawn since `principal_since`, the day it last changed. `carried_interest_minor` is the
    interest fixed on that day and still unpaid, less what has been paid of the interest running since (so it may be
    negative). `accrued_minor` is what of the interest running since is booked, by the day `accrued_through`.
    `fixed_interest_minor` is all interest that ever ran up to `principal_since`, `events` the number of the last event
    of the line's history.
    """

    tenant: str
    line_id: str
    lender_party_id: str
    borrower_party_id: str
    currency: str
    limit_minor: int
    rate_bps: int
    day_count: DayCount
    repayment_order: tuple[Component, ...]
    reference: str
    principal_since: date
    accrued_through: date
    principal_minor: int = 0
    carried_interest_minor: int = 0
    accrued_minor: int = 0
    status: str = ACTIVE
    fixed_interest_minor: int = 0
    events: int = 0
    backdating_days: int = BACKDATING_DAYS
    bounced_owed_from: OwedFrom = OwedFrom.VALUE_DATE

    @property
    def shown_status(self) -> str:
        """Its status, or `over_limit`: more is drawn than its limit, since a repayment was taken back."""
        return OVER_LIMIT if self.status == ACTIVE and self.principal_minor > self.limit_minor else self.status

    @property
    def rules(self) -> LineRules:
        """What a replay needs to know of it."""
        return LineRules(self.line_id, self.rate_bps, self.day_count, self.repayment_order)

    @property
    def balance(self) -> LineBalance:
        """What is owed after the last event of its history."""
        return LineBalance(
            self.principal_minor, self.principal_since, self.carried_interest_minor, self.fixed_interest_minor
        )

    @property
    def principal(self) -> Money:
        """What is drawn."""
        return Money(self.principal_minor, self.currency)

    @property
    def available(self) -> Money:
        """What may still be drawn."""
        return Money(max(self.limit_minor - self.principal_minor, 0), self.currency)

    @property
    def booked_interest(self) -> Money:
        """Interest booked and not yet paid: the balance of the line's receivable account."""
        return Money(self.carried_interest_minor + self.accrued_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Accrual:
    """The line after an accrual through a day, and the interest it books: perhaps zero, never negative."""

    line: CreditLine
    amount: Money


@dataclass(frozen=True, slots=True)
class Position:
    """What a line stands at on a day: `payoff` is principal and interest together."""

    as_of: date
    drawn: Money
    available: Money
    booked_interest: Money
    interest_due: Money
    payoff: Money


def open_line(
    terms: Terms,
    *,
    tenant: str,
    line_id: str,
    lender_party_id: str,
    borrower_party_id: str,
    reference: str,
    on: date,
) -> CreditLine:
    """A new line with nothing drawn. Raises InvalidInput `limit_not_positive`, `invalid_rate`,
    `invalid_repayment_order`, `invalid_backdating_days` or `lender_is_borrower`."""
    if terms.limit.minor <= 0:
        raise InvalidInput("limit_not_positive", "a line's limit is more than zero", field="limit")
    if not 0 <= terms.rate_bps <= MOST_RATE_BPS:
        raise InvalidInput("invalid_rate", f"0 to {MOST_RATE_BPS} basis points", field="rate_bps")
    if set(terms.repayment_order) != set(Component) or len(terms.repayment_order) != len(Component):
        raise InvalidInput("invalid_repayment_order", "each component stands once", field="repayment_order")
    if not 0 <= terms.backdating_days <= MAX_BACKDATING_DAYS:
        sentence = f"0 to {MAX_BACKDATING_DAYS} days"
        raise InvalidInput("invalid_backdating_days", sentence, field="backdating_days", maximum=MAX_BACKDATING_DAYS)
    if lender_party_id == borrower_party_id:
        raise InvalidInput("lender_is_borrower", "a party does not lend to itself", field="borrower_party_id")
    return CreditLine(
        tenant=tenant,
        line_id=line_id,
        lender_party_id=lender_party_id,
        borrower_party_id=borrower_party_id,
        currency=terms.limit.currency,
        limit_minor=terms.limit.minor,
        rate_bps=terms.rate_bps,
        day_count=terms.day_count,
        repayment_order=terms.repayment_order,
        reference=reference,
        principal_since=on,
        accrued_through=on,
        backdating_days=terms.backdating_days,
        bounced_owed_from=terms.bounced_owed_from,
    )


def interest_due(line: CreditLine, on: date) -> Money:
    """All interest unpaid on a day, booked or not. `on` is not before the principal last changed."""
    return Money(line.carried_interest_minor + _running_interest(line, on), line.currency)


def position(line: CreditLine, on: date) -> Position:
    """What the line stands at on a day; on the day it has been accrued through, where that is later."""
    as_of = max(on, line.accrued_through)
    due = interest_due(line, as_of)
    return Position(as_of, line.principal, line.available, line.booked_interest, due, line.principal + due)


def accrue(line: CreditLine, through: date) -> Accrual:
    """Book the interest up to a day: what has run since the principal last changed, rounded, less what is booked.

    Raises Conflict `already_accrued` where the line has been accrued through that day.
    """
    if through <= line.accrued_through:
        raise Conflict(
            "already_accrued",
            "the line is accrued through that day",
            line_id=line.line_id,
            accrued_through=line.accrued_through.isoformat(),
        )
    running = _running_interest(line, through)
    after = replace(line, accrued_minor=running, accrued_through=through)
    return Accrual(after, Money(running - line.accrued_minor, line.currency))


def _running_interest(line: CreditLine, on: date) -> int:
    return running_interest(line.rules, line.balance, on)
