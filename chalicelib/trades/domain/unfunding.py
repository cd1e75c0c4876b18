"""Money that leaves an escrow as if it had never come: its bank took it back, or it was allocated to the wrong trade.

The trade owes it again, and its clocks stand still until it is there. Money that is free goes first, then what is in
dispute, then what is retained.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.core.errors import Defect
from chalicelib.trades.domain.clocks import end_of_term, stopped
from chalicelib.trades.domain.lineage import without_units
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Dispute, Trade, check_state, move


def unfund(terms: Terms, trade: Trade, minor: int, units: int, *, now: datetime) -> Trade:
    """The trade after `minor` of what it holds has gone, which had these units of the escrow. Raises Conflict
    `trade_state` where it can hold nothing."""
    check_state(trade, Command.UNFUND)
    if not 0 < minor <= trade.held_minor:
        raise Defect(f"{trade.trade_id} holds {trade.held_minor}, and {minor} of it is taken back")
    from_dispute, from_retained = _beyond_free(trade, minor)
    dispute = _lowered(trade.dispute, from_dispute, from_retained)
    still = trade if trade.dispute is not None else stopped(terms, trade, now)
    changes: dict[str, Any] = {
        "funded_minor": trade.funded_minor - minor,
        "reversed_minor": trade.reversed_minor + minor,
        "retained_minor": trade.retained_minor - from_retained,
        "dispute": dispute,
    }
    to = _stage(terms, trade, trade.funded_minor - minor, trade.held_minor - minor)
    if to in {State.AGREED, State.FUNDING, State.DEPOSITED}:
        days = terms.template.expiry.funding_days
        changes["expires_at"] = end_of_term(terms, days, now)
    return without_units(move(still, Command.UNFUND, to, **changes), units)


def held_back(trade: Trade, minor: int) -> tuple[Trade, int]:
    """The trade that lets nothing of an amount go for now, and how much of it that is: what is still held and not on
    hold already."""
    more = max(min(minor, trade.held_minor - trade.reversal_hold_minor), 0)
    return replace(trade, reversal_hold_minor=trade.reversal_hold_minor + more), more


def with_payouts_stopped(trade: Trade, now: datetime) -> Trade:
    """The trade that has nothing paid out of what it has let go by now, until all that is due is there again."""
    return replace(trade, payouts_stopped_at=now, releases_stopped=len(trade.releases))


def is_payout_stopped(trade: Trade, entry_id: str, reserved_at: datetime | None) -> bool:
    """Whether a payout of what an entry of this trade has let go is stopped. What is let go later is of money that is
    there. An entry that gave only the buyer something is not among the releases: its instant decides."""
    since = trade.payouts_stopped_at
    if since is None:
        return False
    if entry_id in trade.releases:
        return entry_id in trade.releases[: trade.releases_stopped]
    return reserved_at is not None and reserved_at <= since


def lifted(trade: Trade, minor: int) -> Trade:
    """The trade with so much less on hold."""
    return replace(trade, reversal_hold_minor=max(trade.reversal_hold_minor - minor, 0))


def _stage(terms: Terms, trade: Trade, funded: int, held: int) -> State:
    """Where a trade stands that has lost money: waiting for it again, unless nothing is to be paid in any more."""
    if trade.stage is State.RETAINED:
        return State.RETAINED if held or trade.dispute is not None else State.COMPLETED
    if trade.dispute is not None or trade.stage in {State.TOP_UP_DUE, State.RELEASING}:
        return State.TOP_UP_DUE
    if not funded:
        return State.AGREED
    return State.DEPOSITED if funded >= terms.deposit.minor > 0 else State.FUNDING


def _beyond_free(trade: Trade, minor: int) -> tuple[int, int]:
    """What of an amount is not free: of the money in dispute, and of what is retained."""
    beyond = max(minor - trade.free_minor, 0)
    from_dispute = min(beyond, trade.frozen_price_minor)
    return from_dispute, beyond - from_dispute


def _lowered(dispute: Dispute | None, of_price: int, of_retention: int) -> Dispute | None:
    """The dispute about what is left of its amount."""
    if dispute is None:
        return None
    retained = max(dispute.retained_minor - of_retention, 0)
    return replace(
        dispute, minor=dispute.minor - of_price - (dispute.retained_minor - retained), retained_minor=retained
    )
