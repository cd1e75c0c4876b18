"""All that a stack has stored, so that a test can say: nothing was written."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from tests.support.local_stack import LocalStack

TABLES = {"accounts": ("pk",), "journal": ("pk",), "history": ("pk", "version"), "records": ("pk", "sk")}
"""Each table's key attributes."""
BUCKET = "quittance-local-000000000000-eu-central-1"

Snapshot = dict[str, str]
"""Each item's and object's digest, by where it is."""


def snapshot(stack: LocalStack, *, but: str = "") -> Snapshot:
    """What is stored now, read with the deployer's credentials; `but` one table that follows the others by itself."""
    taken = {f"s3/{one['Key']}": str(one["ETag"]) for one in objects(stack)}
    for table, key in TABLES.items():
        for item in items(stack, table) if table != but else ():
            if not _follows_the_feed(item):
                taken[" ".join([table, *(str(item[name]) for name in key)])] = _digest(item)
    return taken


def items(stack: LocalStack, table: str) -> list[dict[str, Any]]:
    """Every item of a table, as the wire has it."""
    pages = (
        stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=f"quittance-local-{table}", ConsistentRead=True)
    )
    return [item for page in pages for item in page["Items"]]


def objects(stack: LocalStack) -> list[dict[str, Any]]:
    """Every object of the bucket."""
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [one for page in pages for one in page.get("Contents", [])]


def difference(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """What is new, changed or gone, by where it is."""
    gone = {name: "gone" for name in before.keys() - after.keys()}
    new = {name: "new" for name in after.keys() - before.keys()}
    return gone | new | {name: "changed" for name in before.keys() & after.keys() if before[name] != after[name]}


FOLLOWING = ("checkpoint", "fold", "hld_", "totals", "proof", "proved", "journal-scan", "follow", "undone")
"""How the ids of records begin that follow the journal by themselves."""
POSITIONS = ("item#", "month#", "positions")
"""How the sort keys begin of what a bank account's months are counted in."""


def _follows_the_feed(item: dict[str, Any]) -> bool:
    """Whether it follows the journal by itself, later: a checkpoint or where a tenant's checkpoints stand, how far a
    tenant's feed is folded or proved, its totals, a hold's state and its places in lists, the months of a bank account.
    What was done stands in the journal."""
    sort = item.get("sk", {}).get("S", "")
    return item["pk"]["S"].partition("#")[2].startswith(FOLLOWING) or sort.startswith(POSITIONS)


def _digest(item: dict[str, Any]) -> str:
    return sha256(json.dumps(item, sort_keys=True, default=repr).encode()).hexdigest()
