"""One example of each command that the ledger has beyond opening accounts and posting, for `commands`."""

from __future__ import annotations

from tests.e2e.command import Command
from tests.e2e.ledger import batch_body, exchange_body, hold_body, quote_body
from tests.e2e.market import Market, money

FEBRUARY, MARCH = "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"


def ledger_commands(market: Market) -> dict[str, Command]:
    """One of each route."""
    return {**_of_accounts(market.ids), **_of_entries(market.ids), **_of_holds(market.ids), **_of_exchange(market.ids)}


def _of_accounts(ids: dict[str, str]) -> dict[str, Command]:
    reason, other = {"reason": "an order"}, {"reason": "another order"}
    return {
        "POST /v1/accounts/{account_id}/freeze": Command(f"/v1/accounts/{ids['frozen']}/freeze", reason, other),
        "POST /v1/accounts/{account_id}/unfreeze": Command(f"/v1/accounts/{ids['thawed']}/unfreeze", reason, other),
        "POST /v1/accounts/{account_id}/close": Command(f"/v1/accounts/{ids['closed']}/close", reason, other),
        "POST /v1/accounts/{account_id}/labels": Command(
            f"/v1/accounts/{ids['labelled']}/labels", {"labels": {"desk": "steel"}}, {"labels": {"desk": "rice"}}
        ),
        "POST /v1/accounts/{account_id}/closed-period": Command(
            f"/v1/accounts/{ids['audited']}/closed-period", {"closed_until": FEBRUARY}, {"closed_until": MARCH}
        ),
    }


def _of_entries(ids: dict[str, str]) -> dict[str, Command]:
    path = f"/v1/entries/{ids['reversible']}/reversals"
    return {
        "POST /v1/entries/batch": Command("/v1/entries/batch", batch_body(ids, "b"), batch_body(ids, "other")),
        "POST /v1/entries/{entry_id}/reversals": Command(path, {"reason": "a mistake"}, {"reason": "another"}),
    }


def _of_holds(ids: dict[str, str]) -> dict[str, Command]:
    part = {"amount": money(2)}
    together = {"hold_id": ids["captured_together"]}
    return {
        "POST /v1/holds": Command("/v1/holds", hold_body(ids), hold_body(ids, 2)),
        "POST /v1/holds/{hold_id}/captures": Command(f"/v1/holds/{ids['captured']}/captures", part, {}),
        "POST /v1/holds/{hold_id}/void": Command(
            f"/v1/holds/{ids['voided']}/void", {}, other_path=f"/v1/holds/{ids['captured']}/void"
        ),
        "POST /v1/hold-groups": Command("/v1/hold-groups", {"holds": [hold_body(ids)]}, {"holds": [hold_body(ids, 2)]}),
        "POST /v1/hold-groups/captures": Command(
            "/v1/hold-groups/captures", {"captures": [together | part]}, {"captures": [together]}
        ),
        "POST /v1/hold-groups/voids": Command(
            "/v1/hold-groups/voids", {"hold_ids": [ids["voided_together"]]}, {"hold_ids": [ids["captured"]]}
        ),
    }


def _of_exchange(ids: dict[str, str]) -> dict[str, Command]:
    return {
        "POST /v1/fx-accounts": Command("/v1/fx-accounts", {"currency": "USD"}, {"currency": "JPY"}),
        "POST /v1/fx-quotes": Command("/v1/fx-quotes", quote_body(ids), quote_body(ids, 129)),
        "POST /v1/fx-quotes/{quote_id}/exchanges": Command(
            f"/v1/fx-quotes/{ids['quote_id']}/exchanges", exchange_body(ids), exchange_body(ids, 2000)
        ),
    }
