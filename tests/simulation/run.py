"""A run: actors work on a world for some steps; then everything is brought to rest and compared once more.

A step is one try at a command, the first or a later one. Beside the callers there are those who project, number, fold
and sweep; they work between the commands and are no steps.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from chalicelib.core.errors import Busy, Refusal
from chalicelib.ledger.service import deferred, holds
from chalicelib.ledger.worker import project, sequence
from chalicelib.queues.worker import WorkerFailed
from chalicelib.settlement.service import netting
from chalicelib.web import clock
from tests.simulation.acting import Answer, act
from tests.simulation.books import MINUTE
from tests.simulation.commands import Command
from tests.simulation.deals import DAY, instant
from tests.simulation.faults import Killed
from tests.simulation.market import PATIENCE, SMALL, all_due, found, pause, run_due
from tests.simulation.rest import compare_all, follow, mend, prove
from tests.simulation.streams import Stream, event
from tests.simulation.trade_records import compare_trades, same_legs
from tests.simulation.world import PREFIX, Attempt, World
from tests.simulation.wrong import Wrong

ACTORS = 6
SHARDS = 3
SKEW = 300_000
LONG = 400 * DAY
FEWEST_CALLS = 4
WORK = {"command": 70, "project": 9, "sequence": 8, "fold": 1, "sweep": 2, "follow": 3, "retry": 10}
"""What an actor does next, by how often."""
TRADING = {"command": 8, "trade": 62, "due": 3}
"""What it does otherwise in a world with trades."""
TRANSIENT = (Busy, ClientError, HTTPClientError, NoConnection)


class Run:
    """One world and its actors. Where it `trades`, most commands are of trades, and days pass."""

    def __init__(self, seed: int, *, loses: float = 0, trades: bool = False) -> None:
        self.seed, self.loses, self.trades = seed, loses, trades
        self.world = World(random.Random(seed))
        self.chance = self.world.chance
        self.steps = 0
        self.most = 0
        self.unanswered: list[Command] = []
        self.followed: dict[str, list[str]] = {tenant: [] for tenant in self.world.models}
        self.following: set[str] = set()
        tables = self.world.table.tables
        self.streams = {
            name: [
                Stream(tables[f"{PREFIX}-{table}"], shard, SHARDS, loses=lambda: self.chance.random() < self.loses)
                for shard in range(SHARDS)
            ]
            for name, table in (("project", "accounts"), ("sequence", "journal"))
        }
        self.works: dict[str, Callable[[], None]] = {
            "command": self._command,
            "trade": self._trade,
            "due": partial(self._quietly_failing, partial(self._in_time, partial(run_due, self.world, TRANSIENT))),
            "retry": self._retry,
            "project": partial(self._tell, "project"),
            "sequence": partial(self._tell, "sequence"),
            "fold": partial(self._quietly_failing, deferred.fold_behind),
            "sweep": partial(self._quietly_failing, self._sweep),
            "follow": partial(self._quietly_failing, self._follow),
        }

    def begin(self) -> None:
        """Open the accounts to begin with; nothing strikes yet."""
        if self.trades:
            found(self.world)
        for generator in (*self.world.generators, *(self.world.traders if self.trades else ())):
            for command in generator.openings():
                self._try(command)

    def go(self, steps: int) -> None:
        """Let the actors make so many steps, then bring everything to rest and compare all of it."""
        self.most = self.steps + steps
        self.world.quiet = False
        self.world.scheduler.run([self._actor for _ in range(ACTORS)])
        self.world.quiet = True
        self.rest()

    def rest(self) -> None:
        """Answer what is unanswered, tell the streams' rest, sweep, and compare everything with the model."""
        world = self.world
        while self.unanswered:
            self._try(self.unanswered.pop())
        if self.trades:
            all_due(world)
        world.table.settle()
        for _ in range(3):
            self._catch_up()
        if self.loses:
            mend(world)
            self._catch_up()
            mend(world)
        compare_all(world)
        compare_trades(world)

    def _catch_up(self) -> None:
        """Tell the streams' rest, return what has expired, fold."""
        for name, streams in reversed(self.streams.items()):
            for stream in streams:
                while batch := stream.rest(50):
                    self._deliver(name, stream, batch)
                    self.world.table.settle()
        while holds.expire_due(instant(self.world.now)).returned:
            self.world.table.settle()
        deferred.fold_behind()
        self.world.table.settle()

    def prove(self) -> None:
        """At rest: the product's own proof of the books. Of trades also what time does when nobody has looked for more
        than a year."""
        if self.trades:
            self.world.now += LONG
            self.rest()
        prove(self.world)

    def _actor(self) -> None:
        work = WORK | (TRADING if self.trades else {})
        kinds, weights = list(work), list(work.values())
        while self.steps < self.most:
            self.works[self.chance.choices(kinds, weights)[0]]()

    def _command(self) -> None:
        self._try(self.chance.choice(self.world.generators).next(self.world.now))

    def _trade(self) -> None:
        self._try(self.chance.choice(self.world.traders).next(self.world.now))

    def _in_time(self, work: Callable[[], object]) -> None:
        """A worker's run, which has its own time."""
        world, me = self.world, self.world.scheduler.current
        world.until[me] = world.now + PATIENCE
        try:
            work()
        finally:
            world.until.pop(me, None)

    def _retry(self) -> None:
        if self.unanswered:
            self._try(self.unanswered.pop(self.chance.randrange(len(self.unanswered))))

    def _try(self, command: Command) -> None:
        """One step: a try at a command, whose answer must be one the model gives."""
        world, me = self.world, self.world.scheduler.current
        self.steps += 1
        world.now += self._pause()
        attempt = Attempt(command, world.now + self.chance.randrange(-SKEW, SKEW), world.now)
        number = self.steps
        world.judge(attempt)
        world.attempts[me] = attempt
        try:
            answer: Answer | Exception | Killed = act(command, now=attempt.now, entropy=self.chance.randbytes(10))
        except (Refusal, Killed) as refused:
            answer = refused
        finally:
            world.attempts.pop(me, None)
        told = _told(answer)
        world.log.append(f"{number}: {command.text()} at {attempt.now}: {told}")
        world.count(f"{command.body['do']}: {told.split('(')[0].strip()}")
        self._check(attempt, answer)

    def _pause(self) -> int:
        """How long nobody asks for anything: hardly at all, now and then for seconds, rarely for some minutes."""
        chance = self.chance.random()
        longest = 400_000 if chance < 0.99 else 30 * 10**6 if chance < 0.999 else 20 * MINUTE
        return pause(self.world, longest) if self.trades and not self.world.quiet else self.chance.randrange(longest)

    def _check(self, attempt: Attempt, answer: Answer | Exception | Killed) -> None:
        command, model = attempt.command, self.world.models[attempt.command.tenant]
        if isinstance(answer, Killed):
            self.unanswered.append(command)
        elif isinstance(answer, Busy):
            self.unanswered.append(command)
            if not attempt.faults and attempt.calls < FEWEST_CALLS:
                raise Wrong(f"{command.text()} is told to try again, and nothing was in its way")
        elif isinstance(answer, Refusal):
            self._check_refusal(attempt, answer)
        elif isinstance(answer, Answer):
            done = model.done.get(command.key)
            if done is None or done.body != command.body or done.entry != answer.item.entry_id:
                raise Wrong(f"{command.text()} was answered, and not done")
            if not answer.replayed and not attempt.committed:
                raise Wrong(f"{command.text()} says that it was done now, and it was not")
            self._check_answer(answer, model.kinds, model.entries)

    def _check_answer(self, answer: Answer, kinds: dict[str, str], entries: dict[str, Any]) -> None:
        """The answer is what stands in the journal."""
        for item in answer.parts or (answer.item,):
            legs = [(leg.account_id, leg.amount, leg.currency) for leg in item.legs]
            if not same_legs(kinds[item.entry_id], legs, entries[item.entry_id]):
                raise Wrong(f"{item.entry_id} is answered with {legs}, and has {entries[item.entry_id]}")
            stored = self.world.items("journal")[f"{item.tenant}#{item.entry_id}", None].get("data", {"S": "{}"})
            if json.loads(json.dumps(item.data)) != json.loads(stored["S"]):
                raise Wrong(f"{item.entry_id} is answered with {item.data}, and has {stored}")

    def _check_refusal(self, attempt: Attempt, refusal: Refusal) -> None:
        facts = refusal.facts
        told = (refusal.code, facts.get("account_id"), facts.get("index"))
        if attempt.committed:
            raise Wrong(f"{attempt.command.text()} was done, and refused: {refusal!r}")
        if not any(_same(verdict, told) for verdict in attempt.verdicts):
            raise Wrong(f"{attempt.command.text()} was refused: {refusal!r}; the model says {attempt.verdicts}")

    def _tell(self, name: str) -> None:
        stream = self.chance.choice(self.streams[name])
        batch = [] if stream.busy else stream.batch(self.chance)
        if not batch:
            return
        stream.busy = True
        try:
            self._deliver(name, stream, batch)
        except Killed:
            stream.failed(batch)
        except WorkerFailed as failed:
            if not isinstance(failed.__context__, TRANSIENT):
                raise Wrong(f"{name} failed: {failed.__context__!r}") from failed.__context__
            stream.failed(batch)
        finally:
            stream.busy = False

    def _deliver(self, name: str, stream: Stream, batch: list[Any]) -> None:
        self.world.count(f"batches to {name}")
        handler: Any = project.project if name == "project" else sequence.sequence
        handler(event(batch, both=name == "project"), None)
        stream.told(batch)

    def _sweep(self) -> None:
        swept = holds.expire_due(instant(self.world.now))
        odd = [failure for failure in swept.failures if not isinstance(failure.error, Busy)]
        if odd:
            raise Wrong(f"the sweep failed: {odd}")

    def _follow(self) -> None:
        """Somebody keeps a copy of the feed."""
        tenant = self.chance.choice(list(self.followed))
        if tenant not in self.following:
            self.following.add(tenant)
            try:
                follow(self.world, tenant, self.followed[tenant])
            finally:
                self.following.discard(tenant)

    def _quietly_failing(self, work: Callable[[], object]) -> None:
        """A worker that may be killed or kept from its work: its next run goes on."""
        try:
            work()
        except (Killed, *TRANSIENT):
            self.world.count("workers stopped")


