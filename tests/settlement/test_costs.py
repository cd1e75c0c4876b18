"""What a release costs: one read, one commit, and 16 write units, since every item of it is billed as one kilobyte."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from chalicelib.core.call import Call
from chalicelib.settlement.service import settling
from chalicelib.storage.once import Outcome
from tests.settlement.market import Market, deliverable, market
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

KILOBYTE = 1024
PER_TRANSACTED_KILOBYTE = 2
CLIENT = "cli_01kjpwd6m018w6aybd6mdj0cda"


def size(value: dict[str, Any]) -> int:
    """An attribute value's bytes: text and binary as they are, a number two digits a byte and one more, a map or list 3
    and one for each element. Source: Amazon DynamoDB developer guide, "DynamoDB item sizes and formats"."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            digits = content.lstrip("-").strip("0")
            return (len(digits) + 1) // 2 + 1 + content.startswith("-")
        case "L":
            return 3 + sum(1 + size(element) for element in content)
        case "M":
            return 3 + sum(1 + len(name) + size(element) for name, element in content.items())
        case _:
            return 1


def item_size(item: dict[str, Any]) -> int:
    return sum(len(name) + size(value) for name, value in item.items())


def stored(tables: Tables, table: str, key: dict[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = tables.client.get_item(TableName=tables.name(table), Key=key, ConsistentRead=True)["Item"]
    return item


def released(place: Market) -> tuple[Call, Outcome]:
    """A release of 12,000,000,000.00 to five parties, by a real client under a UUID."""
    here = replace(place.call(str(uuid.uuid4())), actor=CLIENT)
    fixed = {"carrier": 40_000_000_000, "inspector": 15_000_000_000, "warehouse": 8_050_000_001}
    deal = deliverable(place, unit_price_minor=10_000_000_001, fixed_shares=fixed)
    return here, settling.release_milestone(here, deal.trade_id, "delivery")


def test_a_release_of_five_parties_costs_sixteen_write_units(tables: Tables) -> None:
    steel = market()

    with watching() as calls:
        here, outcome = released(steel)

    assert calls.operations[-2:] == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    journal = stored(tables, "journal", {"pk": {"S": f"{steel.tenant}#{here.entry_id}"}})
    trade = stored(tables, "records", {"pk": {"S": f"{steel.tenant}#{outcome.item.subject}"}, "sk": {"S": "state"}})
    accounts = [
        stored(tables, "accounts", {"pk": {"S": f"{steel.tenant}#{leg.account_id}"}}) for leg in outcome.item.legs
    ]
    written = [journal, trade, *accounts]
    assert [item for item in written if item_size(item) > KILOBYTE] == []
    assert len(written) * PER_TRANSACTED_KILOBYTE == 16
