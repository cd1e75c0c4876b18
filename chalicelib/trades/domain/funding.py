"""Money that comes for a trade: what of it the escrow takes, and what does not belong there.

Leaves to others: where the rest goes (`chalicelib.settlement`, by the template's funding rule).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.core.errors import Defect
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.trades.domain.clocks import clocked, end_of_term, restarted
from chalicelib.trades.domain.lineage import with_inflow
from chalicelib.trades.domain.states import ENDED, TRANSITIONS, Command, State
from chalicelib.trades.domain.template import Stray
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade, move
from chalicelib.trades.domain.worth import part_of


@dataclass(frozen=True, slots=True)
class Funding:
    """What a payment did: `accepted` goes into the escrow; of what does not belong there, `returned` goes back to the
    buyer and `excess` waits for somebody to say."""

    trade: Trade
    accepted: Money
    excess: Money
    returned: Money


def fund(terms: Terms, trade: Trade, amount: Money, *, now: datetime) -> Funding:
    """Take a payment towards what is due. Never refused: what is too much, in another currency, or comes when nothing
    is due, is `returned` or `excess`, as the template says; money in another currency is never `returned`.

    Where the template accepts that, a payment over what is outstanding by no more than its tolerance (of what is due)
    is taken whole: a final settlement gives it back, else the last milestone lets it go. One that leaves no more than
    its tolerance outstanding counts as exact: the rest is conceded. A trade whose time is over takes money until the
    schedule has ended it.
    """
    if amount.minor <= 0:
        raise Defect("a payment is more than nothing")
    if amount.currency != trade.currency or not takes_money(trade):
        return _stray(terms, trade, amount.of(0), amount)
    outstanding = trade.outstanding.minor
    rule = terms.template.funding
    over = part_of(trade.due_minor, rule.over_tolerance_bps) if rule.over is Stray.ACCEPT else 0
    due = trade.due_minor + (amount.minor - outstanding if outstanding < amount.minor <= outstanding + over else 0)
    accepted = min(amount.minor, due - trade.funded_minor)
    funded = trade.funded_minor + accepted
    short = due - funded if due - funded <= part_of(trade.due_minor, rule.short_tolerance_bps) else 0
    taken = with_inflow(trade, _funded(terms, trade, funded, due - short, now))
    after = replace(taken, conceded_minor=trade.conceded_minor + short)
    return _stray(terms, after, amount.of(accepted), amount.of(amount.minor - accepted))


def takes_money(trade: Trade) -> bool:
    """Whether the buyer owes the escrow anything now."""
    allowed = Command.FUND in TRANSITIONS[trade.state] and Command.FUND in TRANSITIONS[trade.stage]
    return allowed and trade.outstanding.minor > 0


def _funded(terms: Terms, trade: Trade, funded: int, due: int, now: datetime) -> Trade:
    if funded < due:
        partly = State.DEPOSITED if funded >= terms.deposit.minor > 0 else State.FUNDING
        to = trade.stage if trade.stage is State.TOP_UP_DUE else partly
        return move(trade, Command.FUND, to, funded_minor=funded, due_minor=due)
    if trade.stage is State.TOP_UP_DUE:
        to = State.RELEASING if trade.done or trade.released_minor else State.FUNDED
        changes: dict[str, Any] = {"top_up_at": None, "payouts_stopped_at": None}
        after = move(trade, Command.FUND, to, funded_minor=funded, due_minor=due, **changes)
        return clocked(terms, restarted(terms, after, now), now)
    days = terms.template.expiry.performance_days
    changes = {"expires_at": end_of_term(terms, days, now), "payouts_stopped_at": None}
    after = move(trade, Command.FUND, State.FUNDED, funded_minor=funded, due_minor=due, **changes)
    return clocked(terms, restarted(terms, after, now), now)


def _stray(terms: Terms, trade: Trade, accepted: Money, rest: Money) -> Funding:
    rule = terms.template.funding
    wanted = rule.late if trade.stage in ENDED else rule.over
    nothing = rest.of(0)
    if wanted is Stray.RETURN and rest.currency == trade.currency:
        return Funding(trade, accepted, nothing, rest)
    return Funding(trade, accepted, rest, nothing)
