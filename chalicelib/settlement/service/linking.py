"""Linking trades back to back: what the seller of one is paid funds the trade in which it buys."""

from __future__ import annotations

from chalicelib.core.call import Call
from chalicelib.settlement.domain.back_to_back import Fed, link
from chalicelib.settlement.kinds import LINKED
from chalicelib.settlement.store.back_to_back import create_fed, fed_key, take_deal, take_fed
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.trades import store as trades_store


def link_back_to_back(call: Call, upstream_trade_id: str, downstream_trade_id: str) -> Outcome:
    """Have a trade funded by the releases of another one. Raises NotFound `trade_not_found` and what `link` raises."""
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        upstream = take_deal(found, tenant, upstream_trade_id)
        downstream = take_deal(found, tenant, downstream_trade_id)
        after = link(upstream, downstream, take_fed(found, tenant, upstream_trade_id))
        version = trades_store.take_trade(found, tenant, downstream_trade_id).version
        facts = {"upstream_trade_id": upstream_trade_id, "downstream_trade_id": downstream_trade_id}
        return Plan(
            journal_item(call, LINKED, subject=downstream_trade_id, data=facts),
            (
                trades_store.save_trade(tenant, after, version=version),
                create_fed(tenant, upstream_trade_id, Fed(downstream_trade_id)),
            ),
        )

    reads = (
        *trades_store.deal_keys(tenant, upstream_trade_id),
        *trades_store.deal_keys(tenant, downstream_trade_id),
        fed_key(tenant, upstream_trade_id),
    )
    return once(call, decide, reads=reads)
