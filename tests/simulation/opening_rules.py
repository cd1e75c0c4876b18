"""What the model knows of trades that begin: opening, agreeing, linking one to another that it funds."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.simulation.books import Account, Body, Plan, Refused
from tests.simulation.deal_rules import DealRules
from tests.simulation.deals import Deal, Rules, part, rules_of
from tests.simulation.portions import bps_of, fees_on_top, shares

KNOWN = {"CNY", "EUR", "USD", "JPY"}
PAID = {"seller", "receiver"}
LONGEST_WINDOW = 366


class OpeningRules(DealRules):
    """A trade's beginning."""

    def _trade_open(self, body: Body, now: int) -> Plan:
        rules = rules_of(body["template"])
        if rules is None:
            raise Refused("template_not_found")
        _terms(rules, body)
        _roles(rules, body["parties"])
        _fixed(rules, body["fixed"])
        deal = self._new(rules, body)
        if deal.provisional <= 0:
            raise Refused("amount_not_positive")
        shares(deal, rules["split"], deal.provisional, 0)
        for milestone in deal.milestones:
            if milestone.get("split"):
                shares(deal, milestone["split"], part(deal.provisional, bps_of(deal, milestone)), 0)
        self._stands(rules, body)
        deal.stage = "draft" if body["draft"] else "agreed"
        deal.expires = self._expires_in(deal, "draft_days" if body["draft"] else "funding_days", now)
        deal.worth = deal.provisional
        deal.due = deal.worth + fees_on_top(deal, deal.worth)
        return Plan(then=[lambda told: self._opened(deal, told)])

    def _opened(self, deal: Deal, told: dict[str, Any]) -> None:
        deal.trade_id, deal.reference, deal.escrow = told["trade_id"], told["reference"], told["escrow_account_id"]
        assert deal.escrow == self.place("escrow", deal.currency, deal.trade_id)
        deal.version = 0
        plan = Plan()
        self._changed(plan, deal)
        for change in plan.then:
            change(told)
        self.references[deal.reference] = deal.trade_id
        self.accounts[deal.escrow] = Account("liability", deal.currency, 0, None, deferred=False, ours=True)
        self.own[deal.escrow] = None

    def _new(self, rules: Rules, body: Body) -> Deal:
        lots = {name: (quantity, price) for name, quantity, price in body["lots"]}
        terms = (body[name] for name in ("currency", "quantity", "price", "parties", "fixed", "premium"))
        return Deal("", rules, *terms, lots, body["window"], "")

    def _stands(self, rules: Rules, body: Body) -> None:
        """Everybody and everything that the deal names is there."""
        if any(party not in self.parties for party in body["parties"].values()):
            raise Refused("party_not_found")
        if body["currency"] not in self.banked:
            raise Refused("currency_not_banked")
        for role in rules["roles"]:
            party = body["parties"].get(role["name"])
            if party and role["part"] != "witness":
                if self.place("party", body["currency"], party) not in self.accounts:
                    raise Refused("party_account_missing")

    def _trade_agree(self, body: Body, now: int) -> Plan:
        deal, plan = self._trade(body["trade"]), Plan()
        self._allowed_now(deal, "agree")
        deal.stage = "agreed"
        deal.expires = self._expires_in(deal, "funding_days", now)
        self._changed(plan, deal)
        return plan

    def _trade_link(self, body: Body, now: int) -> Plan:
        up, down, plan = self._trade(body["up"]), self._trade(body["down"]), Plan()
        if up.currency != down.currency:
            raise Refused("link_currency_differs")
        if up.parties[up.buyer] != down.parties[down.seller]:
            raise Refused("link_party_differs")
        if not body.get("allowed_before"):
            self._allowed_now(up, "link")
        self._allowed_now(down, "link")
        if down.funds is not None:
            raise Refused("downstream_linked")
        if up.fed_by is not None:
            raise Refused("upstream_linked")
        down.funds = up.trade_id
        self._changed(plan, down)
        plan.then.append(lambda told: setattr(self.deals[up.trade_id], "fed_by", down.trade_id))
        return plan


def _terms(rules: Rules, body: Body) -> None:
    """Currency, quantity, price, window and lots."""
    if body["currency"] not in KNOWN:
        raise Refused("unknown_currency")
    if body["currency"] not in rules["currencies"]:
        raise Refused("currency_not_allowed")
    if body["quantity"] <= 0:
        raise Refused("quantity_not_positive")
    if body["price"] <= 0:
        raise Refused("price_not_positive")
    mode = rules["price"]["mode"]
    if body["premium"] and mode == "agreed":
        raise Refused("premium_without_index")
    if body["window"] and mode == "agreed":
        raise Refused("window_not_wanted")
    if body["window"] and body["window"][1] < body["window"][0]:
        raise Refused("window_backwards")
    if body["window"] and _days(*body["window"]) > LONGEST_WINDOW:
        raise Refused("window_too_long")
    _lots(body)


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def _lots(body: Body) -> None:
    names = [name for name, _, _ in body["lots"]]
    for i, (name, quantity, _) in enumerate(body["lots"]):
        if name in names[:i]:
            raise Refused("lot_twice")
        if quantity <= 0:
            raise Refused("quantity_not_positive")
    if names and sum(quantity for _, quantity, _ in body["lots"]) != body["quantity"]:
        raise Refused("lots_do_not_add_up")


def _roles(rules: Rules, parties: dict[str, str]) -> None:
    parts = {role["name"]: role["part"] for role in rules["roles"]}
    wanted = [name for name, what in parts.items() if what != "marketplace"]
    if any(role not in wanted for role in parties):
        raise Refused("unknown_role")
    if any(role not in parties for role in wanted):
        raise Refused("party_missing")
    buyer = next(name for name, what in parts.items() if what == "buyer")
    if any(parts[role] in PAID and party == parties[buyer] for role, party in parties.items()):
        raise Refused("buyer_is_receiver")


def _fixed(rules: Rules, given: dict[str, int]) -> None:
    """The amounts that a deal agrees on."""
    wanted = fixed_roles(rules)
    if any(role not in wanted for role in given):
        raise Refused("unknown_share")
    if any(role not in given for role in wanted):
        raise Refused("share_amount_missing")
    if any(minor < 0 for minor in given.values()):
        raise Refused("share_invalid")


def fixed_roles(rules: Rules) -> set[str]:
    """The roles whose amount is agreed deal by deal."""
    splits = [rules["split"], *(one.get("split", []) for one in rules["milestones"])]
    splits.append(rules.get("retention", {}).get("split", []))
    return {role for split in splits for role in _by_deal(split)}


def _by_deal(split: list[Rules]) -> set[str]:
    own = {
        rule["role"]
        for rule in split
        if rule["kind"] == "fixed" or (rule["kind"] == "capped" and not rule.get("cap_minor"))
    }
    return own | {role for rule in split for role in _by_deal(rule.get("shares", []))}
