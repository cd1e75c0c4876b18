"""What there is of receipts in a marketplace of the tests, and an example of each command on them."""

from __future__ import annotations

from typing import Any

from tests.e2e.command import Command
from tests.e2e.market import Market, money, wait_for

ROUTE = "/v1/receipts/{receipt_id}"


def prepare_receipts(market: Market) -> None:
    """Two receipts that wait, one of which has a part allocated already."""
    for number in (1, 2):
        market.pay_in(f"WAITS-{number}", 10 + number)
    waiting = wait_for("receipts that wait", lambda: _waiting(market))
    market.ids.update({f"receipt_{number}": waiting[f"WAITS-{number}"] for number in (1, 2)})
    path = ROUTE.format(receipt_id=market.ids["receipt_2"]) + "/allocations"
    market.web.made(path, allocation(market.ids, 1))


def allocation(ids: dict[str, str], minor: int) -> dict[str, Any]:
    """A part of a receipt for the lender's own account."""
    return {"to": "party", "id": ids["lender"], "amount": money(minor)}


def receipt_commands(market: Market) -> dict[str, Command]:
    """One of each route."""
    ids = market.ids
    one, other = (ROUTE.format(receipt_id=ids[f"receipt_{number}"]) for number in (1, 2))
    undo = {"allocation": 1, "reason": "another party's"}
    return {
        f"POST {ROUTE}/allocations": Command(f"{one}/allocations", allocation(ids, 2), allocation(ids, 3)),
        f"POST {ROUTE}/reversals": Command(f"{other}/reversals", undo, undo | {"reason": "wrong"}),
    }


def _waiting(market: Market) -> dict[str, str] | None:
    found = {one["bank_reference"]: one["receipt_id"] for one in market.listed("/v1/receipts/unmatched", "receipts")}
    return found if {"WAITS-1", "WAITS-2"} <= set(found) else None
