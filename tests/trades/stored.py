"""Trades in DynamoDB, written as the commands that span capabilities write them."""

from __future__ import annotations

from typing import Any

from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.trades import store
from chalicelib.trades.domain.template import Template
from chalicelib.trades.domain.terms import OpenTrade, Terms
from chalicelib.trades.domain.trade import Trade
from tests.support.calls import TENANT, call
from tests.trades.deals import STEEL, opened


def stored(
    command: OpenTrade = STEEL, template: str | Template = "steel", *, tenant: str = TENANT, **changes: Any
) -> tuple[Terms, Trade]:
    """A trade opened and written: steel unless told."""
    opening = call(tenant=tenant)
    terms, trade = opened(command, template, trade_id=opening.new_id("trd"), **changes)
    item = journal_item(opening, "trade.opened", subject=trade.trade_id)
    once(opening, lambda _: Plan(item, store.create_trade(tenant, terms, trade)))
    return terms, trade


def moved(trade: Trade, *, version: int, tenant: str = TENANT) -> None:
    """Write a trade's next state over the version that was read."""
    saving = call(tenant=tenant)
    item = journal_item(saving, "trade.moved", subject=trade.trade_id)
    once(saving, lambda _: Plan(item, (store.save_trade(tenant, trade, version=version),)))
