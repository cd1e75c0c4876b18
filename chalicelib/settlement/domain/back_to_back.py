"""Back-to-back trades: what the seller of one is paid goes first into the escrow of the trade in which it buys.

The trade whose release pays is downstream, the one that it funds upstream.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, credit, debit
from chalicelib.settlement.domain.accounts import share_account_id, share_currency
from chalicelib.trades.domain.funding import fund, takes_money
from chalicelib.trades.domain.states import Command
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, move


@dataclass(frozen=True, slots=True)
class Fed:
    """By which trade an upstream trade is funded. Each has at most one."""

    downstream_trade_id: str


@dataclass(frozen=True, slots=True)
class Deal:
    """A trade as it stands, with its terms."""

    terms: Terms
    trade: Trade


def link(upstream: Deal, downstream: Deal, fed: Fed | None) -> Trade:
    """The downstream trade, which funds the upstream one from now on. `fed`: by which trade that is funded already.

    Refused, in this order: Conflict `link_currency_differs`, `link_party_differs` (who buys upstream must be who sells
    downstream), `link_seller_currency_differs` (its share downstream is in another currency); `trade_state` of either;
    `downstream_linked`, `upstream_linked`.
    """
    _check_fits(upstream.terms, downstream.terms)
    check_state(upstream.trade, Command.LINK)
    check_state(downstream.trade, Command.LINK)
    if downstream.trade.funds is not None:
        facts = {"upstream_trade_id": downstream.trade.funds}
        raise Conflict("downstream_linked", "this trade funds another one already", **facts)
    if fed is not None:
        facts = {"downstream_trade_id": fed.downstream_trade_id}
        raise Conflict("upstream_linked", "another trade funds this one already", **facts)
    return move(downstream.trade, Command.LINK, downstream.trade.stage, funds=upstream.terms.trade_id)


def feed(terms: Terms, division: Division, upstream: Deal, *, now: datetime) -> tuple[Trade, Money]:
    """The upstream trade after it took what it still asks for of the seller's share of a division, and how much."""
    share = sum(part.minor for role, part in division.shares if role == terms.template.seller)
    amount = division.refund.of(min(share, upstream.trade.outstanding.minor))
    if not amount.minor or not takes_money(upstream.trade):
        return upstream.trade, amount.of(0)
    return fund(upstream.terms, upstream.trade, amount, now=now).trade, amount


def feed_postings(tenant: str, terms: Terms, upstream: Terms, amount: Money) -> tuple[Posting, ...]:
    """Out of what the seller is paid, into the upstream escrow. To be netted with the postings of the shares."""
    seller = share_account_id(tenant, terms, terms.template.seller)
    return debit(seller, amount), credit(upstream.escrow_account_id, amount)


def _check_fits(upstream: Terms, downstream: Terms) -> None:
    if upstream.currency != downstream.currency:
        facts = {"upstream": upstream.currency, "downstream": downstream.currency}
        raise Conflict("link_currency_differs", "the trades are in two currencies", **facts)
    if upstream.buyer != downstream.seller:
        facts = {"buyer_party_id": upstream.buyer, "seller_party_id": downstream.seller}
        raise Conflict("link_party_differs", "who buys upstream is not who sells downstream", **facts)
    paid_in = share_currency(downstream, downstream.template.seller)
    if paid_in != downstream.currency:
        raise Conflict("link_seller_currency_differs", "the seller is paid in another currency", currency=paid_in)
