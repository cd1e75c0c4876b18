"""One example of each command in the life of a trade, for `commands`, and the trades that each can be done on once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from infra import clock
from tests.e2e.command import Command
from tests.e2e.goods import (
    DEPOSIT,
    are_sent,
    dispute_body,
    funded,
    opened,
    owe,
    preview_body,
    proved,
    publish_goods,
    released,
    signature_body,
    small_template_body,
)
from tests.e2e.market import Market, money, wait_for

LONG_AGO = timedelta(days=2)
PAYOUTS = {
    "POST /v1/trades/{trade_id}/releases": 2,
    "POST /v1/trades/{trade_id}/final-settlement": 3,
    "POST /v1/trades/{trade_id}/retention-release": 2,
    "POST /v1/trades/{trade_id}/dispute-resolution": 2,
    "POST /v1/trades/{trade_id}/refunds": 1,
    "POST /v1/trades/{trade_id}/cancellation": 1,
    "POST /v1/trades/{trade_id}/claim-settlements": 2,
}
"""How many payouts a trade has led to, once this was done to it."""


def prepare_trades(market: Market, dynamodb: Any) -> None:
    """What the commands can be done on, once each. `dynamodb` is a client with the deployer's credentials."""
    publish_goods(market)
    for name in ("drafted", "agreed"):
        opened(market, name, draft=True)
    for name in ("unfunded", "unlinked", "upstream"):
        opened(market, name, **(_upstream(market) if name == "upstream" else {}))
    for name in ("disputed", "decided", "refunded", "cancelled"):
        funded(market, name)
    market.web.made(f"/v1/trades/{market.ids['decided']}/disputes", dispute_body(market.ids))
    proved(market, "signed")
    for name in ("claimed", "owing"):
        _default(market, name)
    _claim(market)
    _retain(market, dynamodb)
    owe(market, "buyer", 1000)


def _upstream(market: Market) -> dict[str, Any]:
    """The deal by which the seller of the others buys."""
    return {"parties": {"buyer": market.ids["seller"], "seller": market.ids["carrier"]}}


def _default(market: Market, name: str) -> None:
    """A trade whose seller, in default, owes the deposit once more."""
    path = funded(market, name)
    market.web.made(f"{path}/cancellation", {"fault": "seller"})
    owe(market, "seller", DEPOSIT)
    wait_for("the refund", partial(are_sent, market, market.ids[name], 1))


def _claim(market: Market) -> None:
    """The claim of a trade, of which a part is waived."""
    ids, web = market.ids, market.web
    listed = partial(web.read, f"/v1/claims?trade={ids['owing']}")
    ids["owed_claim"] = wait_for("the claim", lambda: listed()["claims"])[0]["claim_id"]
    body = {"amount": money(5), "reason": "as agreed"}
    ids["waived_part"] = web.made(f"/v1/claims/{ids['owed_claim']}/waivers", body)["entry_id"]


def _retain(market: Market, dynamodb: Any) -> None:
    """A trade that was released so long ago that its retention can be let go."""
    now = clock.offset(dynamodb)
    clock.put_offset(dynamodb, now - round(LONG_AGO.total_seconds()))
    try:
        released(market, "retained")
    finally:
        clock.put_offset(dynamodb, now)
    wait_for("the release", partial(are_sent, market, market.ids["retained"], 1))


def trade_commands(market: Market) -> dict[str, Command]:
    """One of each route."""
    commands = _of_agreement(market.ids) | _of_proof(market.ids) | _of_money(market.ids)
    templates = (small_template_body("small"), small_template_body("other"))
    return {"POST /v1/trade-templates": Command("/v1/trade-templates", *templates), **commands}


def trade_questions(market: Market) -> dict[str, Command]:
    """A preview, which writes nothing."""
    path = f"/v1/trade-templates/{market.ids['goods']}/preview"
    return {"POST /v1/trade-templates/{template_id}/preview": Command(path, preview_body(market.ids))}


def _of_agreement(ids: dict[str, str]) -> dict[str, Command]:
    downstream, another = ({"downstream_trade_id": ids[name]} for name in ("unlinked", "unfunded"))
    return {
        "POST /v1/trades/{trade_id}/agreement": Command(
            f"/v1/trades/{ids['drafted']}/agreement", {}, other_path=f"/v1/trades/{ids['agreed']}/agreement"
        ),
        "POST /v1/trades/{trade_id}/back-to-back": Command(
            f"/v1/trades/{ids['upstream']}/back-to-back", downstream, another
        ),
        "POST /v1/trades/{trade_id}/cancellation": Command(
            f"/v1/trades/{ids['cancelled']}/cancellation", {"fault": "none"}, {"fault": "buyer"}
        ),
    }


def _of_proof(ids: dict[str, str]) -> dict[str, Command]:
    division = {"role": "platform", "division": {"buyer": 40, "seller": 60}}
    return {
        "POST /v1/trades/{trade_id}/signatures": Command(
            f"/v1/trades/{ids['signed']}/signatures", signature_body(ids), signature_body(ids, "seller")
        ),
        "POST /v1/trades/{trade_id}/disputes": Command(
            f"/v1/trades/{ids['disputed']}/disputes", dispute_body(ids), dispute_body(ids, 101)
        ),
        "POST /v1/trades/{trade_id}/dispute-resolution": Command(
            f"/v1/trades/{ids['decided']}/dispute-resolution",
            division,
            division | {"division": {"buyer": 60, "seller": 40}},
        ),
    }


def _of_money(ids: dict[str, str]) -> dict[str, Command]:
    some, more = {"amount": money(10)}, {"amount": money(11)}
    return {
        "POST /v1/trades/{trade_id}/fundings": Command(f"/v1/trades/{ids['unfunded']}/fundings", some, more),
        "POST /v1/trades/{trade_id}/refunds": Command(
            f"/v1/trades/{ids['refunded']}/refunds", some, some | {"from": "receivers"}
        ),
        "POST /v1/trades/{trade_id}/claim-settlements": Command(
            f"/v1/trades/{ids['claimed']}/claim-settlements", some, more
        ),
        **_of_claims(ids, some, more),
        "POST /v1/trades/{trade_id}/retention-release": Command(
            f"/v1/trades/{ids['retained']}/retention-release",
            {},
            other_path=f"/v1/trades/{ids['refunded']}/retention-release",
        ),
    }


def _of_claims(ids: dict[str, str], some: dict[str, Any], more: dict[str, Any]) -> dict[str, Command]:
    path, why = f"/v1/claims/{ids['owed_claim']}", {"reason": "as agreed"}
    undo = {"entry_id": ids["waived_part"], **why}
    return {
        "POST /v1/claims/{claim_id}/settlements": Command(f"{path}/settlements", some, more),
        "POST /v1/claims/{claim_id}/waivers": Command(f"{path}/waivers", some | why, more | why),
        "POST /v1/claims/{claim_id}/reversals": Command(f"{path}/reversals", undo, undo | {"reason": "in error"}),
    }