def _told(answer: Any) -> str:
    if isinstance(answer, Answer):
        return "replayed" if answer.replayed else f"done ({answer.item.entry_id})"
    return repr(answer) if isinstance(answer, Refusal) else "killed"


def _same(verdict: tuple[str, str | None, int | None], told: tuple[str, Any, Any]) -> bool:
    """Whether a refusal is the model's: its code, and what the model says of account and place."""
    return verdict[0] == told[0] and all(
        said in (None, given) for said, given in zip(verdict[1:], told[1:], strict=True)
    )


@contextmanager
def in_memory(world: World) -> Iterator[None]:
    """The product works on the world's table, in the world's time, with the seed's chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUITTANCE_TABLE_PREFIX", PREFIX)
        process_clock = SimpleNamespace(monotonic=world.monotonic, sleep=world.pause)
        modules = [module for name, module in sys.modules.items() if name.startswith("chalicelib")]
        for module in modules:
            if getattr(module, "dynamodb", None) is not None:
                patch.setattr(module, "dynamodb", lambda: world.table)
            if getattr(module, "time", None) is time:
                patch.setattr(module, "time", process_clock)
            if getattr(module, "random", None) is random:
                patch.setattr(module, "random", world.chance)
        for name in ("worker", "settlement"):
            patch.setattr(logging.getLogger(f"quittance.{name}"), "disabled", True)
        for name, size in SMALL.items():
            patch.setattr(netting, name, size)
        patch.setattr(clock, "now", lambda: instant(world.now))
        _forget_copies()
        yield
        _forget_copies()


def _forget_copies() -> None:
    """What the process knows of accounts is of another world."""
    from chalicelib.ledger.store import deferred as copies  # noqa: PLC0415
    from chalicelib.ledger.store import totals  # noqa: PLC0415

    copies._copies.clear()
    totals._kinds.clear()
