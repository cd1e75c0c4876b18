"""What there is of suspended records in a marketplace of the tests, and an example of the command that resumes one."""

from __future__ import annotations

from typing import Any

from tests.e2e.command import Command
from tests.e2e.market import Market

TABLE = "quittance-local-records"


def suspended(market: Market) -> tuple[str, str]:
    """The ids of the two records, which no other marketplace has."""
    own = market.tenant_id.removeprefix("ten_")
    return f"net_{own}", f"net_{own[::-1]}"


def prepare_suspended(market: Market, dynamodb: Any) -> None:
    """Records as the schedule leaves them that failed too often."""
    for record_id in suspended(market):
        item = {
            "pk": {"S": f"{market.tenant_id}#{record_id}"},
            "sk": {"S": "state"},
            "version": {"N": "1"},
            "doc": {"S": "{}"},
            "due_key": {"S": f"suspended#{market.tenant_id}"},
            "due_at": {"S": "2026-03-02T09:00:00.000000Z"},
            "due_tries": {"N": "12"},
            "due_version": {"N": "1"},
            "due_code": {"S": "netting_window_not_found"},
        }
        dynamodb.put_item(TableName=TABLE, Item=item)


def suspended_commands(market: Market) -> dict[str, Command]:
    """One of the route."""
    path, other = (f"/v1/suspended-records/{record_id}/resume" for record_id in suspended(market))
    return {"POST /v1/suspended-records/{record_id}/resume": Command(path, {}, other_path=other)}
