"""Counts what each operation asks of DynamoDB, and what a million settlements cost.

The emulator holds the deployed data stack; our own service code runs against it, and every AWS call is counted with the
capacity units the store says it consumed. No function is deployed beside it, so nothing else writes. A cancelled
transaction (a replay) tells no units; on AWS it is billed like the attempt it was.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from botocore.client import BaseClient

from infra.deploy import deploy_data
from infra.emulator import NAME, Emulator
from infra.paths import LOCAL, OUT
from infra.place import Place

PLACE = Place(LOCAL / "bench", OUT / "bench" / "stack.json")
FIGURES = OUT / "bench" / "capacity.json"
BOUNDS = {"transfer": 6, "entry of six postings": 14, "release to five parties": 16}
WRITES = frozenset({"TransactWriteItems", "BatchWriteItem", "PutItem", "UpdateItem"})
COUNTED = WRITES | {"BatchGetItem", "GetItem", "Query"}

PRICE_SOURCE = "AWS list prices, us-east-1, on demand, as published in November 2026; no free tier"
PRICES = {
    "dynamodb_write_units": 0.625,
    "dynamodb_read_units": 0.125,
    "api_requests": 3.50,
    "lambda_requests": 0.20,
    "lambda_gb_seconds": 16.6667,
    "sqs_fifo_requests": 0.50,
    "s3_writes": 5.00,
    "s3_reads": 0.40,
    "kms_requests": 3.00,
}
"""US dollars for a million of each."""
BILLED_SECONDS = 0.05
"""What a call of a function is taken to be billed, at 1 GB: an assumption, since nothing here runs on AWS."""


@dataclass
class Use:
    """What one operation used: calls by service and operation, and DynamoDB's capacity units."""

    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0.0
    read_units: float = 0.0

    def add(self, service: str, operation: str, parameters: dict[str, Any], answer: dict[str, Any]) -> None:
        """Count one call with the capacity its answer tells of.

        The emulator does not tell it of a batch read: each key asked for is a strong read of an item of at most 4 KB.
        """
        self.calls[f"{service}.{operation}"] += 1
        told = answer.get("ConsumedCapacity", [])
        units = sum(one["CapacityUnits"] for one in (told if isinstance(told, list) else [told]))
        if operation == "BatchGetItem":
            units = sum(len(asked["Keys"]) for asked in parameters["RequestItems"].values())
        if operation in WRITES:
            self.write_units += units
        else:
            self.read_units += units

    def figure(self) -> dict[str, Any]:
        """As the JSON has it."""
        trips = sum(count for name, count in self.calls.items() if name.startswith("dynamodb."))
        units = {"write_units": self.write_units, "read_units": self.read_units, "round_trips": trips}
        return units | {"calls": dict(sorted(self.calls.items()))}


@contextmanager
def metered() -> Iterator[Use]:
    """Count every AWS call of this process in the block."""
    use = Use()
    send = BaseClient._make_api_call

    def counted(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in COUNTED:
            parameters = parameters | {"ReturnConsumedCapacity": "TOTAL"}
        answer: dict[str, Any] = {}
        try:
            answer = send(client, operation, parameters)
        finally:
            use.add(client.meta.service_model.service_name, operation, parameters, answer)
        return answer

    BaseClient._make_api_call = counted
    try:
        yield use
    finally:
        BaseClient._make_api_call = send


def main() -> None:
    """Measure, write out/bench/capacity.json, print, and fail where a bound is passed."""
    with data_stage(PLACE):
        figures = measure()
    million = settlements(figures)
    prices = {"source": PRICE_SOURCE} | PRICES
    report = {"operations": figures, "prices": prices, "million_settlements": million}
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(report, indent=2) + "\n")
    for name, figure in figures.items():
        print(
            f"  {name:28} {figure['write_units']:5g} WCU {figure['read_units']:5g} RCU {figure['round_trips']:3} calls"
        )
    print(f"  a million settlements        {million['total']:.0f} USD")
    over = [name for name, bound in BOUNDS.items() if figures[name]["write_units"] > bound]
    if over:
        sys.exit(f"Over the bound: {', '.join(over)}")


@contextmanager
def data_stage(place: Place) -> Iterator[None]:
    """An emulator with the data stack of the local stage, and this process pointed at it, during the block."""
    place.forget()
    emulator = Emulator(place.ports().gateway, place.folder / "aws")
    emulator.start(place.background)
    try:
        point_at(emulator, deploy_data("local", emulator.client, poll_seconds=0.1).outputs)
        yield
    finally:
        place.background.stop(NAME)
        place.forget()


def point_at(emulator: Emulator, outputs: dict[str, str]) -> None:
    """Make this process one of the stage's functions, by its environment."""
    os.environ |= emulator.credentials() | {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "QUITTANCE_STAGE": "local",
        "QUITTANCE_TABLE_PREFIX": "quittance-local",
        "QUITTANCE_BUCKET": outputs["BucketName"],
        "QUITTANCE_CALLBACK_QUEUE_URL": outputs["CallbackQueueUrl"],
        "QUITTANCE_PAYOUT_QUEUE_URL": outputs["PayoutQueueUrl"],
        "QUITTANCE_SIGNING_SECRET": "quittance-local-signing",
        "QUITTANCE_SEALING_KEY": outputs["SealingKeyArn"],
        "QUITTANCE_DIGEST_KEY": outputs.get("DigestKeyArn", ""),
    }


def measure() -> dict[str, dict[str, Any]]:
    """Each operation once, after what it needs was done unmeasured."""
    # Imported here, when the environment says where the store is.
    from bench.operations import operations  # noqa: PLC0415
    from bench.trade_operations import trade_operations  # noqa: PLC0415

    figures = {}
    for name, act in chain(operations(), trade_operations()):
        with metered() as use:
            act()
        figures[name] = use.figure()
    return figures


def settlements(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a million trades cost, from opening to both payouts settled: operations counted, requests named."""
    parts = {
        "open a trade": 1,
        "take a callback": 5,
        "fund a trade by bank": 1,
        "draw into an escrow": 1,
        "add evidence": 2,
        "final settlement": 1,
        "pay two parties": 1,
        "accept a payout": 2,
        "settle a payout": 2,
        "number an entry": 14,
        "write a line of history": 20,
    }
    calls: Counter[str] = Counter()
    for name, times in parts.items():
        calls.update({call: count * times for call, count in figures[name]["calls"].items()})
    api, functions = 10, 10 + 5 + 2 + 9
    used = {
        "dynamodb_write_units": sum(figures[name]["write_units"] * times for name, times in parts.items()),
        "dynamodb_read_units": sum(figures[name]["read_units"] * times for name, times in parts.items()),
        "api_requests": api,
        "lambda_requests": functions,
        "lambda_gb_seconds": functions * BILLED_SECONDS,
        # Each message is sent once, received once and deleted once.
        "sqs_fifo_requests": 3 * (5 + 1),
        "s3_writes": calls["s3.PutObject"],
        "s3_reads": calls["s3.GetObject"] + 5,
        "kms_requests": sum(count for call, count in calls.items() if call.startswith("kms.")),
    }
    cost = {name: round(amount * PRICES[name], 2) for name, amount in used.items()}
    return {"operations": parts, "used_by_one": used, "usd": cost, "total": round(sum(cost.values()), 2)}


if __name__ == "__main__":
    main()
