"""The sandbox clock of the local stage: what business rules take for now is kept equal to bank time.

The functions read it in chalicelib/sandbox.py. Tokens, signature windows and AWS calls keep the real time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from chalicelib.storage.tables import record_key
from infra.bank.client import BankClient

TABLE = "quittance-local-records"

SCHEDULES = ("sweep", "follow", "accrue", "due", "checkpoint")
"""What runs after the clock was moved, in this order: what has expired is returned, days are accrued, and only
then trades draw on their lines or repay them. The nightly proof is not among them: it wants the books at rest."""


class ScheduleFailed(Exception):
    """A scheduled function failed."""


def advance(dynamodb: Any, bank: BankClient, *, days: int) -> datetime:
    """Move the bank and the stage forward by whole days; the new time. See `run_schedules`."""
    bank.advance(days=days)
    return follow(dynamodb, bank)


def run_schedules(functions: Any, at: datetime) -> None:
    """Run what schedules would have run meanwhile: each catches up what it missed. Raises ScheduleFailed."""
    for name in SCHEDULES:
        run_schedule(functions, name, at)


def run_schedule(functions: Any, name: str, at: datetime) -> None:
    """Run one scheduled function, as its schedule would. Raises ScheduleFailed."""
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "time": at.isoformat()}
    event |= {"version": "0", "account": "", "region": "", "resources": [], "id": "clock"}
    answer = functions.invoke(FunctionName=f"quittance-local-{name}", Payload=json.dumps(event).encode())
    if answer.get("FunctionError"):
        raise ScheduleFailed(f"{name}: {answer['Payload'].read()[:300]!r}")


def follow(dynamodb: Any, bank: BankClient) -> datetime:
    """Set the stage's clock to bank time, which is returned."""
    bank_time = bank.now().replace(tzinfo=UTC)
    stand_at(dynamodb, bank_time)
    return bank_time


def stand_at(dynamodb: Any, moment: datetime) -> None:
    """Set the stage's clock, and not the bank's; it goes on from there."""
    put_offset(dynamodb, round((moment - datetime.now(UTC)).total_seconds()))


def offset(dynamodb: Any) -> int:
    """Seconds the stage's clock is ahead of the real time."""
    found = dynamodb.get_item(TableName=TABLE, Key=record_key("sandbox", "clock").wire(), ConsistentRead=True)
    return int(found["Item"]["doc"]["S"]) if "Item" in found else 0


def put_offset(dynamodb: Any, seconds: int) -> None:
    """Set how many seconds the stage's clock is ahead of the real time."""
    item = {**record_key("sandbox", "clock").wire(), "version": {"N": "1"}, "doc": {"S": str(seconds)}}
    dynamodb.put_item(TableName=TABLE, Item=item)
