"""What the model knows of netting windows: the obligations one takes, and which trades may come of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.books import Body, Plan, Refused
from tests.simulation.deals import rules_of
from tests.simulation.opening_rules import KNOWN, OpeningRules

Obligation = tuple[str, str, str, int, str]
"""Reference, payer, payee, minor units and currency."""


@dataclass
class Window:
    """A netting window. `opened`: the payments that have a trade."""

    template: str
    currency: str
    mode: str
    closes: int
    stage: str = "open"
    obligations: list[Obligation] = field(default_factory=list)
    opened: list[tuple[str, str, int]] = field(default_factory=list)

    def nets(self) -> dict[str, int]:
        """What each party should still get (less than nothing: pay) once the trades that are opened are paid."""
        nets: dict[str, int] = {}
        for payer, payee, minor in [one[1:4] for one in self.obligations]:
            nets[payer] = nets.get(payer, 0) - minor
            nets[payee] = nets.get(payee, 0) + minor
        for payer, payee, minor in self.opened:
            nets[payer] += minor
            nets[payee] -= minor
        return nets

    def between(self, payer: str, payee: str) -> int:
        """What one owes the other, all obligations between them netted."""
        owed = [minor for _, one, other, minor, _ in self.obligations if (one, other) == (payer, payee)]
        back = [minor for _, one, other, minor, _ in self.obligations if (one, other) == (payee, payer)]
        return sum(owed) - sum(back)


class NettingRules(OpeningRules):
    """A window's life."""

    def __init__(self, tenant: str) -> None:
        super().__init__(tenant)
        self.windows: dict[str, Window] = {}

    def _net_open(self, body: Body, now: int) -> Plan:
        rules = rules_of(body["template"])
        if rules is None:
            raise Refused("template_not_found")
        if body["closes"] <= now:
            raise Refused("closes_at_passed")
        if rules["price"]["mode"] != "agreed":
            raise Refused("price_not_agreed")
        if body["currency"] not in KNOWN:
            raise Refused("unknown_currency")
        if body["currency"] not in rules["currencies"]:
            raise Refused("currency_not_allowed")
        if body["currency"] not in self.banked:
            raise Refused("currency_not_banked")
        window = Window(body["template"], body["currency"], body["mode"], body["closes"])
        return Plan(then=[lambda told: self.windows.__setitem__(told["net_id"], window)])

    def _shape_net_add(self, body: Body, now: int) -> None:
        if not body["obligations"]:
            raise Refused("too_few_obligations")
        known: set[str] = set()
        for index, (reference, payer, payee, minor, _) in enumerate(body["obligations"]):
            if minor <= 0:
                raise Refused("amount_not_positive", None, index)
            if payer == payee:
                raise Refused("payer_is_payee", None, index)
            if reference in known:
                raise Refused("reference_twice", None, index)
            known.add(reference)

    def _net_add(self, body: Body, now: int) -> Plan:
        window = self._window(body["net"])
        for index, (_, _, _, _, currency) in enumerate(body["obligations"]):
            if currency != window.currency:
                raise Refused("currency_mismatch", None, index)
        if window.stage != "open" or now >= window.closes:
            raise Refused("window_closed")
        there = {one[0] for one in window.obligations}
        for index, (_, payer, payee, _, currency) in enumerate(body["obligations"]):
            for party in (payer, payee):
                if self.place("party", currency, party) not in self.accounts:
                    raise Refused("party_account_missing", None, index)
        for index, one in enumerate(body["obligations"]):
            if one[0] in there:
                raise Refused("obligation_twice", None, index)
        return Plan(then=[lambda told: window.obligations.extend(body["obligations"])])

    def _net_close(self, body: Body, now: int) -> Plan:
        window = self._window(body["net"])
        if window.stage != "open":
            raise Refused("window_state")
        if body.get("by_time") and now < window.closes:
            raise Refused("window_closed_too_early")
        return Plan(then=[lambda told: setattr(window, "stage", "closing")])

    def _net_trade(self, body: Body, now: int) -> Plan:
        """The trade of one payment: what the payer owes the payee alone, or no more than either has left."""
        window, payer, payee, minor = self._window(body["net"]), body["payer"], body["payee"], body["minor"]
        if window.stage != "closing" or any({payer, payee} == {*one[:2]} for one in window.opened):
            raise Refused("payment_twice")
        nets = window.nets()
        if window.mode == "bilateral" and minor != window.between(payer, payee):
            raise Refused("not_what_is_owed")
        if window.mode == "multilateral" and not 0 < minor <= min(-nets[payer], nets[payee]):
            raise Refused("more_than_is_owed")
        terms = {"template": window.template, "currency": window.currency, "quantity": 1000, "price": minor}
        terms |= {"fixed": {}, "premium": 0, "lots": (), "window": None, "draft": False}
        plan = self._trade_open(terms | {"parties": {"payer": payer, "payee": payee}}, now)
        plan.then.append(lambda told: window.opened.append((payer, payee, minor)))
        return plan

    def _net_closed(self, body: Body, now: int) -> Plan:
        """All is netted: every payment has its trade, and nobody is owed anything beside them."""
        window = self._window(body["net"])
        sums = len(window.obligations), sum(one[3] for one in window.obligations), len(window.opened)
        if sums != (body["obligations"], body["total"], body["settlements"]):
            raise Refused("sums_differ")
        if any(window.nets().values()) or window.stage != "closing":
            raise Refused("somebody_is_owed")
        if window.mode == "multilateral" and len(window.opened) >= max(len(window.nets()), 1):
            raise Refused("more_payments_than_needed")
        return Plan(then=[lambda told: setattr(window, "stage", "closed")])

    def _window(self, net_id: str) -> Window:
        if net_id not in self.windows:
            raise Refused("netting_window_not_found")
        return self.windows[net_id]
