"""Which payouts follow from an entry: one for each party for which it has reserved what it credited.

The entry itself carries none of them. They follow by worker, each under an id of entry and account, so that asking
twice pays once.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.banking import reserved_payouts
from chalicelib.banking import store as banking_store
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import Reserved, Stop
from chalicelib.core.call import Call
from chalicelib.core.errors import NotFound
from chalicelib.ledger.store.entries import load_entry
from chalicelib.settlement.kinds import is_paid_out_after
from chalicelib.settlement.store.reserved import is_of_trade, load_reservations
from chalicelib.storage.once import Outcome
from chalicelib.storage.reads import fetch
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.states import CLOSED
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.domain.unfunding import is_payout_stopped

MONEY_TAKEN_BACK = "money_taken_back"
"""Why a payout is stopped of a trade whose payment a bank has taken back."""


def payouts_due(tenant: str, entry_id: str) -> tuple[Reserved, ...]:
    """What an entry has reserved for payouts; none where it is of another kind. Raises NotFound `entry_not_found`."""
    item = load_entry(tenant, entry_id)
    return load_reservations(item) if is_paid_out_after(item) else ()


def stopped_releases(tenant: str, trade_id: str) -> tuple[str, ...]:
    """The entries of a trade whose payouts are stopped. Raises NotFound `trade_not_found`."""
    trade = _load_trade(tenant, trade_id)
    return trade.releases[: trade.releases_stopped] if trade.payouts_stopped_at else ()


def follow_reserved(reserved: Reserved, *, now: datetime) -> Payout:
    """Do with what an entry has reserved what is due now; nothing of a trade is paid out that a bank has taken money
    back of. Raises Busy `try_again`."""
    return reserved_payouts.follow_reserved(reserved, _stop_of, now=now)


def follow_payout(tenant: str, payout_id: str, *, now: datetime) -> Payout:
    """The same for a payout that has a record. Raises NotFound `payout_not_found`."""
    return reserved_payouts.follow_payout(tenant, payout_id, _stop_of, now=now)


def resume_payout(call: Call, payout_id: str) -> Outcome:
    """Have a stopped payout made: its trade is funded again, or is over and a person has decided. Facts: payout_id,
    state. Raises NotFound `payout_not_found`, Conflict `payout_state`, `trade_not_funded`."""
    return reserved_payouts.resume_payout(call, payout_id, _stop_of)


def payout_tenant(bank_id: str, payout_id: str) -> str | None:
    """Whose a payout is that a bank names, or None: nobody's that this bank pays for."""
    try:
        return banking_store.payout_owner(bank_id, payout_id).tenant
    except NotFound:
        return None


def _load_trade(tenant: str, trade_id: str) -> Trade:
    return trades_store.take_trade(fetch((trades_store.state_key(tenant, trade_id),)), tenant, trade_id).value


def is_stopped_now(trade: Trade, payout: Payout) -> bool:
    """Whether a payout of a trade is not to be made as things stand: a bank has taken back money of it."""
    stop = _stop_by(trade, payout)
    return stop is not None and stop.holds(payout)


def _stop_of(payout: Payout) -> Stop | None:
    """What stops a payout now."""
    if payout.subject is None or not is_of_trade(payout.subject):
        return None
    return _stop_by(_load_trade(payout.tenant, payout.subject), payout)


def _stop_by(trade: Trade, payout: Payout) -> Stop | None:
    """What stops a payout of a trade: a bank has taken back money of it. A trade that is over is never funded again."""
    if trade.payouts_stopped_at is None or not is_payout_stopped(trade, payout.entry_id, payout.reserved_at):
        return None
    return Stop(trade.payouts_stopped_at, MONEY_TAKEN_BACK, passes=trade.stage not in CLOSED)
