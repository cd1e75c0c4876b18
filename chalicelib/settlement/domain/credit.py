"""Which credit line a trade was funded by, how much it drew, and the day that a line books by."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit.domain import CreditLine, Drawdown, draw
from chalicelib.trades.domain.funding import fund
from chalicelib.trades.domain.states import TRANSITIONS, Command
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


def day_on_line(line: CreditLine, on: date) -> date:
    """The day something happens on a line: the given one, or the one it is accrued through, where that is later.

    A payment may be dated back, and two clocks may stand on either side of midnight; interest once booked stays booked.
    """
    return max(on, line.accrued_through)


def fund_by_credit(
    line: CreditLine, terms: Terms, trade: Trade, before: CreditFunding | None, amount: Money, *, on: date
) -> CreditFunded:
    """Draw an amount on its buyer's line into a trade's escrow.

    Refused, in this order: Conflict `line_of_another_buyer`; what `draw` refuses; InvalidInput `currency_mismatch`
    where the trade has another currency than the line; Conflict `trade_state`, `trade_has_another_line`,
    `more_than_outstanding`.
    """
    if line.borrower_party_id != terms.buyer:
        raise Conflict("line_of_another_buyer", "the trade's buyer does not have this line", line_id=line.line_id)
    drawdown = draw(line, amount, day_on_line(line, on))
    _check_wants(trade, amount)
    funding = (before or CreditFunding(line.line_id, 0)).more(line.line_id, amount)
    funded = fund(trade, amount)
    if funded.excess.minor:
        facts = {"requested": amount.minor, "outstanding": trade.outstanding.minor}
        raise Conflict("more_than_outstanding", "the trade asks for less", **facts)
    return CreditFunded(drawdown, funded.trade, funding)


def is_whole(trade: Trade, *, received_minor: int, funding: CreditFunding | None) -> bool:
    """Whether a trade, what the bank has received for it and what its line has drawn for it were read at one instant.

    Each payment changes the trade and one of the other two in one commit, and none of the three ever falls: so where
    they agree, and the trade is still the same when the next commit is made, nothing has been missed.
    """
    return trade.funded_minor == received_minor + (funding.drawn_minor if funding else 0)


def _check_wants(trade: Trade, amount: Money) -> None:
    if amount.currency != trade.currency:
        facts = {"expected": trade.currency, "given": amount.currency}
        raise InvalidInput("currency_mismatch", "the trade is in another currency", field="amount.currency", **facts)
    if Command.FUND not in TRANSITIONS[trade.state]:
        sentence = f"a trade that is {trade.state.value} takes no more money"
        raise Conflict("trade_state", sentence, state=trade.state.value, command=Command.FUND.value)
