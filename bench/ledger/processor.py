"""CPU: what our own code adds to the bare call, what a whole request takes, how fast the rules alone decide.

Times are this process's CPU, so that the store's work is not in them. Rounds of what is compared alternate, and the
median round counts, so that a busy machine slows both alike.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from bench.ledger.books import AMOUNT, Books, transfer
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Entry, check_occurred_at, credit, debit
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.client import dynamodb
from chalicelib.storage.once import Plan, journal_write

ROUNDS = 7
CALLS = 250
DECISIONS = 50_000
MICRO = 1_000_000

Actions = list[dict[str, Any]]
Work = Callable[[], object]


def cpu_ratio(books: Books) -> dict[str, float]:
    """CPU of `post_entry` over that of a warmed boto3 client that writes the same items, made beforehand.

    The client is boto3's own, with no setting but that it tries once. `cpu_ratio_vs_own_client`: over the client that
    our code uses, which PynamoDB makes without the check of parameters.
    """
    bare = boto3.client(
        "dynamodb", endpoint_url=books.tables.endpoint, config=Config(retries={"total_max_attempts": 1})
    )
    debited, credited = books.accounts(2)

    def ours() -> Work:
        calls, command = [books.call() for _ in range(CALLS)], transfer(debited, credited)
        return lambda: [post_entry(call, command) for call in calls]

    def prebuilt(client: Any) -> Work:
        transactions = [_actions(books, debited, credited) for _ in range(CALLS)]
        return lambda: [_send(client, actions) for actions in transactions]

    times = _alternating(ours, lambda: prebuilt(bare), lambda: prebuilt(dynamodb()))
    own, plain, lean = (statistics.median(column) / CALLS * MICRO for column in times)
    return {
        "cpu_ratio_vs_boto3": round(own / plain, 3),
        "cpu_ratio_vs_own_client": round(own / lean, 3),
        "post_transfer_cpu_us": round(own),
        "boto3_cpu_us": round(plain),
    }


def cpu_shares(books: Books) -> dict[str, Any]:
    """Where the CPU of `post_entry` goes, by package, in percent of what a profile sees. Waiting for the socket is left
    out; C code is its caller's."""
    debited, credited = books.accounts(2)
    calls, command = [books.call() for _ in range(CALLS)], transfer(debited, credited)
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    for call in calls:
        post_entry(call, command)
    profile.disable()
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if file != "~":
            spent[_package(file)] += own
        elif not any(waiting in name for waiting in ("_socket", "select")):
            for (caller, _, _), (_, _, part, _) in callers.items():
                spent[_package(caller)] += part
    total = sum(spent.values())
    return {"cpu_shares_percent": {name: round(100 * part / total) for name, part in spent.most_common(8)}}


def _package(file: str) -> str:
    _, found, inside = file.rpartition("site-packages/")
    return inside.partition("/")[0] if found else "chalicelib" if "chalicelib" in file else "standard library"


def http_cpu(api: Any, path: str, body: dict[str, Any]) -> float:
    """CPU microseconds of the whole handler for one POST, event in to answer out, without the wire.

    `api` sends requests as the gateway does (tests.support.api). The store's answer is handed to botocore where it
    would open a socket: all that it does before and after is counted.
    """
    events = dynamodb().meta.events
    name = "before-send.dynamodb.TransactWriteItems"
    events.register(name, _answered)
    try:
        rounds = []
        for _ in range(ROUNDS):
            started = time.process_time()
            for _ in range(CALLS):
                reply = api.post(path, body, key=str(uuid.uuid4()))
            rounds.append((time.process_time() - started) / CALLS * MICRO)
            if reply.status != 201:  # noqa: PLR2004
                raise SystemExit(f"the request that is measured was answered {reply}")
    finally:
        events.unregister(name, _answered)
    return round(statistics.median(rounds))


def pure_entries_per_s() -> int:
    """Two-leg entries that the rules decide in a second of one processor: instant checked, postings checked, entry
    made."""
    now = datetime.now(UTC)
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for number in range(1, DECISIONS + 1):
            amount = Money(number, AMOUNT.currency)
            at = check_occurred_at(now, now=now)
            Entry("transfer.posted", (debit("acc_a", amount), credit("acc_b", amount)), at)
        rounds.append(DECISIONS / (time.process_time() - started))
    return round(statistics.median(rounds))


def _alternating(*makers: Callable[[], Work]) -> Sequence[Sequence[float]]:
    for maker in makers:
        maker()()  # warm
    rounds = [[_timed(maker()) for maker in makers] for _ in range(ROUNDS)]
    return list(zip(*rounds, strict=True))


def _timed(work: Work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _actions(books: Books, debited: str, credited: str) -> Actions:
    """What one transfer writes, as it is sent."""
    call, command = books.call(), transfer(debited, credited)
    plan: Plan = plan_entry(call, Entry(command.kind, command.postings, call.now), by_hand=True)
    return [write.action for write in (journal_write(plan.item), *plan.writes)]


def _send(client: Any, actions: Actions) -> Any:
    return client.transact_write_items(TransactItems=actions, ClientRequestToken=str(uuid.uuid4()))


class _Raw:
    """As much of a response's stream as botocore reads."""

    def stream(self, **_: Any) -> Any:
        """The body in pieces."""
        yield json.dumps({}).encode()


def _answered(request: Any, **_: Any) -> AWSResponse:
    return AWSResponse(request.url, 200, {"Content-Type": "application/x-amz-json-1.0"}, _Raw())
