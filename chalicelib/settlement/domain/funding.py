"""Money that is sent to a trade on purpose, from an account or a credit line, and what the bank should still send.

What a bank tells of is never refused, and is for `chalicelib.trades.domain.funding` alone; what is sent on purpose is
refused where the trade does not ask for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.banking.domain import ExpectedPayment
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.trades.domain.funding import fund
from chalicelib.trades.domain.states import Command
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade, check_state


def check_wanted(trade: Trade, amount: Money) -> None:
    """Nothing where a trade takes money, and in this currency. Raises InvalidInput `amount_not_positive`,
    `currency_mismatch`; Conflict `trade_state`."""
    if amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "the amount is more than zero", field="amount.minor")
    if amount.currency != trade.currency:
        facts = {"expected": trade.currency, "given": amount.currency}
        raise InvalidInput("currency_mismatch", "the trade is in another currency", field="amount.currency", **facts)
    check_state(trade, Command.FUND)


def fund_exactly(terms: Terms, trade: Trade, amount: Money, *, now: datetime) -> Trade:
    """The trade after an amount that it asks for. Raises as `check_wanted`, then Conflict `more_than_outstanding`."""
    check_wanted(trade, amount)
    if amount > trade.outstanding:
        facts = {"requested": amount.minor, "outstanding": trade.outstanding.minor}
        raise Conflict("more_than_outstanding", "the trade asks for less", **facts)
    return fund(terms, trade, amount, now=now).trade


def expected_after(expected: ExpectedPayment, before: Trade, after: Trade, *, by_bank: bool = False) -> ExpectedPayment:
    """What the bank should send in all for a trade, after a command has changed what is due or funded of it.

    What came otherwise than `by_bank` is not asked of the bank any more: the payment is short by what is outstanding,
    and by nothing once the trade has ended.
    """
    funded = after.funded_minor - before.funded_minor
    received = expected.received_minor + (funded if by_bank else 0)
    return replace(expected, received_minor=received, expected_minor=received + after.outstanding.minor)
