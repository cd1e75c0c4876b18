"""A credit line: how it is drawn on, how interest runs, what a repayment pays first.

Interest is exact since the principal last changed and rounded once, so that days booked one by one add up to the
rounded exact total. Every draw and repayment first recognises the interest up to its own day.

Leaves to others: what each of these books (`chalicelib.credit.postings`), where a drawdown goes and what pays a
repayment (`chalicelib.settlement`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import Enum

from chalicelib.core.daycount import DayCount, year_fraction
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money, round_ratio
from chalicelib.core.values import dataclass

MOST_RATE_BPS = 100_000
ACTIVE = "active"


class Component(Enum):
    """What a borrower owes on a line."""

    INTEREST = "interest"
    PRINCIPAL = "principal"


INTEREST_FIRST = (Component.INTEREST, Component.PRINCIPAL)


@dataclass(frozen=True, slots=True)
class Terms:
    """What lender and borrower agreed on: a yearly rate in basis points, and what a repayment pays in which order."""

    limit: Money
    rate_bps: int
    day_count: DayCount
    repayment_order: tuple[Component, ...] = INTEREST_FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """A line as it stands. All amounts are minor units of `currency`.

    `principal_minor` is drawn since `principal_since`, the day it last changed. `carried_interest_minor` is the
    interest fixed on that day and still unpaid, less what has been paid of the interest running since (so it may be
    negative). `accrued_minor` is what of the interest running since is booked, by the day `accrued_through`.
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

    @property
    def principal(self) -> Money:
        """What is drawn."""
        return Money(self.principal_minor, self.currency)

    @property
    def available(self) -> Money:
        """What may still be drawn."""
        return Money(self.limit_minor - self.principal_minor, self.currency)

    @property
    def booked_interest(self) -> Money:
        """Interest booked and not yet paid: the balance of the line's receivable account."""
        return Money(self.carried_interest_minor + self.accrued_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The line after a draw of `amount`. `recognised` is interest up to the day that was not booked before."""

    line: CreditLine
    amount: Money
    recognised: Money


@dataclass(frozen=True, slots=True)
class Accrual:
    """The line after an accrual through a day, and the interest it books: perhaps zero, never negative."""

    line: CreditLine
    amount: Money


@dataclass(frozen=True, slots=True)
class Repayment:
    """The line after a repayment, and what the money went to: `interest` (of which `accrued_part` had been booked
    before and `unaccrued_part` had not), `principal`, and `excess` that nothing was owed for: it is not booked.
    `recognised` is all interest up to the day that was not booked before, paid or not."""

    line: CreditLine
    interest: Money
    principal: Money
    excess: Money
    accrued_part: Money
    unaccrued_part: Money
    recognised: Money


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
    `invalid_repayment_order` or `lender_is_borrower`."""
    if terms.limit.minor <= 0:
        raise InvalidInput("limit_not_positive", "a line's limit is more than zero", field="limit")
    if not 0 <= terms.rate_bps <= MOST_RATE_BPS:
        raise InvalidInput("invalid_rate", f"0 to {MOST_RATE_BPS} basis points", field="rate_bps")
    if set(terms.repayment_order) != set(Component) or len(terms.repayment_order) != len(Component):
        raise InvalidInput("invalid_repayment_order", "each component stands once", field="repayment_order")
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
    )


def interest_due(line: CreditLine, on: date) -> Money:
    """All interest unpaid on a day, booked or not. `on` is not before the principal last changed."""
    return Money(line.carried_interest_minor + _running_interest(line, on), line.currency)


def position(line: CreditLine, on: date) -> Position:
    """What the line stands at on a day; on the day it has been accrued through, where that is later."""
    as_of = max(on, line.accrued_through)
    due = interest_due(line, as_of)
    return Position(as_of, line.principal, line.available, line.booked_interest, due, line.principal + due)


def draw(line: CreditLine, amount: Money, on: date) -> Drawdown:
    """Draw on the line. Raises InvalidInput `currency_mismatch` or `amount_not_positive`, Conflict
    `credit_line_not_active`, `date_before_accrual` or `credit_limit_exceeded` (`requested`, `available`)."""
    _check_amount(line, amount)
    if line.status != ACTIVE:
        raise Conflict("credit_line_not_active", f"the line is {line.status}", line_id=line.line_id, status=line.status)
    _check_date(line, on)
    if line.available < amount:
        raise Conflict(
            "credit_limit_exceeded",
            "the amount is more than the line has left",
            line_id=line.line_id,
            requested=amount.minor,
            available=line.available.minor,
        )
    running = _running_interest(line, on)
    after = _with_principal(line, line.principal_minor + amount.minor, line.carried_interest_minor + running, on)
    return Drawdown(after, amount, amount.of(running - line.accrued_minor))


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


def repay(line: CreditLine, amount: Money, on: date) -> Repayment:
    """Pay what is owed in the line's order. Raises InvalidInput `currency_mismatch` or `amount_not_positive`, Conflict
    `date_before_accrual`."""
    _check_amount(line, amount)
    _check_date(line, on)
    running = _running_interest(line, on)
    owed = {Component.INTEREST: interest_due(line, on).minor, Component.PRINCIPAL: line.principal_minor}
    paid, left = {}, amount.minor
    for component in line.repayment_order:
        paid[component] = min(left, owed[component])
        left -= paid[component]
    interest, principal = paid[Component.INTEREST], paid[Component.PRINCIPAL]
    accrued_part = min(interest, line.booked_interest.minor)
    return Repayment(
        line=_repaid(line, interest=interest, principal=principal, running=running, on=on),
        interest=amount.of(interest),
        principal=amount.of(principal),
        excess=amount.of(left),
        accrued_part=amount.of(accrued_part),
        unaccrued_part=amount.of(interest - accrued_part),
        recognised=amount.of(running - line.accrued_minor),
    )


def _running_interest(line: CreditLine, on: date) -> int:
    """Interest since the principal last changed, rounded half to even: principal x rate x part of a year."""
    days, year = year_fraction(line.day_count, line.principal_since, on)
    return round_ratio(line.principal_minor * line.rate_bps * days, 10_000 * year)


def _with_principal(line: CreditLine, principal_minor: int, carried_minor: int, on: date) -> CreditLine:
    """The line with another principal: interest so far is fixed, and runs anew from `on`."""
    return replace(
        line,
        principal_minor=principal_minor,
        principal_since=on,
        carried_interest_minor=carried_minor,
        accrued_minor=0,
        accrued_through=on,
    )


def _repaid(line: CreditLine, *, interest: int, principal: int, running: int, on: date) -> CreditLine:
    carried = line.carried_interest_minor - interest
    if principal:
        return _with_principal(line, line.principal_minor - principal, carried + running, on)
    return replace(line, carried_interest_minor=carried, accrued_minor=running, accrued_through=on)


def _check_amount(line: CreditLine, amount: Money) -> None:
    if amount.currency != line.currency:
        raise InvalidInput(
            "currency_mismatch",
            f"the line is kept in {line.currency}",
            field="amount.currency",
            expected=line.currency,
            given=amount.currency,
        )
    if amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "the amount is more than zero", field="amount.minor")


def _check_date(line: CreditLine, on: date) -> None:
    """Interest that is booked stays booked: nothing happens before the day the line has been accrued through."""
    if on < line.accrued_through:
        raise Conflict(
            "date_before_accrual",
            "the line is accrued through a later day",
            line_id=line.line_id,
            accrued_through=line.accrued_through.isoformat(),
        )
