"""What the model knows of money for trades: from the buyer's own account, and by whatever a bank tells of."""

from __future__ import annotations

from tests.simulation.books import Body, Plan, Refused
from tests.simulation.deal_rules import DealRules
from tests.simulation.deals import ENDED, Deal, part


class FundingRules(DealRules):
    """What an escrow takes, and where the rest goes."""

    def _trade_fund(self, body: Body, now: int) -> Plan:
        deal, plan = self._trade(body["trade"]), Plan()
        minor = self._money(deal, body)
        self._allowed_now(deal, "fund")
        if minor > deal.outstanding:
            raise Refused("more_than_outstanding")
        self._take(deal, minor, now)
        self._changed(plan, deal)
        buyer = self.place("party", deal.currency, deal.parties[deal.buyer])
        self._legs(plan, [(buyer, minor), (deal.escrow, -minor)], deal.currency, now)
        return plan

    def _movement(self, body: Body, now: int) -> Plan:
        plan, minor, currency = Plan(), body["minor"], body["currency"]
        aims = {self.references[name] for name in body["references"] if name in self.references}
        taken = returned = 0
        expected = minor > 0 and len(aims) == 1 and self.deals[min(aims)].currency == currency
        legs = [(self.place("bank", currency, body["iban"]), minor)]
        if expected:
            deal = self._trade(min(aims))
            taken = self._take(deal, minor, now)
            stray = deal.rules.get("funding", {}).get("late" if deal.stage in ENDED else "over", "hold")
            returned = minor - taken if stray == "return" else 0
            legs += [(deal.escrow, -taken), (self.place("party", currency, deal.parties[deal.buyer]), -returned)]
            if taken:
                deal.by_bank += taken
                self._changed(plan, deal)
        legs.append((self.place("suspense", currency), -(minor - taken - returned)))
        held = self._reserved(deal, legs, deal.buyer) if returned else {}
        self._legs(plan, legs, currency, now, held, fact=not expected)
        return plan

    def _take(self, deal: Deal, minor: int, now: int) -> int:
        outstanding = deal.outstanding
        if not deal.allows("fund") or not outstanding:
            return 0
        rule = deal.rules.get("funding", {})
        over = part(deal.due, rule.get("over_tolerance_bps", 0)) if rule.get("over") == "accept" else 0
        due = deal.due
        if 0 < minor - outstanding <= over:
            due += minor - outstanding
        accepted = min(minor, due - deal.funded)
        short = due - deal.funded - accepted
        if short > part(deal.due, rule.get("short_tolerance_bps", 0)):
            short = 0
        deal.funded, deal.due, deal.conceded = deal.funded + accepted, due - short, deal.conceded + short
        self._funded(deal, now)
        return accepted

    def _funded(self, deal: Deal, now: int) -> None:
        """Where a trade stands once money has come."""
        if deal.funded == deal.due:
            if deal.stage == "top_up_due":
                deal.stage = "releasing" if deal.done or deal.released else "funded"
            else:
                deal.stage = "funded"
                deal.expires = self._expires_in(deal, "performance_days", now)
            self._clocks(deal, now)
        elif deal.stage != "top_up_due":
            deal.stage = "deposited" if 0 < deal.deposit <= deal.funded else "funding"
