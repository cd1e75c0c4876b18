"""The world of a simulation: the table, the models, the time, and what is compared when something is written.

Every call of the product's code comes through `gate`: others may go first, a fault may strike, and the command is
judged by the model at that instant. Every write that had its effect comes through `told`, before anybody else runs: a
journal item is booked in the model, which must agree, and each account that changed must stand as the model says.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.instants import LONG_AGO, instant_text, parse_instant
from infra.templates import table_definitions
from tests.simulation.books import COPY, Account, Body, Done, Leg, Plan, Refused
from tests.simulation.books import LONG_AGO as NEVER
from tests.simulation.commands import Command, Generator
from tests.simulation.deals import instant, microseconds
from tests.simulation.expressions import Item
from tests.simulation.faults import Killed, strike_for
from tests.simulation.model import Model
from tests.simulation.saying import said_by_worker
from tests.simulation.scheduler import Scheduler
from tests.simulation.table import MemoryDynamo, Written
from tests.simulation.trade_commands import Trader
from tests.simulation.trade_records import compare_trade, same_legs
from tests.simulation.wrong import Wrong

PREFIX = "simulation"
TENANTS = ("ten_a", "ten_b")
FAULTS = 0.07
FORGETS = 0.01
TORN = 0.1
LOGGED = 20
MOST_COPIES = 4
LONGEST = 25 * 10**6
"""How long a try may take before its function's time is up."""
LOOKS = {"movement", "trade_link"}
"""What may come to nothing but a look at a trade."""
EVENT = "w:fed:"
"""How the key of an event begins that is told beside a command: one trade has funded another."""


@dataclass
class Attempt:
    """One try at a command: when, what it may be refused with, whether it was this try that did it, what struck it, and
    what it would have come to at each of its calls, if it may only have looked."""

    command: Command
    now: int
    begun: int
    verdicts: set[tuple[str, str | None, int | None]] = field(default_factory=set)
    committed: bool = False
    torn: bool = False
    faults: int = 0
    calls: int = 0
    earlier: list[Plan] = field(default_factory=list)


