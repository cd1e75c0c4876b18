"""What a credit line books: its accounts, and the postings of a draw, an accrual and a repayment. Pure.

The receivable's balance always equals the interest booked and not yet paid, the loan's and the lender's drawn balance
the principal.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.core.money import Money
from chalicelib.credit.changes import Adjustment, Bounce, Drawdown, Repayment
from chalicelib.credit.domain import Accrual, CreditLine
from chalicelib.ledger.domain import Account, Posting, Purpose, credit, debit, purpose_account, purpose_account_id


def line_accounts(line: CreditLine) -> tuple[Account, ...]:
    """The accounts to open with a line: the loan, which never passes the limit, and the interest receivable."""
    return (
        purpose_account(
            line.tenant,
            Purpose.LOAN,
            line.currency,
            name=f"{line.reference} loan",
            owner=line.line_id,
            ceiling=line.limit_minor,
        ),
        purpose_account(
            line.tenant,
            Purpose.INTEREST_RECEIVABLE,
            line.currency,
            name=f"{line.reference} interest receivable",
            owner=line.line_id,
        ),
    )


def lender_accounts(tenant: str, party_id: str, currency: str, name: str) -> tuple[Account, ...]:
    """The accounts to open with a lender: the money not yet lent, which never falls below zero, and the money lent."""
    return (
        purpose_account(tenant, Purpose.LENDER_UNDRAWN, currency, name=f"{name} undrawn", owner=party_id),
        purpose_account(tenant, Purpose.LENDER_DRAWN, currency, name=f"{name} drawn", owner=party_id),
    )


def drawdown_postings(line: CreditLine, drawdown: Drawdown, paid_to_account_id: str) -> tuple[Posting, ...]:
    """The lender's money moves to an account (a trade's escrow), the loan stands against the lender's drawn money, and
    interest not booked before is. Legs may be zero: `entry_of` leaves them out."""
    amount = drawdown.amount
    return (
        debit(_lender(line, Purpose.LENDER_UNDRAWN), amount),
        credit(paid_to_account_id, amount),
        debit(_own(line, Purpose.LOAN), amount),
        credit(_lender(line, Purpose.LENDER_DRAWN), amount),
        *_interest_postings(line, drawdown.recognised),
    )


def accrual_postings(line: CreditLine, accrual: Accrual) -> tuple[Posting, ...]:
    """Interest becomes a claim on the borrower, and income. Both legs are zero where the accrual is."""
    return _interest_postings(line, accrual.amount)


def repayment_postings(line: CreditLine, repayment: Repayment, paid_from_account_id: str) -> tuple[Posting, ...]:
    """Interest and principal leave an account; the claims fall, the lender's drawn money is undrawn again, and interest
    not booked before is income. The excess stays where it is. Legs may be zero: `entry_of` leaves them out."""
    principal, recognised = repayment.principal, repayment.recognised
    receivable = _own(line, Purpose.INTEREST_RECEIVABLE)
    claim = recognised - repayment.interest
    return (
        debit(paid_from_account_id, repayment.interest + principal),
        debit(receivable, claim) if claim.minor > 0 else credit(receivable, -claim),
        credit(purpose_account_id(line.tenant, Purpose.INTEREST_INCOME, line.currency), recognised),
        credit(_own(line, Purpose.LOAN), principal),
        debit(_lender(line, Purpose.LENDER_DRAWN), principal),
        credit(_lender(line, Purpose.LENDER_UNDRAWN), principal),
    )


def bounce_postings(line: CreditLine, bounced: Bounce) -> tuple[Posting, ...]:
    """The debits of a repayment that was taken back: interest and principal are owed again, and what was undrawn by it
    is drawn."""
    principal = bounced.principal
    return (
        debit(_own(line, Purpose.INTEREST_RECEIVABLE), bounced.interest),
        debit(_own(line, Purpose.LOAN), principal),
        credit(_lender(line, Purpose.LENDER_DRAWN), principal),
        debit(_lender(line, Purpose.LENDER_UNDRAWN), principal),
    )


def adjustment_postings(line: CreditLine, adjustment: Adjustment, owed_to: Mapping[str, str]) -> tuple[Posting, ...]:
    """What a replay changes beside the event itself: one posting for each account. `owed_to` has the account that the
    surplus of each later payment goes to, by the payment's place in the history."""
    currency = line.currency
    principal = adjustment.principal_minor
    surplus = ((owed_to[one.event.place], -one.minor) for one in adjustment.surplus)
    return tuple(
        _signed(account_id, signed, currency)
        for account_id, signed in (
            (_own(line, Purpose.INTEREST_RECEIVABLE), adjustment.receivable_minor),
            (purpose_account_id(line.tenant, Purpose.INTEREST_INCOME, currency), -adjustment.interest_minor),
            (_own(line, Purpose.LOAN), principal),
            (_lender(line, Purpose.LENDER_DRAWN), -principal),
            (_lender(line, Purpose.LENDER_UNDRAWN), principal),
            *surplus,
        )
    )


def _signed(account_id: str, signed: int, currency: str) -> Posting:
    """A debit, or (negative) a credit."""
    return (debit if signed > 0 else credit)(account_id, Money(abs(signed), currency))


def _interest_postings(line: CreditLine, amount: Money) -> tuple[Posting, ...]:
    return (
        debit(_own(line, Purpose.INTEREST_RECEIVABLE), amount),
        credit(purpose_account_id(line.tenant, Purpose.INTEREST_INCOME, line.currency), amount),
    )


def _own(line: CreditLine, purpose: Purpose) -> str:
    return purpose_account_id(line.tenant, purpose, line.currency, line.line_id)


def _lender(line: CreditLine, purpose: Purpose) -> str:
    return purpose_account_id(line.tenant, purpose, line.currency, line.lender_party_id)
