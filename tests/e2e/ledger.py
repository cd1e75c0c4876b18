"""What the tests' marketplaces have in the ledger beyond accounts and transfers: holds, quotes, entries to reverse."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tests.e2e.bank import CURRENCY
from tests.e2e.market import Market, money, wait_for

BOUGHT = "EUR"
"""What exchanges of the tests buy for CURRENCY."""
VALID = timedelta(days=6)
ONCE = ("frozen", "thawed", "closed", "labelled", "audited")
"""Accounts for the commands of an account's life, one for each."""


def hold_body(ids: dict[str, str], minor: int = 1) -> dict[str, Any]:
    """Money of the account `capital`, kept for `stake`."""
    return {"debit_account_id": ids["capital"], "credit_account_id": ids["stake"], "amount": money(minor)}


def quote_body(ids: dict[str, str], numerator: int = 128) -> dict[str, Any]:
    """EUR for CNY at 0.128."""
    pair = {"sell_currency": CURRENCY, "buy_currency": BOUGHT, "valid_until": ids["valid_until"]}
    return pair | {"rate": {"numerator": numerator, "denominator": 1000}}


def exchange_body(ids: dict[str, str], minor: int = 1000) -> dict[str, Any]:
    """From the account `till` to the account `euros`."""
    return {"from_account_id": ids["till"], "to_account_id": ids["euros"], "sell": money(minor)}


def legs(ids: dict[str, str], minor: int) -> list[dict[str, Any]]:
    """From `stake` to `till`."""
    return [
        {"account_id": ids["till"], "side": "debit", "amount": money(minor)},
        {"account_id": ids["stake"], "side": "credit", "amount": money(minor)},
    ]


def batch_body(ids: dict[str, str], key: str, minor: int = 3) -> dict[str, Any]:
    """Two entries under keys of their own."""
    return {"entries": [{"idempotency_key": f"{key}-{i}", "postings": legs(ids, minor + i)} for i in range(2)]}


def open_ledger(market: Market) -> None:
    """Accounts to hold of and to exchange between, and a quote. The quote is good for six days by the stage's clock."""
    ids, web = market.ids, market.web
    for name, kind, currency in (
        ("till", "asset", CURRENCY),
        ("stake", "liability", CURRENCY),
        ("euros", "asset", BOUGHT),
    ):
        ids[name] = web.made("/v1/accounts", {"name": name, "kind": kind, "currency": currency})["account_id"]
    for currency in (CURRENCY, BOUGHT):
        opened = web.made("/v1/fx-accounts", {"currency": currency})
        ids[f"position_{currency}"] = opened["position_account_id"]
    first = web.made("/v1/entries", {"postings": legs(ids, 100)})
    ids |= {"reversible": first["entry_id"], "kept": web.made("/v1/entries", {"postings": legs(ids, 50)})["entry_id"]}
    ids["valid_until"] = (datetime.fromisoformat(first["recorded_at"]) + VALID).isoformat()
    ids["quote_id"] = web.made("/v1/fx-quotes", quote_body(ids))["quote_id"]


def place_holds(market: Market, *names: str) -> None:
    """Place a hold for each name, and wait until all of them are listed."""
    for name in names:
        market.ids[name] = market.web.made("/v1/holds", hold_body(market.ids, 5))["hold_id"]
    wait_until_listed(market, *(market.ids[name] for name in names))


def wait_until_listed(market: Market, *hold_ids: str) -> None:
    """Wait until the sequencer has put each hold into the list that it belongs in."""
    for hold_id in hold_ids:
        wait_for("a hold's list", partial(_is_listed, market, hold_id))


def _is_listed(market: Market, hold_id: str) -> bool:
    hold = market.web.read(f"/v1/holds/{hold_id}")
    status = "open" if hold["status"] == "pending" else "closed"
    held = market.listed(f"/v1/accounts/{hold['debit_account_id']}/holds?status={status}", "holds")
    return hold in held


def prepare_ledger(market: Market) -> None:
    """What the commands of the ledger can be done on, once each."""
    open_ledger(market)
    for name in ONCE:
        body = {"name": name, "kind": "asset", "currency": CURRENCY}
        market.ids[name] = market.web.made("/v1/accounts", body)["account_id"]
    market.web.made(f"/v1/accounts/{market.ids['thawed']}/freeze", {})
    place_holds(market, "captured", "voided", "captured_together", "voided_together")
