"""The sandbox clock of the local stage: what business rules take for now is kept equal to bank time.

The functions read it in chalicelib/sandbox.py. Tokens, signature windows and AWS calls keep the real time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalicelib.storage.tables import record_key
from infra.bank.client import BankClient

TABLE = "quittance-local-records"


def advance(dynamodb: Any, bank: BankClient, *, days: int) -> datetime:
    """Move the bank and the stage forward by whole days; the new time. Schedules are the caller's to invoke."""
    bank.advance(days=days)
    return follow(dynamodb, bank)


def follow(dynamodb: Any, bank: BankClient) -> datetime:
    """Set the stage's clock to bank time, which is returned."""
    bank_time = bank.now().replace(tzinfo=UTC)
    offset = round((bank_time - datetime.now(UTC)).total_seconds())
    item = {**record_key("sandbox", "clock").wire(), "version": {"N": "1"}, "doc": {"S": str(offset)}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    return bank_time
