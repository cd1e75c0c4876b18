"""Half of all calls to DynamoDB go wrong on the wire, and every command has its one effect, or none.

A proxy stands between our code and DynamoDB Local: transactions in conflict, throttling, connections cut before and
after the effect, answers that come late, cannot be read, or say 500. Each command is said again under its key until it
is answered, and then once more.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Busy, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.service.batches import post_batch
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.service.holds import CaptureHold, PlaceHold, capture_hold, place_hold
from chalicelib.ledger.service.reversals import ReverseEntry, reverse_entry
from chalicelib.ledger.service.transfers import transfer_up_to
from chalicelib.storage import client
from infra.emulator import answers
from infra.paths import STACK_PYTHON
from infra.place import is_taken
from tests.chaos.proxy import CONFLICT, Proxy
from tests.ledger.books import Books, entry, new_books
from tests.ledger.sums import own_sums
from tests.support import dynamodb_local
from tests.support.dynamodb_local import Tables

ENOUGH = 500
MOST_ROUNDS = 60
COMMANDS = 24
THREADS = 8
MOST_TRIES = 40
START_SECONDS = 20
STOP_SECONDS = 10
PORTS = range(19_500, 19_600)
SLOWER_THAN_WE_WAIT = 3_300

WRITE = {"service": "dynamodb", "operation": "TransactWriteItems"}
CANCELLED = {
    "code": "TransactionCanceledException",
    "status": 400,
    "message": "Transaction cancelled",
    "fields": {"CancellationReasons": [CONFLICT]},
}
RULES: list[dict[str, Any]] = [
    WRITE | {"times": 6, "probability": 0.1, "latency": SLOWER_THAN_WE_WAIT},
    WRITE | {"probability": 0.2, "error": CANCELLED},
    WRITE | {"probability": 0.15, "response": {"abort_bytes": 0}},
    WRITE | {"probability": 0.12, "response": {"truncate_bytes": 1}},
    {"service": "dynamodb", "probability": 0.1, "reset": True},
    {"service": "dynamodb", "probability": 0.1, "error": {"code": "ProvisionedThroughputExceededException"}},
    {"service": "dynamodb", "probability": 0.08, "error": {"code": "InternalServerError", "status": 500}},
    {"service": "dynamodb", "probability": 0.05, "latency": 40},
]
"""What goes wrong, how often; a call meets at most one of them."""

Answer = tuple[bool, str, int]
"""Whether it was done, its entry or the code it was refused with, and what it moved from the payer."""


@pytest.fixture
def proxy(session_tables: Tables) -> Iterator[Proxy]:
    port = next(port for port in PORTS if not is_taken(port))
    program = STACK_PYTHON.with_name("microburst")
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--upstream", session_tables.endpoint]
    process = subprocess.Popen(command, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    proxy = Proxy(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{proxy.url}/_microburst/rules"):
            assert time.monotonic() < deadline, "the proxy does not start"
            time.sleep(0.1)
        dynamodb_local.client(proxy.url).list_tables(Limit=1)  # its first request takes long
        yield proxy
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


@pytest.fixture
def books(session_tables: Tables, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    """Books that are reached through the proxy."""
    made = new_books(session_tables, monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
    client.dynamodb.cache_clear()
    yield made
    client.dynamodb.cache_clear()


class Workload:
    """Commands on two accounts, of which one must not be overdrawn, each with what it is to move."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.payer, self.payee = books.opened(funds=3_000, floor=0), books.opened(funds=0)
        self.chance = random.Random(7)

    def commands(self, count: int) -> list[Callable[[], Answer]]:
        """So many commands, of every kind."""
        kinds = (self._entry, self._up_to, self._batch, self._hold, self._reversal)
        return [kinds[number % len(kinds)](self.books.call(), self.chance.randint(1, 40)) for number in range(count)]

    def _entry(self, call: Call, minor: int) -> Callable[[], Answer]:
        command = entry(self.payer, self.payee, minor)
        return lambda: told(post_entry(call, command).item)

    def _up_to(self, call: Call, minor: int) -> Callable[[], Answer]:
        command = entry(self.payer, self.payee, minor)
        return lambda: told(transfer_up_to(call, command).item)

    def _batch(self, call: Call, minor: int) -> Callable[[], Answer]:
        keys = (self.books.call().key[2:], self.books.call().key[2:])
        batch = [Keyed(key, entry(self.payer, self.payee, part)) for key, part in zip(keys, (minor, 3), strict=True)]
        return lambda: told(*post_batch(call, batch).items)

    def _hold(self, call: Call, minor: int) -> Callable[[], Answer]:
        terms = Terms(self.payer, self.payee, Money(minor + 5, "CNY"))
        place = self.books.call()

        def both() -> Answer:
            hold_id = str(place_hold(place, PlaceHold(terms)).item.subject)
            return told(capture_hold(call, CaptureHold(hold_id, Money(minor, "CNY"))).item)

        return both

    def _reversal(self, call: Call, minor: int) -> Callable[[], Answer]:
        posting, command = self.books.call(), entry(self.payer, self.payee, minor)

        def both() -> Answer:
            item = post_entry(posting, command).item
            done, entry_id, moved = told(reverse_entry(call, ReverseEntry(item.entry_id)).item)
            return done, entry_id, minor - moved

        return both


def told(*items: Any) -> Answer:
    """What journal items say was moved: credits of the payee."""
    return True, items[0].entry_id, sum(leg.amount for item in items for leg in item.legs if leg.amount > 0)


def answered(act: Callable[[], Answer]) -> Answer:
    """The answer of a command, said again until there is one."""
    for _ in range(MOST_TRIES):
        try:
            return act()
        except Busy:
            continue
        except Refusal as refusal:
            return False, refusal.code, 0
    raise AssertionError("no answer, however often it was said")


def test_five_hundred_faults_on_the_wire_lose_nothing_and_do_nothing_twice(proxy: Proxy, books: Books) -> None:
    work = Workload(books)
    fired, answers_given = 0, list[tuple[Callable[[], Answer], Answer]]()
    proxy.obey(RULES)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(MOST_ROUNDS):
            commands = work.commands(COMMANDS)
            answers_given += zip(commands, pool.map(answered, commands), strict=True)
            fired = sum(proxy.fired().values())
            if fired >= ENOUGH:
                break
    kinds = proxy.fired()
    proxy.obey([])

    moved = sum(moved for _, (_, _, moved) in answers_given)
    account = books.account(work.payer)
    assert fired >= ENOUGH, kinds
    assert len(kinds) >= 5, kinds
    assert (account.own_balance, account.held) == (3_000 - moved, 0)
    assert books.balances(work.payee) == [moved]
    assert not any(own_sums(books.tenant).values())
    done = [(act, answer) for act, answer in answers_given if answer[0]]
    assert [act() for act, _ in done] == [answer for _, answer in done]
    assert books.balances(work.payee) == [moved]
