"""Which credit line a trade was funded by, how much it drew, and the entry that a replay of a line books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.core.calendars import today_in
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit.changes import Drawdown, Source, draw
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.history import LineEvent
from chalicelib.settlement.domain.funding import check_wanted, fund_exactly
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade


@dataclass(frozen=True, slots=True)
class CreditFunding:
    """Which credit line has funded a trade, and with how much in all. A trade has at most one line."""

    line_id: str
    drawn_minor: int

    def more(self, line_id: str, amount: Money) -> CreditFunding:
        """After another drawdown. Raises Conflict `trade_has_another_line`."""
        if line_id != self.line_id:
            raise Conflict("trade_has_another_line", "another line funds this trade", line_id=self.line_id)
        return replace(self, drawn_minor=self.drawn_minor + amount.minor)


@dataclass(frozen=True, slots=True)
class CreditFunded:
    """A drawdown into an escrow: the draw itself, the trade after it, and what its line has funded in all."""

    drawdown: Drawdown
    trade: Trade
    funding: CreditFunding


def fund_by_credit(
    line: CreditLine,
    terms: Terms,
    trade: Trade,
    before: CreditFunding | None,
    amount: Money,
    *,
    now: datetime,
    later: Sequence[LineEvent] = (),
    entry_id: str = "",
) -> CreditFunded:
    """Draw an amount on its buyer's line into a trade's escrow.

    Refused, in this order: Conflict `line_of_another_buyer`; what `draw` refuses; InvalidInput `currency_mismatch`
    where the trade has another currency than the line; Conflict `trade_state`, `trade_has_another_line`,
    `more_than_outstanding`.
    """
    if line.borrower_party_id != terms.buyer:
        raise Conflict("line_of_another_buyer", "the trade's buyer does not have this line", line_id=line.line_id)
    drawdown = draw(line, amount, today_in(line.currency, now), later, source=Source(entry_id))
    check_wanted(trade, amount)
    funding = (before or CreditFunding(line.line_id, 0)).more(line.line_id, amount)
    return CreditFunded(drawdown, fund_exactly(terms, trade, amount, now=now), funding)


def check_top_up_line(line: CreditLine, terms: Terms) -> None:
    """Nothing where a deal may name a line for its difference. Raises Conflict `line_of_another_buyer`, InvalidInput
    `currency_mismatch`."""
    if line.borrower_party_id != terms.buyer:
        raise Conflict("line_of_another_buyer", "the trade's buyer does not have this line", line_id=line.line_id)
    if line.currency != terms.currency:
        facts = {"expected": terms.currency, "given": line.currency}
        raise InvalidInput("currency_mismatch", "the line is in another currency", field="top_up_line_id", **facts)
