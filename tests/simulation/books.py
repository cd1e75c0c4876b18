"""The books that the model keeps, and what an account allows: values, and one class that the rules go on from.

Instants are integers (microseconds), amounts are minor units, and a balance is debits less credits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

LIMIT = 10**27
MINUTE = 60 * 10**6
LONGEST_HOLD = 366 * 24 * 60 * MINUTE
COPY = 5 * 10**6
"""How old what a process knows of a deferred account's terms may be."""
LONG_AGO = -(10**18)
"""Before every instant."""
DEBIT_NORMAL = {"asset", "expense"}
CURRENCIES = {"CNY", "EUR", "JPY"}

NEVER_OF_FACTS = {"account_frozen", "account_closed", "insufficient_funds", "ceiling_reached"}
"""What no account refuses of what has happened at a bank."""

Body = dict[str, Any]
"""What a command says, as the generator made it."""
Leg = tuple[str, int, str]
"""Account, amount and currency."""


class Refused(Exception):
    """A command that cannot be done: the code, the account it is about, and which of several."""

    def __init__(self, code: str, account: str | None = None, index: int | None = None) -> None:
        super().__init__(code)
        self.code, self.account, self.index = code, account, index

    def told(self) -> tuple[str, str | None, int | None]:
        """What must be the same in the product's refusal."""
        return self.code, self.account, self.index


@dataclass
class Account:
    """An account; `ours` ones are no caller's to close. `lines`: what each version moved and held, and by what."""

    kind: str
    currency: str
    floor: int | None
    ceiling: int | None
    deferred: bool
    ours: bool = False
    status: str = "open"
    closed_until: int = LONG_AGO
    balance: int = 0
    held: int = 0
    version: int = 0
    frozen_at: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    lines: list[tuple[str, int, int]] = field(default_factory=list)
    earlier: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def sign(self) -> int:
        """1 where a debit raises the account, -1 where it lowers it."""
        return 1 if self.kind in DEBIT_NORMAL else -1

    @property
    def own(self) -> int:
        """The balance on the account's own side."""
        return self.sign * self.balance

    def room(self, debit: bool) -> int:
        """How much more may be debited, or credited."""
        if debit == (self.sign > 0):
            return (LIMIT if self.ceiling is None else self.ceiling) - self.own
        return self.own - self.held - (-LIMIT if self.floor is None else self.floor)


@dataclass
class Hold:
    """A hold: what remains of it, and what was captured."""

    debit: str
    credit: str
    amount: int
    currency: str
    side: str
    expires: int | None
    remaining: int
    captured: int = 0
    status: str = "pending"

    @property
    def reserved(self) -> str:
        """The account whose money it is."""
        return self.debit if self.side == "debit" else self.credit

    @property
    def other(self) -> str:
        """The account it is promised to."""
        return self.credit if self.side == "debit" else self.debit


@dataclass
class Move:
    """What a command does to one account. `parts`: the moves of several that it sums, each with its `index`."""

    currency: str
    amount: int = 0
    held: int = 0
    side: str = "debit"
    lines: int = 1
    books: bool = True
    index: int | None = None
    guards: list[tuple[str, int]] = field(default_factory=list)
    parts: list[Move] = field(default_factory=list)

    @property
    def lets_go(self) -> bool:
        """Whether it only gives back what was reserved, which any account allows."""
        return not self.books and self.held < 0

    def needs(self, debit: bool) -> int:
        """How much room it takes of a side."""
        held = self.held if (self.side == "debit") == debit else 0
        return (self.amount if debit else -self.amount) + held


@dataclass
class Plan:
    """What a command comes to: what it moves, the legs of its journal items (one, or those of its parts), and what else
    it changes. `asked` is what holds ask of accounts, before it is summed by account; `also` are events told in the
    same commit; `changes`: whether it writes a trade."""

    asked: list[tuple[str, Move]] = field(default_factory=list)
    moves: dict[str, Move] = field(default_factory=dict)
    legs: list[list[Leg]] = field(default_factory=lambda: [[]])
    then: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    changes: bool = False


@dataclass
class Quote:
    """A promise to exchange: units of the currency bought for one of the currency sold, as a ratio."""

    sell: str
    buy: str
    rate: tuple[int, int]
    market: tuple[int, int] | None
    until: int
    once: bool
    used: bool = False


@dataclass
class Done:
    """A command that was done: what it said, and which journal item has its answer. `batch`: in whose batch it was."""

    body: Body
    entry: str
    batch: str | None = None


