"""Netting windows and splits of the tests' marketplaces: bodies, and one example of each command, for `commands`."""

from __future__ import annotations

from typing import Any

from tests.e2e.bank import CURRENCY
from tests.e2e.command import Command
from tests.e2e.market import Market, money

KEPT = {"kind": "remainder", "kept": True}


def window_body(ids: dict[str, str], mode: str = "bilateral") -> dict[str, Any]:
    """A window that closes when the quotes of the marketplace end."""
    return {"template_id": "netted", "currency": CURRENCY, "mode": mode, "closes_at": ids["valid_until"]}


def obligations_body(ids: dict[str, str], *references: str, minor: int = 7) -> dict[str, Any]:
    """What the buyer owes the seller, under each reference once."""
    parties = {"payer_party_id": ids["buyer"], "payee_party_id": ids["seller"]}
    return {"obligations": [{"reference": one, **parties, "amount": money(minor)} for one in references]}


def shares(ids: dict[str, str], minor: int) -> list[dict[str, Any]]:
    """So much for the account `stake`; the rest is kept."""
    return [{"kind": "fixed", "account_id": ids["stake"], "minor": minor}, KEPT]


def split_body(ids: dict[str, str], minor: int = 100, paid: int = 0) -> dict[str, Any]:
    """An amount from the account `capital`; without `paid` all of it is kept."""
    body = {"source_account_id": ids["capital"], "amount": money(minor)}
    return body | ({"shares": shares(ids, paid)} if paid else {})


def open_windows(market: Market, *names: str) -> None:
    """Open a window for each name, with two obligations in it: `net_id` is the last one's id, `reference` the last
    obligation's, which no other marketplace has."""
    ids, web = market.ids, market.web
    for name in names:
        ids["net_id"] = ids[name] = web.made("/v1/netting-windows", window_body(ids))["net_id"]
        references = [f"{market.tenant_id}-{number}" for number in (1, 2)]
        web.made(f"/v1/netting-windows/{ids[name]}/obligations", obligations_body(ids, *references))
        ids["reference"] = references[-1]


def open_splits(market: Market, *names: str, paid: int = 0) -> None:
    """Open a split for each name: `split_id` is the last one's id."""
    for name in names:
        split = market.web.made("/v1/splits", split_body(market.ids, paid=paid))["split"]
        market.ids["split_id"] = market.ids[name] = split["split_id"]


def prepare_clearing(market: Market) -> None:
    """What the commands can be done on, once each."""
    open_windows(market, "net_open", "net_closing")
    open_splits(market, "split_divided", "split_paged", "split_returned")
    open_splits(market, "split_refunded", paid=60)


def clearing_commands(market: Market) -> dict[str, Command]:
    """One of each route."""
    return _of_netting(market.ids) | _of_splits(market.ids)


def clearing_questions(market: Market) -> dict[str, Command]:
    """A preview, which writes nothing."""
    body = {"amount": money(100), "shares": shares(market.ids, 10)}
    return {"POST /v1/splits/preview": Command("/v1/splits/preview", body)}


def _of_netting(ids: dict[str, str]) -> dict[str, Command]:
    path = "/v1/netting-windows"
    return {
        "POST /v1/netting-windows": Command(path, window_body(ids), window_body(ids, "multilateral")),
        "POST /v1/netting-windows/{net_id}/obligations": Command(
            f"{path}/{ids['net_open']}/obligations", obligations_body(ids, "O-8"), obligations_body(ids, "O-9")
        ),
        "POST /v1/netting-windows/{net_id}/closing": Command(
            f"{path}/{ids['net_closing']}/closing", {}, other_path=f"{path}/{ids['net_open']}/closing"
        ),
    }


def _of_splits(ids: dict[str, str]) -> dict[str, Command]:
    receiver = {"account_id": ids["stake"], "minor": 5}
    return {
        "POST /v1/splits": Command("/v1/splits", split_body(ids, paid=30), split_body(ids, paid=40)),
        "POST /v1/splits/{split_id}/divisions": Command(
            f"/v1/splits/{ids['split_divided']}/divisions", {"shares": shares(ids, 8)}, {"shares": shares(ids, 9)}
        ),
        "POST /v1/splits/{split_id}/receivers": Command(
            f"/v1/splits/{ids['split_paged']}/receivers",
            {"receivers": [receiver]},
            {"receivers": [receiver | {"minor": 6}]},
        ),
        "POST /v1/splits/{split_id}/refunds": Command(
            f"/v1/splits/{ids['split_refunded']}/refunds", {"amount": money(5)}, {"amount": money(6)}
        ),
        "POST /v1/splits/{split_id}/return": Command(
            f"/v1/splits/{ids['split_returned']}/return", {"amount": money(5)}, {}
        ),
    }
