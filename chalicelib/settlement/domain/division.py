"""Where what leaves an escrow goes: shares to roles, a refund first to the line that funded the trade."""

from __future__ import annotations

from datetime import date

from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit.domain import CreditLine, Repayment, repay
from chalicelib.credit.postings import repayment_postings
from chalicelib.ledger.domain import Posting, credit, debit
from chalicelib.settlement.domain.accounts import netted, party_account_id, share_account_id
from chalicelib.settlement.domain.credit import day_on_line
from chalicelib.splits.domain.waterfall import Shares
from chalicelib.trades.domain.terms import Terms


@dataclass(frozen=True, slots=True)
class Refund:
    """Where money that comes back to a buyer goes: first to the line that funded the trade, the rest to the buyer."""

    line: CreditLine | None
    repayment: Repayment | None
    to_buyer: Money


def share_postings(tenant: str, terms: Terms, shares: Shares) -> tuple[Posting, ...]:
    """Out of the escrow, to each role's account; one posting for roles that share an account."""
    legs = [(debit(terms.escrow_account_id, a), credit(share_account_id(tenant, terms, role), a)) for role, a in shares]
    return netted(posting for pair in legs for posting in pair)


def refund(line: CreditLine | None, amount: Money, on: date) -> Refund:
    """How a refund is divided. A line that owes nothing any more gets nothing."""
    if line is None or amount.minor == 0:
        return Refund(line, None, amount)
    repayment = repay(line, amount, day_on_line(line, on))
    return Refund(repayment.line, repayment, repayment.excess)


def refund_postings(tenant: str, terms: Terms, refunded: Refund) -> tuple[Posting, ...]:
    """Out of the escrow, to the line and to the buyer."""
    to_line: tuple[Posting, ...] = ()
    if refunded.line is not None and refunded.repayment is not None:
        to_line = repayment_postings(refunded.line, refunded.repayment, terms.escrow_account_id)
    buyer = party_account_id(tenant, terms.buyer, terms.currency)
    return (*to_line, debit(terms.escrow_account_id, refunded.to_buyer), credit(buyer, refunded.to_buyer))
