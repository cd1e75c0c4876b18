"""What there is of payouts in a marketplace of the tests: bank accounts of parties, and an example of each command."""

from __future__ import annotations

from typing import Any

from tests.e2e.command import Command
from tests.e2e.market import Market

DETAILS = {"account": "6222020200112233000", "bic": "BKCHCNBJ"}


def add_bank_account(market: Market, party: str, name: str) -> None:
    """Another bank account of a party, under a name."""
    path = f"/v1/parties/{market.ids[party]}/bank-accounts"
    market.ids[name] = market.web.made(path, {"bank_details": DETAILS})["bank_account_id"]


def prepare_payouts(market: Market) -> None:
    """What the commands can be done on, once each."""
    for name in ("account_default", "account_retired", "account_kept"):
        add_bank_account(market, "carrier", name)


def payout_commands(market: Market) -> dict[str, Command]:
    """One of each route."""
    return _of_bank_accounts(market.ids)


def _of_bank_accounts(ids: dict[str, str]) -> dict[str, Command]:
    route = "/v1/parties/{party_id}/bank-accounts"
    path = route.format(party_id=ids["carrier"])
    body: dict[str, Any] = {"bank_details": DETAILS}
    return {
        f"POST {route}": Command(path, body, body | {"default": True}),
        f"POST {route}/{{bank_account_id}}/default": Command(
            f"{path}/{ids['account_default']}/default", {}, other_path=f"{path}/{ids['account_kept']}/default"
        ),
        f"POST {route}/{{bank_account_id}}/retirement": Command(
            f"{path}/{ids['account_retired']}/retirement", {}, other_path=f"{path}/{ids['account_kept']}/retirement"
        ),
    }
