"""What the actors ask for: random commands, most of them sensible, some not, some said before.

A command is plain data (see `model.Body`); the generator looks at the model to find what there is to work on. How often
each kind comes is one table, `WEIGHTS`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.simulation.books import LIMIT, MINUTE, Account, Body
from tests.simulation.model import Model

SECOND = 10**6
REMEMBERED = 200
NOBODY = "acc_nobody"

WEIGHTS = {
    "transfer": 26,
    "entry": 12,
    "batch": 7,
    "up_to": 6,
    "place": 11,
    "capture": 12,
    "void": 4,
    "group": 6,
    "reverse": 7,
    "open": 2,
    "freeze": 2,
    "unfreeze": 4,
    "close": 2,
    "period": 1,
    "labels": 1,
    "quote": 2,
    "exchange": 6,
    "again": 6,
    "other": 3,
}
"""How often each kind of command comes. `again`: a command from before; `other`: another under its key."""

OPENINGS = (
    ("asset", None, None, False),
    ("liability", 0, None, False),
    ("liability", 0, 900, False),
    ("liability", -150, None, False),
    ("asset", 0, None, False),
    ("expense", None, 2_000, False),
    ("equity", None, None, False),
    ("income", None, None, True),
    ("asset", None, None, True),
)
"""Kind, floor, ceiling and whether deferred, of the accounts that a tenant begins with in each currency."""


@dataclass(frozen=True)
class Command:
    """What one caller asks for, under which key."""

    tenant: str
    key: str
    body: Body

    def text(self) -> str:
        """The command on one line."""
        said = ", ".join(f"{name}={value!r}" for name, value in self.body.items() if name != "do")
        return f"{self.tenant} {self.key} {self.body['do']}({said})"


class Generator:
    """Makes commands for one tenant."""

    def __init__(self, chance: random.Random, tenant: str, model: Model) -> None:
        self.chance, self.tenant, self.model = chance, tenant, model
        self.made = 0
        self.recent: list[Command] = []

    def openings(self) -> list[Command]:
        """The accounts to begin with."""
        bodies = [self._terms(*terms, currency) for currency in ("CNY", "JPY") for terms in OPENINGS]
        bodies += [{"do": "fx_accounts", "currency": currency} for currency in ("CNY", "JPY")]
        return [self._command(body) for body in bodies]

    def next(self, now: int) -> Command:
        """The next command."""
        kind = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind == "again" and self.recent:
            return self.chance.choice(self.recent)
        earlier = self.chance.choice(self.recent).key if kind == "other" and self.recent else None
        if kind in {"again", "other"}:
            kind = "transfer"
        body = getattr(self, f"_{kind}")(now)
        command = self._command(body, earlier)
        self.recent = [*self.recent, command][-REMEMBERED:]
        return command

    def _command(self, body: Body, key: str | None = None) -> Command:
        self.made += 1
        key = key or f"k{self.made}"
        return Command(self.tenant, key, body | {"own_key": key} if body["do"] == "batch" else body)

    # What there is to choose from.

    def _accounts(self) -> list[tuple[str, Account]]:
        """The accounts that are not a marketplace's."""
        return [each for each in self.model.accounts.items() if each[0] not in self.model.own]

    def _account(self, currency: str | None = None, *, but: str | None = None, like: str | None = None) -> str:
        """An account, as a rule of this currency, not this one, and of the same side as that one."""
        if self.chance.random() < 0.01:
            return NOBODY
        wanted = currency if self.chance.random() < 0.99 else None
        sign = self.model.accounts[like].sign if like in self.model.accounts and self.chance.random() < 0.95 else None
        known = [
            name
            for name, account in self._accounts()
            if wanted in (None, account.currency)
            and (account.status != "closed" or self.chance.random() < 0.1)
            and (name != but or self.chance.random() < 0.05)
            and sign in (None, account.sign)
        ]
        return self.chance.choice(known) if known else NOBODY

    def _currency(self) -> str:
        return self.chance.choice(("CNY", "CNY", "CNY", "JPY"))

    def _amount(self) -> int:
        chance = self.chance.random()
        if chance < 0.01:
            return self.chance.choice((0, -5, LIMIT, LIMIT - 7))
        return self.chance.randint(1, 20 if chance < 0.4 else 400)

    def _occurred(self, now: int) -> int | None:
        chance = self.chance.random()
        if chance < 0.8:
            return None
        return now + (3 * MINUTE if chance < 0.81 else -self.chance.randrange(5 * MINUTE))

    def _hold(self) -> str:
        known = [name for name, hold in self.model.holds.items() if hold.status == "pending"]
        if known and self.chance.random() < 0.9:
            return self.chance.choice(known[-40:])
        everything = list(self.model.holds)
        return self.chance.choice(everything[-80:]) if everything and self.chance.random() < 0.9 else f"hld_{'0' * 26}"

    # Accounts.

    def _terms(self, kind: str, floor: int | None, ceiling: int | None, deferred: bool, currency: str) -> Body:
        return {
            "do": "open",
            "kind": kind,
            "currency": currency,
            "floor": floor,
            "ceiling": ceiling,
            "deferred": deferred,
        }

    def _open(self, now: int) -> Body:
        kind, floor, ceiling, deferred = self.chance.choice(OPENINGS)
        if self.chance.random() < 0.1:
            floor, deferred = self.chance.choice((5, -5)), self.chance.random() < 0.5
        currency = "XXX" if self.chance.random() < 0.05 else self._currency()
        return self._terms(kind, floor, ceiling, deferred, currency)

    def _freeze(self, now: int) -> Body:
        return {"do": "freeze", "account": self._account()}

    def _unfreeze(self, now: int) -> Body:
        frozen = [name for name, account in self._accounts() if account.status == "frozen"]
        chosen = self.chance.choice(frozen) if frozen and self.chance.random() < 0.9 else self._account()
        return {"do": "unfreeze", "account": chosen}

    def _close(self, now: int) -> Body:
        def easy(account: Account) -> bool:
            return account.status != "closed" and not account.balance and not account.held

        known = [name for name, account in self._accounts() if easy(account)]
        chosen = self.chance.choice(known) if known and self.chance.random() < 0.5 else self._account()
        return {"do": "close", "account": chosen}

    def _period(self, now: int) -> Body:
        until = now + (MINUTE if self.chance.random() < 0.05 else -self.chance.randrange(10 * SECOND, 5 * MINUTE))
        return {"do": "period", "account": self._account(), "until": until}

    def _labels(self, now: int) -> Body:
        return {"do": "labels", "account": self._account(), "labels": {"colour": self.chance.choice(("red", "blue"))}}

    # Entries.

    def _transfer(self, now: int) -> Body:
        currency, amount = self._currency(), self._amount()
        debit = self._account(currency)
        credit = self._account(currency, but=debit)
        postings = ((debit, "debit", amount, currency), (credit, "credit", amount, currency))
        return self._said("entry", postings, now, conditions=())

    def _entry(self, now: int) -> Body:
        postings: list[tuple[str, str, int, str]] = []
        for currency in self.chance.sample(("CNY", "JPY"), self.chance.choice((1, 1, 2))):
            postings += self._balanced(currency, self.chance.randint(2, 6))
        if self.chance.random() < 0.02:
            postings = postings[:-1]
        return self._said("entry", tuple(postings), now, conditions=self._conditions())

    def _balanced(self, currency: str, legs: int) -> list[tuple[str, str, int, str]]:
        """Legs that balance, each account on one side, an account now and then twice."""
        names = list(dict.fromkeys(self._account(currency) for _ in range(legs)))
        half = max(1, len(names) // 2)
        debits = [(name, "debit", self._amount(), currency) for name in names[:half]]
        total = sum(minor for _, _, minor, _ in debits)
        credited = names[half:] or [self._account(currency)]
        parts = [total // len(credited)] * len(credited)
        parts[0] += total - sum(parts)
        return debits + [(name, "credit", part, currency) for name, part in zip(credited, parts, strict=True)]

    def _conditions(self) -> tuple[tuple[str, str, int], ...]:
        if self.chance.random() < 0.7:
            return ()
        return tuple(self._condition() for _ in range(self.chance.randint(1, 3)))

    def _condition(self) -> tuple[str, str, int]:
        name = self._account()
        at = self.model.accounts[name].own if name in self.model.accounts else 0
        rule = self.chance.choice(("at_least", "at_most", "exactly"))
        return name, rule, at + self.chance.choice((0, 0, 0, -5, 5, 100))

    def _said(
        self, do: str, postings: tuple[tuple[str, str, int, str], ...], now: int, *, conditions: Any = ()
    ) -> Body:
        return {"do": do, "postings": postings, "occurred": self._occurred(now), "conditions": conditions}

    def _up_to(self, now: int) -> Body:
        conditions = self._conditions() if self.chance.random() < 0.3 else ()
        return self._transfer(now) | {"do": "up_to", "conditions": conditions}

    def _batch(self, now: int) -> Body:
        parts = []
        for _ in range(self.chance.choice((1, 2, 3, 4, 6, 10)) if self.chance.random() < 0.97 else 60):
            body = self._transfer(now) if self.chance.random() < 0.7 else self._entry(now)
            self.made += 1
            parts.append(body | {"key": f"k{self.made}"})
        if self.chance.random() < 0.05:
            parts[-1]["key"] = self.chance.choice([parts[0]["key"], *(command.key for command in self.recent[-5:])])
        if self.chance.random() < 0.02:
            parts = []
        return {"do": "batch", "parts": parts}

    def _reverse(self, now: int) -> Body:
        known = list(self.model.entries)[-150:]
        entry = self.chance.choice(known) if known and self.chance.random() < 0.98 else f"ent_{'0' * 26}"
        legs = self.model.entries.get(entry, [])
        parts = self._part_of(legs) if legs and self.chance.random() < 0.5 else None
        return {"do": "reverse", "entry": entry, "postings": parts, "occurred": self._occurred(now)}

    def _part_of(self, legs: list[tuple[str, int, str]]) -> tuple[tuple[str, str, int, str], ...]:
        """A part of an entry, turned round: of one debit and one credit in one currency."""
        currency = self.chance.choice(legs)[2]
        debits = [leg for leg in legs if leg[2] == currency and leg[1] > 0]
        credits = [leg for leg in legs if leg[2] == currency and leg[1] < 0]
        debit, credit = self.chance.choice(debits), self.chance.choice(credits)
        minor = self.chance.randint(1, max(1, min(debit[1], -credit[1]) + (self.chance.random() < 0.1)))
        return (debit[0], "credit", minor, currency), (credit[0], "debit", minor, currency)

    # Holds.

    def _place(self, now: int) -> Body:
        currency = self._currency()
        debit = self._account(currency)
        credit = self._account(currency, but=debit)
        side = "debit" if self.chance.random() < 0.7 else "credit"
        if self.chance.random() < 0.8:
            side = self._lowered(debit, credit) or side
        return {
            "do": "place",
            "debit": debit,
            "credit": credit,
            "minor": self._amount(),
            "currency": currency,
            "side": side,
            "expires": self._expiry(now),
        }

    def _lowered(self, debit: str, credit: str) -> str | None:
        accounts = self.model.accounts
        if debit in accounts and accounts[debit].sign < 0:
            return "debit"
        return "credit" if credit in accounts and accounts[credit].sign > 0 else None

    def _expiry(self, now: int) -> int | None:
        chance = self.chance.random()
        if chance < 0.4:
            return None
        return now + (-SECOND if chance < 0.41 else self.chance.randrange(SECOND, 4 * MINUTE))

    def _capture(self, now: int) -> Body:
        name = self._hold()
        hold = self.model.holds.get(name)
        chance = self.chance.random()
        most = 0 if hold is None else hold.remaining
        minor = None if chance < 0.3 else 0 if chance < 0.35 else self.chance.randint(1, most + 1)
        return {
            "do": "capture",
            "hold": name,
            "minor": minor,
            "currency": hold.currency if hold and self.chance.random() < 0.98 else "JPY",
            "close": self.chance.random() < 0.4,
            "occurred": self._occurred(now),
        }

    def _void(self, now: int) -> Body:
        return {"do": "void", "hold": self._hold()}

    def _group(self, now: int) -> Body:
        act = self.chance.choice(("place", "capture", "capture", "void"))
        make = {"place": self._place, "capture": self._capture, "void": self._void}[act]
        parts = [make(now) for _ in range(20 if self.chance.random() < 0.05 else self.chance.choice((1, 2, 2, 3, 5)))]
        if act != "place" and self.chance.random() < 0.95:
            parts = list({part["hold"]: part for part in parts}.values())
        if act == "capture":
            parts = [part | {"occurred": None} for part in parts]
        return {"do": "group", "act": act, "parts": parts}

    # Foreign exchange.

    def _quote(self, now: int) -> Body:
        sell, buy = self.chance.choice((("CNY", "JPY"), ("JPY", "CNY")))
        rate = (self.chance.randint(1, 3000), self.chance.randint(1, 3000))
        market = None if self.chance.random() < 0.5 else (rate[0] + self.chance.randint(0, 5), rate[1])
        return {
            "do": "quote",
            "sell": sell,
            "buy": buy,
            "rate": rate,
            "market": market,
            "until": now + self.chance.randrange(SECOND, 10 * MINUTE),
            "once": self.chance.random() < 0.3,
        }

    def _exchange(self, now: int) -> Body:
        known = list(self.model.quotes)[-12:]
        name = self.chance.choice(known) if known and self.chance.random() < 0.97 else f"fxq_{'0' * 26}"
        quote = self.model.quotes.get(name)
        sell, buy = (quote.sell, quote.buy) if quote else ("CNY", "JPY")
        fixed, paying = self.chance.choice(("sell", "buy")), self._account(sell)
        currency = {"sell": sell, "buy": buy}[fixed if self.chance.random() < 0.97 else "sell"]
        return {
            "do": "exchange",
            "quote": name,
            "from": paying,
            "to": self._account(buy, like=paying),
            "fixed": fixed,
            "minor": self._amount(),
            "currency": currency,
            "occurred": self._occurred(now),
        }
