"""Batches over single entries: the same transfers sent as requests, one by one and many at a time.

Requests go through the whole handler, as a caller's would. DynamoDB Local takes a third of a millisecond for each item
of a transaction, whatever is in it: `batch50_bare_speedup` is what as many items gain by it that have nothing in them
but what finds them, written by the client alone.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from bench.ledger.books import AMOUNT, Books, pairs
from chalicelib.storage.client import dynamodb
from chalicelib.storage.tables import RecordItem, physical_name

ACCOUNTS = 20
TRANSFERS = 200
WARM_ROUNDS, ROUNDS = 3, 7
SIZES = (2, 50)

Post = Callable[[str, dict[str, Any]], object]
Work = dict[str, Callable[[], object]]


def speedups(books: Books, post: Post) -> dict[str, float]:
    """How many times faster batches of each size book 200 transfers over 20 accounts. Rounds alternate; medians.

    `post` sends a body to a path and gives the answer.
    """
    legs = pairs(books.accounts(ACCOUNTS), TRANSFERS)
    work: Work = {"singles": lambda: [post("/v1/transfers", _transfer(*pair)) for pair in legs]}
    for size in SIZES:
        bodies = [[_entry(*pair) for pair in legs[start : start + size]] for start in range(0, TRANSFERS, size)]
        work[f"batch{size}"] = lambda bodies=bodies: _send(post, bodies)  # type: ignore[misc]
    work |= {"bare singles": lambda: _bare(1, 2, TRANSFERS), "bare batch": lambda: _bare(51, ACCOUNTS, TRANSFERS // 50)}
    seconds = _medians(work)
    figures = {f"batch{size}_speedup": round(seconds["singles"] / seconds[f"batch{size}"], 2) for size in SIZES}
    figures["batch50_bare_speedup"] = round(seconds["bare singles"] / seconds["bare batch"], 2)
    return figures | {f"{name}_entries_per_s": round(TRANSFERS / seconds[name]) for name in ("singles", "batch50")}


def _medians(work: Work) -> dict[str, float]:
    rounds = [{name: _seconds(act) for name, act in work.items()} for _ in range(WARM_ROUNDS + ROUNDS)]
    return {name: statistics.median(times[name] for times in rounds[WARM_ROUNDS:]) for name in work}


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _send(post: Post, bodies: list[list[dict[str, Any]]]) -> None:
    for entries in bodies:
        post("/v1/entries/batch", {"entries": [entry | {"idempotency_key": str(uuid.uuid4())} for entry in entries]})


def _transfer(debited: str, credited: str) -> dict[str, Any]:
    return {"debit_account_id": debited, "credit_account_id": credited, "amount": _amount()}


def _entry(debited: str, credited: str) -> dict[str, Any]:
    sides = (("debit", debited), ("credit", credited))
    return {"postings": [{"account_id": account, "side": side, "amount": _amount()} for side, account in sides]}


def _amount() -> dict[str, Any]:
    return {"minor": AMOUNT.minor, "currency": AMOUNT.currency}


def _bare(puts: int, updates: int, times: int) -> None:
    """Transactions of so many new items and so many counters, nothing else in them."""
    counters = cycle(range(ACCOUNTS))
    for _ in range(times):
        actions = [{"Put": {"TableName": physical_name(RecordItem), "Item": _key("item")}} for _ in range(puts)]
        actions += [{"Update": _count(number)} for number in islice(counters, updates)]
        dynamodb().transact_write_items(TransactItems=actions)


def _key(sort: str, name: object = None) -> dict[str, Any]:
    return {"pk": {"S": f"bare#{name or uuid.uuid4()}"}, "sk": {"S": sort}}


def _count(number: int) -> dict[str, Any]:
    return {
        "TableName": physical_name(RecordItem),
        "Key": _key("count", f"count{number}"),
        "UpdateExpression": "ADD version :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
