"""What has become of the payouts of a trade."""

from __future__ import annotations

from chalicelib.settlement.domain.trade_payouts import ReceiverPayouts, sum_payouts
from chalicelib.settlement.store.reserved import every_payout
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade


def get_trade_payouts(tenant: str, terms: Terms, trade: Trade) -> tuple[ReceiverPayouts, ...]:
    """The payouts of a trade as it was read, summed by receiver and currency."""
    return sum_payouts(every_payout(tenant, terms, trade))