class World:
    """Everything of one run."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.table = MemoryDynamo(table_definitions(PREFIX), lags=True)
        self.table.gate, self.table.told, self.table.between = self.gate, self.told, self.torn
        self.scheduler = Scheduler(chance)
        self.models = {tenant: Model(tenant) for tenant in TENANTS}
        self.generators = [Generator(chance, tenant, model) for tenant, model in self.models.items()]
        self.traders = [Trader(chance, tenant, model) for tenant, model in self.models.items()]
        self.attempts: dict[int, Attempt] = {}
        self.until: dict[int, int] = {}
        self.feed: dict[str, list[str]] = {tenant: [] for tenant in TENANTS}
        self.numbers: set[str] = set()
        self.clocks: dict[str, tuple[str, str]] = {}
        self.sums: dict[tuple[str, str], int] = {}
        self.now = 0
        self.faults = 0
        self.quiet = True
        self.log: deque[str] = deque(maxlen=LOGGED)
        self.counts: dict[str, int] = {}

    def count(self, what: str) -> None:
        """One more of this."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def items(self, table: str) -> dict[Any, Item]:
        """The items of a table, by place."""
        return self.table.tables[f"{PREFIX}-{table}"].items

    # What every call goes through.

    def gate(self, operation: str, request: dict[str, Any], send: Callable[[dict[str, Any]], Any]) -> Any:
        """Let others go first, let a fault strike, and judge the command as things stand at the call."""
        if self.quiet:
            return self._judged(request, send)
        self.scheduler.hand_over()
        if self.chance.random() < 0.3:
            self._arrive()
        attempt = self.attempts.get(self.scheduler.current)
        if self.now > self.until.get(self.scheduler.current, self.now):
            raise Killed
        if attempt is not None:
            attempt.calls += 1
            if self.now > attempt.begun + LONGEST:
                raise Killed
        if self.chance.random() >= FAULTS:
            return self._judged(request, send)
        if attempt is not None:
            attempt.faults += 1
        strike = strike_for(self.chance, operation)
        self.count(strike.__name__)
        self.faults += 1
        return strike(self.chance, request, lambda asked: self._judged(asked, send))

    def torn(self) -> None:
        """Between two items of a batch read: others may go on, and the command is judged once more."""
        if self.quiet or self.chance.random() >= TORN:
            return
        attempt = self.attempts.get(self.scheduler.current)
        if attempt is not None:
            attempt.torn = True
            self.judge(attempt)
        self.scheduler.hand_over()
        if attempt is not None:
            self.judge(attempt)

    def pause(self, seconds: float) -> None:
        """What the product does when it waits: time moves, and others go on."""
        self.now += int(seconds * 10**6)
        if not self.quiet:
            self.scheduler.hand_over()

    def monotonic(self) -> float:
        """The process's own clock."""
        return self.now / 10**6

    def judge(self, attempt: Attempt) -> None:
        """Note what the command would come to now."""
        command, model = attempt.command, self.models[attempt.command.tenant]
        if command.body["do"] == "close" and command.body["account"].startswith("hot_"):
            # Whether anything is on its way to a deferred account, a lagging index may not tell.
            attempt.verdicts.add(("entries_pending", command.body["account"], None))
        known = self._copies(attempt, model)
        for copies in known:
            model.copies = copies
            try:
                plan = model.judge(command.key, command.body, attempt.now)
                attempt.earlier += [plan] if isinstance(plan, Plan) and command.body["do"] in LOOKS else []
            except Refused as refused:
                attempt.verdicts.add(refused.told())
                if refused.account in known[-1]:
                    # A copy that runs out half way through a batch: a later entry is the first that is refused.
                    attempt.verdicts.add((refused.code, refused.account, None))
        model.copies = {}
        if attempt.torn or _deferred_accounts(model, command.body):
            attempt.verdicts |= {refused.told() for refused in model.apart(command.body, attempt.now)}

    def _copies(self, attempt: Attempt, model: Model) -> list[dict[str, int]]:
        """What this attempt may know of deferred accounts: each as it is, or as it was in the last seconds."""
        since = attempt.begun - COPY
        changed = [each for each in _deferred_accounts(model, attempt.command.body) if model.older(each, since)]
        known: list[dict[str, int]] = [{}]
        for account_id in changed[:MOST_COPIES]:
            known += [copies | {account_id: since} for copies in known]
        return known

    def _judged(self, request: dict[str, Any], send: Callable[[dict[str, Any]], Any]) -> Any:
        attempt = self.attempts.get(self.scheduler.current)
        if attempt is not None:
            self.judge(attempt)
        return send(request)

    def _arrive(self) -> None:
        """Indexes catch up a little; now and then the store forgets which requests it knows."""
        for index in self.table.indexes():
            index.arrive(self.chance.randint(0, 12))
        if self.chance.random() < FORGETS:
            self.table.tokens.clear()

    # What every write is compared with.

    def told(self, written: Written) -> None:
        """Compare what was written with the model."""
        try:
            self._told(written)
        except Exception as error:
            raise Wrong(f"the model fails: {error!r}") from error

    def _told(self, written: Written) -> None:
        by_table: dict[str, list[tuple[Item | None, Item]]] = {}
        for name, (before, after) in written:
            if after is not None:
                by_table.setdefault(name.removeprefix(f"{PREFIX}-"), []).append((before, after))
        changed = by_table.get("accounts", [])
        for before, after in by_table.get("journal", []):
            self._once(before, after)
        if "journal" in by_table:
            self._booked([after for _, after in by_table["journal"]])
        elif changed:
            self._folded(changed)
        self._numbered([after for _, after in by_table.get("feed", [])])
        for before, after in changed:
            self._compare_account(after)
            self._sum(before, after)
        for _, after in by_table.get("records", []):
            compare_trade(self, after)
        if any(self.sums.values()):
            raise Wrong(f"debits are not credits: {self.sums}")

    def _once(self, before: Item | None, after: Item) -> None:
        if before is not None:
            raise Wrong(f"a journal item was written twice: {after['pk']}")
        self.clocks[after["pk"]["S"]] = (after["recorded_at"]["S"], after["occurred_at"]["S"])

    def _booked(self, new: list[Item]) -> None:
        first = new[0]
        also = [item for item in new[1:] if item["key"]["S"].startswith(EVENT)]
        parts = [item for item in new[1:] if item not in also]
        tenant, entry = first["pk"]["S"].split("#")
        key, body, now = self._said(first)
        model = self.models[tenant]
        plan = self._as_read(self._agreed(model, key, self._as_it_was(model, body), now, entry), first)
        if [item["key"]["S"] for item in also] != [f"{EVENT}{entry}" for _ in plan.also]:
            raise Wrong(f"with {entry} came {also}, and the model says {plan.also}")
        if key.startswith("w:"):
            self.count(" ".join(["by time", body["do"], body.get("deed", "")]))
        if also:
            self.count("one trade funds another")
        told = _names(first, parts, also) | {"at": self.now}
        model.book(key, body, plan, entry, told)
        for item in [*(parts or [first]), *also]:
            self._compare_legs(model, item)
        for account_id in plan.moves:
            self._compare_account(self.items("accounts")[f"{tenant}#{account_id}", None])
        for legs in plan.legs:
            self._defer(tenant, legs, 1)

    def _said(self, item: Item) -> tuple[str, Body, int]:
        """Key, content and instant of the command that a journal item belongs to."""
        key = item["key"]["S"]
        body = said_by_worker(key, item)
        if body is not None:
            return key, body, microseconds(parse_instant(item["recorded_at"]["S"]))
        attempt = self.attempts.get(self.scheduler.current)
        if attempt is None or key != f"c:{attempt.command.key}":
            raise Wrong(f"nobody said {key}")
        attempt.committed = True
        return attempt.command.key, attempt.command.body, attempt.now

    def _agreed(self, model: Model, key: str, body: Body, now: int, entry: str) -> Plan:
        attempt = self.attempts.get(self.scheduler.current)
        model.copies = {} if attempt is None else self._copies(attempt, model)[-1]
        try:
            plan = model.judge(key, body, now)
        except Refused as refused:
            raise Wrong(f"{entry} was booked, and the model refuses it: {refused.told()}") from refused
        finally:
            model.copies = {}
        if isinstance(plan, Done):
            raise Wrong(f"{entry} was booked, and had been before")
        return plan

    def _as_it_was(self, model: Model, body: Body) -> Body:
        """A command that only reads one of two trades may be of the instant at which it read that one."""
        attempt = self.attempts.get(self.scheduler.current)
        before = body["do"] == "trade_link" and attempt is not None and attempt.earlier
        return body | {"allowed_before": True} if before else body

    def _as_read(self, plan: Plan, first: Item) -> Plan:
        """A movement that finds nothing that takes it changes no trade: it may be of the instant at which it looked."""
        attempt = self.attempts.get(self.scheduler.current)
        legs = sorted(_legs(first))
        if attempt is None or attempt.command.body["do"] != "movement" or legs == sorted(plan.legs[0]):
            return plan
        idle = [one for one in attempt.earlier if not one.changes and sorted(one.legs[0]) == legs]
        return idle[0] if idle else plan

    def _compare_legs(self, model: Model, item: Item) -> None:
        entry, stored = item["pk"]["S"].split("#")[1], _legs(item)
        if not same_legs(model.kinds[entry], stored, model.entries[entry]):
            raise Wrong(f"{entry} has the legs {stored}, and the model {model.entries[entry]}")

    def _folded(self, changed: list[tuple[Item | None, Item]]) -> None:
        for before, after in changed:
            tenant, account_id = after["pk"]["S"].split("#")
            if before is None or not after["last_commit"]["S"].startswith("feed:"):
                raise Wrong(f"{account_id} was changed by nobody's command")
            run = self.feed[tenant][int(before["as_of"]["N"]) : int(after["as_of"]["N"])]
            amount = self.models[tenant].fold(account_id, run)
            self._defer(tenant, [(account_id, -amount, after["currency"]["S"])], 1)

    def _numbered(self, rows: list[Item]) -> None:
        """Numbers are dense, and every entry has one."""
        for row in sorted((row for row in rows if "tenant" in row), key=lambda row: int(row["number"]["N"])):
            tenant, entry = row["pk"]["S"].split("#")
            if (
                int(row["number"]["N"]) != len(self.feed[tenant]) + 1
                or (row["pk"]["S"].replace("#", "#"), None) is None
            ):
                raise Wrong(f"{entry} is number {row['number']} after {len(self.feed[tenant])}")
            self.feed[tenant].append(entry)
            self.numbers.add(entry)

    def _compare_account(self, item: Item) -> None:
        tenant, account_id = item["pk"]["S"].split("#")
        account = self.models[tenant].accounts[account_id]
        stored = {name: int(item[name]["N"]) for name in ("balance", "held", "version", "debit_room", "credit_room")}
        stored |= {name: item[name]["S"] for name in ("status", "closed_until")}
        if stored != (expected := _expected(account)):
            raise Wrong(f"{tenant} {account_id} stands at {stored}, and in the model at {expected}")

    def _sum(self, before: Item | None, after: Item) -> None:
        """Debits are credits in every currency: what is on accounts, and what waits to be folded."""
        of = (after["pk"]["S"].split("#")[0], after["currency"]["S"])
        self.sums[of] = (
            self.sums.get(of, 0) + int(after["balance"]["N"]) - (int(before["balance"]["N"]) if before else 0)
        )

    def _defer(self, tenant: str, legs: list[tuple[str, int, str]], sign: int) -> None:
        for account_id, amount, currency in legs:
            if account_id.startswith("hot_"):
                self.sums[tenant, currency] = self.sums.get((tenant, currency), 0) + sign * amount


