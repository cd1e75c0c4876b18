"""The trial balance on the deployed stage: it follows the feed by blocks, and finds what was written past the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.market import Market, wait_for
from tests.support.local_stack import LocalStack

ENTRIES = 110
IN_A_BATCH = 30


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market]) -> Market:
    """A marketplace with more entries than a block of totals has."""
    market = new_market()
    for name, kind in (("bank", "asset"), ("party", "liability")):
        body = {"name": name, "kind": kind, "currency": "CNY"}
        market.ids[name] = market.web.made("/v1/accounts", body)["account_id"]
    for start in range(0, ENTRIES, IN_A_BATCH):
        some = range(start, min(start + IN_A_BATCH, ENTRIES))
        market.web.made("/v1/entries/batch", {"entries": [entry(market, number) for number in some]})
    return market


def entry(market: Market, number: int) -> dict[str, Any]:
    """One entry of a batch: 10 from the party's account to the bank's."""
    amount = {"minor": 10, "currency": "CNY"}
    sides = (("debit", "bank"), ("credit", "party"))
    postings = [{"account_id": market.ids[name], "side": side, "amount": amount} for side, name in sides]
    return {"idempotency_key": f"trial-{number}", "postings": postings}


def read(market: Market, query: str = "") -> dict[str, Any]:
    return dict(market.web.read(f"/v1/trial-balance{query}"))


def assets(told: dict[str, Any]) -> int:
    return sum(total["debits_minor"] for total in told["totals"] if total["kind"] == "asset")


def test_it_comes_to_what_was_booked_and_is_proved(market: Market) -> None:
    told = wait_for("the totals", lambda: (t := read(market)) and assets(t) == ENTRIES * 10 and t)

    assert (told["proved"], told["differences"], told["discrepancies"]) == (True, {"CNY": 0}, [])
    assert told["up_to"] > 100
    assert assets(read(market, "?effective_up_to=2020-01-01")) == 0
    assert assets(read(market, f"?up_to={told['up_to']}")) == ENTRIES * 10


def test_a_balance_written_past_the_code_is_found_in_a_moment_and_so_is_its_mending(
    market: Market, local_stack: LocalStack
) -> None:
    def write(minor: int) -> None:
        local_stack.client("dynamodb").update_item(
            TableName="quittance-local-accounts",
            Key={"pk": {"S": f"{market.tenant_id}#{market.ids['party']}"}},
            UpdateExpression="SET balance = balance + :minor",
            ExpressionAttributeValues={":minor": {"N": str(minor)}},
        )

    write(7)
    wrong = wait_for("the discrepancy", lambda: (t := read(market)) and not t["proved"] and t)
    write(-7)
    right = wait_for("its end", lambda: (t := read(market)) and t["proved"] and t)

    assert [(one["account_id"], one["difference_minor"]) for one in wrong["discrepancies"]] == [
        (market.ids["party"], 7)
    ]
    assert (wrong["differences"], right["differences"]) == ({"CNY": 7}, {"CNY": 0})
