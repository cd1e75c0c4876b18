"""Exports of a marketplace of the tests: asked for, waited for, and made to have failed."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.command import Command
from tests.e2e.market import Market, wait_for

PERIOD = {"from": "2026-01-01", "to": "2026-01-31"}


def ask_for_exports(market: Market, *names: str) -> None:
    """Exports that are done, by the names of their ids."""
    for name in names:
        market.ids[name] = market.web.made("/v1/exports", {"kind": "postings", **PERIOD})["export_id"]
    for name in names:
        wait_until_made(market, market.ids[name])


def wait_until_made(market: Market, export_id: str) -> None:
    """Wait until an export is done."""
    wait_for("an export", lambda: market.web.read(f"/v1/exports/{export_id}")["state"] == "done")


def prepare_exports(market: Market, dynamodb: Any) -> None:
    """Two exports that are said to have failed. `dynamodb` is a client with the deployer's credentials."""
    ask_for_exports(market, "failed_export", "other_failed_export")
    for name in ("failed_export", "other_failed_export"):
        key = {"pk": {"S": f"{market.tenant_id}#{market.ids[name]}"}, "sk": {"S": "export"}}
        item = dynamodb.get_item(TableName="quittance-local-records", Key=key)["Item"]
        failed = json.loads(item["doc"]["S"]) | {"state": "failed", "reason": "export_fault"}
        dynamodb.put_item(TableName="quittance-local-records", Item=item | {"doc": {"S": json.dumps(failed)}})


def export_commands(market: Market) -> dict[str, Command]:
    """One of each command about exports."""
    ids = market.ids
    return {
        "POST /v1/exports": Command("/v1/exports", {"kind": "postings", **PERIOD}, {"kind": "trial_balance", **PERIOD}),
        "POST /v1/exports/{export_id}/rerun": Command(
            f"/v1/exports/{ids['failed_export']}/rerun",
            {},
            other_path=f"/v1/exports/{ids['other_failed_export']}/rerun",
        ),
    }