class Books:
    """The books of one tenant. `copies`: deferred accounts that a process may know as they were, and since when."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.holds: dict[str, Hold] = {}
        self.quotes: dict[str, Quote] = {}
        self.fx: dict[str, tuple[str, str]] = {}
        self.done: dict[str, Done] = {}
        self.entries: dict[str, list[Leg]] = {}
        self.kinds: dict[str, str] = {}
        self.taken_back: dict[str, dict[str, int]] = {}
        self.reversals: dict[str, int] = {}
        self.copies: dict[str, int] = {}

    def _account(self, account_id: str) -> Account:
        if account_id not in self.accounts:
            raise Refused("account_not_found", account_id)
        return self.accounts[account_id]

    def _moved(self, plan: Plan, at: int, *, fact: bool = False) -> None:
        """Refuse what an account does not allow, of several what comes first. Deferred accounts are looked at before
        all others, and left to the fold. No limit and no state refuses a bank's fact."""
        for account_id in [account_id for account_id in plan.moves if account_id.startswith("hot_")]:
            self._usable(account_id, plan.moves.pop(account_id), at)
        refusals = [refused for each in plan.moves.items() if (refused := self._refusal(*each, at)) is not None]
        if fact:
            refusals = [refused for refused in refusals if refused.code not in NEVER_OF_FACTS]
        if refusals:
            raise min(refusals, key=lambda refused: refused.index or 0)

    def _refusal(self, account_id: str, move: Move, at: int) -> Refused | None:
        """What an account refuses. Of several moves, one after the other, it names the first that is too much."""
        plan = Plan()
        for part in move.parts or [move]:
            self._add(plan, account_id, part)
            total = plan.moves[account_id] if move.parts else move
            try:
                self._allowed(account_id, total, at)
            except Refused as refused:
                refused.index = part.index
                return refused
        return None

    def _allowed(self, account_id: str, move: Move, at: int) -> None:
        if move.lets_go:
            return
        account = self._usable(account_id, move, at)
        self._guarded(account_id, account, move.guards)
        for debit in (True, False):
            if 0 < move.needs(debit) > account.room(debit):
                lowers = debit != (account.sign > 0)
                raise Refused("insufficient_funds" if lowers else "ceiling_reached", account_id)

    def _usable(self, account_id: str, move: Move, at: int) -> Account:
        if account_id not in self.accounts:
            raise Refused("account_not_found", account_id)
        account = self.accounts[account_id]
        if account.currency != move.currency:
            raise Refused("currency_mismatch", account_id)
        if move.held > 0 and (account.sign > 0) == (move.side == "debit"):
            raise Refused("hold_on_wrong_side", account_id)
        problems = [self._closed(*state, at) for state in self._states(account_id)]
        if all(problems):
            raise Refused(str(problems[0]), account_id)
        return account

    def _states(self, account_id: str) -> list[tuple[str, int]]:
        """Status and closed period of an account as they are and, of a deferred one, as a copy may still say."""
        account = self.accounts[account_id]
        known = self.older(account_id, self.copies[account_id]) if account_id in self.copies else []
        return [(account.status, account.closed_until), *known]

    def older(self, account_id: str, since: int) -> list[tuple[str, int]]:
        """Status and closed period that an account has had since an instant, and has no more."""
        account = self.accounts.get(account_id)
        return [(status, closed) for until, status, closed in account.earlier if until > since] if account else []

    def _closed(self, status: str, closed_until: int, at: int) -> str | None:
        if status != "open":
            return f"account_{status}"
        return "period_closed" if closed_until >= at else None

    def _guarded(self, account_id: str, account: Account, guards: list[tuple[str, int]]) -> None:
        for rule, minor in guards:
            if not {"at_least": account.own >= minor, "at_most": account.own <= minor}.get(rule, account.own == minor):
                raise Refused("condition_not_met", account_id)

    def _add(self, plan: Plan, account_id: str, move: Move) -> None:
        """Add a move to what a plan does to its account already."""
        total = plan.moves.setdefault(account_id, Move(move.currency, side=move.side, lines=0, books=False))
        if total.currency != move.currency:
            raise Refused("account_in_two_currencies", account_id, move.index)
        if total.held and move.held and total.side != move.side:
            raise Refused("hold_on_wrong_side", account_id, move.index)
        total.side = total.side if total.held else move.side
        total.amount += move.amount
        total.held += move.held
        total.lines += 1
        total.books = total.books or move.books
        total.parts.append(move)

    def _gather(self, plan: Plan) -> None:
        """Sum what is asked, account by account."""
        for account_id in dict.fromkeys(account_id for account_id, _ in plan.asked):
            for asked, move in plan.asked:
                if asked == account_id:
                    self._add(plan, account_id, move)

    def _each(self, parts: list[Body], check: Callable[[Body], None]) -> None:
        for index, part in enumerate(parts):
            self._at(index, partial(check, part))

    def _at(self, index: int, check: Callable[[], object]) -> None:
        """What is refused is about this one of several."""
        try:
            check()
        except Refused as refused:
            raise Refused(refused.code, refused.account, index) from None
