"""What the model knows of trades that end otherwise than by performance, and of what time does."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from tests.simulation.books import Body, Plan, Refused
from tests.simulation.deal_rules import DealRules
from tests.simulation.deals import IN_FULL, Deal
from tests.simulation.portions import taken_back

OF_ACCOUNTS = {"account_frozen"}
"""What an account refuses at one moment and not at the next, though the trade is the same."""


class EndingRules(DealRules):
    """Refunds, cancellation, expiry, claims; and what is set aside."""

    def _trade_refund(self, body: Body, now: int) -> Plan:
        deal, plan = self._trade(body["trade"]), Plan()
        minor = self._money(deal, body)
        self._allowed_now(deal, "refund")
        if minor > deal.free:
            raise Refused("refund_exceeds_escrow")
        deal.conceded, deal.clean = deal.conceded + minor, False
        self._after(deal, {}, minor, otherwise=deal.stage, now=now)
        self._changed(plan, deal)
        self._out(plan, deal, {}, minor, now)
        return plan

    def _trade_unwind(self, body: Body, now: int) -> Plan:
        deal, plan = self._trade(body["trade"]), Plan()
        minor = self._money(deal, body)
        self._allowed_now(deal, "unwind")
        left = [got - back for got, back in deal.got.values()]
        if minor > sum(left):
            raise Refused("refund_exceeds_received")
        beyond = deal.funded - deal.refunded - sum(back for _, back in deal.got.values()) - deal.claim_paid
        if minor > beyond:
            raise Refused("refund_exceeds_paid")
        deal.claim = min(deal.claim - deal.deposit_claim, beyond - minor) + deal.deposit_claim
        buyer, legs = self._account_of(deal, deal.buyer), list[tuple[str, int]]()
        for role, taken in zip(list(deal.got), taken_back(left, minor), strict=True):
            deal.got[role][1] += taken
            legs.append((self._account_of(deal, role), taken))
        legs.append((buyer, -minor))
        self._changed(plan, deal)
        held = self._reserved(deal, legs, deal.buyer)
        for account in {account for account, signed in legs if account != buyer}:
            taken = sum(signed for one, signed in legs if one == account)
            self._lower(plan, deal, account, taken, held)
        self._legs(plan, legs, deal.currency, now, held)
        return plan

    def _lower(self, plan: Plan, deal: Deal, account: str, minor: int, held: dict[str, int]) -> None:
        """A refund comes out of what is set aside for payouts first, the last of them ahead."""
        for index in reversed(range(len(self.unpaid.get(deal.trade_id, [])))):
            part = min(minor, self.unpaid[deal.trade_id][index].get(account, 0))
            if part:
                minor -= part
                held[account] = held.get(account, 0) - part
                plan.then.append(partial(self._lowered, deal.trade_id, index, account, part))

    def _lowered(self, trade_id: str, index: int, account: str, part: int, told: Body) -> None:
        self.unpaid[trade_id][index][account] -= part

    def _trade_cancel(self, body: Body, now: int) -> Plan:
        deal = self._trade(body["trade"])
        self._allowed_now(deal, "cancel")
        return self._end(deal, body["fault"], "cancelled", now)

    def _trade_expire(self, body: Body, now: int) -> Plan:
        deal = self._trade(body["trade"])
        self._allowed_now(deal, "expire")
        if deal.expires is None or now < deal.expires:
            raise Refused("not_due")
        if deal.waits:
            raise Refused("calendar_unknown")
        if deal.stage in IN_FULL and any(deal.reached(*one) for one in deal.keys()):
            raise Refused("milestone_reached")
        name = "performance_fault" if deal.stage in IN_FULL else "funding_fault"
        fault = deal.rules.get("expiry", {}).get(name, "none")
        return self._end(deal, "none" if deal.stage == "draft" else fault, "expired", now)

    def _end(self, deal: Deal, fault: str, emptied: str, now: int) -> Plan:
        plan, stake, deal.clean = Plan(), _at_stake(deal), False
        forfeited = min(stake, deal.free) if fault == "buyer" else 0
        if fault == "seller":
            deal.claim, deal.deposit_claim = deal.claim + stake, deal.deposit_claim + stake
        shares = {deal.seller: forfeited} if forfeited else {}
        back = deal.free - forfeited
        self._after(deal, shares, back, otherwise="retained", now=now, emptied=emptied)
        self._changed(plan, deal)
        self._out(plan, deal, shares, back, now)
        return plan

    def _trade_claim(self, body: Body, now: int) -> Plan:
        deal, plan = self._trade(body["trade"]), Plan()
        minor = self._money(deal, body)
        self._allowed_now(deal, "claim")
        if minor > deal.claim:
            raise Refused("claim_exceeded")
        overpaid = min(minor, deal.claim - deal.deposit_claim)
        deal.claim, deal.deposit_claim = deal.claim - minor, deal.deposit_claim - (minor - overpaid)
        deal.claim_paid += overpaid
        self._changed(plan, deal)
        seller, buyer = (self._account_of(deal, role) for role in (deal.seller, deal.buyer))
        legs = [(seller, minor), (buyer, -minor)]
        self._legs(plan, legs, deal.currency, now, self._reserved(deal, legs, deal.buyer))
        return plan

    # What time does.

    def _due(self, body: Body, now: int) -> Plan:
        """A deed that was due of a trade as it was at a version. Raises what the command that does it raises."""
        deal = self._trade(body["trade"])
        if (body["deed"], body["key"], body["at"]) not in deal.deeds.get(body["version"], set()):
            raise Refused("deed_never_due")
        if now < body["at"]:
            raise Refused("deed_too_early")
        plan: Plan = getattr(self, f"_trade_{self._command(deal, body)}")(self._said_of(body), now)
        return plan

    def _command(self, deal: Deal, body: Body) -> str:
        if body["deed"] != "release":
            return str(body["deed"])
        name = body["key"].partition("/")[0]
        ends_in = next(one["ends_in"] for one in deal.milestones if one["name"] == name)
        return "settle" if ends_in == "final_settlement" else "release"

    def _said_of(self, body: Body) -> Body:
        name, _, lot = body["key"].partition("/")
        return body | {"milestone": name, "lot": lot}

    def _aside(self, body: Body, now: int) -> Plan:
        """A deed that was refused is set aside."""
        deal, plan = self._trade(body["trade"]), Plan()
        if deal.version == body["version"] and body["code"] not in OF_ACCOUNTS:
            self._check_refused(body, now)
        if body["deed"] in {"accept", "release"}:
            deal.points[body["key"]].forget()
        elif body["deed"] == "expire":
            deal.expires = None
        else:
            deal.retained_until = None
        self._changed(plan, deal)
        return plan

    def _check_refused(self, body: Body, now: int) -> None:
        """What is set aside must be refused, and for this reason."""
        try:
            self._due(body, now)
        except Refused as refused:
            if refused.code != body["code"]:
                raise Refused(f"set_aside_for_{body['code']}_and_not_{refused.code}") from None
        else:
            raise Refused("set_aside_and_not_refused")


def _at_stake(deal: Deal) -> int:
    """What of the deposit can be forfeited or is owed double."""
    if deal.rules.get("deposit", {}).get("kind") != "forfeitable" or not deal.worth:
        return 0
    paid = min(deal.deposit, deal.funded - deal.refunded)
    exact = Fraction(paid * max(deal.worth - deal.charged, 0), deal.worth)
    return exact.numerator // exact.denominator
