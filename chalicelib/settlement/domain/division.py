"""Where what leaves an escrow goes: a share to its role; a refund to the line that funded the trade, then to the buyer.

A role that is paid in the price's currency gets its share exchanged: the trade's currency goes to the tenant's position
in it, and the other currency comes from the position in that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chalicelib.core.errors import Defect
from chalicelib.core.money import Money, exponent, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.credit.changes import Repayment, Source, repay
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.history import LineEvent
from chalicelib.credit.postings import adjustment_postings, repayment_postings
from chalicelib.ledger.domain import Posting, credit, debit
from chalicelib.ledger.exchange import Rate, position_account_id
from chalicelib.settlement.domain.accounts import netted, party_account_id, share_account_id, share_currency
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division


@dataclass(frozen=True, slots=True)
class Refund:
    """Where money that comes back to a buyer goes: first to the line that funded the trade, the rest to the buyer."""

    line: CreditLine | None
    repayment: Repayment | None
    to_buyer: Money


def share_postings(tenant: str, terms: Terms, division: Division) -> tuple[Posting, ...]:
    """Out of the escrow, to each role's account; one posting for roles that share an account."""
    shares, rate = division.shares, division.rate
    return netted(leg for role, part in shares for leg in _share_legs(tenant, terms, role, part, rate))


def exchanged(amount: Money, rate: Rate, currency: str) -> Money:
    """What an amount of a trade comes to in the price's currency, of which `rate` says what one unit is worth in the
    trade's. Rounded half to even."""
    numerator = amount.minor * rate.denominator * 10 ** exponent(currency)
    return Money(round_ratio(numerator, rate.numerator * 10 ** exponent(amount.currency)), currency)


def refund(
    line: CreditLine | None, amount: Money, on: date, later: Sequence[LineEvent] = (), *, entry_id: str = ""
) -> Refund:
    """How a refund is divided. A line that owes nothing any more gets nothing. `later` are the events of its history
    behind the day, where it has been accrued past it."""
    if line is None or amount.minor == 0:
        return Refund(line, None, amount)
    repayment = repay(line, amount, on, later, source=Source(entry_id))
    return Refund(repayment.line, repayment, repayment.excess)


def refund_postings(tenant: str, terms: Terms, refunded: Refund) -> tuple[Posting, ...]:
    """Out of the escrow, to the line and to the buyer."""
    escrow, buyer = terms.escrow_account_id, party_account_id(tenant, terms.buyer, terms.currency)
    return (
        *line_postings(tenant, refunded, escrow),
        debit(escrow, refunded.to_buyer),
        credit(buyer, refunded.to_buyer),
    )


def line_postings(tenant: str, refunded: Refund, paid_from: str) -> tuple[Posting, ...]:
    """Out of an account, to the line that a refund repays; none where there is no line, or it is owed nothing. A
    repayment dated now is booked now, so what it changes of later days is part of its own entry."""
    line, repayment = refunded.line, refunded.repayment
    if line is None or repayment is None:
        return ()
    borrower = party_account_id(tenant, line.borrower_party_id, line.currency)
    owed_to = {one.event.place: borrower for one in repayment.adjustment.surplus}
    adjusted = adjustment_postings(line, repayment.adjustment, owed_to)
    return (*repayment_postings(line, repayment, paid_from), *adjusted)


def _share_legs(tenant: str, terms: Terms, role: str, part: Money, rate: Rate | None) -> tuple[Posting, ...]:
    out, account_id = debit(terms.escrow_account_id, part), share_account_id(tenant, terms, role)
    currency = share_currency(terms, role)
    if currency == terms.currency:
        return out, credit(account_id, part)
    if rate is None:
        raise Defect(f"{terms.trade_id}: {role} is paid in {currency} and there is no rate")
    given = exchanged(part, rate, currency)
    return (
        out,
        credit(position_account_id(tenant, terms.currency), part),
        debit(position_account_id(tenant, currency), given),
        credit(account_id, given),
    )