def _deferred_accounts(model: Model, body: Body) -> list[str]:
    """The deferred accounts that a command may touch, each once."""
    named: list[str] = []
    for part in (body, *body.get("parts", ())):
        named += [posting[0] for posting in part.get("postings") or ()]
        named += [leg[0] for leg in model.entries.get(part.get("entry", ""), ())]
        named += [str(part.get(name)) for name in ("from", "to")]
        hold = model.holds.get(part.get("hold", ""))
        named += [hold.other] if hold else []
    return [name for name in dict.fromkeys(named) if name.startswith("hot_")]


def _expected(account: Account) -> dict[str, Any]:
    return {
        "balance": account.balance,
        "held": account.held,
        "version": account.version,
        "debit_room": account.room(True),
        "credit_room": account.room(False),
        "status": account.status,
        "closed_until": LONG_AGO if account.closed_until == NEVER else instant_text(instant(account.closed_until)),
    }


def _names(first: Item, parts: list[Item], also: list[Item]) -> dict[str, Any]:
    """What the ledger named in a command's journal items."""
    return {
        **_data(first),
        "hold": first.get("subject", {}).get("S"),
        "quote": first.get("subject", {}).get("S"),
        "holds": [part.get("subject", {}).get("S") for part in parts],
        "entries": [part["pk"]["S"].split("#")[1] for part in parts],
        "also": [part["pk"]["S"].split("#")[1] for part in also],
    }


def _legs(item: Item) -> list[Leg]:
    legs = [leg["M"] for leg in item.get("legs", {"L": []})["L"]]
    return [(leg["account"]["S"], int(leg["amount"]["N"]), leg["currency"]["S"]) for leg in legs]


def _data(item: Item) -> dict[str, Any]:
    return dict(json.loads(item["data"]["S"])) if "data" in item else {}
