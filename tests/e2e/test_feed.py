"""What follows the journal by itself on the deployed stage: numbers, folds, and what the sweep does each minute."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.market import Market, wait_for
from tests.support.events import schedule_event


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market]) -> Market:
    """A marketplace with a bank account, a party's and a deferred one for fees."""
    market = new_market()
    for name, kind, terms in (
        ("bank", "asset", {}),
        ("party", "liability", {"floor_minor": 0}),
        ("fees", "income", {"deferred": True}),
    ):
        body = {"name": name, "kind": kind, "currency": "CNY"} | terms
        market.ids[name] = market.web.made("/v1/accounts", body)["account_id"]
    return market


def paid(market: Market, debited: str, credited: str, minor: int) -> dict[str, Any]:
    """A transfer."""
    accounts = {"debit_account_id": market.ids[debited], "credit_account_id": market.ids[credited]}
    return dict(market.web.made("/v1/transfers", accounts | {"amount": {"minor": minor, "currency": "CNY"}}))


def feed(market: Market) -> list[dict[str, Any]]:
    """The whole feed, as somebody reads on by it."""
    entries: list[dict[str, Any]] = []
    for _ in range(20):
        page = market.web.read(f"/v1/feed?after={len(entries)}&limit=3")
        assert [entry["number"] for entry in page["entries"]] == list(range(len(entries) + 1, page["next_after"] + 1))
        entries += page["entries"]
        if not page["entries"]:
            break
    return entries


def test_every_entry_gets_a_number_and_deferred_balances_come_to_the_sum(market: Market) -> None:
    booked = [paid(market, "bank", "fees", minor)["entry_id"] for minor in (5, 6, 7)]

    fees = f"/v1/accounts/{market.ids['fees']}"
    wait_for("the fold", lambda: market.web.read(fees)["balance_minor"] == 18)
    told = {entry["entry_id"]: entry["number"] for entry in feed(market)}

    assert max(told[entry_id] for entry_id in booked) <= market.web.read(fees)["as_of"]
    assert market.is_balanced()


def test_the_sweep_lets_go_of_a_hold_whose_time_is_over(market: Market, functions: Any) -> None:
    now = datetime.fromisoformat(paid(market, "bank", "party", 50)["recorded_at"])
    terms = {"debit_account_id": market.ids["party"], "credit_account_id": market.ids["fees"]}
    terms |= {"amount": {"minor": 20, "currency": "CNY"}, "expires_at": (now + timedelta(seconds=3)).isoformat()}
    hold_id = market.web.made("/v1/holds", terms)["hold_id"]

    def returned() -> bool:
        answer = functions.invoke(FunctionName="quittance-local-sweep", Payload=json.dumps(schedule_event()).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()
        return any(entry["kind"] == "hold.expired" and entry["subject"] == hold_id for entry in feed(market))

    wait_for("the return to be told", returned)
    assert market.web.read(f"/v1/accounts/{market.ids['party']}")["available_minor"] == 50
