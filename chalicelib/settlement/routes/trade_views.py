"""A trade in full, as answers show it: with what has become of its payouts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from chalicelib.core.instants import instant_text
from chalicelib.settlement.domain.trade_payouts import ReceiverPayouts, payout_stage
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.views import EvidenceView, TradeView


class ReceiverPayoutsView(msgspec.Struct, frozen=True):
    """What a party gets in payouts of the trade, in minor units of `currency`: all amounts together are what the trade
    set aside for it. `reserved_minor` waits to be paid, `short_minor` too, but the account holds less than that;
    `on_the_way_minor` was made or sent and its bank has not said that it left, the oldest since `unanswered_since`,
    `unanswered_days` whole days ago; `paid_minor` has left. `returned_minor` came back or was rejected or cancelled and
    is on the party's account, less `charges_minor` that banks kept; `unreserved_minor` went back with a refund, or
    stays on the party's account by its payout schedule or a command."""

    party_id: str
    currency: str
    reserved_minor: int
    short_minor: int
    on_the_way_minor: int
    paid_minor: int
    returned_minor: int
    charges_minor: int
    unreserved_minor: int
    unanswered_since: str | None
    unanswered_days: int | None
    payout_ids: list[str]


class TradePayoutsView(msgspec.Struct, frozen=True):
    """The payouts of a trade, by receiver. `stage` is the first of these that is so of any: `short`, `returned`,
    `unanswered` (made or sent, no debit yet), `reserved`; else `paid`, or `none`. A trade may be completed before its
    payouts are."""

    stage: str
    receivers: list[ReceiverPayoutsView]


class TradeDetail(msgspec.Struct, frozen=True):
    """A trade: where it stands, what was agreed, the evidence so far, and its payouts. `deposit_minor` of the agreed
    price are paid first."""

    trade: TradeView
    terms: Terms
    deposit_minor: int
    evidence: list[EvidenceView]
    payouts: TradePayoutsView


def trade_payouts_view(receivers: Sequence[ReceiverPayouts], now: datetime) -> TradePayoutsView:
    """The payouts of a trade as answers show them at an instant."""
    return TradePayoutsView(payout_stage(receivers).value, [_receiver(one, now) for one in receivers])


def _receiver(one: ReceiverPayouts, now: datetime) -> ReceiverPayoutsView:
    since = one.unanswered_since
    return ReceiverPayoutsView(
        party_id=one.party_id,
        currency=one.currency,
        reserved_minor=one.reserved_minor,
        short_minor=one.short_minor,
        on_the_way_minor=one.on_the_way_minor,
        paid_minor=one.paid_minor,
        returned_minor=one.returned_minor,
        charges_minor=one.charges_minor,
        unreserved_minor=one.unreserved_minor,
        unanswered_since=None if since is None else instant_text(since),
        unanswered_days=None if since is None else max((now - since).days, 0),
        payout_ids=list(one.payout_ids),
    )
