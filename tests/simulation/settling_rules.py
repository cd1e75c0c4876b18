"""What the model knows of money that goes by performance: release, final settlement, recall, retention."""

from __future__ import annotations

from tests.simulation.books import Body, Plan, Refused
from tests.simulation.deal_rules import DealRules
from tests.simulation.deals import Deal, Rules, day_of
from tests.simulation.portions import divided, fees_on_top, last, some
from tests.simulation.pricing_rules import final_amount

Reached = tuple[Rules, str, str]
"""A milestone, a lot or nothing, and the key of both."""


class SettlingRules(DealRules):
    """What a point lets go."""

    def _trade_release(self, body: Body, now: int) -> Plan:
        deal, plan, lot = self._trade(body["trade"]), Plan(), body["lot"]
        milestone, key = self._reached(deal, body["milestone"], lot)
        reached = milestone, lot, key
        if milestone["ends_in"] != "release":
            raise Refused("needs_final_settlement")
        self._allowed_now(deal, "release")
        if deal.called_back(lot):
            self._call_back(plan, deal, reached, now)
            return plan
        self._complete(deal, reached)
        called = [one for one in sorted(deal.recalled) if not lot and deal.worth_of(one)]
        for one in called:
            _reprice(deal, one, 0)
        self._settled(plan, deal, reached, now) if called else self._pay(plan, deal, reached, 0, now)
        return plan

    def _trade_settle(self, body: Body, now: int) -> Plan:
        deal, plan, lot = self._trade(body["trade"]), Plan(), body["lot"]
        final = [one["name"] for one in deal.milestones if one["ends_in"] == "final_settlement"]
        if not final:
            raise Refused("no_final_settlement")
        milestone, key = self._reached(deal, final[0], lot)
        reached = milestone, lot, key
        self._allowed_now(deal, "settle")
        if deal.called_back(lot):
            self._call_back(plan, deal, reached, now)
            return plan
        self._complete(deal, reached)
        amount = final_amount(deal, lot)
        known = deal.another()
        _reprice(known, lot, amount)
        missing = _owed(known) - (known.funded - known.refunded)
        if missing > 0:
            self._ask(plan, known, missing)
        else:
            self._settled(plan, known, reached, now)
        return plan

    def _complete(self, deal: Deal, reached: Reached) -> None:
        milestone, lot, key = reached
        self._still_open(deal, milestone, lot, key)
        if deal.missing(milestone, lot):
            raise Refused("evidence_missing")
        if not deal.signed(milestone, key):
            raise Refused("signatures_missing")

    def _call_back(self, plan: Plan, deal: Deal, reached: Reached, now: int) -> None:
        """All that is open of the goods is done, and the buyer gets back what it has paid for them."""
        _, lot, key = reached
        if key in deal.done:
            raise Refused("milestone_done")
        _reprice(deal, lot, 0)
        keys = [one for _, other, one in deal.keys() if one not in deal.done and lot in {"", other}]
        self._settled(plan, deal, reached, now, keys=keys)

    def _ask(self, plan: Plan, deal: Deal, missing: int) -> None:
        if deal.dispute:
            raise Refused("top_up_in_dispute")
        deal.stage = "top_up_due"
        deal.due = deal.funded + missing
        self._changed(plan, deal)

    def _settled(self, plan: Plan, deal: Deal, reached: Reached, now: int, keys: list[str] | None = None) -> None:
        """At the price that is known now, what is too much goes back."""
        beyond = max(deal.funded - deal.refunded - _owed(deal), 0)
        back = min(beyond, deal.free)
        if beyond > back and deal.dispute:
            raise Refused("amount_disputed")
        deal.claim = beyond - back
        deal.clean = deal.clean and beyond == back
        assert deal.refunded + sum(got[1] for got in deal.got.values()) + beyond <= deal.funded
        self._pay(plan, deal, reached, back, now, keys)

    def _pay(
        self, plan: Plan, deal: Deal, reached: Reached, refund: int, now: int, keys: list[str] | None = None
    ) -> None:
        milestone, lot, key = reached
        keys = keys or [key]
        is_last = all(one in deal.done or one in keys for _, _, one in deal.keys())
        deal.refunded += refund
        price, back, upto = self._portion(deal, milestone, lot, is_last)
        if not (price or back or refund) and deal.held and deal.worth_of(lot):
            raise Refused("amount_disputed" if deal.dispute else "nothing_to_release")
        shares = divided(deal, milestone.get("split") or deal.rules["split"], price, upto)
        deal.refunded -= refund
        deal.charged, deal.retained = upto, deal.retained + back
        deal.done += keys
        to_settle = any(one["ends_in"] == "final_settlement" and key not in deal.done for one, _, key in deal.keys())
        otherwise = "retained" if is_last else "releasing"
        self._after(deal, shares, refund, otherwise=otherwise, goes_on=not is_last and to_settle, now=now)
        self._changed(plan, deal)
        self._out(plan, deal, shares, refund, now, feeds=True)

    def _portion(self, deal: Deal, milestone: Rules, lot: str, is_last: bool) -> tuple[int, int, int]:
        if is_last:
            return last(deal, milestone, lot)
        return (0, 0, deal.charged) if deal.called_back(lot) else some(deal, milestone, lot)

    def _trade_retention(self, body: Body, now: int) -> Plan:
        deal, plan = self._trade(body["trade"]), Plan()
        self._allowed_now(deal, "retention")
        if not deal.retained:
            raise Refused("nothing_retained")
        here = day_of(now, deal.rules.get("calendar", "weekdays"))
        if deal.retained_until and here.isoformat() < deal.retained_until:
            raise Refused("retention_not_due")
        goes = deal.retained - deal.frozen_retained
        if not goes:
            raise Refused("amount_disputed")
        split = deal.rules["retention"].get("split") or [{"role": deal.seller, "kind": "remainder"}]
        shares = divided(deal, split, goes, deal.charged)
        deal.retained = deal.frozen_retained
        self._after(deal, shares, 0, otherwise="retained", now=now)
        self._changed(plan, deal)
        self._out(plan, deal, shares, 0, now, feeds=True)
        return plan


def _owed(deal: Deal) -> int:
    """What the buyer owes at this price, less what was conceded to it; nothing goes back to it twice."""
    taken_back = sum(back for _, back in deal.got.values())
    return max(deal.worth + fees_on_top(deal, deal.worth) - deal.conceded, taken_back)


def _reprice(deal: Deal, lot: str, minor: int) -> None:
    """A lot, or all goods, come to this."""
    if not lot:
        deal.worth = minor
        return
    deal.worth += minor - deal.worth_of(lot)
    deal.lot_worth[lot] = minor
