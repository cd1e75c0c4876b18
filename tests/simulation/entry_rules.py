"""What the model knows of entries: postings and conditions, transfers of what is there, batches, reversals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tests.simulation.books import LIMIT, MINUTE, Account, Body, Books, Move, Plan, Refused

Postings = Sequence[tuple[str, str, int, str]]
"""Account, side, minor units and currency of each."""
Step = tuple[int, Move | None, list[tuple[str, int]], int]
"""What one entry of a batch asks of an account: its place, a move, conditions, and when it took effect."""
REVERSIBLE = {"entry", "up_to", "capture"}
MOST_REVERSALS = 50


class EntryRules(Books):
    """Everything that books legs by hand, but for holds."""

    def _shape_entry(self, body: Body, now: int) -> None:
        if body["occurred"] is not None and body["occurred"] > now + MINUTE:
            raise Refused("occurred_in_future")
        self._shape_postings(body["postings"])
        for account, _, minor in body["conditions"]:
            if account.startswith("hot_"):
                raise Refused("account_deferred", account)
            if abs(minor) > LIMIT:
                raise Refused("amount_too_large")

    def _shape_up_to(self, body: Body, now: int) -> None:
        self._shape_entry(body, now)

    def _shape_postings(self, postings: Postings) -> None:
        if len(postings) < 2:
            raise Refused("too_few_postings")
        if len(postings) > 90:
            raise Refused("too_many_postings")
        if any(minor <= 0 for _, _, minor, _ in postings):
            raise Refused("amount_not_positive")
        first: dict[str, tuple[str, str]] = {}
        for account, side, _, currency in postings:
            earlier = first.setdefault(account, (side, currency))
            if earlier[0] != side:
                raise Refused("account_on_both_sides", account)
            if earlier[1] != currency:
                raise Refused("account_in_two_currencies", account)
        sums: dict[str, int] = {}
        for _, side, minor, currency in postings:
            sums[currency] = sums.get(currency, 0) + (minor if side == "debit" else -minor)
        if any(sums.values()):
            raise Refused("unbalanced")

    def _entry(self, body: Body, now: int) -> Plan:
        return self._entry_plan(body["postings"], body, now)

    def _up_to(self, body: Body, now: int) -> Plan:
        at = now if body["occurred"] is None else body["occurred"]
        for account_id, _, _, currency in body["postings"]:
            self._usable(account_id, Move(currency), at)
        amount = self._source(body)
        (debit, _, _, currency), (credit, _, _, _) = body["postings"]
        return self._entry_plan([(debit, "debit", amount, currency), (credit, "credit", amount, currency)], body, now)

    def _source(self, body: Body) -> int:
        """How much the account that gives has of what is wanted."""
        (debit, _, wanted, _), (credit, _, _, _) = body["postings"]
        source = debit if self._account(debit).sign < 0 else credit
        account = self._account(source)
        if source == credit and account.sign < 0:
            raise Refused("no_source")
        if account.deferred:
            raise Refused("account_deferred", source)
        amount: int = min(wanted, account.own - account.held - (account.floor or 0))
        if amount <= 0:
            raise Refused("nothing_to_move", source)
        return amount

    def _entry_plan(self, postings: Postings, body: Body, now: int) -> Plan:
        plan = Plan()
        for account_id, side, minor, currency in postings:
            signed = minor if side == "debit" else -minor
            plan.legs[0].append((account_id, signed, currency))
            plan.moves.setdefault(account_id, Move(currency)).amount += signed
        at = now if body["occurred"] is None else body["occurred"]
        apart: dict[str, list[tuple[str, int]]] = {}
        for account_id, rule, minor in body.get("conditions", ()):
            guards = plan.moves[account_id].guards if account_id in plan.moves else apart.setdefault(account_id, [])
            guards.append((rule, minor))
        self._moved(plan, at)
        for account_id, guards in apart.items():
            self._guarded(account_id, self._account(account_id), guards)
        return plan

    # Batches.

    def _shape_batch(self, body: Body, now: int) -> None:
        parts = body["parts"]
        if not parts:
            raise Refused("too_few_entries")
        keys = [body["own_key"]]
        for index, part in enumerate(parts):
            if part["key"] in keys:
                raise Refused("duplicate_key_in_batch", None, index)
            keys.append(part["key"])
            self._at(index, partial(self._shape_entry, part, now))
        self._shape_accounts(parts)

    def _shape_accounts(self, parts: list[Body]) -> None:
        """An account has one currency in all of a batch, and there are not too many of them."""
        currencies: dict[str, str] = {}
        asked: set[str] = set()
        for index, part in enumerate(parts):
            for account_id, _, _, currency in part["postings"]:
                if currencies.setdefault(account_id, currency) != currency:
                    raise Refused("account_in_two_currencies", account_id, index)
            asked |= {account_id for account_id, _, _ in part["conditions"]}
        items = {account_id for account_id in {*currencies, *asked} if not account_id.startswith("hot_")}
        if 1 + len(parts) + len(items) > 100:
            raise Refused("batch_too_large")

    def _batch(self, body: Body, now: int) -> Plan:
        parts = body["parts"]
        plan = Plan(legs=[[] for _ in parts])
        steps: dict[str, list[Step]] = {}
        for index, part in enumerate(parts):
            self._steps(plan, steps, index, part, now)
        used = [Refused("idempotency_key_reused", None, i) for i, part in enumerate(parts) if part["key"] in self.done]
        refusals = used + [refused for each in steps.items() if (refused := self._run(*each)) is not None]
        if refusals:
            raise min(refusals, key=lambda refused: refused.index or 0)
        for account_id, run in steps.items():
            for index, move, _, _ in run:
                if move is not None:
                    move.index = index
                    self._add(plan, account_id, move)
        return plan

    def _steps(self, plan: Plan, steps: dict[str, list[Step]], index: int, part: Body, now: int) -> None:
        """What one entry asks of each account: a move, or a look at its balance."""
        at = now if part["occurred"] is None else part["occurred"]
        moves: dict[str, Move] = {}
        for account_id, side, minor, currency in part["postings"]:
            signed = minor if side == "debit" else -minor
            plan.legs[index].append((account_id, signed, currency))
            moves.setdefault(account_id, Move(currency)).amount += signed
        for account_id in [account_id for account_id in moves if account_id.startswith("hot_")]:
            move = moves.pop(account_id)
            self._at(index, partial(self._usable, account_id, move, at))
        guards: dict[str, list[tuple[str, int]]] = {account_id: [] for account_id in moves}
        for account_id, rule, minor in part["conditions"]:
            guards.setdefault(account_id, []).append((rule, minor))
        for account_id, asked in guards.items():
            steps.setdefault(account_id, []).append((index, moves.get(account_id), asked, at))

    def _run(self, account_id: str, run: list[Step]) -> Refused | None:
        """What an account refuses of what a batch asks of it, one after the other."""
        if account_id not in self.accounts:
            return Refused("account_not_found", account_id, run[0][0])
        account = self.accounts[account_id]
        balance = account.balance
        try:
            for index, move, asked, at in run:
                self._at(index, partial(self._one, account_id, account, move, asked, at))
                account.balance += move.amount if move else 0
        except Refused as refused:
            return refused
        finally:
            account.balance = balance
        return None

    def _one(self, account_id: str, account: Account, move: Move | None, asked: list[tuple[str, int]], at: int) -> None:
        if move is None:
            self._guarded(account_id, account, asked)
        else:
            move.guards = asked
            self._allowed(account_id, move, at)

    # Reversals.

    def _shape_reverse(self, body: Body, now: int) -> None:
        if body["occurred"] is not None and body["occurred"] > now + MINUTE:
            raise Refused("occurred_in_future")
        if body["postings"] is not None:
            self._shape_postings(body["postings"])

    def _reverse(self, body: Body, now: int) -> Plan:
        entry = body["entry"]
        if entry not in self.kinds:
            raise Refused("entry_not_found")
        if self.kinds[entry] not in REVERSIBLE:
            raise Refused("entry_not_reversible")
        left = self._left(entry)
        if not any(left.values()):
            raise Refused("entry_fully_reversed")
        postings = body["postings"]
        if postings is None:
            currencies = {account_id: currency for account_id, _, currency in self.entries[entry]}
            postings = [
                (account_id, "credit" if minor > 0 else "debit", abs(minor), currencies[account_id])
                for account_id, minor in left.items()
                if minor
            ]
        else:
            self._fits(entry, left, postings)
        plan = self._entry_plan(postings, body, now)
        plan.then.append(lambda told: self._take_back(entry, postings))
        return plan

    def _left(self, entry: str) -> dict[str, int]:
        """By account, what an entry moved and nobody took back."""
        left: dict[str, int] = {}
        for account_id, amount, _ in self.entries[entry]:
            left[account_id] = left.get(account_id, 0) + amount
        for account_id, amount in self.taken_back.get(entry, {}).items():
            left[account_id] += amount
        return left

    def _fits(self, entry: str, left: dict[str, int], postings: Postings) -> None:
        currencies = {account_id: (currency, amount > 0) for account_id, amount, currency in self.entries[entry]}
        rest = {account_id: abs(amount) for account_id, amount in left.items()}
        for account_id, side, minor, currency in postings:
            if currencies.get(account_id) != (currency, side == "credit"):
                raise Refused("posting_not_in_entry", account_id)
            if minor > rest[account_id]:
                raise Refused("reversal_exceeds_entry", account_id)
            rest[account_id] -= minor
        if any(rest.values()) and self.reversals.get(entry, 0) >= MOST_REVERSALS - 1:
            raise Refused("too_many_reversals")

    def _take_back(self, entry: str, postings: Postings) -> None:
        self.reversals[entry] = self.reversals.get(entry, 0) + 1
        taken = self.taken_back.setdefault(entry, {})
        for account_id, side, minor, _ in postings:
            taken[account_id] = taken.get(account_id, 0) + (minor if side == "debit" else -minor)
