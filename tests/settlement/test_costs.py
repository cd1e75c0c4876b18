"""What commands cost: a release one read, one commit and 16 write units, since every item is billed as one kilobyte."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from chalicelib.core.call import Call
from chalicelib.settlement.service import settling
from chalicelib.storage.once import Outcome
from tests.settlement.goods import DEPOSIT, PRICE, RETAINED, WEIGHED, Trading
from tests.settlement.market import Market, deliverable, market
from tests.support.dynamodb_local import Tables
from tests.support.faults import Asked, Result, fault, watching
from tests.trades.papers import weight_note

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


# ---- the other commands of a trade -----------------------------------------------------------------------------------


@dataclass
class Bill:
    """What a command asked of DynamoDB: how often it read, and the items of its commits."""

    reads: int = 0
    items: list[dict[str, Any]] = field(default_factory=list)

    def take(self, asked: Asked, send: Callable[[], Result]) -> Result:
        """Put a call on the bill and let it pass."""
        if asked.operation == "dynamodb.TransactWriteItems":
            self.items += json.loads(asked.body)["TransactItems"]
        else:
            self.reads += 1
        return send()

    @property
    def write_units(self) -> int:
        """Two for each item, of which none is over a kilobyte."""
        sizes = [item_size(item["Put"]["Item"]) for item in self.items if "Put" in item]
        return len(self.items) * PER_TRANSACTED_KILOBYTE if max(sizes) <= KILOBYTE else -1


Act = Callable[[], object]


def signing(place: Trading) -> Act:
    return partial(place.sign, place.delivered())


def disputing(place: Trading) -> Act:
    return partial(place.dispute, place.paid(), 100)


def resolving(place: Trading) -> Act:
    deal = place.paid()
    place.dispute(deal, 100)
    return partial(place.resolve, deal, buyer=50, seller=50)


def refunding(place: Trading) -> Act:
    return partial(place.refund, place.paid(), 100)


def cancelling(place: Trading) -> Act:
    return partial(place.cancel, place.paid())


def taking_back(place: Trading) -> Act:
    deal = place.signed()
    place.release(deal)
    return partial(place.take_back, deal, 1_000)


def claiming(place: Trading) -> Act:
    deal = place.paid(RETAINED)
    place.expire(deal, days=20)
    place.owe("seller", DEPOSIT)
    return partial(place.claim, deal, DEPOSIT)


def funding(place: Trading) -> Act:
    deal = place.under()
    place.owe("buyer", PRICE)
    return partial(place.fund, deal, PRICE)


def paying_by_bank(place: Trading) -> Act:
    deal = place.between("factory", "pharmacy")
    return partial(place.pay, deal.reference, 5)


def linking(place: Trading) -> Act:
    return partial(place.link, place.between("factory", "farm"), place.between("pharmacy", "factory"))


def feeding(place: Trading) -> Act:
    upstream = place.between("factory", "farm", unit_price_minor=50_000)
    downstream = place.between("pharmacy", "factory")
    place.link(upstream, downstream)
    place.pay(downstream.reference, PRICE)
    place.told_and_signed(downstream)
    return partial(place.release, downstream)


def settling_with_a_refund(place: Trading) -> Act:
    deal = place.paid(WEIGHED)
    place.told_of(deal, weight_note(9_000, unit="unit"))
    place.sign(deal)
    return partial(place.settle, deal)


def releasing_retained(place: Trading) -> Act:
    deal = place.signed(RETAINED)
    place.release(deal)
    return partial(place.release_retained, deal, days=40)


BILLS: list[tuple[Callable[[Trading], Act], int, int]] = [
    (signing, 1, 4),
    (disputing, 1, 4),
    (linking, 1, 6),
    (releasing_retained, 1, 8),
    (refunding, 2, 8),
    (cancelling, 2, 8),
    (claiming, 1, 14),
    (funding, 1, 10),
    (paying_by_bank, 3, 12),
    (resolving, 2, 10),
    (taking_back, 4, 20),
    (feeding, 2, 20),
]


@pytest.mark.parametrize(("prepared", "reads", "units"), BILLS, ids=[row[0].__name__ for row in BILLS])
def test_a_command_costs_so_many_reads_and_write_units(
    place: Trading, prepared: Callable[[Trading], Act], reads: int, units: int
) -> None:
    act, bill = prepared(place), Bill()

    with fault(bill.take, times=100):
        act()

    assert (bill.reads, bill.write_units) == (reads, units)


def test_a_settlement_is_one_entry_whose_lines_take_what_they_take(place: Trading) -> None:
    act, bill = settling_with_a_refund(place), Bill()

    with fault(bill.take, times=100):
        act()

    assert (bill.reads, len(bill.items)) == (2, 7)
