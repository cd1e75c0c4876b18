"""What the actors ask of trades: as a rule what is next in a trade's life, now and then anything, or the same again."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.simulation.books import Body
from tests.simulation.commands import SECOND, Command
from tests.simulation.deals import CLOSED, DAY, ENDED, IN_FULL, KEPT, Deal, Rules
from tests.simulation.model import Model
from tests.simulation.new_deals import new_deal
from tests.simulation.new_papers import new_paper
from tests.simulation.trade_acting import IBANS

REMEMBERED = 60
LIVELY = 5
"""How many trades a tenant has on its hands at once."""
NOBODY = f"trd_{'0' * 26}"
WRONG = 0.07
"""How often something is asked that may be out of place."""

NEXT: dict[str, dict[str, int]] = {
    "draft": {"agree": 12, "cancel": 1, "fund": 1, "paper": 1},
    "agreed": {"fund": 14, "paper": 2, "sign": 2, "link": 3, "cancel": 1},
    "funding": {"fund": 14, "paper": 2, "sign": 2, "link": 2, "refund": 1, "cancel": 1},
    "deposited": {"fund": 14, "paper": 2, "sign": 2, "link": 2, "refund": 1, "cancel": 1},
    "funded": {"paper": 10, "sign": 5, "go": 4, "dispute": 1, "refund": 1, "cancel": 1},
    "performing": {"paper": 12, "sign": 8, "go": 12, "dispute": 2, "refund": 1, "cancel": 1},
    "releasing": {"paper": 12, "sign": 8, "go": 12, "dispute": 2, "refund": 1, "unwind": 1, "cancel": 1},
    "top_up_due": {"fund": 10, "go": 3, "dispute": 1, "refund": 1, "unwind": 1, "cancel": 1},
    "retained": {"retention": 4, "dispute": 4, "refund": 1, "unwind": 1, "claim": 1},
    "disputed": {"resolve": 10, "paper": 2, "sign": 2, "go": 8, "fund": 2, "refund": 1, "retention": 2, "unwind": 1},
    "completed": {"unwind": 6, "claim": 4, "fund": 2},
    "refunded": {"fund": 1, "cancel": 1},
    "cancelled": {"claim": 6, "unwind": 3, "fund": 1},
    "expired": {"claim": 6, "unwind": 3, "fund": 1},
}
"""What is asked of a trade in a state, by how often."""
EVERYTHING = sorted({name for row in NEXT.values() for name in row})


class Trader:
    """Makes commands for the trades of one tenant."""

    def __init__(self, chance: random.Random, tenant: str, model: Model) -> None:
        self.chance, self.tenant, self.model = chance, tenant, model
        self.made = 0
        self.recent: list[Command] = []

    def openings(self) -> list[Command]:
        """Money of the parties, to begin with."""
        return [self._command(self._cash(party, "CNY", 500_000)) for party in self.model.parties]

    def next(self, now: int) -> Command:
        """The next command."""
        kind = self.chance.random()
        if kind < 0.05 and self.recent:
            return self.chance.choice(self.recent)
        key = self.chance.choice(self.recent).key if kind < 0.065 and self.recent else None
        command = self._command(self._body(now), key)
        self.recent = [*self.recent, command][-REMEMBERED:]
        return command

    def _command(self, body: Body, key: str | None = None) -> Command:
        self.made += 1
        return Command(self.tenant, key or f"t{self.made}", body)

    def _body(self, now: int) -> Body:
        alive = [one for one in self.model.deals.values() if one.stage not in CLOSED and one.rules["id"] != "netted"]
        kind = self.chance.random()
        if kind < (0.25 if len(alive) < LIVELY else 0.02):
            return new_deal(self.chance, self.model, now)
        if kind < 0.33:
            return self._beside(now)
        deal = self._deal(alive)
        if deal is None or self.chance.random() < 0.002:
            return {"do": "trade_agree", "trade": NOBODY}
        row = self._row(deal)
        what = self.chance.choices(list(row), list(row.values()))[0]
        if self.chance.random() < WRONG:
            what = self.chance.choice(EVERYTHING)
        make: Callable[[Deal, int], Body] = getattr(self, f"_{what}")
        return make(deal, now)

    def _deal(self, alive: list[Deal]) -> Deal | None:
        """A trade: one that is alive, one of a window, one that only keeps something back, or one that is over."""
        deals = list(self.model.deals.values())
        groups = (
            (alive, 30),
            ([deal for deal in deals if deal.stage == "retained"], 6),
            ([deal for deal in deals if deal.rules["id"] == "netted" and deal.stage not in CLOSED], 3),
            ([deal for deal in deals if deal.stage in ENDED and deal.claim], 3),
            ([deal for deal in deals if deal.stage in ENDED][-12:], 3),
        )
        known = [each for each in groups if each[0]]
        if not known:
            return None
        [group] = self.chance.choices([group for group, _ in known], [weight for _, weight in known])
        return self.chance.choice(group)

    def _row(self, deal: Deal) -> dict[str, int]:
        """What is asked of a trade, by how often: less of what is of no use now."""
        row = dict(NEXT[deal.state])
        left = [one for one in deal.keys() if one[2] not in deal.done]
        useful = {
            "paper": any(deal.missing(milestone, lot) for milestone, lot, _ in left),
            "sign": any(not deal.signed(milestone, key) for milestone, _, key in left),
            "go": bool(deal.recalled) or any(deal.reached(*one) for one in left),
            "claim": deal.claim > 0,
            "unwind": any(got > back for got, back in deal.got.values()),
        }
        return {what: often if useful.get(what, True) else 1 for what, often in row.items()}

    def _wrong(self) -> bool:
        return self.chance.random() < WRONG

    def _minor(self, most: int) -> int:
        """An amount up to the most there is: all of it, a part, hardly anything, now and then too much or nothing."""
        kind = self.chance.random()
        if kind < 0.03:
            return self.chance.choice((0, -1, most + 1))
        return max(most, 1) if kind < 0.3 else self.chance.randint(1, max(most, 1))

    def _money(self, deal: Deal, minor: int) -> Body:
        currency = deal.currency if self.chance.random() < 0.98 else "EUR"
        return {"trade": deal.trade_id, "minor": minor, "currency": currency}

    # Beside trades: money of parties, their accounts, netting.

    def _beside(self, now: int) -> Body:
        kind = self.chance.random()
        if kind < 0.3:
            minor = self.chance.randint(1, 300_000) * self.chance.choice((1, 1, -1))
            return self._cash(self.chance.choice(self.model.parties), self.chance.choice(("CNY", "CNY", "EUR")), minor)
        if kind < 0.35:
            return {"do": "freeze", "account": self._account()}
        if kind < 0.5:
            frozen = [one for one in self.model.own if self.model.accounts[one].status == "frozen"]
            return {"do": "unfreeze", "account": self.chance.choice(frozen) if frozen else self._account()}
        if kind < 0.55:
            return self._stray(now)
        return self._net(now)

    def _account(self) -> str:
        return self.model.place("party", "CNY", self.chance.choice(self.model.parties))

    def _cash(self, party: str, currency: str, minor: int) -> Body:
        """Money that comes in for a party, or goes out."""
        bank, own = self.model.place("bank", currency, IBANS[currency]), self.model.place("party", currency, party)
        debit, credit = (bank, own) if minor > 0 else (own, bank)
        postings = ((debit, "debit", abs(minor), currency), (credit, "credit", abs(minor), currency))
        return {"do": "entry", "postings": postings, "occurred": None, "conditions": ()}

    def _stray(self, now: int) -> Body:
        """A payment that belongs to nothing, or to two trades at once, or money that a bank takes."""
        known = list(self.model.references)
        references = self.chance.sample(known, min(len(known), self.chance.choice((0, 2))))
        return self._by_bank(references, self.chance.choice((1, 700, -30)), "CNY")

    def _by_bank(self, references: list[str], minor: int, currency: str) -> Body:
        return {
            "do": "movement",
            "references": references,
            "minor": minor,
            "currency": currency,
            "iban": IBANS[currency],
        }

    def _net(self, now: int) -> Body:
        """The next of a netting window: it is opened, takes obligations, is closed."""
        taking = [name for name, one in self.model.windows.items() if one.stage == "open"]
        if len(taking) < 2 or self.chance.random() < 0.02:
            closes = now + self.chance.choice((-SECOND, DAY, DAY, 2 * DAY, 30 * SECOND, 600 * SECOND))
            mode = self.chance.choice(("bilateral", "multilateral"))
            template = "netted" if self.chance.random() < 0.9 else "steel"
            currency = self.chance.choice(("CNY", "CNY", "CNY", "EUR", "USD", "JPY"))
            return {"do": "net_open", "template": template, "currency": currency, "mode": mode, "closes": closes}
        net = self.chance.choice(taking if self.chance.random() < 0.95 else list(self.model.windows))
        if self.chance.random() < 0.08:
            return {"do": "net_close", "net": net}
        return {"do": "net_add", "net": net, "obligations": self._obligations(net)}

    def _obligations(self, net: str) -> tuple[tuple[str, str, str, int, str], ...]:
        window = self.model.windows[net]
        added = []
        for number in range(self.chance.choice((1, 2, 3, 6, 12))):
            payer, payee = self.chance.sample(self.model.parties, 2)
            payee = payer if self.chance.random() < 0.003 else payee
            minor = self.chance.randint(0 if self.chance.random() < 0.02 else 1, 900)
            place = self.chance.randrange(10**4) if self.chance.random() < 0.9 else number
            added.append((f"o{place}", payer, payee, minor, window.currency))
        return tuple(added) if self.chance.random() < 0.95 else tuple({one[0]: one for one in added}.values())

    # The life of a trade.

    def _agree(self, deal: Deal, now: int) -> Body:
        return {"do": "trade_agree", "trade": deal.trade_id}

    def _fund(self, deal: Deal, now: int) -> Body:
        """By the buyer's own account or by bank: all, a part, the deposit, a little too little or too much."""
        asked, chance = deal.outstanding, self.chance
        sums = (asked, asked, asked, deal.deposit, asked // 2, chance.randint(1, max(asked, 1)))
        near = asked + chance.choice((-1, 1)) * chance.randint(1, max(deal.due * 4 // 100, 1))
        minor = max(chance.choice((*sums, near)), 1)
        if chance.random() < 0.5:
            return {"do": "trade_fund"} | self._money(deal, minor)
        currency = deal.currency if chance.random() < 0.97 else "EUR"
        return self._by_bank([deal.reference], minor, currency)

    def _paper(self, deal: Deal, now: int) -> Body:
        return new_paper(self.chance, deal, now)

    def _open_points(self, deal: Deal) -> list[tuple[Rules, str, str]]:
        """The points that are to be reached next; any, where something out of place is asked."""
        if self._wrong():
            return deal.keys()
        left = [one for one in deal.keys() if one[2] not in deal.done]
        return [one for one in left if all(key in deal.done for key in deal.before(one[0], one[1]))] or deal.keys()

    def _sign(self, deal: Deal, now: int) -> Body:
        asked = [one for one in self._open_points(deal) if one[0].get("signers")] or deal.keys()
        milestone, lot, key = self.chance.choice(asked)
        signers = [role for role in milestone.get("signers", []) if role not in deal.point(key).signed]
        role = self.chance.choice(signers or list(deal.parties))
        party = deal.parties[role] if not self._wrong() else self.chance.choice(self.model.parties)
        lot = lot if self.chance.random() < 0.98 else self.chance.choice(("", "A", "Z"))
        name = milestone["name"] if self.chance.random() < 0.99 else "nowhere"
        return {"do": "trade_sign", "trade": deal.trade_id, "milestone": name, "lot": lot, "role": role, "party": party}

    def _go(self, deal: Deal, now: int) -> Body:
        """What lets a point's money go: of those that are reached, where there are."""
        known = self._open_points(deal)
        ready = [one for one in known if not deal.missing(one[0], one[1]) and deal.signed(one[0], one[2])]
        milestone, lot, _ = self.chance.choice(ready if ready and not self._wrong() else known)
        final = (milestone["ends_in"] == "final_settlement") != (self.chance.random() < 0.02)
        if final:
            return {"do": "trade_settle", "trade": deal.trade_id, "lot": lot}
        return {"do": "trade_release", "trade": deal.trade_id, "milestone": milestone["name"], "lot": lot}

    def _retention(self, deal: Deal, now: int) -> Body:
        return {"do": "trade_retention", "trade": deal.trade_id}

    def _dispute(self, deal: Deal, now: int) -> Body:
        roles = deal.rules.get("dispute", {}).get("by", [deal.buyer])
        role = self.chance.choice(roles if not self._wrong() else list(deal.parties))
        party = deal.parties[role] if not self._wrong() else self.chance.choice(self.model.parties)
        retention = self.chance.random() < (0.5 if deal.retained else 0.05)
        money = self._money(deal, self._minor(deal.retained if retention else deal.free))
        return {"do": "trade_dispute", "role": role, "party": party, "retention": retention} | money

    def _resolve(self, deal: Deal, now: int) -> Body:
        role = deal.rules.get("dispute", {}).get("arbiter", "platform")
        left = deal.frozen if not self._wrong() else deal.frozen + self.chance.choice((-1, 1, 50))
        given_up = deal.dispute is not None and self.chance.random() < 0.1
        if given_up or self._wrong():
            role = deal.dispute.role if deal.dispute else deal.buyer
        division = {KEPT: left} if given_up else self._division(deal, left)
        party = deal.parties.get(role, "") if not self._wrong() else self.model.parties[0]
        return {"do": "trade_resolve", "trade": deal.trade_id, "role": role, "party": party, "division": division}

    def _division(self, deal: Deal, minor: int) -> dict[str, int]:
        """Any division that adds up, to whoever can be paid."""
        paid = [role["name"] for role in deal.rules["roles"] if role["part"] != "witness"]
        names = self.chance.sample([*paid, KEPT, *(("nobody",) if self._wrong() else ())], self.chance.randint(1, 3))
        division: dict[str, int] = {}
        for name in names[:-1]:
            division[name] = self.chance.randint(0, max(minor, 0))
            minor -= division[name]
        return division | {names[-1]: minor}

    def _refund(self, deal: Deal, now: int) -> Body:
        small = self.chance.random() < 0.8
        return {"do": "trade_refund"} | self._money(deal, self._minor(deal.free // 10 if small else deal.free))

    def _unwind(self, deal: Deal, now: int) -> Body:
        left = sum(got - back for got, back in deal.got.values())
        return {"do": "trade_unwind"} | self._money(deal, self._minor(left))

    def _cancel(self, deal: Deal, now: int) -> Body:
        fault = self.chance.choice(("none", "buyer", "seller"))
        if deal.stage in IN_FULL and self.chance.random() < 0.6:
            return self._go(deal, now)
        return {"do": "trade_cancel", "trade": deal.trade_id, "fault": fault}

    def _claim(self, deal: Deal, now: int) -> Body:
        return {"do": "trade_claim"} | self._money(deal, self._minor(deal.claim))

    def _link(self, deal: Deal, now: int) -> Body:
        """A trade in which somebody buys, and one in which the same sells."""
        others = [one for one in self.model.deals.values() if one.stage not in CLOSED and one is not deal]
        fitting = [one for one in others if one.parties[one.buyer] == deal.parties[deal.seller]]
        up = self.chance.choice(fitting or others or [deal])
        return {"do": "trade_link", "up": up.trade_id, "down": deal.trade_id}
