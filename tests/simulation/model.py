"""What the ledger should do, told once more with dictionaries and integers. It shares no code with the product.

A command is judged at one instant: `judge` says what it comes to as things stand, `book` does it. Commands of the
product take several calls and interleave, so the two are asked at these instants:

- the commit that writes a command's journal item is that command's instant: judged then, it must be done, and what it
  did to each account must be what the model says;
- a refusal must be what `judge` says at the instant of one of the command's own calls, or at its beginning: some order
  of the commands gives it. The account and the place in a group or batch that a refusal names are compared as well.

A batch read may be torn: others write between its items; and deferred accounts are read by themselves. A refusal may
also be what one thing that was read refuses by itself (`apart`), though another that stands before it in the command
refuses by now.

What is allowed beside that: an answer of `try_again` where faults or others were in the way, and a leg on a deferred
account that was let through by a copy of the account's terms not older than five seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.simulation.account_rules import AccountRules
from tests.simulation.books import Body, Done, Move, Plan, Refused
from tests.simulation.ending_rules import EndingRules
from tests.simulation.exchange_rules import ExchangeRules
from tests.simulation.funding_rules import FundingRules
from tests.simulation.hold_rules import HoldRules
from tests.simulation.netting_rules import NettingRules
from tests.simulation.proof_rules import ProofRules
from tests.simulation.settling_rules import SettlingRules


class TradeRules(FundingRules, ProofRules, SettlingRules, EndingRules, NettingRules):
    """Everything about trades."""


class Model(AccountRules, HoldRules, ExchangeRules, TradeRules):
    """The books of one tenant, and every rule."""

    def judge(self, key: str, body: Body, now: int) -> Plan | Done:
        """What a command comes to if it happens now: its plan, or the earlier time it was done. Raises Refused."""
        shape = getattr(self, f"_shape_{body['do']}", None)
        if shape is not None:
            shape(body, now)
        earlier = self.done.get(key)
        if earlier is not None:
            if earlier.body != body or earlier.batch is not None:
                # What a bank tells of is known by its reference: told otherwise, it is another story.
                raise Refused("movement_differs" if body["do"] == "movement" else "idempotency_key_reused")
            return earlier
        plan: Plan = getattr(self, f"_{body['do']}")(body, now)
        return plan

    def apart(self, body: Body, now: int) -> list[Refused]:
        """What each hold, account or quote that a command reads refuses by itself."""
        at = now if body.get("occurred") is None else body["occurred"]
        checks: list[Callable[[], object]] = []
        if body["do"] == "group" and body["act"] != "place":
            for index, part in enumerate(body["parts"]):
                plan = Plan(legs=[[] for _ in body["parts"]])
                checks.append(partial(self._at, index, partial(self._part, plan, body["act"], part, now, index)))
        for index, part in enumerate(body.get("parts", [body])):
            hold = self.holds.get(part.get("hold", ""))
            if hold is not None and hold.other.startswith("hot_"):
                usable = partial(self._usable, hold.other, Move(hold.currency), at)
                checks.append(usable if part is body else partial(self._at, index, usable))
        if body["do"] == "up_to":
            checks += [partial(self._usable, name, Move(currency), at) for name, _, _, currency in body["postings"]]
            checks.append(partial(self._source, body))
        if body["do"] == "exchange" and body["quote"] in self.quotes:
            quote = self.quotes[body["quote"]]
            checks += [partial(self._side, body["from"], quote.sell), partial(self._side, body["to"], quote.buy)]
        checks += self._trades_apart(body, now)
        return [refused for check in checks if (refused := _refusal_of(check)) is not None]

    def _trades_apart(self, body: Body, now: int) -> list[Callable[[], object]]:
        """What of two trades, or of a trade and its documents, each refuses by itself."""
        checks: list[Callable[[], object]] = []
        if body["do"] == "trade_link":
            known = [self.deals[name] for name in (body["up"], body["down"]) if name in self.deals]
            checks += [partial(self._allowed_now, deal, "link") for deal in known]
        if body["do"] == "trade_paper" and body["trade"] in self.deals:
            checks.append(partial(self._not_there, self.deals[body["trade"]], body))
        return checks

    def book(self, key: str, body: Body, plan: Plan, entry: str, told: dict[str, Any]) -> None:
        """Do what was judged. `entry` is the journal item's id, `told` what the ledger named: `account_id`, `hold`,
        `quote`, `entries` and `holds` of a group or batch, and the instant (`at`) by the process's own clock."""
        for account_id, move in plan.moves.items():
            account = self.accounts[account_id]
            account.balance += move.amount
            account.held += move.held
            account.version += move.lines
            for part in move.parts or [move]:
                by = entry if part.index is None else told["entries"][part.index]
                account.lines.append((by, part.amount, part.held))
        for change in plan.then:
            change(told)
        self.done[key] = Done(body, entry)
        parts = told.get("entries") or [entry]
        for number, part in enumerate(parts):
            self.entries[part] = plan.legs[number]
            self.kinds[part] = self._kind(body)
            if body["do"] == "batch":
                self.done[body["parts"][number]["key"]] = Done(body["parts"][number], part, batch=key)
        for event in told.get("also", []):
            self.entries[event], self.kinds[event] = [], "event"
        self.kinds[entry] = body["do"] if body["do"] in {"group", "batch"} else self.kinds.get(entry, body["do"])

    def fold(self, account_id: str, entries: list[str]) -> int:
        """Add what these journal items, in this order, move on a deferred account. The sum of it."""
        account, before = self.accounts[account_id], self.accounts[account_id].balance
        for entry in entries:
            amounts = [amount for leg, amount, _ in self.entries.get(entry, []) if leg == account_id]
            if amounts:
                account.balance += sum(amounts)
                account.version += 1
                account.lines.append((entry, sum(amounts), 0))
        return account.balance - before

    def _kind(self, body: Body) -> str:
        """What a journal item of this command, or of a part of it, is."""
        if body["do"] == "group":
            return str(body["act"])
        return "entry" if body["do"] == "batch" else str(body["do"])


def _refusal_of(check: Callable[[], object]) -> Refused | None:
    try:
        check()
    except Refused as refused:
        return refused
    return None
